"""Who gets in where: every RPC and every kind of caller, against tests/golden/access, which is reviewed like an interface.

A new RPC is in no group of the golden file, so it fails here until somebody has looked at its answers. The methods of a
group have all answers in common.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from tests.integration.access.doors import ADMIN, PUBLIC, Doors, answer, bearer
from tests.support.golden import golden_in

from raseed.adapters.rpc.access import ACCESS
from raseed.core.admin.operators import ALL_SCOPES

pytestmark = pytest.mark.asyncio(loop_scope="module")
golden = golden_in("access")


def check(name: str, answers: dict[str, dict[str, Any]]) -> None:
    file = Path(__file__).parents[2] / "golden" / "access" / name
    known = {method for group in msgspec.json.decode(file.read_bytes()) for method in group["methods"]}
    if not os.environ.get("RASEED_UPDATE_GOLDEN"):
        assert not answers.keys() - known, "write these answers with RASEED_UPDATE_GOLDEN=1, and look at them"
    golden(name, grouped(answers))


def grouped(answers: dict[str, dict[str, Any]]) -> bytes:
    groups: dict[str, list[str]] = {}
    for method, found in sorted(answers.items()):
        groups.setdefault(msgspec.json.encode(found).decode(), []).append(method)
    return msgspec.json.encode(
        [{"methods": names, "answers": msgspec.json.decode(found)} for found, names in groups.items()]
    )


async def test_customers_and_their_keys(doors: Doors):
    callers = doors.callers
    async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.public_port}") as channel:

        async def answers_of(method: str) -> dict[str, Any]:
            asked = {**{str(scope): it for scope, it in callers.of_scope.items()}, **callers.others}
            found = dict(
                zip(
                    asked,
                    await asyncio.gather(*(answer(channel, method, it) for it in asked.values())),
                    strict=True,
                )
            )
            opening = [str(scope) for scope in callers.of_scope if found.pop(str(scope)) == 200]
            return {"scopes that open it": opening, **found}

        check("public.json", {method: await answers_of(method) for method in PUBLIC})


async def test_operators(doors: Doors):
    callers = {name: doors.callers.others[name] for name in ("nobody", "key", "session of owner", "garbage")}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.operators_port}") as channel:

        async def answers_of(method: str) -> dict[str, Any]:
            found = {name: await answer(channel, method, it) for name, it in callers.items()}
            without = ALL_SCOPES - {ACCESS[method].scope}
            opening = [
                scope
                for scope in sorted(ALL_SCOPES)
                if await answer(channel, method, bearer(f"rsd_admin_{scope}")) == 200
            ]
            found["all scopes but that"] = await answer(
                channel, method, bearer(f"rsd_admin_{','.join(map(str, without))}")
            )
            return {"scopes that open it": opening, **found}

        check("admin.json", {method: await answers_of(method) for method in ADMIN})


async def test_the_table_has_the_methods_of_the_descriptors_and_no_others():
    assert set(ACCESS) == PUBLIC.keys() | ADMIN.keys()


async def test_no_customer_gets_in_at_a_method_of_operators_on_the_public_server(doors: Doors):
    """The public server has none of them; were one registered there, the door would not know its callers."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.public_port}") as channel:
        for method in ADMIN:
            for caller in ("nobody", "key", "admin key", "session of owner"):
                assert await answer(channel, method, doors.callers.others[caller]) == 404, (method, caller)
