"""Every RPC of the descriptors behind the doors that it has in production, with nothing in the rooms: a call that gets in
is answered with an empty message. And a caller of every kind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tests.support.accounts import MemoryAccountStore

from raseed.adapters.rpc.call import ADDRESS_HEADER, REST_PREFIX
from raseed.adapters.rpc.cookies import SESSION_COOKIE
from raseed.adapters.rpc.interceptors.auth import auth
from raseed.adapters.rpc.interceptors.chain import Chain
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.interceptors.observe import observe
from raseed.adapters.rpc.interceptors.operator_auth import operator_auth
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.key_bounds import parse_network
from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By, KeyService
from raseed.core.accounts.keys import SESSION_PREFIX, Peppers
from raseed.core.accounts.model import AccountStatus, Caller, Tier
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.scopes import SCOPES_OF, Role, Scope
from raseed.core.accounts.service import AccountService
from raseed.core.admin.operators import ALL_SCOPES, OperatorCaller
from raseed.core.clock import SystemClock
from raseed.core.errors import AccountSuspended, PermissionDenied, Unauthenticated
from raseed.core.ids import AccountId, PersonId, SessionId

ADMIN_PACKAGES = ("raseed.admin.", "raseed.models.")
PEERS_PACKAGE = "raseed.peers."
"""Between workers, on a port that no client knows."""
TEST = By(actor="test")
HOME = "192.0.2.1"
Metadata = tuple[tuple[str, str], ...]


def descriptors() -> FileDescriptorSet:
    return FileDescriptorSet.FromString(files("raseed.descriptors").joinpath("raseed.binpb").read_bytes())


def methods() -> Iterator[tuple[str, MethodDescriptorProto]]:
    """Every RPC of ours by its full name."""
    for file in descriptors().file:
        if file.package.startswith("raseed."):
            for service in file.service:
                for method in service.method:
                    yield f"{file.package}.{service.name}/{method.name}", method


PUBLIC = {name: method for name, method in methods() if not name.startswith((*ADMIN_PACKAGES, PEERS_PACKAGE))}
ADMIN = {name: method for name, method in methods() if name.startswith(ADMIN_PACKAGES)}


class Sessions:
    """`<prefix>owner` … are sessions of those roles. A cookie that changes something needs a CSRF token."""

    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Caller:
        name = presented.token.removeprefix(SESSION_PREFIX)
        if name == "suspended":
            raise AccountSuspended("This account is not active.")
        if name not in set(Role):
            raise Unauthenticated("The session is over.")
        if presented.is_cookie and changes and not presented.csrf_token:
            raise PermissionDenied("no CSRF token")
        return Caller(
            account_id=AccountId("acct_a"),
            session_id=SessionId("sess_1"),
            person_id=PersonId("person_1"),
            role=Role(name),
            tier=Tier.FREE,
            scopes=SCOPES_OF[Role(name)],
        )


class Operators:
    """An admin key is the scopes that it names, with commas between them."""

    async def authenticate(self, credential: str) -> OperatorCaller:
        if not credential.startswith("rsd_admin_"):
            raise Unauthenticated("Incorrect admin key provided.")
        scopes = credential.removeprefix("rsd_admin_").split(",")
        return OperatorCaller(actor="op_1", scopes=frozenset(scopes))


def bearer(text: str) -> Metadata:
    return (("authorization", f"Bearer {text}"),)


@dataclass(frozen=True)
class Callers:
    of_scope: Mapping[Scope, Metadata]
    """A key with that scope alone."""
    others: Mapping[str, Metadata]


async def make_callers(keys: KeyService, accounts: AccountService, store: MemoryAccountStore) -> Callers:
    clock = SystemClock()
    alice, suspended = [
        await accounts.open_account(email=f"{name}@example.com", phone="", tier=Tier.FREE, actor="test")
        for name in ("alice", "suspended")
    ]

    async def key(spec: KeySpec, account_id: AccountId = alice.id) -> str:
        return (await keys.create(TEST, account_id, spec)).text

    every = KeySpec(scopes=frozenset(Scope))
    all_scopes = await key(every)
    parent = By.of(await keys._authenticator.authenticate(all_scopes))
    child = await keys.create(parent, alice.id, every)
    revoked, expired = [await keys.create(TEST, alice.id, every) for _ in range(2)]
    await keys.revoke(TEST, revoked.key.id, account_id=None)
    store.keys[expired.key.id] = replace(store.keys[expired.key.id], expires_at=clock.now())
    of_suspended = await key(every, suspended.id)
    store.accounts[suspended.id] = replace(store.accounts[suspended.id], status=AccountStatus.SUSPENDED)
    at_home = await key(replace(every, allowed_networks=(parse_network(HOME),)))
    others: dict[str, Metadata] = {
        "nobody": (),
        "key": bearer(all_scopes),
        "key as x-api-key": (("x-api-key", all_scopes),),
        "the same key twice": (*bearer(all_scopes), ("x-api-key", all_scopes)),
        "two different keys": (*bearer(all_scopes), ("x-api-key", child.text)),
        "default key": bearer(await key(KeySpec())),
        "child key": bearer(child.text),
        "revoked key": bearer(revoked.text),
        "expired key": bearer(expired.text),
        "key of a suspended account": bearer(of_suspended),
        "key away from its addresses": (*bearer(at_home), (ADDRESS_HEADER, "192.0.2.2")),
        "garbage": bearer("sk-1234"),
        "admin key": bearer(f"rsd_admin_{','.join(ALL_SCOPES)}"),
        **{f"session of {role}": bearer(f"{SESSION_PREFIX}{role}") for role in Role},
        "session of a suspended account": bearer(f"{SESSION_PREFIX}suspended"),
        "session that is over": bearer(f"{SESSION_PREFIX}x"),
        "cookie without a CSRF token": (("cookie", f"{SESSION_COOKIE}={SESSION_PREFIX}owner"),),
    }
    of_scope = {scope: bearer(await key(KeySpec(scopes=frozenset({scope})))) for scope in Scope}
    return Callers(of_scope, others)


@dataclass(frozen=True)
class Doors:
    callers: Callers
    public_port: int
    operators_port: int


@asynccontextmanager
async def open_doors() -> AsyncIterator[Doors]:
    clock = SystemClock()
    store = MemoryAccountStore(clock)
    peppers = Peppers({1: b"p" * 32})
    authenticator = Authenticator(store, peppers, clock)
    keys = KeyService(store, store, authenticator, peppers, clock)
    callers = await make_callers(keys, AccountService(store, authenticator, clock), store)
    operators: Any = Operators()
    public = await _started(PUBLIC, [auth(authenticator, Sessions())])
    admin = await _started(ADMIN, [operator_auth(operators)])
    try:
        yield Doors(callers, public[1], admin[1])
    finally:
        for server, _ in (public, admin):
            await server.stop(0)


async def _started(
    found: Mapping[str, MethodDescriptorProto], doors: list[Any]
) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server(
        interceptors=[Chain([observe(), errors("payment_required"), *doors])],
        options=[("grpc.so_reuseport", 0)],
    )
    rooms: dict[str, dict[str, Any]] = {}
    for name, method in found.items():
        service, _, short = name.partition("/")
        rooms.setdefault(service, {})[short] = _room(name, method)
    for service, handlers in rooms.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    serving = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(serving, server)
    await serving.set("", health_pb2.HealthCheckResponse.ServingStatus.Value("SERVING"))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


def _room(name: str, method: MethodDescriptorProto) -> Any:
    is_rest = f"/{name}".startswith(REST_PREFIX)

    async def whole(_request: bytes, _context: Any) -> bytes:
        return b""

    async def streamed(_request: bytes, context: Any) -> None:
        await context.write(HttpBody() if is_rest else b"")

    if method.server_streaming:
        serializer = HttpBody.SerializeToString if is_rest else None
        return grpc.unary_stream_rpc_method_handler(streamed, response_serializer=serializer)
    return grpc.unary_unary_rpc_method_handler(whole)


CODES = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 404,
}


async def answer(channel: grpc.aio.Channel, name: str, metadata: Metadata, request: bytes = b"") -> int:
    """As HTTP has it, also of native calls."""
    method = PUBLIC.get(name) or ADMIN[name]
    path, headers = f"/{name}", dict[str, Any]()
    dial: Any = channel
    try:
        if method.server_streaming:
            stream = dial.unary_stream(path)(request, metadata=metadata, timeout=10)
            headers = dict(await stream.initial_metadata())
            async for _ in stream:
                pass
        else:
            await dial.unary_unary(path)(request, metadata=metadata, timeout=10)
    except grpc.aio.AioRpcError as error:
        return CODES[error.code()]
    return int(headers.get("x-http-status", 200))
