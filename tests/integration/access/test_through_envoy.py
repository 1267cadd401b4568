"""The doors behind a real Envoy: the same answers on its listeners, and the client's address is the one that Envoy saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio
from google.api import annotations_pb2
from tests.integration.access.doors import ADMIN, PUBLIC, Doors, Metadata, answer, bearer, descriptors
from tests.integration.envoy.edge import Edge, run_edge

from raseed.adapters.envoy.routes import PUBLIC_GRPC_SERVICES, Binding, bindings
from raseed.adapters.envoy.settings import OperatorListener
from raseed.adapters.rpc.access import ACCESS, OPEN, Credential
from raseed.adapters.rpc.call import ADDRESS_HEADER
from raseed.app.ports import free_ports
from raseed.core.accounts.scopes import Scope

pytestmark = pytest.mark.asyncio(loop_scope="module")

NATIVE = [name for name in PUBLIC if name.partition("/")[0] in PUBLIC_GRPC_SERVICES]


@dataclass(frozen=True)
class Place:
    edge: Edge
    operators_port: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    [port] = free_ports(1)
    listener = OperatorListener(
        host="127.0.0.1", port=port, core_addresses=(f"127.0.0.1:{doors.operators_port}",)
    )
    async with run_edge(tmp_path_factory.mktemp("edge"), [doors.public_port], operators=listener) as edge:
        await edge.wait_until("cluster.core_operators.membership_healthy", 1)
        yield Place(edge, port)


def rest_bindings() -> list[tuple[str, Binding]]:
    """Every HTTP binding with its RPC."""
    found = descriptors()
    names = {
        (f"{file.package}.{service.name}", method.name): method
        for file in found.file
        for service in file.service
        for method in service.method
    }
    pairs = []
    for (service, method), descriptor in names.items():
        of_method = [it for it in bindings(found) if it.service == service and _is_of(descriptor, it)]
        pairs += [(f"{service}/{method}", binding) for binding in of_method]
    return pairs


def _is_of(descriptor: Any, binding: Binding) -> bool:

    if not descriptor.options.HasExtension(annotations_pb2.http):
        return False
    rule = descriptor.options.Extensions[annotations_pb2.http]
    return any(
        getattr(each, each.WhichOneof("pattern")) == binding.template
        and each.WhichOneof("pattern").upper() == binding.http_method
        for each in (rule, *rule.additional_bindings)
    )


async def over_http(http: aiohttp.ClientSession, binding: Binding, metadata: Metadata) -> int:
    path = binding.template
    while "{" in path:
        path = path[: path.index("{")] + "some" + path[path.index("}") + 1 :]
    data = b"{}" if binding.body else None
    headers = dict(metadata)
    async with http.request(binding.http_method, path, data=data, headers=headers) as response:
        await response.read()
        return response.status


async def test_native_methods_answer_as_they_do_without_envoy(doors: Doors, place: Place):
    asked = {
        name: doors.callers.others[name]
        for name in ("nobody", "key", "child key", "revoked key", "default key")
    }
    asked |= {
        name: doors.callers.others[name]
        for name in ("the same key twice", "two different keys", "session of member", "admin key")
    }
    async with (
        grpc.aio.insecure_channel(place.edge.address) as public,
        grpc.aio.insecure_channel(f"127.0.0.1:{doors.public_port}") as direct,
    ):
        for method in NATIVE:
            through = await asyncio.gather(*(answer(public, method, it) for it in asked.values()))
            past = await asyncio.gather(*(answer(direct, method, it) for it in asked.values()))
            assert dict(zip(asked, through, strict=True)) == dict(zip(asked, past, strict=True)), method


async def test_admin_methods_are_on_their_own_listener_alone(doors: Doors, place: Place):
    key, admin_key = doors.callers.others["key"], doors.callers.others["admin key"]
    async with (
        grpc.aio.insecure_channel(place.edge.address) as public,
        grpc.aio.insecure_channel(f"127.0.0.1:{place.operators_port}") as operators,
    ):
        for method in ADMIN:
            assert await answer(public, method, admin_key) == 404, method
            for metadata, expected in ((admin_key, 200), (key, 401), ((), 401)):
                assert await answer(operators, method, metadata) == expected, method
        for method in NATIVE:
            assert await answer(operators, method, key) == 404, method


async def test_rest_routes_ask_for_what_their_methods_ask_for(doors: Doors, place: Place):
    every, revoked = doors.callers.others["key"], doors.callers.others["revoked key"]
    async with aiohttp.ClientSession(place.edge.url) as http:
        for method, binding in rest_bindings():
            access, shown = ACCESS[method], (method, binding.http_method, binding.template)
            if access == OPEN:
                assert await over_http(http, binding, ()) not in (401, 403, 404), shown
                continue
            assert await over_http(http, binding, ()) == 401, shown
            session = doors.callers.others["session of owner"]
            assert await over_http(http, binding, session) == 200, shown
            cookie = doors.callers.others["cookie without a CSRF token"]
            assert await over_http(http, binding, cookie) == (403 if access.changes else 200), shown
            takes_keys = Credential.API_KEY in access.credentials
            assert await over_http(http, binding, every) == (200 if takes_keys else 403), shown
            if takes_keys:
                other = Scope.INFERENCE if access.scope is Scope.BILLING_WRITE else Scope.BILLING_WRITE
                assert await over_http(http, binding, doors.callers.of_scope[other]) == 403, shown
                assert await over_http(http, binding, revoked) == 401, shown


@pytest.mark.parametrize(
    ("caller", "status"),
    [("key as x-api-key", 200), ("the same key twice", 200), ("two different keys", 400)],
)
async def test_one_credential_however_it_is_sent(doors: Doors, place: Place, caller: str, status: int):
    headers = dict(doors.callers.others[caller])
    async with aiohttp.ClientSession(place.edge.url, headers=headers) as http:
        for path in ("/v1/models", "/api/keys", "/api/billing/subscription"):
            async with http.get(path) as response:
                assert response.status == status, path
        async with http.post("/v1/messages", json={}) as response:
            assert response.status == status


@pytest.mark.parametrize(
    "forged",
    [
        (ADDRESS_HEADER, "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-real-ip", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
        ("X-Envoy-External-Address", "192.0.2.1"),
    ],
)
async def test_nobody_writes_his_own_address(doors: Doors, place: Place, forged: tuple[str, str]):
    """A key for 192.0.2.1 alone; we are 127.0.0.1, whatever we say."""
    away = bearer(dict(doors.callers.others["key away from its addresses"])["authorization"].split()[1])
    async with aiohttp.ClientSession(place.edge.url, headers=dict(away)) as http:
        for headers in ({}, dict([forged])):
            async with http.get("/v1/models", headers=headers) as response:
                assert response.status == 403
                assert (await response.json())["error"]["code"] == "address_not_allowed"
    async with grpc.aio.insecure_channel(place.edge.address) as channel:
        metadata = (*away, (forged[0].lower(), forged[1]))
        assert await answer(channel, "raseed.inference.v1.InferenceService/ListModels", metadata) == 403


async def test_behind_a_proxy_of_ours_the_address_is_the_one_that_it_saw(doors: Doors, tmp_path):
    away = dict(doors.callers.others["key away from its addresses"])["authorization"]
    async with (
        run_edge(tmp_path, [doors.public_port], trusted_proxy_count=1) as edge,
        aiohttp.ClientSession(edge.url, headers={"authorization": away}) as http,
    ):
        for forwarded, status in (
            ("192.0.2.1", 200),
            ("203.0.113.7, 192.0.2.1", 200),
            ("192.0.2.1, 203.0.113.7", 403),
            ("203.0.113.7", 403),
        ):
            async with http.get("/v1/models", headers={"x-forwarded-for": forwarded}) as response:
                assert response.status == status, forwarded
