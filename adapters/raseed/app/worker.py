"""A core worker: `raseed serve core`. One process, one event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from raseed.adapters.rpc.admin.server import listener_server, socket_server
from raseed.adapters.rpc.health import HealthMonitor
from raseed.adapters.rpc.server import ServerLimits, Services, WireOptions, public_server
from raseed.adapters.sql.admin.audit import AUDIT_CHAIN
from raseed.adapters.sql.change_feed import SqlChangeFeed
from raseed.adapters.sql.hash_chain import SqlChain
from raseed.adapters.sql.instances import begin_life
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.ledger.expiry_queue import SqlExpiryQueue
from raseed.adapters.telemetry.log import log
from raseed.app.admin import admin_services
from raseed.app.bootstrap import Platform, open_platform, open_routes
from raseed.app.first_start import ensure_owner
from raseed.app.layout import Home, socket_address
from raseed.app.messengers import message_jobs
from raseed.app.rate_limits import make_limits
from raseed.app.responses import open_responses
from raseed.app.settings.configuration import Configuration
from raseed.app.supervisor import MODELS_READY, SERVING
from raseed.core.admin.broadcasts import broadcast_job
from raseed.core.admin.standing_jobs import forfeit_job, tier_job
from raseed.core.billing.expiry import expiry_job
from raseed.core.billing.service import HoldService, Owner
from raseed.core.chain import sealer_job
from raseed.core.changes import ChangeFollower, ChangeKind
from raseed.core.clock import SystemClock
from raseed.core.content.purge import purge_job
from raseed.core.ids import AccountId, ApiKeyId, SessionId
from raseed.core.inference.admission import SlotLimits, Slots
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.keyed import KEEP_WAIT_S, KeyedChat
from raseed.core.inference.routing import Route, Router
from raseed.core.inference.service import InferenceService
from raseed.core.jobs import run_job

READY_POLL_S = 0.05
LOOPBACK = "127.0.0.1"


class BackgroundTaskDied(Exception):
    """A job that must run for ever ended: the worker cannot go on without it."""


async def serve_core(
    configuration: Configuration,
    *,
    index: int,
    port: int,
    operators_port: int,
    triton_address: str,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish: running requests end or are stopped, and are charged.

    `operators_port` 0: operators have the admin socket alone.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    settings = configuration.settings
    home = Home(configuration.home)
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(open_platform(configuration))

        def report(what: str, error: BaseException) -> None:
            log.error("background", what=what, exc_info=error)

        routes = await stack.enter_async_context(open_routes(configuration, triton_address))
        is_first = index == 0
        on_demand = None
        if triton_address and not settings.triton.address:
            # Not at the top, as in `open_routes`.
            from raseed.app.on_demand_route import open_on_demand_models

            own = Slots(
                SlotLimits(
                    slots=settings.triton.slots,
                    queue_max=settings.core.queue_max,
                    wait_s=settings.core.queue_wait_s,
                )
            )
            on_demand = await stack.enter_async_context(
                open_on_demand_models(
                    configuration,
                    platform.models,
                    triton_address,
                    own,
                    report,
                    is_owner=is_first,
                    index=index,
                )
            )
            routes.insert(0, on_demand.route)  # an alias may stand for what another route serves
        instance = f"core-{index}"
        epoch = await platform.database.write(
            lambda connection: begin_life(connection, instance, SystemClock().now())
        )
        owner = Owner(instance, epoch)
        holds = HoldService(platform.ledger, owner, platform.policy.hold)
        if is_first:
            await ensure_owner(platform, home)

        router = Router(routes)

        rates, share_rates = make_limits(settings, platform.policy, report)
        inference = InferenceService(
            router=router,
            prices=platform.policy.prices,
            holds=holds,
            limits=rates,
            timeout_s=settings.core.request_timeout_s,
            report=report,
        )
        if swept := await inference.sweep_at_start():
            log.warning("swept", holds=swept, instance=instance, epoch=epoch)
        estimator = Estimator(router, platform.policy.prices, rates, SystemClock())
        responses = await stack.enter_async_context(
            open_responses(
                platform,
                home,
                owner,
                inference=inference,
                estimator=estimator,
                limits=rates,
                timeout_s=settings.core.request_timeout_s,
                report=report,
            )
        )
        keyed = KeyedChat(inference, rates, platform.idempotency, platform.ledger, SystemClock(), report)
        health = HealthMonitor(platform.database.is_ready, routes)
        limits = ServerLimits()
        public = public_server(
            Services(
                authenticator=platform.authenticator,
                sessions=platform.organisations.resolver,
                sign_in=platform.sign_in.use_cases,
                limits=rates,
                inference=inference,
                keyed=keyed,
                estimator=estimator,
                responses=responses.service,
                subscriptions=platform.subscriptions,
                history=platform.history,
                usage=platform.usage,
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
                health=health,
            ),
            limits,
            WireOptions(stream_usage=settings.wire.stream_usage, usage_credits=settings.wire.usage_credits),
            with_reflection=not settings.server.production,
        )
        public.add_insecure_port(f"{LOOPBACK}:{port}")
        for_operators = admin_services(platform, routes)
        admin = socket_server(for_operators, limits)
        if is_first:
            _bind_admin(admin, home)
        await health.probe()
        await public.start()
        await admin.start()
        servers = [public, admin]
        if operators_port:
            listener = listener_server(for_operators, limits, platform.operator_authenticator, health)
            listener.add_insecure_port(f"{LOOPBACK}:{operators_port}")
            await listener.start()
            servers.append(listener)
        announce(SERVING)

        sessions = platform.sign_in.use_cases.authenticator
        follower = ChangeFollower(
            SqlChangeFeed(platform.database),
            forget={
                ChangeKind.KEY: lambda key: platform.authenticator.forget_key(ApiKeyId(key)),
                ChangeKind.ACCOUNT: lambda account: platform.forget_account(AccountId(account)),
                ChangeKind.SESSION: lambda session: sessions.forget_session(SessionId(session)),
                **({} if on_demand is None else {ChangeKind.MODEL: on_demand.note_change}),
            },
            confirm=lambda: confirm(platform),
            report=lambda error: log.error("changes", exc_info=error),
        )
        await follower.start()
        jobs = _Jobs()
        jobs.start(follower.run(), "follow changes")
        jobs.start(health.run(), "health")
        if on_demand is not None:
            if on_demand.keeper is not None:
                jobs.start(on_demand.keeper.run(), "keep models")
            jobs.start(on_demand.run(), "follow the catalogue of models")
        if share_rates is not None:
            jobs.start(share_rates(), "share limits")
        jobs.start(inference.keep_holds(), "keep holds")
        jobs.start(inference.sweep_holds(), "sweep holds")
        jobs.start(platform.express.run(), "send codes")
        for job in (
            expiry_job(platform.ledger, SqlExpiryQueue(platform.database)),
            platform.key_uses.job(),
            sealer_job("seal ledger", SqlChain(platform.database, LEDGER_CHAIN)),
            broadcast_job(platform.broadcasts),
            forfeit_job(platform.standing, platform.ledger),
            tier_job(platform.standing, SystemClock(), platform.policy.default_tier),
            sealer_job("seal audit log", SqlChain(platform.database, AUDIT_CHAIN)),
            *message_jobs(
                platform.database, platform.messenger, platform.policy, settings, is_first=is_first
            ),
            *platform.payments.jobs(is_first=is_first),
            platform.redemptions.job(),
        ):
            jobs.start(run_job(job, report), job.name)
        if is_first:
            for job in (
                purge_job(platform.content),
                platform.sign_in.purge,
                platform.organisations.purge,
            ):
                jobs.start(run_job(job, report), job.name)
        ready = asyncio.create_task(_announce_models(routes, announce))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(
                {stopping, asyncio.ensure_future(jobs.died.wait())}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
            stopping.cancel()
            await health.servicer.enter_graceful_shutdown()
            drain_s = settings.core.drain_s
            await asyncio.gather(*(each.stop(drain_s) for each in servers), inference.drain(drain_s))
            await asyncio.gather(keyed.drain(KEEP_WAIT_S), responses.live.drain(KEEP_WAIT_S))
            await jobs.stop()
            if is_first:
                home.admin_socket.unlink(missing_ok=True)
        if jobs.died.is_set():
            raise BackgroundTaskDied("A background task ended; the worker stops and is started again.")


def confirm(platform: Platform) -> None:
    """Every change that was committed a moment ago is known here."""
    platform.authenticator.confirm()
    platform.sign_in.use_cases.authenticator.confirm()
    platform.organisations.resolver.confirm()


class _Jobs:
    """Background tasks that must never end by themselves."""

    def __init__(self) -> None:
        self.died = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, job: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(job, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        log.error("job died", job=task.get_name(), exc_info=task.exception())
        self.died.set()


async def _announce_models(routes: list[Route], announce: Callable[[str], None]) -> None:
    for route in routes:
        while not await route.backend.is_ready():  # noqa: ASYNC110 - an engine has no event to wait for
            await asyncio.sleep(READY_POLL_S)
    announce(MODELS_READY)


def _bind_admin(server: Any, home: Home) -> None:
    """Binds the admin socket so that only the owner can open it. A leftover is ours: the database lock says so."""
    home.admin_socket.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server.add_insecure_port(socket_address(home.admin_socket))
    finally:
        os.umask(before)
