"""What one request costs inside of a core worker, without sockets: single calls, and the whole path layer by layer."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from tests.bench.bench import Bench
from tests.bench.edge import ANSWER_TOKENS, PROMPT
from tests.bench.figures import Row
from tests.support.desk import no_limits

from raseed.adapters.rpc.call import Behavior, Call, enter_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.interceptors.auth import auth
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.interceptors.observe import observe
from raseed.adapters.rpc.rest.openai import OpenAIServicer
from raseed.adapters.scripted.backend import ScriptedModelBackend, ScriptedSettings
from raseed.adapters.telemetry.log import configure_log
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.openai.chat_response import encode_completion
from raseed.adapters.wire.openai.chat_stream import ChatStreamEncoder
from raseed.app.bootstrap import Platform, open_platform
from raseed.app.first_start import ensure_owner
from raseed.app.layout import Home
from raseed.app.settings.configuration import Configuration, Settings
from raseed.app.settings.server import Scripted
from raseed.core.billing.commands import Command, Held, PlaceHold, Result, Settled, SettleHold
from raseed.core.billing.model import BalanceView, Hold
from raseed.core.billing.service import HoldService, Owner
from raseed.core.clock import Microseconds, SystemClock
from raseed.core.ids import AccountId, HoldId
from raseed.core.inference.admission import SlotLimits, Slots
from raseed.core.inference.answer import WholeChoice
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta, FinishReason, Usage
from raseed.core.inference.routing import Route, Router
from raseed.core.inference.run import Ended
from raseed.core.inference.service import InferenceService
from raseed.core.limits.service import LimitService
from raseed.rest.v1 import rest_pb2

METHOD = "/raseed.rest.v1.OpenAIService/CreateChatCompletion"
CONCURRENCY = 64
BODY = json.dumps(
    {"model": "scripted", "max_tokens": ANSWER_TOKENS, "messages": [{"role": "user", "content": PROMPT}]}
).encode()
ANSWER = PROMPT * 2
USAGE = Usage(prompt_tokens=12, completion_tokens=ANSWER_TOKENS)
WHOLE = WholeChoice(text=ANSWER, tool_calls=(), logprobs=(), finish_reason=FinishReason.STOP)


class FreeLedger:
    """Grants everything and keeps nothing: what is left is the cost of the others."""

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        return [_granted(command) for command in commands]

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        raise NotImplementedError

    async def hold(self, hold_id: HoldId) -> Hold | None:
        raise NotImplementedError

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        raise NotImplementedError


def _granted(command: Command) -> Result:
    if isinstance(command, PlaceHold):
        return Held(
            hold_id=command.hold_id,
            amount_microcredits=command.want_microcredits,
            lease_until=Microseconds(0),
            spendable_microcredits=0,
        )
    assert isinstance(command, SettleHold), command
    return Settled(
        hold_id=command.hold_id,
        cost_microcredits=0,
        lines=(),
        shortfall_microcredits=0,
        spendable_microcredits=0,
    )


class FakeContext:
    """A call of gRPC that goes nowhere."""

    def __init__(self, key: str) -> None:
        self._metadata = (("authorization", f"Bearer {key}"), ("content-type", "application/json"))

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    def time_remaining(self) -> None:
        return None

    async def send_initial_metadata(self, metadata: object) -> None:
        pass

    async def write(self, message: object) -> None:
        pass


async def single_calls(bench: Bench) -> list[Row]:
    """Pure functions, and the authentication of a key that was seen before."""
    bench.say("decode, encode, auth")
    encoder = ChatStreamEncoder(
        completion_id="chatcmpl-x", created_s=0, model="scripted", include_usage=False
    )
    delta = Delta(completion_tokens=1, text="lazy ")
    async with _platform(bench) as (platform, key):
        await platform.authenticator.authenticate(key)

        async def authenticate() -> None:
            await platform.authenticator.authenticate(key)

        return [
            await _calls("auth, warm cache", authenticate),
            await _calls("decode a chat request", _asynchronous(lambda: decode_chat_request(BODY))),
            await _calls(
                "encode a completion",
                _asynchronous(
                    lambda: encode_completion(
                        completion_id="chatcmpl-x",
                        created_s=0,
                        model="scripted",
                        choices=[WHOLE],
                        usage=USAGE,
                    )
                ),
            ),
            await _calls("encode a streamed piece", _asynchronous(lambda: encoder.delta(delta))),
        ]


async def layers(bench: Bench) -> list[Row]:
    """A governed request by layers: each row is the cost of what the row above it does not do."""
    bench.say(f"layers of a governed request, {CONCURRENCY} at a time")
    request = decode_chat_request(BODY).request
    async with _platform(bench) as (platform, key):
        caller = await platform.authenticator.authenticate(key)
        epoch = 1
        free = _inference(platform, HoldService(FreeLedger(), Owner("bench", epoch), platform.policy.hold))
        real = _inference(platform, HoldService(platform.ledger, Owner("bench", epoch), platform.policy.hold))
        backend = ScriptedModelBackend(ScriptedSettings(answer="max_tokens"))
        message = rest_pb2.CreateChatCompletionRequest(body=HttpBody(data=BODY))
        keyed = KeyedChat(real, no_limits(), platform.idempotency, platform.ledger, SystemClock(), print)
        servicer = OpenAIServicer(real, keyed, Forms())
        chained: Behavior = servicer.CreateChatCompletion
        for wrap in (
            auth(platform.authenticator, platform.sign_in.use_cases.authenticator),
            errors("payment_required"),
            observe(),
        ):
            chained = wrap(METHOD, chained)
        context: Any = FakeContext(key)

        async def generate() -> None:
            prepared = await backend.prepare(request)
            generation = await backend.start(
                prepared, run_id="x", max_tokens=prepared.max_tokens, timeout_s=60
            )
            while isinstance(await generation.next(), Delta):
                pass
            await generation.close()

        async def run(inference: InferenceService) -> None:
            started = inference.start_run(caller, request, stream=False)
            while not isinstance(await started.next(), Ended):
                pass

        async def serve() -> None:
            call = Call(method=METHOD, metadata={}, request_id="req_x")
            call.caller = caller
            enter_call(call)
            await servicer.CreateChatCompletion(message, context)

        steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("the scripted model", generate),
            ("the run around it", lambda: run(free)),
            ("the ledger: hold and settle, durable", lambda: run(real)),
            ("decode and encode", serve),
            ("interceptors", lambda: chained(message, context)),
        ]
        count = 1_000 if bench.quick else 3_000
        for _, step in steps:
            await _loop_us(step, count // 5)
        rounds = [[await _loop_us(step, count) for _, step in steps] for _ in range(bench.rounds)]
    rows = []
    for position, (name, _) in enumerate(steps):
        before = [one[position - 1] if position else 0.0 for one in rounds]
        values = [one[position] - less for one, less in zip(rounds, before, strict=True)]
        rows.append(Row(what=f"layer: {name}", values=values, unit="µs", note="of the event loop's thread"))
    rows.append(Row(what="layers together, without gRPC", values=[one[-1] for one in rounds], unit="µs"))
    return rows


@asynccontextmanager
async def _platform(bench: Bench) -> AsyncIterator[tuple[Platform, str]]:
    """The platform's use cases on a database of their own, with a rich owner, and the owner's key."""
    configure_log("info")
    home = Home(bench.folder())
    settings = Settings(scripted=Scripted(enabled=True))
    async with open_platform(Configuration(settings, home.root, None)) as platform:
        await ensure_owner(platform, home)
        owner = await platform.accounts.find("owner@localhost")
        await platform.admin.grant(
            owner.id, 10**14, reason="benchmark", request_id="benchmark", actor="benchmark"
        )
        yield platform, home.first_key.read_text(encoding="utf-8").strip()


def _inference(platform: Platform, holds: HoldService) -> InferenceService:
    backend = ScriptedModelBackend(ScriptedSettings(answer="max_tokens"))
    return InferenceService(
        router=Router([Route(backend, Slots(SlotLimits(slots=4096)))]),
        prices=platform.policy.prices,
        holds=holds,
        limits=LimitService(None, platform.policy.tiers),
        timeout_s=60,
        report=print,
    )


async def _loop_us(work: Callable[[], Awaitable[object]], count: int) -> float:
    """Processor time of the event loop's thread for each call, `CONCURRENCY` of them at a time."""

    async def worker() -> None:
        for _ in range(count // CONCURRENCY):
            await work()

    gc.collect()
    began = time.thread_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return (time.thread_time() - began) * 1e6 / (count // CONCURRENCY * CONCURRENCY)


async def _calls(name: str, call: Callable[[], Awaitable[object]], count: int = 5_000) -> Row:
    values = []
    for _ in range(7):
        began = time.thread_time()
        for _ in range(count):
            await call()
        values.append((time.thread_time() - began) * 1e6 / count)
    return Row(what=name, values=values, unit="µs")


def _asynchronous(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def called() -> object:
        return call()

    return called
