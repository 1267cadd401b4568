"""Workers inside this process: the platform as it is put together for production, without Envoy and Triton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.support.postgres import shared_server

from raseed.adapters.cli.connection import RemoteAdmin
from raseed.adapters.rpc.admin.server import listener_server, socket_server
from raseed.adapters.rpc.health import HealthMonitor
from raseed.adapters.rpc.server import ServerLimits, Services, WireOptions, public_server
from raseed.admin.v1 import admin_pb2, admin_pb2_grpc
from raseed.app.admin import admin_services
from raseed.app.bootstrap import Platform, open_platform, open_routes
from raseed.app.layout import Home
from raseed.app.rate_limits import make_limits
from raseed.app.responses import open_responses
from raseed.app.settings.configuration import load_configuration
from raseed.core.accounts.ports import SessionResolver
from raseed.core.accounts.scopes import KEY_DEFAULT
from raseed.core.billing.service import HoldService, Owner
from raseed.core.billing.usage import UsageService
from raseed.core.clock import SystemClock
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.keyed import KEEP_WAIT_S, KeyedChat
from raseed.core.inference.routing import Router
from raseed.core.inference.service import InferenceService
from raseed.core.jobs import Report

MICROCREDITS = 1_000_000
SCRIPTED = {"RASEED_SCRIPTED_ENABLED": "true", "RASEED_LIMITS_ENABLED": "false"}
"""A model whose every charge can be computed beforehand, instead of Triton; and as many requests as a test likes."""


@dataclass(frozen=True, slots=True)
class Client:
    """A customer: an account with a key."""

    account: str
    key_id: str
    metadata: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Worker:
    """One, or several as one: then its channels send each call to the next, and the rest is the first one's."""

    home: Home
    platform: Platform
    holds: HoldService
    address: str
    admin_address: str
    channel: grpc.aio.Channel
    admin: admin_pb2_grpc.AdminServiceStub
    operators: RemoteAdmin
    """Every service of operators, as over the admin socket."""
    listener: grpc.aio.Channel
    """The same as the admin listener has it: with admin keys."""
    listener_address: str

    async def client(self, name: str, credit: int = 1_000, scopes: tuple[str, ...] = ()) -> Client:
        """A new account with so much credit in one grant, and a key of it. Scopes come on top of the default ones."""
        made = await self.admin.CreateAccount(
            admin_pb2.CreateAccountRequest(
                email=f"{name}@example.com", no_welcome=True, credits_microcredits=credit * MICROCREDITS
            )
        )
        key = await self.key(made.account.id, name=name, scopes=scopes)
        return Client(made.account.id, key.id, (("authorization", f"Bearer {key.key}"),))

    async def key(
        self, account: str, *, name: str = "", scopes: tuple[str, ...] = ()
    ) -> admin_pb2.CreateApiKeyResponse:
        request = admin_pb2.CreateApiKeyRequest(account=account, name=name, scopes=KEY_DEFAULT | set(scopes))
        answer: admin_pb2.CreateApiKeyResponse = await self.admin.CreateApiKey(request)
        return answer


def broken(what: str, error: BaseException) -> None:
    raise AssertionError(what) from error


