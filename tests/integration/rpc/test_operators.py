"""The admin plane with admin keys: every method asks for its own scope, and the audit log names who acted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from importlib import resources
from itertools import count
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tests.integration.rpc.test_admin_credits import refused
from tests.support.worker import Worker, error_of

from raseed.adapters.rpc.admin.access import ADMIN_ACCESS
from raseed.admin.v1 import (
    admin_pb2,
    audit_pb2,
    operators_pb2,
)
from raseed.core.admin.operators import ALL_SCOPES, OperatorScope
from raseed.core.clock import DAY, SECOND

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN_PACKAGES = ("raseed.admin.v1", "raseed.models.v1")
NAMES = count(1)
NewKey = Callable[..., Awaitable[tuple[str, str]]]


def admin_methods() -> Iterator[tuple[str, type[Message]]]:
    """Every RPC of the operators' packages with its request, from the descriptors that Envoy reads too."""
    files = FileDescriptorSet.FromString(
        resources.files("raseed.descriptors").joinpath("raseed.binpb").read_bytes()
    )
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    for file in files.file:
        if file.package in ADMIN_PACKAGES:
            for service in pool.FindFileByName(file.name).services_by_name.values():
                for method in service.methods:
                    yield f"{service.full_name}/{method.name}", GetMessageClass(method.input_type)


METHODS = dict(admin_methods())


async def call(worker: Worker, method: str, request: Message, key: str | None) -> Any:
    metadata = (("authorization", f"Bearer {key}"),) if key is not None else ()
    invoke: Any = worker.listener.unary_unary(
        f"/{method}", request_serializer=type(request).SerializeToString, response_deserializer=lambda it: it
    )
    return await invoke(request, metadata=metadata, timeout=10)


async def reason(worker: Worker, method: str, request: Message, key: str | None) -> str:
    """ErrorInfo's reason; empty if the call went well."""
    try:
        await call(worker, method, request, key)
    except grpc.aio.AioRpcError as error:
        return error_of(error)[1]
    return ""


@pytest.fixture
def new_key(worker: Worker) -> NewKey:
    """Id and key of a new operator with these scopes."""

    async def make(*scopes: str) -> tuple[str, str]:
        request = operators_pb2.CreateOperatorRequest(name=f"operator-{next(NAMES)}", scopes=scopes)
        made = await worker.operators.call("CreateOperator", request)
        return made.operator.id, made.key

    return make


async def test_every_method_of_operators_asks_for_its_scope_and_no_other(worker: Worker, new_key):
    assert set(METHODS) == set(ADMIN_ACCESS)
    assert len({method.rpartition("/")[2] for method in METHODS}) == len(METHODS)
    only = {scope: (await new_key(scope))[1] for scope in OperatorScope}
    without = {scope: (await new_key(*(ALL_SCOPES - {scope})))[1] for scope in OperatorScope}
    for method, scope in ADMIN_ACCESS.items():
        request = METHODS[method]()
        assert await reason(worker, method, request, without[scope]) == "SCOPE_MISSING", method
        allowed = await reason(worker, method, request, only[scope])
        assert allowed in {"", "REQUEST_INVALID", "NOT_FOUND"}, (method, allowed)


async def test_no_other_credential_is_taken(worker: Worker, new_client, new_key):
    client = await new_client()
    customer = client.metadata[0][1].removeprefix("Bearer ")
    _, good = await new_key("accounts:read")
    for method, kind in METHODS.items():
        for key in (None, "", customer, "rsd_admin_x", good[:-1] + ("a" if good[-1] != "a" else "b")):
            assert await reason(worker, method, kind(), key) == "UNAUTHENTICATED", (method, key)


async def test_of_two_admin_keys_none_is_guessed(worker: Worker, new_key):
    keys = [(await new_key("models:read"))[1] for _ in range(2)]
    invoke: Any = worker.listener.unary_unary("/raseed.admin.v1.AdminService/ListBackends")
    metadata = [("authorization", f"Bearer {key}") for key in keys]
    assert await refused(invoke(b"", metadata=metadata)) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    await invoke(b"", metadata=metadata[:1] * 2)


