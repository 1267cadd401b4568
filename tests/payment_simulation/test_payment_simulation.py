"""Payments in simulated worlds: each order that is paid as ordered is credited once, and no other, whatever breaks."""

from __future__ import annotations

import pytest
from tests.payment_simulation.kind import PAYMENTS
from tests.payment_simulation.shop import Fate
from tests.simulation.campaign import run, run_in_shares, start

SEEDS = 40
SEEDS_TWICE = 4
SEEDS_LONG = 10_000

MUST_HAPPEN = {
    *(fate.value for fate in (Fate.PAID, Fate.EXPIRED_THEN_PAID, Fate.FAILED_THEN_PAID, Fate.OTHERWISE)),
    "a browser comes back",
    "a code is redeemed",
    "a commit has an unknown outcome",
    "a dispute",
    "a refund is canceled",
    "a refund is done",
    "a refund of ours",
    "a refund of the provider's",
    "a worker dies at a write",
    "a worker dies in a call",
    "a worker is of the other mode",
    "an event is doubled",
    "an event is kept",
    "an event is late",
    "an event is lost",
    "an event is repeated",
    "an event is unsigned",
    "an operator accepts",
    "an outage",
    "create: the answer is lost",
    "create: the call is late",
    "look up: the answer is lost",
    "look up: the answer is slow",
    "the provider is down",
    "the store dies after a commit",
    "the store dies before a commit",
    "the store dies in a commit",
    "the store is killed",
}
"""A simulation in which one of these does not happen proves less than it says."""


def test_each_paid_order_is_credited_once_and_no_other():
    campaign = run(range(SEEDS), kind=PAYMENTS)
    print(campaign)
    assert set(campaign.seen) >= MUST_HAPPEN, MUST_HAPPEN - set(campaign.seen)


def test_a_seed_goes_the_same_way_in_every_process():
    """Also where texts have other hashes and tasks lie elsewhere in memory, so that sets have another order."""
    there = start(0, SEEDS_TWICE, PAYMENTS, PYTHONHASHSEED="4711")
    here = run(range(SEEDS_TWICE), kind=PAYMENTS)
    said, _ = there.communicate()
    digests = [line.split() for line in said.splitlines()[:-1]]
    assert digests == [[str(history.seed), history.digest] for history in here.histories]
    assert len({history.digest for history in here.histories}) == SEEDS_TWICE


@pytest.mark.long
def test_ten_thousand_histories():
    """Those of the daily suite too: they are of other worlds when the simulation changes."""
    run_in_shares(SEEDS_LONG, PAYMENTS)
