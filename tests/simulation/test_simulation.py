"""The ledger in simulated worlds: nothing is charged twice, lost or left open, whatever breaks in between."""

from __future__ import annotations

import pytest
from tests.simulation.campaign import run, run_in_shares, start
from tests.simulation.weather import Fault

SEEDS = 300
SEEDS_TWICE = 20
SEEDS_LONG = 10_000

MUST_HAPPEN = {
    "a message is lost",
    "a message is late",
    "a message is doubled",
    "an answer is lost",
    "a worker dies",
    "a worker is there twice",
    "the clock is turned back",
    "the clock is turned forward",
    "a statement fails",
    "the transaction is lost",
    "a commit fails",
    "a commit has an unknown outcome",
    "the store dies at a statement",
    "the store dies before a commit",
    "the store dies in a commit",
    "the store dies after a commit",
    "the torn commit was whole",
    "an account comes to owe",
    "a debt is repaid",
    "a cap's window begins",
    "the house goes on with a run",
    "the cap of a key is reached",
    "the cap of a member is reached",
    "a refund waits for open holds",
    "a refund is owed",
    "a refund is written off",
    "the store is killed",
    "the store is restarted",
    *(f"{command}: done" for command in ("IssueGrant", "TakeBack", "PlaceHold", "ExtendHold")),
    "ExpireCredit: done",
    *(f"{command}: done" for command in ("SettleHold", "ReleaseHold", "SweepHold")),
    *(f"{command}: replay" for command in ("IssueGrant", "TakeBack", "PlaceHold", "SettleHold")),
    *(f"{command}: replay" for command in ("ReleaseHold", "SweepHold")),
    *(f"{command}: reused_with_other_input" for command in ("IssueGrant", "PlaceHold", "SettleHold")),
    *(f"{command}: hold_unknown" for command in ("ExtendHold", "SettleHold", "ReleaseHold", "SweepHold")),
    *(f"{command}: hold_not_owned" for command in ("ExtendHold", "SettleHold", "ReleaseHold")),
    *(f"{command}: already_resolved" for command in ("ExtendHold", "SettleHold", "ReleaseHold", "SweepHold")),
    *(
        f"{command}: amount_out_of_range"
        for command in ("IssueGrant", "PlaceHold", "ExtendHold", "SettleHold")
    ),
    *(f"{command}: account_not_active" for command in ("PlaceHold", "ExtendHold")),
    *(f"{command}: credit_exhausted" for command in ("TakeBack", "PlaceHold", "ExtendHold")),
    *(f"{command}: held_by_open_requests" for command in ("PlaceHold", "ExtendHold")),
    "PlaceHold: account_unknown",
    "PlaceHold: spend_cap_reached",
    "ExtendHold: spend_cap_reached",
    "SweepHold: lease_not_lapsed",
    "TakeBack: grant_unknown",
}
"""A simulation in which one of these does not happen proves less than it says."""


def test_every_world_keeps_its_books():
    campaign = run(range(SEEDS))
    print(campaign)
    assert len(Fault) == 8
    assert set(campaign.seen) >= MUST_HAPPEN, MUST_HAPPEN - set(campaign.seen)


def test_a_seed_goes_the_same_way_in_every_process():
    """Also where texts have other hashes and tasks lie elsewhere in memory, so that sets have another order."""
    there = start(0, SEEDS_TWICE, PYTHONHASHSEED="4711")
    here = run(range(SEEDS_TWICE))
    said, _ = there.communicate()
    digests = [line.split() for line in said.splitlines()[:-1]]
    assert digests == [[str(history.seed), history.digest] for history in here.histories]
    assert len({history.digest for history in here.histories}) == SEEDS_TWICE


@pytest.mark.long
def test_ten_thousand_worlds():
    """Those of the daily suite too: they are of other worlds when the simulation changes."""
    run_in_shares(SEEDS_LONG)
