"""Operators and their keys in SQL, on both databases: each change with its audit row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE, open_store

from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.admin.operators import SqlOperatorStore
from raseed.core.admin.audit import AuditFilter
from raseed.core.admin.operators import LOCAL_SOCKET, Operator, OperatorCaller, OperatorKey
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict, PermissionDenied
from raseed.core.ids import OperatorId, OperatorKeyId

ADA = Operator(id=OperatorId("op_1"), name="ada", created_at=Microseconds(1), disabled_at=None)
EVE = replace(ADA, id=OperatorId("op_2"), name="eve")
BY_EVE = OperatorCaller(actor=EVE.id, scopes=frozenset({"accounts:read", "audit:read", "operators:write"}))


def key(number: int, operator: Operator = ADA) -> OperatorKey:
    return OperatorKey(
        id=OperatorKeyId(f"opkey_{number}"),
        operator_id=operator.id,
        public_id=f"public{number}",
        digest=bytes([number] * 32),
        pepper_version=1,
        last4="abcd",
        scopes=frozenset({"accounts:read", "audit:read"}),
        created_at=Microseconds(number),
        expires_at=None,
        revoked_at=None,
    )


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def operators(store):
    made = SqlOperatorStore(store.database)
    await made.add(ADA, key(1), "local-socket")
    await made.add(EVE, key(2, EVE), ADA.id)
    return made


async def test_an_operator_is_found_by_id_and_name_and_names_are_taken_once(operators):
    assert await operators.find("ada") == await operators.find("op_1") == ADA
    assert await operators.find("nobody") is None
    assert await operators.list("", 5) == [(EVE, [key(2, EVE)]), (ADA, [key(1)])]
    assert await operators.list("op_2", 1) == [(ADA, [key(1)])]
    with pytest.raises(Conflict):
        await operators.add(replace(ADA, id=OperatorId("op_3")), key(3), "local-socket")
    assert await operators.key_with_operator("public3") is None


async def test_keys_of_before_end_at_the_latest_when_the_new_one_says(operators):
    await operators.replace_keys(key(3), Microseconds(50), "op_2")
    await operators.replace_keys(key(4), Microseconds(70), "op_2")
    [_, (_, keys)] = await operators.list("", 5)
    assert [(each.id, each.expires_at) for each in keys] == [
        ("opkey_4", None),
        ("opkey_3", 70),
        ("opkey_1", 50),
    ]
    [(_, others)] = await operators.list("", 1)
    assert others == [key(2, EVE)]
    found = await operators.key_with_operator("public3")
    assert found == (replace(key(3), expires_at=Microseconds(70)), ADA)


async def test_a_disabled_operator_has_no_valid_key_and_every_step_is_audited(operators, store):
    disabled = replace(ADA, disabled_at=Microseconds(9))
    assert await operators.disable(ADA.id, Microseconds(9), BY_EVE) == disabled
    assert await operators.disable(ADA.id, Microseconds(10), BY_EVE) == disabled
    assert await operators.disable(OperatorId("op_none"), Microseconds(9), BY_EVE) is None
    found = await operators.key_with_operator("public1")
    assert found == (replace(key(1), revoked_at=Microseconds(9)), disabled)
    rows = await SqlAuditStore(store.database).find(AuditFilter(subject="op_1"), None, 10)
    assert [(entry.row.actor, entry.row.action, entry.detail) for entry in rows] == [
        ("op_2", "operator.disable", ""),
        ("local-socket", "operator.key", "opkey_1 accounts:read audit:read"),
        ("local-socket", "operator.create", "name=ada"),
    ]


async def test_nobody_disables_whoever_may_do_more_than_he(operators):
    weaker = replace(BY_EVE, scopes=frozenset({"accounts:read", "operators:write"}))
    with pytest.raises(PermissionDenied) as refused:
        await operators.disable(ADA.id, Microseconds(9), weaker)
    assert refused.value.metadata == {"scope": "audit:read"}
    assert await operators.find("ada") == ADA
    # What ended counts no more; oneself, and whoever has the machine, may always.
    await operators.replace_keys(
        replace(key(5), scopes=frozenset({"accounts:read"})), Microseconds(9), "op_1"
    )
    assert (await operators.disable(ADA.id, Microseconds(9), weaker)).disabled_at == 9
    assert (
        await operators.disable(EVE.id, Microseconds(9), replace(BY_EVE, scopes=frozenset()))
    ).disabled_at == 9
    later = replace(key(6, replace(ADA, id=OperatorId("op_3"))), scopes=frozenset({"of:a-later-version"}))
    await operators.add(replace(ADA, id=OperatorId("op_3"), name="bob"), later, "local-socket")
    assert (await operators.disable(OperatorId("op_3"), Microseconds(9), LOCAL_SOCKET)).disabled_at == 9
