"""Brings back a model whose process died: Triton itself keeps it READY and fails every request for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import grpc.aio

from raseed.adapters.triton.client import CALL_TIMEOUT_S, TritonClient

ATTEMPTS_MAX = 5
"""After this many failures in a row only the next failed request tries again."""
BACKOFF_S_FIRST = 0.25
BACKOFF_S_MAX = 8.0
LOAD_TIMEOUT_S = 60.0
"""Reading a large model from a cold disk."""
CLOSE_WAIT_S = 3.0
"""A model should not stay unloaded because we stopped between unload and load."""
log = logging.getLogger(__name__)


class ModelReviver:
    """At most one task per model: probe, unload, load. A model that answers, or was unloaded on purpose, is let be."""

    def __init__(self, client: TritonClient, answers: Callable[[str], Awaitable[bool]]) -> None:
        """`answers` says whether a model's process is alive, within about two seconds; it raises AioRpcError when the
        server is not.
        """
        self._client = client
        self._answers = answers
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks)

    def revive(self, model: str) -> None:
        """Starts to look after `model` unless that is under way; returns at once."""
        if model in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(self._revive(model), name=f"revive {model}")
        self._tasks[model] = task
        task.add_done_callback(lambda _: self._tasks.pop(model, None))

    async def close(self) -> None:
        """Lets a reload finish within CLOSE_WAIT_S, then stops trying."""
        tasks = list(self._tasks.values())
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=CLOSE_WAIT_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _revive(self, model: str) -> None:
        backoff_s, is_ours = BACKOFF_S_FIRST, False
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                if not is_ours and (await self._answers(model) or not await self._is_listed_ready(model)):
                    return
                is_ours = True
                # Unload first: loading an unchanged model that Triton believes to be ready does nothing.
                await self._client.unload(model, timeout_s=CALL_TIMEOUT_S)
                await self._client.load(model, timeout_s=LOAD_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                if not is_ours:
                    return  # the server is gone, which is its supervisor's work
                log.warning("model %s is not back yet, attempt %d: %s", model, attempt, error.code().name)
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_S_MAX)
            else:
                log.info("model %s was reloaded after a failure", model)
                return

    async def _is_listed_ready(self, model: str) -> bool:
        """What Triton believes; it does not notice that a model's process died."""
        states = await self._client.index(timeout_s=CALL_TIMEOUT_S)
        return any(state.name == model and state.state == "READY" for state in states)