@asynccontextmanager
async def running_worker(
    folder: Path,
    usage_of: Callable[[Platform], UsageService] = lambda it: it.usage,
    instance: str = "core-0",
    report: Report = broken,
    sessions: SessionResolver | None = None,
    **environ: str,
) -> AsyncIterator[Worker]:
    """Its public and its admin server answer on the worker's two channels. `usage_of` may bring other reports."""
    configuration = load_configuration(SCRIPTED | environ | {"RASEED_HOME": str(folder / "home")}, folder)
    settings = configuration.settings
    async with (
        open_platform(configuration) as platform,
        open_routes(configuration, "") as routes,
        AsyncExitStack() as parts,
    ):
        router = Router(routes)
        owner = Owner(instance, 1)
        holds = HoldService(platform.ledger, owner, platform.policy.hold)
        limits, share_limits = make_limits(settings, platform.policy, report)
        sharing = None if share_limits is None else asyncio.create_task(share_limits())
        inference = InferenceService(
            router=router,
            prices=platform.policy.prices,
            holds=holds,
            limits=limits,
            timeout_s=60.0,
            report=report,
        )
        estimator = Estimator(router, platform.policy.prices, limits, SystemClock())
        responses = await parts.enter_async_context(
            open_responses(
                platform,
                Home(configuration.home),
                owner,
                inference=inference,
                estimator=estimator,
                limits=limits,
                timeout_s=60.0,
                report=report,
            )
        )
        services = Services(
            authenticator=platform.authenticator,
            sessions=sessions or platform.organisations.resolver,
            sign_in=platform.sign_in.use_cases,
            limits=limits,
            inference=inference,
            keyed=KeyedChat(inference, limits, platform.idempotency, platform.ledger, SystemClock(), broken),
            estimator=estimator,
            responses=responses.service,
            subscriptions=platform.subscriptions,
            history=platform.history,
            usage=usage_of(platform),
            metering=platform.metering,
            accounts=platform.accounts,
            keys=platform.keys,
            organisations=platform.organisations.service,
            notices=platform.notices,
            closings=platform.closings,
            exports=platform.export,
            enquiries=platform.enquiries,
            receipts=platform.receipts.service,
            meta_webhook=platform.meta_webhook,
            events=platform.payments.events,
            redemptions=platform.redemptions.service,
            buying=platform.payments.buying,
            plans=platform.payments.subscriptions,
            payments=platform.payments.reader,
            returns=platform.payments.returns,
            policy=platform.policy,
            health=HealthMonitor(platform.database.is_ready, routes),
        )
        wire = WireOptions(stream_usage=settings.wire.stream_usage, usage_credits=settings.wire.usage_credits)
        public = public_server(services, ServerLimits(), wire, with_reflection=False)
        for_operators = admin_services(platform, routes)
        admin = socket_server(for_operators, ServerLimits())
        listener = listener_server(
            for_operators, ServerLimits(), platform.operator_authenticator, services.health
        )
        servers = (public, admin, listener)
        address, admin_address, listener_address = [
            f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}" for server in servers
        ]
        for server in servers:
            await server.start()
        codes = asyncio.create_task(platform.express.run())
        try:
            async with (
                grpc.aio.insecure_channel(address) as channel,
                grpc.aio.insecure_channel(admin_address) as admin_channel,
                grpc.aio.insecure_channel(listener_address) as listener_channel,
            ):
                admin_stub = admin_pb2_grpc.AdminServiceStub(admin_channel)
                operators = RemoteAdmin(admin_channel)
                yield Worker(
                    Home(configuration.home),
                    platform,
                    holds,
                    address,
                    admin_address,
                    channel,
                    admin_stub,
                    operators,
                    listener_channel,
                    listener_address,
                )
        finally:
            codes.cancel()
            await inference.drain(0.0)
            await services.keyed.drain(KEEP_WAIT_S)
            await responses.live.drain(KEEP_WAIT_S)
            for server in servers:
                await server.stop(0)
            if sharing is not None:
                sharing.cancel()
                await asyncio.gather(sharing, return_exceptions=True)


@asynccontextmanager
async def three_workers(folder: Path, **environ: str) -> AsyncIterator[Worker]:
    """On one PostgreSQL database, with one home, so that they have the same secrets. Behind channels that take turns."""
    url = await shared_server().borrow_database()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(shared_server().give_back, url)
        workers = [
            await stack.enter_async_context(
                running_worker(folder, instance=f"core-{number}", RASEED_DATABASE_URL=url, **environ)  # type: ignore[arg-type]
            )
            for number in range(3)
        ]
        channel, admin_channel = [
            await stack.enter_async_context(_in_turns(addresses))
            for addresses in ([it.address for it in workers], [it.admin_address for it in workers])
        ]
        admin = admin_pb2_grpc.AdminServiceStub(admin_channel)
        yield replace(workers[0], channel=channel, admin=admin)


def _in_turns(addresses: list[str]) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(
        f"ipv4:{','.join(addresses)}", options=[("grpc.lb_policy_name", "round_robin")]
    )


def error_of(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """Status and ErrorInfo's reason, as `("NOT_FOUND", "HOLD_UNKNOWN")`."""
    status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, f"{error.code()} {error.details()} has no details"
    info = error_details_pb2.ErrorInfo()
    [packed] = [detail for detail in status.details if detail.Is(info.DESCRIPTOR)]
    packed.Unpack(info)
    return error.code().name, info.reason
