"""What the audit log of a worker says."""

from __future__ import annotations

from sqlalchemy import select
from tests.support.worker import Worker

from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.core.payments.receiving import REFUSED


async def refused_events(worker: Worker, provider: str) -> list[str]:
    """Of a payment provider's events that were refused, the oldest first."""
    query = (
        select(audit_details.c.detail)
        .join_from(audit_log, audit_details, audit_details.c.seq == audit_log.c.seq)
        .where(audit_log.c.action == REFUSED, audit_log.c.subject == provider)
        .order_by(audit_log.c.seq)
    )
    return list(await worker.platform.database.read(lambda it: it.scalars(query).all()))
