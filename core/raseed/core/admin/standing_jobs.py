"""What follows from the standing of accounts by itself: credit of closed ones is taken back, tiers end."""

from __future__ import annotations

from raseed.core.accounts.model import Tier
from raseed.core.admin.standing import ForfeitDue, StandingStore
from raseed.core.billing.commands import Refused, TakeBack, TakenBack
from raseed.core.billing.ports import Ledger
from raseed.core.clock import Clock
from raseed.core.jobs import Job

ACTOR = "closing"
FORFEIT_INTERVAL_S = 5.0
"""A closed account's last request may run for minutes: nobody waits for the rest of its credit."""
FORFEITS_MAX = 32
FORFEIT_ROUND_S = 20.0
TIER_INTERVAL_S = 2.0
"""How much longer than it was paid for a tier lasts, beside the two seconds in which workers hear of its end."""
TIERS_MAX = 100
TIER_ROUND_S = 20.0


def forfeit_job(store: StandingStore, ledger: Ledger, accounts_max: int = FORFEITS_MAX) -> Job:
    """Takes back what closed accounts have left, once no request holds any of it."""

    async def batch() -> bool:
        done = 0
        for due in await store.forfeits_due(accounts_max):
            done += await _forfeit(store, ledger, due)
        return done == accounts_max  # those that still have open requests are looked at in the next round

    return Job(
        name="forfeit credit of closed accounts",
        batch=batch,
        interval_s=FORFEIT_INTERVAL_S,
        round_s=FORFEIT_ROUND_S,
    )


async def _forfeit(store: StandingStore, ledger: Ledger, due: ForfeitDue) -> bool:
    """Whether nothing is due any more. The amount is written down first: it is the identity of the command, so who comes
    after a crash repeats what may have been done instead of finding nothing to take.
    """
    amount = due.intended_microcredits
    if amount is None:
        balance = await ledger.balance(due.account_id)
        if balance is None or balance.held_microcredits:
            return False
        # Also what becomes spendable only later.
        amount = sum(grant.remaining_microcredits for grant in balance.grants)
        if not amount:
            await store.end_forfeit(due.account_id, 0)
            return True
        await store.intend_forfeit(due.account_id, amount)
    command = TakeBack(
        account_id=due.account_id,
        take_key=f"closing:{amount}",
        grant_id=None,
        amount_microcredits=amount,
        actor=ACTOR,
    )
    [result] = await ledger.submit([command])
    if isinstance(result, Refused):
        # Some of it has expired meanwhile: nothing was taken, so the next round begins anew.
        await store.intend_forfeit(due.account_id, None)
        return False
    assert isinstance(result, TakenBack), result
    await store.end_forfeit(due.account_id, amount)
    return True


def tier_job(store: StandingStore, clock: Clock, default: Tier, accounts_max: int = TIERS_MAX) -> Job:
    async def batch() -> bool:
        return await store.end_tiers(clock.now(), default, accounts_max) == accounts_max

    return Job(name="end tiers", batch=batch, interval_s=TIER_INTERVAL_S, round_s=TIER_ROUND_S)
