"""The schedule of payments: it looks at what is due, so that nothing depends on an event, a browser, or a process that lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from raseed.core.clock import MINUTE
from raseed.core.ids import PaymentId
from raseed.core.jobs import Job
from raseed.core.payments.ports import PaymentStore
from raseed.core.payments.refunds import Refunds
from raseed.core.payments.settling import Settling

LOOKS_MAX = 8
"""Payments that each worker looks at at a time: providers limit how often they are asked."""
LOOK_S = 60.0
"""Longest time for one payment: a look, a refund that is asked for again, and the ledger."""
LEASE_US = 5 * MINUTE
"""A payment that somebody looks at is looked at by others after this, if nothing came of it: more than the time for one."""
INTERVAL_S = 5.0
"""The first look is due after a minute: this is how late it may be."""
ROUND_S = 600.0

Report = Callable[[PaymentId, Exception], None]
"""Called for each payment that could not be looked at; it is due again."""


def look_job(
    store: PaymentStore,
    settling: Settling,
    refunds: Refunds,
    report: Report,
    *,
    looks_max: int = LOOKS_MAX,
    look_s: float = LOOK_S,
) -> Job:
    """Several workers may run it: each payment is claimed by one of them."""

    async def look(payment_id: PaymentId) -> None:
        try:
            async with asyncio.timeout(look_s):
                await settling.settle(payment_id)
                await refunds.resume(payment_id)
        except Exception as error:  # noqa: BLE001 - whatever breaks at one payment: the others are looked at
            report(payment_id, error)

    async def batch() -> bool:
        due = await store.claim_due(looks_max, LEASE_US)
        await asyncio.gather(*map(look, due))
        return len(due) == looks_max

    return Job(name="look at payments", batch=batch, interval_s=INTERVAL_S, round_s=ROUND_S)
