"""The limits of one worker, and what shares them with others."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from raseed.adapters.limits.memory import MemoryLimitStore
from raseed.app.settings.configuration import Settings
from raseed.core.billing.policy import Policy
from raseed.core.jobs import Report
from raseed.core.limits.service import LimitService

Sharing = Callable[[], Coroutine[None, None, None]]


def make_limits(settings: Settings, policy: Policy, report: Report) -> tuple[LimitService, Sharing | None]:
    """And what the worker must run for ever so that they are shared; None where they are its own."""
    if not settings.limits.enabled:
        return LimitService(None, policy.tiers), None
    workers = settings.core.workers
    if not settings.limits.redis_url:
        return LimitService(MemoryLimitStore(workers=workers), policy.tiers), None
    # Not at the top: most count in memory, and importing the client takes a tenth of a worker's start.
    from raseed.adapters.limits.redis import RedisLimitStore

    store = RedisLimitStore(
        settings.limits.redis_url,
        workers=workers,
        timeout_s=settings.limits.redis_timeout_ms / 1000,
        report=report,
    )
    return LimitService(store, policy.tiers), store.run
