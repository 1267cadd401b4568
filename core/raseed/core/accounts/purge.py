"""The background job that deletes codes, tallies and sessions that are over."""

from __future__ import annotations

from raseed.core.accounts.sign_in_ports import CodeStore, SessionStore
from raseed.core.clock import Clock
from raseed.core.jobs import Job

PURGE_INTERVAL_S = 60.0
"""Pause between two rounds: a number that asked for a code is known for five minutes, and one more at most."""
PURGE_ROWS_MAX = 200
"""Of each kind in one transaction, which takes about a millisecond."""
PURGE_ROUND_S = 10.0
"""Longest round; what is left then is for the next one."""


def purge_sign_in_job(codes: CodeStore, sessions: SessionStore, clock: Clock) -> Job:
    """Two of them at once find the same rows; one deletes them, the other has deleted nothing."""

    async def batch() -> bool:
        now = clock.now()
        count = max(
            await codes.purge(now, PURGE_ROWS_MAX), await sessions.purge_sessions(now, PURGE_ROWS_MAX)
        )
        return count >= PURGE_ROWS_MAX

    return Job(name="purge sign-in", batch=batch, interval_s=PURGE_INTERVAL_S, round_s=PURGE_ROUND_S)