async def test_an_admin_key_is_no_customers_key(worker: Worker, new_key):
    _, key = await new_key(*ALL_SCOPES)
    invoke: Any = worker.channel.unary_unary("/raseed.billing.v1.BillingService/GetBalance")
    metadata = (("authorization", f"Bearer {key}"),)
    assert await refused(invoke(b"", metadata=metadata)) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    unknown: Any = worker.channel.unary_unary("/raseed.admin.v1.AdminService/ListAccounts")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unknown(b"", metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_audit_log_names_the_operator(worker: Worker, new_client, new_key):
    client = await new_client()
    operator, key = await new_key("credits:write")
    request = admin_pb2.GrantCreditsRequest(account=client.account, amount_microcredits=1, reason="gift")
    await call(worker, "raseed.admin.v1.AdminService/GrantCredits", request, key)
    asked = audit_pb2.ListAuditRowsRequest(subject=client.account, action="credits.grant")
    rows = (await worker.operators.call("ListAuditRows", asked)).rows
    assert [row.actor for row in rows] == [operator, "local-socket"]


async def test_nobody_gives_a_scope_that_he_does_not_have(worker: Worker, new_key):
    _, key = await new_key("operators:write", "accounts:read")
    create = "raseed.admin.v1.OperatorsService/CreateOperator"
    for scopes, expected in (
        (["accounts:read"], ""),
        (["credits:write"], "PERMISSION_DENIED"),
        (["accounts:read", "audit:read"], "PERMISSION_DENIED"),
        (["accounts:all"], "REQUEST_INVALID"),
        ([], "REQUEST_INVALID"),
    ):
        request = operators_pb2.CreateOperatorRequest(name=f"by-operator-{next(NAMES)}", scopes=scopes)
        assert await reason(worker, create, request, key) == expected
    stronger, _ = await new_key("credits:write")
    rotate = operators_pb2.RotateOperatorKeyRequest(operator=stronger, scopes=["credits:write"])
    denied = await reason(worker, "raseed.admin.v1.OperatorsService/RotateOperatorKey", rotate, key)
    assert denied == "PERMISSION_DENIED"


async def test_nobody_is_told_the_key_of_another(worker: Worker, new_key):
    """Not even one who may do as much: what he did with it would stand under the other's name."""
    scopes = ("operators:write", "accounts:write")
    boss, _ = await new_key(*scopes)
    equal, key = await new_key(*scopes)
    rotate = "raseed.admin.v1.OperatorsService/RotateOperatorKey"
    for operator, expected in ((boss, "PERMISSION_DENIED"), (equal, "")):
        request = operators_pb2.RotateOperatorKeyRequest(
            operator=operator, scopes=["accounts:write"], grace_hours=1
        )
        assert await reason(worker, rotate, request, key) == expected
    disable = "raseed.admin.v1.OperatorsService/DisableOperator"
    stronger, _ = await new_key("audit:read")
    for operator, expected in ((stronger, "PERMISSION_DENIED"), (boss, "")):
        gone = operators_pb2.DisableOperatorRequest(operator=operator)
        assert await reason(worker, disable, gone, key) == expected


@pytest.mark.parametrize(("grace_hours", "then"), [(0, "UNAUTHENTICATED"), (1, "")])
async def test_a_new_key_ends_the_old_one_after_the_grace(worker: Worker, new_key, grace_hours, then):
    operator, old = await new_key("audit:read")
    request = operators_pb2.RotateOperatorKeyRequest(
        operator=operator, scopes=["audit:read"], grace_hours=grace_hours
    )
    new = (await worker.operators.call("RotateOperatorKey", request)).key
    verify, nothing = "raseed.admin.v1.AuditService/VerifyAuditLog", audit_pb2.VerifyAuditLogRequest()
    assert await reason(worker, verify, nothing, new) == ""
    assert await reason(worker, verify, nothing, old) == then


async def test_a_disabled_operator_is_refused_at_once(worker: Worker, new_key):
    operator, key = await new_key("models:read")
    backends, nothing = "raseed.admin.v1.AdminService/ListBackends", admin_pb2.ListBackendsRequest()
    assert await reason(worker, backends, nothing, key) == ""
    gone = operators_pb2.DisableOperatorRequest(operator=operator)
    await worker.operators.call("DisableOperator", gone)
    assert await reason(worker, backends, nothing, key) == "UNAUTHENTICATED"
    await worker.operators.call("DisableOperator", gone)
    again = operators_pb2.RotateOperatorKeyRequest(operator=operator, scopes=["models:read"])
    assert (await refused(worker.operators.call("RotateOperatorKey", again)))[1] == "CONFLICT"


async def test_a_key_has_an_end(worker: Worker):
    request = operators_pb2.CreateOperatorRequest(
        name=f"short-{next(NAMES)}", scopes=["models:read"], expires_days=2
    )
    made = await worker.operators.call("CreateOperator", request)
    [key] = made.operator.keys
    assert abs(key.expires_at_us - key.created_at_us - 2 * DAY) < SECOND
    for wrong in (-1, 3_651):
        request.expires_days = wrong
        assert (await refused(worker.operators.call("CreateOperator", request)))[1] == "REQUEST_INVALID"


@pytest.mark.parametrize("name", ["", "Ada", "two words", "-x", "a" * 65])
async def test_a_name_that_is_none_is_refused(worker: Worker, name):
    request = operators_pb2.CreateOperatorRequest(name=name, scopes=["models:read"])
    assert (await refused(worker.operators.call("CreateOperator", request)))[1] == "REQUEST_INVALID"
