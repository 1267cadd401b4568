"""A Triton server on this machine as a node that versions are loaded on."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping

import grpc.aio

from raseed.adapters.triton.backend import read_model
from raseed.adapters.triton.client import StreamResponse, TritonClient
from raseed.adapters.triton.process_memory import model_processes, resident_bytes
from raseed.adapters.triton.prompt import EncodingPool
from raseed.adapters.triton.translate import EngineEvent, parse_event
from raseed.adapters.triton.version_folder import VersionFolders
from raseed.core.errors import BackendUnavailable, NotFound
from raseed.core.inference.model import ChatRequest, Message, Role
from raseed.core.models.model import ModelVersion, VersionName
from raseed.core.models.ports import FilesRefused, Trial

LOAD_TIMEOUT_S = 120.0
"""Reading the largest file from a slow disk."""
CALL_TIMEOUT_S = 5.0
"""For calls that only ask or only begin something."""
UNLOAD_TIMEOUT_S = 60.0
"""For the answers that were running, and for the process to end."""
UNLOAD_POLL_S = 0.02
PROBE_TIMEOUT_S = 10.0
"""For one token. An engine that is full says so at once."""
TRIAL_TIMEOUT_S = 60.0
TRIAL_TOKENS = 16
CANCELS_TRIED = 3
"""A small model may have ended before it is told to stop."""


class TritonNode:
    """Implements `core.models.ports.ModelNode`."""

    def __init__(self, client: TritonClient, folders: VersionFolders, pool: EncodingPool) -> None:
        self._client = client
        self._folders = folders
        self._pool = pool

    async def clear(self) -> None:
        for name in await self.loaded():
            model, separator, version = name.partition("--")
            if separator:
                await self.unload(VersionName(model, version))
        await asyncio.to_thread(self._folders.clear)

    async def load(self, version: ModelVersion) -> int:
        name = version.name.triton_name
        try:
            await self._render_and_load(version)
        except BaseException:
            # Nothing is left of it: the next version of this name may have other files.
            await asyncio.to_thread(self._folders.remove, name)
            raise
        expected = version.facts.estimated_bytes if version.facts is not None else 0
        # What it has now is what it needs before its first prompt: the caches fill with use.
        return max(expected, await self._used_bytes(name))

    async def unload(self, name: VersionName) -> None:
        folder = self._folders.repository / name.triton_name
        try:
            async with asyncio.timeout(UNLOAD_TIMEOUT_S):
                await self._client.unload(name.triton_name, timeout_s=CALL_TIMEOUT_S)
                while await asyncio.to_thread(model_processes, folder):  # noqa: ASYNC110 - Triton tells nobody
                    await asyncio.sleep(UNLOAD_POLL_S)
        except grpc.aio.AioRpcError as error:
            if await asyncio.to_thread(model_processes, folder):
                raise BackendUnavailable(f"Triton does not unload it: {error.code().name}.") from error
        except TimeoutError as error:
            raise BackendUnavailable("Its process does not end.") from error
        await asyncio.to_thread(self._folders.remove, name.triton_name)

    async def loaded(self) -> frozenset[str]:
        try:
            states = await self._client.index(timeout_s=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise BackendUnavailable("Triton does not answer.") from error
        return frozenset(state.name for state in states if state.state == "READY")

    async def answers(self, name: VersionName) -> bool:
        try:
            events = await self._ask(name, (0,), {"max_tokens": 1}, timeout_s=PROBE_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise BackendUnavailable("Triton does not answer.") from error
            return False
        return bool(events) and events[-1][1].error_code in {None, "overloaded"}

    async def try_out(self, version: ModelVersion) -> Trial:
        name = version.name
        loop = asyncio.get_running_loop()
        try:
            folder = await asyncio.to_thread(self._folders.render, version)
            model = await asyncio.to_thread(read_model, folder, self._pool)
            hello = ChatRequest(model=name.model, messages=(Message(role=Role.USER, text="Hello"),))
            prompt = tuple(await model.encoder.encode(hello))
            greedy = {"max_tokens": TRIAL_TOKENS, "temperature": 0, "seed": 1, "ignore_eos": True}
            began = loop.time()
            first = await self._ask(name, prompt, greedy)
            first_answer_ms = int((loop.time() - began) * 1000)
            second = await self._ask(name, prompt, greedy)
            problem = (
                _not_answered(first)
                or ("it answers the same prompt in two ways" if _text(second) != _text(first) else "")
                or await self._does_not_stop(name, prompt, model.card.context_length - len(prompt))
            )
        except grpc.aio.AioRpcError as error:
            raise BackendUnavailable(f"The trial broke off: {error.code().name}.") from error
        return Trial(problem=problem, text=_text(first), first_answer_ms=first_answer_ms)

    async def _render_and_load(self, version: ModelVersion) -> None:
        try:
            await asyncio.to_thread(self._folders.render, version)
            await self._client.load(version.name.triton_name, timeout_s=LOAD_TIMEOUT_S)
        except NotFound as error:
            raise FilesRefused(error.message) from error
        except grpc.aio.AioRpcError as error:
            # Its text has paths and a stack trace: for the server's own log, which has it too.
            raise BackendUnavailable(f"Triton does not load it: {error.code().name}.") from error

    async def _does_not_stop(self, name: VersionName, prompt: tuple[int, ...], room: int) -> str:
        for _ in range(CANCELS_TRIED):
            events = await self._ask(
                name, prompt, {"max_tokens": room, "temperature": 0, "ignore_eos": True}, cancel=True
            )
            ending = events[-1][1] if events else EngineEvent()
            if ending.finish_reason == "cancelled" and ending.completion_tokens < room:
                return ""
            if ending.finish_reason != "length":
                return "it did not stop when it was told to"
        return ""  # it ends before it can be told

    async def _ask(
        self,
        name: VersionName,
        prompt: tuple[int, ...],
        fields: Mapping[str, object],
        *,
        cancel: bool = False,
        timeout_s: float = TRIAL_TIMEOUT_S,
    ) -> list[tuple[str, EngineEvent]]:
        """Texts and events of one request; the last is its end, unless the process failed. Raises AioRpcError."""
        engine_id = f"trial.{secrets.token_hex(4)}"
        body = json.dumps({"id": engine_id, "deadline_ms": int(timeout_s * 1000), **fields}).encode()
        stream = self._client.stream(timeout_s=timeout_s)
        events: list[tuple[str, EngineEvent]] = []
        is_told = not cancel
        try:
            await stream.send(name.triton_name, token_ids=prompt, request_json=body)
            while isinstance(response := await stream.receive(), StreamResponse):
                event = parse_event(response.event)
                if event.is_cancel_reply:
                    continue
                events.append((response.text, event))
                if response.is_final:
                    break
                if not is_told:
                    is_told = True
                    told = json.dumps({"cancel": engine_id}).encode()
                    await stream.send(name.triton_name, token_ids=(), request_json=told)
            await stream.finish()
        except BaseException:
            stream.cancel()
            raise
        return events

    async def _used_bytes(self, triton_name: str) -> int:
        folder = self._folders.repository / triton_name
        return await asyncio.to_thread(lambda: resident_bytes(model_processes(folder)))


def _text(events: list[tuple[str, EngineEvent]]) -> str:
    return "".join(piece for piece, _ in events)


def _not_answered(events: list[tuple[str, EngineEvent]]) -> str:
    if not events:
        return "its process failed"
    ending = events[-1][1]
    if ending.error_code is not None:
        return f"the engine failed: {ending.error_code}"
    return "" if ending.completion_tokens > 0 else "it generated nothing"
