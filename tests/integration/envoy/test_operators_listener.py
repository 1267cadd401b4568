"""The two listeners of a real Envoy in front of real workers: who gets where with which credential."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from tests.integration.envoy.edge import Edge, run_edge
from tests.integration.rpc.test_operators import METHODS
from tests.support.worker import Worker, error_of, running_worker

from raseed.adapters.envoy.settings import OperatorListener
from raseed.adapters.rpc.admin.access import ADMIN_ACCESS
from raseed.adapters.rpc.admin.server import listener_server
from raseed.adapters.rpc.health import HealthMonitor
from raseed.adapters.rpc.server import ServerLimits
from raseed.admin.v1 import admin_pb2, operators_pb2
from raseed.app.admin import admin_services
from raseed.app.ports import free_ports
from raseed.core.admin.operators import ALL_SCOPES

pytestmark = pytest.mark.asyncio(loop_scope="module")
TIMEOUT_S = 5
LIST_ACCOUNTS = "raseed.admin.v1.AdminService/ListAccounts"
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Place:
    worker: Worker
    edge: Edge
    public: grpc.aio.Channel
    operators: grpc.aio.Channel
    operators_url: str
    admin_key: str
    customer_key: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("listeners")
    async with running_worker(folder) as worker:
        platform = worker.platform
        servers, ports = [], []
        for _ in range(WORKERS):
            health = HealthMonitor(platform.database.is_ready, [])
            await health.probe()
            server = listener_server(
                admin_services(platform, []), ServerLimits(), platform.operator_authenticator, health
            )
            ports.append(server.add_insecure_port("127.0.0.1:0"))
            await server.start()
            servers.append(server)
        [port] = free_ports(1)
        listener = OperatorListener(
            host="127.0.0.1", port=port, core_addresses=tuple(f"127.0.0.1:{each}" for each in ports)
        )
        made = await worker.operators.call(
            "CreateOperator", operators_pb2.CreateOperatorRequest(name="listener", scopes=sorted(ALL_SCOPES))
        )
        client = await worker.client("of-the-listener")
        core_port = int(worker.address.rpartition(":")[2])
        async with (
            run_edge(folder / "edge", [core_port], operators=listener) as edge,
            grpc.aio.insecure_channel(edge.address) as public,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as operators,
        ):
            await edge.wait_until("cluster.core_operators.membership_healthy", WORKERS)
            yield Place(
                worker=worker,
                edge=edge,
                public=public,
                operators=operators,
                operators_url=f"http://127.0.0.1:{port}",
                admin_key=made.key,
                customer_key=client.metadata[0][1].removeprefix("Bearer "),
            )
        for server in servers:
            await server.stop(0)


async def ask(channel: grpc.aio.Channel, method: str, request: Message, key: str | None) -> str:
    """Status and reason; OK if the call went well."""
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    call: Any = channel.unary_unary(f"/{method}", request_serializer=type(request).SerializeToString)
    try:
        await call(request, metadata=metadata, timeout=TIMEOUT_S)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return "UNIMPLEMENTED"
        return " ".join(error_of(error))
    return "OK"


async def test_admin_services_are_not_on_the_public_listener(place: Place):
    for method, kind in METHODS.items():
        for key in (place.admin_key, place.customer_key, None):
            assert await ask(place.public, method, kind(), key) == "UNIMPLEMENTED", method
    headers = {"authorization": f"Bearer {place.admin_key}"}
    async with aiohttp.ClientSession(place.edge.url, headers=headers) as http:
        for path in (
            f"/{LIST_ACCOUNTS}",
            "/api/admin/accounts",
            "/v1/admin",
            "/raseed.admin.v1.AdminService",
        ):
            for verb in ("GET", "POST"):
                async with http.request(verb, path, data=b"" if verb == "POST" else None) as answer:
                    assert answer.status == 404, (verb, path)


async def test_every_admin_method_passes_the_listener_with_an_admin_key_alone(place: Place):
    for method, kind in METHODS.items():
        assert "UNAUTHENTICATED" in await ask(place.operators, method, kind(), None), method
        assert "UNAUTHENTICATED" in await ask(place.operators, method, kind(), place.customer_key), method
        with_key = await ask(place.operators, method, kind(), place.admin_key)
        assert with_key.partition(" ")[0] in {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}, (method, with_key)
    assert set(METHODS) == set(ADMIN_ACCESS)


async def test_a_key_without_the_scope_is_told_which(place: Place):
    request = operators_pb2.CreateOperatorRequest(name="narrow", scopes=["models:read"])
    made = await place.worker.operators.call("CreateOperator", request)
    nothing = admin_pb2.ListAccountsRequest()
    assert await ask(place.operators, LIST_ACCOUNTS, nothing, made.key) == "PERMISSION_DENIED SCOPE_MISSING"
    backends = "raseed.admin.v1.AdminService/ListBackends"
    assert await ask(place.operators, backends, admin_pb2.ListBackendsRequest(), made.key) == "OK"


async def test_nothing_but_operators_services_is_on_the_listener(place: Place):
    for method in (
        "raseed.billing.v1.BillingService/GetBalance",
        "raseed.inference.v1.InferenceService/ListModels",
        "grpc.health.v1.Health/Check",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ):
        for key in (place.admin_key, place.customer_key):
            found = await ask(place.operators, method, admin_pb2.ListAccountsRequest(), key)
            assert found == "UNIMPLEMENTED", method
    headers = {"authorization": f"Bearer {place.customer_key}"}
    async with aiohttp.ClientSession(place.operators_url, headers=headers) as http:
        for path in ("/v1/models", "/api/billing/subscription", "/", f"/{LIST_ACCOUNTS}"):
            async with http.get(path) as answer:
                assert answer.status == 404, path


async def test_an_admin_key_opens_nothing_public(place: Place):
    billing = "raseed.billing.v1.BillingService/GetBalance"
    answered = await ask(place.public, billing, admin_pb2.ListAccountsRequest(), place.admin_key)
    assert answered == "UNAUTHENTICATED UNAUTHENTICATED"
    headers = {"authorization": f"Bearer {place.admin_key}"}
    async with aiohttp.ClientSession(place.edge.url, headers=headers) as http:
        for path in ("/v1/models", "/api/billing/subscription"):
            async with http.get(path) as answer:
                assert answer.status == 401, path


async def test_any_worker_serves_operators(place: Place):
    for _ in range(8 * WORKERS):
        assert (
            await ask(place.operators, LIST_ACCOUNTS, admin_pb2.ListAccountsRequest(), place.admin_key)
            == "OK"
        )
    counts = [
        int(line.rpartition("::")[2])
        for line in (await place.edge.admin("/clusters")).splitlines()
        if line.startswith("core_operators::127.") and "::rq_success::" in line
    ]
    assert len(counts) == WORKERS
    assert all(counts)
