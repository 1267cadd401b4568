"""Cloud models, put together: one route for each name that is sold, over all its targets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from raseed.adapters.providers.backend import ProviderBackend
from raseed.adapters.providers.generation import Drains, GenerationLimits
from raseed.adapters.providers.http import ProviderAccount, ProviderHttp, open_provider
from raseed.adapters.providers.registry import KINDS
from raseed.adapters.providers.wire import Upstream
from raseed.adapters.telemetry.log import log
from raseed.adapters.telemetry.metrics import TARGET_REQUESTS
from raseed.app.settings import providers as settings
from raseed.app.settings.providers import LOCAL, Provider, Providers
from raseed.core.inference.admission import SlotLimits, Slots
from raseed.core.inference.model import Capability, ModelCard
from raseed.core.inference.ports import ModelBackend
from raseed.core.inference.routing import Route
from raseed.core.inference.targeted import TargetedBackend
from raseed.core.inference.targets import Outcome, Refusal, Target


@asynccontextmanager
async def open_provider_routes(
    providers: Providers, limits: SlotLimits, local: ModelBackend | None
) -> AsyncIterator[Sequence[Route]]:
    """`local` is the engine of targets at `triton`; without one those are left out."""
    async with AsyncExitStack() as stack:
        opened = {
            account.name: (
                account,
                await stack.enter_async_context(open_provider(_account(account, providers))),
            )
            for account in providers.accounts
        }
        drains = Drains()
        routes: list[Route] = []
        for model in dict.fromkeys(table.model for table in providers.targets):
            tables = [
                table
                for table in providers.targets
                if table.model == model and (table.provider != LOCAL or local is not None)
            ]
            if not tables:
                continue
            targets = [
                _local(table, local)
                if table.provider == LOCAL and local is not None
                else _target(table, *opened[table.provider], drains)
                for table in tables
            ]
            card = ModelCard(
                id=model,
                context_length=max(table.context_length for table in tables),
                max_output_tokens=max(table.max_output_tokens for table in tables),
                owned_by=tables[0].provider,
            )
            slots = Slots(replace(limits, slots=sum(table.concurrency for table in tables)))
            routes.append(Route(TargetedBackend(card, targets, _report), slots))
        yield routes


def _account(account: Provider, providers: Providers) -> ProviderAccount:
    kind = KINDS[account.kind]
    key = providers.keys.get(account.name)
    return ProviderAccount(
        name=account.name,
        url=account.url or kind.url,
        headers=kind.headers(key.text) if key else {},
        allow_private=account.allow_private,
        connections=account.connections,
        connect_timeout_s=account.connect_timeout_s,
    )


def _target(table: settings.Target, account: Provider, http: ProviderHttp, drains: Drains) -> Target:
    kind = KINDS[account.kind]
    upstream = Upstream(
        model=table.upstream_model or table.model,
        context_length=table.context_length,
        max_output_tokens=table.max_output_tokens,
        capabilities=kind.capabilities
        if table.capabilities is None
        else frozenset(map(Capability, ("chat", *table.capabilities))),
        extra_body=table.extra_body,
    )
    name = f"{account.name}/{upstream.model}"
    limits = GenerationLimits(
        first_event_timeout_s=account.first_event_timeout_s, idle_timeout_s=account.idle_timeout_s
    )
    backend = ProviderBackend(name, http, kind.wire(), upstream, limits, drains)
    return _placed(table, name, backend, upstream.model)


def _local(table: settings.Target, local: ModelBackend) -> Target:
    model = table.upstream_model or table.model
    return _placed(table, f"{LOCAL}/{model}", local, model)


def _placed(table: settings.Target, name: str, backend: ModelBackend, model: str) -> Target:
    return Target(
        name=name,
        backend=backend,
        model=model,
        priority=table.priority,
        weight=table.weight,
        concurrency=table.concurrency,
    )


def _report(target: str, outcome: Outcome | Refusal, detail: str) -> None:
    TARGET_REQUESTS.labels(target, outcome.value).inc()
    if detail:
        log.warning("target failed", target=target, outcome=outcome.value, detail=detail)
