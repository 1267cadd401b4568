"""What it costs to know who calls: the door of a method, with a key that the worker remembers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tests.bench.bench import Bench
from tests.bench.figures import Budget, Row
from tests.support.accounts import MemoryAccountStore

from raseed.adapters.rpc.call import ADDRESS_HEADER, Behavior, Call, enter_call
from raseed.adapters.rpc.interceptors.auth import auth
from raseed.core.accounts.authenticator import CACHE_MAX, Authenticator
from raseed.core.accounts.key_bounds import parse_network
from raseed.core.accounts.key_rules import NETWORKS_MAX, KeySpec
from raseed.core.accounts.key_service import By, KeyService
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import Tier
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.service import AccountService
from raseed.core.clock import SystemClock
from raseed.core.errors import Unauthenticated

METHOD = "/raseed.inference.v1.InferenceService/CreateChatCompletion"
BUDGET_US = 20.0
CALLS = 20_000
OTHERS = 1_000
"""Keys that are remembered beside the one that calls."""


class _NoSessions:
    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Any:
        raise Unauthenticated("none")


async def authentication(bench: Bench) -> Sequence[Row]:
    """From the metadata of a call to the caller on it: credential, hash, memory, address, scope."""
    bench.say("authentication with a warm cache")
    clock = SystemClock()
    store = MemoryAccountStore(clock)
    peppers = Peppers({1: b"p" * 32})
    authenticator = Authenticator(store, peppers, clock)
    accounts = AccountService(store, authenticator, clock)
    keys = KeyService(store, store, authenticator, peppers, clock)
    account = await accounts.open_account(email="a@b.c", phone="", tier=Tier.PRO, actor="bench")
    by = By(actor="bench")
    for _ in range(min(OTHERS, CACHE_MAX // 2)):
        await authenticator.authenticate((await keys.create(by, account.id, KeySpec())).text)
    networks = tuple(parse_network(f"192.0.{number}.0/24") for number in range(NETWORKS_MAX))
    rows = []
    for what, spec in (
        ("a key", KeySpec()),
        (f"a key with {NETWORKS_MAX} networks, the last one matching", KeySpec(allowed_networks=networks)),
    ):
        text = (await keys.create(by, account.id, spec)).text
        metadata = {"authorization": f"Bearer {text}", ADDRESS_HEADER: f"192.0.{NETWORKS_MAX - 1}.1"}
        values = await _rounds(bench, authenticator, metadata)
        budget = Budget("≤", BUDGET_US, "µs")
        rows.append(Row(what=f"auth, warm: {what}", values=values, unit="µs", budget=budget))
    return rows


async def _rounds(bench: Bench, authenticator: Authenticator, metadata: dict[str, str]) -> list[float]:
    """Microseconds of the thread for each call, less those of a method without a door."""

    async def behavior(_request: Any, _context: Any) -> None: ...

    behind: Behavior = auth(authenticator, _NoSessions())(METHOD, behavior)
    enter_call(Call(method=METHOD, metadata=metadata, request_id="req_1"))
    return [await _loop_us(behind) - await _loop_us(behavior) for _ in range(bench.rounds)]


async def _loop_us(method: Behavior) -> float:
    context: Any = None
    began = time.thread_time()
    for _ in range(CALLS):
        await method(None, context)
    return (time.thread_time() - began) * 1e6 / CALLS
