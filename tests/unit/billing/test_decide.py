"""Each command in each state it can meet: what it answers, and that a refused one leaves no trace."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from tests.unit.billing.builders import (
    ALICE,
    BOB,
    DAY,
    LEASE,
    Books,
    extend,
    issue,
    place,
    release,
    settle,
    sweep,
    used,
)

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Expired, Held, Refusal, Refused, Settled, could_change
from raseed.core.billing.measured import QUANTITY_MAX
from raseed.core.billing.model import HoldState, Measured, Meter, PriceSnapshot, Rate
from raseed.core.ids import AccountId, HoldId
from raseed.core.money import AMOUNT_MAX

H1 = HoldId("h1")


def prepared() -> Books:
    """100 issued; h1 holds 60 of them, h2 holds 30 and was settled at 10, h3 was released, h4 swept at 0."""
    books = Books(ALICE, BOB)
    books.do(issue("g", 100))
    books.do(place("h1", 60))
    for hold in ("h2", "h3", "h4"):
        books.do(place(hold, 30))
        if hold == "h2":
            books.do(settle("h2", 10))
        elif hold == "h3":
            books.do(release("h3"))
        else:
            books.do(sweep("h4", instance="worker-1", epoch=2))
    return books


REFUSED = [
    (issue("new", 0), Refusal.AMOUNT_OUT_OF_RANGE),
    (issue("new", -5), Refusal.AMOUNT_OUT_OF_RANGE),
    (issue("new", AMOUNT_MAX + 1), Refusal.AMOUNT_OUT_OF_RANGE),
    (issue("new", AMOUNT_MAX - 50), Refusal.AMOUNT_OUT_OF_RANGE),
    (issue("new", 5, AccountId("acct_nobody")), Refusal.ACCOUNT_UNKNOWN),
    (issue("g", 101), Refusal.REUSED_WITH_OTHER_INPUT),
    (place("new", 5, account_id=AccountId("acct_nobody")), Refusal.ACCOUNT_UNKNOWN),
    (place("new", 5, 6), Refusal.AMOUNT_OUT_OF_RANGE),
    (place("new", 5, -1), Refusal.AMOUNT_OUT_OF_RANGE),
    (place("new", AMOUNT_MAX + 1, 1), Refusal.AMOUNT_OUT_OF_RANGE),
    (
        place("new", 5, price=PriceSnapshot(model="m", version="1", rates=(Rate(Meter.REQUESTS, -1),))),
        Refusal.AMOUNT_OUT_OF_RANGE,
    ),
    (
        place("new", 5, price=PriceSnapshot(model="m", version="1", rates=(Rate(Meter.REQUESTS, 1, 0),))),
        Refusal.AMOUNT_OUT_OF_RANGE,
    ),
    (place("h1", 60, input_hash="other"), Refusal.REUSED_WITH_OTHER_INPUT),
    (place("h1", 60, account_id=BOB), Refusal.REUSED_WITH_OTHER_INPUT),
    (place("new", 91), Refusal.CREDIT_EXHAUSTED),
    (place("new", 31), Refusal.HELD_BY_OPEN_REQUESTS),
    (place("new", 90), Refusal.HELD_BY_OPEN_REQUESTS),
    (extend("none", 5), Refusal.HOLD_UNKNOWN),
    (extend("h1", 70, account_id=BOB), Refusal.HOLD_UNKNOWN),
    (extend("h1", 70, epoch=2), Refusal.HOLD_NOT_OWNED),
    (extend("h2", 70), Refusal.ALREADY_RESOLVED),
    (extend("h1", -1), Refusal.AMOUNT_OUT_OF_RANGE),
    (extend("h1", 70, tokens=-1), Refusal.AMOUNT_OUT_OF_RANGE),
    (extend("h1", 70, tokens=QUANTITY_MAX + 1), Refusal.AMOUNT_OUT_OF_RANGE),
    (extend("h1", 91), Refusal.CREDIT_EXHAUSTED),
    (settle("none", 5), Refusal.HOLD_UNKNOWN),
    (settle("h1", 5, account_id=BOB), Refusal.HOLD_UNKNOWN),
    (settle("h1", 5, epoch=2), Refusal.HOLD_NOT_OWNED),
    (settle("h1", -5), Refusal.AMOUNT_OUT_OF_RANGE),
    (settle("h1", QUANTITY_MAX + 1), Refusal.AMOUNT_OUT_OF_RANGE),
    (settle("h2", 11), Refusal.REUSED_WITH_OTHER_INPUT),
    (settle("h3", 5), Refusal.ALREADY_RESOLVED),
    (settle("h4", 5), Refusal.ALREADY_RESOLVED),
    (release("none"), Refusal.HOLD_UNKNOWN),
    (release("h1", epoch=2), Refusal.HOLD_NOT_OWNED),
    (release("h2"), Refusal.ALREADY_RESOLVED),
    (release("h4"), Refusal.ALREADY_RESOLVED),
    (sweep("none"), Refusal.HOLD_UNKNOWN),
    (sweep("h1"), Refusal.LEASE_NOT_LAPSED),
    (sweep("h1", instance="worker-1", epoch=1), Refusal.LEASE_NOT_LAPSED),
    (sweep("h2"), Refusal.ALREADY_RESOLVED),
    (sweep("h3"), Refusal.ALREADY_RESOLVED),
]


@pytest.mark.parametrize(("command", "refusal"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_refused_command_says_why_and_leaves_no_trace(command, refusal):
    books = prepared()
    before = copy.deepcopy(books.state)

    result = books.do(command)

    assert isinstance(result, Refused)
    assert result.refusal is refusal
    assert books.state == before


def test_a_refused_command_does_not_even_book_an_expiry_that_is_due():
    books = Books()
    books.do(issue("short", 10, expires_at=books.clock.now() + DAY))
    books.clock.advance(DAY)
    before = copy.deepcopy(books.state)

    assert books.do(place("h1", 1)) == Refused(refusal=Refusal.CREDIT_EXHAUSTED, required_microcredits=1)
    assert books.state == before


REPLAYED = [
    issue("g", 100),
    place("h1", 60),
    place("h2", 30),
    settle("h2", 10),
    release("h3"),
    sweep("h4"),
]


@pytest.mark.parametrize("command", REPLAYED, ids=lambda value: type(value).__name__)
def test_a_repeated_command_answers_the_first_outcome_and_changes_nothing(command):
    books = prepared()
    before = copy.deepcopy(books.state)

    result = books.do(command)

    assert not isinstance(result, Expired | Refused)
    assert result.replayed
    assert books.state == before


def test_a_replayed_hold_says_whether_it_is_still_open():
    books = prepared()
    open_again, resolved = books.do(place("h1", 60)), books.do(place("h2", 30))
    assert isinstance(open_again, Held)
    assert isinstance(resolved, Held)
    assert (open_again.is_open, open_again.amount_microcredits) == (True, 60)
    assert (resolved.is_open, resolved.amount_microcredits) == (False, 30)


def test_a_hold_takes_what_is_spendable_when_that_is_less_than_wanted():
    books = Books()
    books.do(issue("g", 100))
    held = books.do(place("h1", 500, 100))
    assert isinstance(held, Held)
    assert (held.amount_microcredits, held.spendable_microcredits) == (100, 0)
    assert held.lease_until == books.clock.now() + LEASE


HALF = AMOUNT_MAX // 2
DEAR = PriceSnapshot(
    model="dear", version="1", rates=(Rate(Meter.INPUT_TOKENS, HALF), Rate(Meter.OUTPUT_TOKENS, HALF))
)


def test_a_checkpoint_costs_no_more_than_can_be_booked():
    books = Books()
    books.do(place("h1", 0, price=DEAR))
    too_much = replace(extend("h1", 0), checkpoint=Measured(((Meter.INPUT_TOKENS, 3),)))
    together = replace(extend("h1", 0), checkpoint=Measured(((Meter.INPUT_TOKENS, 1),)))
    assert isinstance(books.do(extend("h1", 0, tokens=2)), Held)
    before = copy.deepcopy(books.state)

    for command in (too_much, together):
        result = books.do(command)
        assert isinstance(result, Refused)
        assert result.refusal is Refusal.AMOUNT_OUT_OF_RANGE
    assert books.state == before


def test_a_stored_checkpoint_beyond_that_is_swept_as_the_most_that_can_be():
    books = Books()
    books.do(issue("g", 10))
    books.do(place("h1", 10, price=DEAR))
    books.state.holds[H1].checkpoint = Measured(((Meter.INPUT_TOKENS, 1), (Meter.OUTPUT_TOKENS, 10**15)))
    books.clock.advance(LEASE)

    swept, again = books.do(sweep("h1")), books.do(sweep("h1"))

    assert isinstance(swept, Settled)
    assert (swept.cost_microcredits, swept.shortfall_microcredits) == (10, AMOUNT_MAX - 10)
    assert [line.cost_microcredits for line in swept.lines] == [HALF, HALF]
    assert again == replace(swept, replayed=True)


def test_a_free_run_needs_no_credit():
    books = Books()
    assert isinstance(books.do(place("h1", 0)), Held)
    settled = books.do(settle("h1", 0))
    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, books.state.transactions) == (0, [])
    assert len(books.state.usage_events) == 1


@pytest.mark.parametrize("status", [AccountStatus.SUSPENDED, AccountStatus.CLOSED])
def test_an_inactive_account_can_end_its_holds_but_not_open_or_grow_them(status):
    books = prepared()
    books.alice.status = status

    for command in (place("new", 1), extend("h1", 61)):
        result = books.do(command)
        assert isinstance(result, Refused)
        assert result.refusal is Refusal.ACCOUNT_NOT_ACTIVE
    assert isinstance(books.do(extend("h1", 60, tokens=5)), Held)
    assert isinstance(books.do(settle("h1", 5)), Settled)


def test_a_settlement_charges_the_use_and_frees_the_rest():
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 60))

    settled = books.do(settle("h1", 42))

    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, settled.spendable_microcredits) == (42, 58)
    assert books.booked() == {"sys:issued:topup": -100, "g": 58, "sys:consumed:tiny": 42}
    assert (books.alice.available_microcredits, books.alice.held_microcredits) == (58, 0)
    [event] = books.state.usage_events
    assert (event.cost_microcredits, event.shortfall_microcredits) == (42, 0)
    assert event.ledger_tx_id == books.state.transactions[-1].id


def test_use_beyond_the_hold_is_paid_by_the_house():
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 60))

    settled = books.do(settle("h1", 75))

    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, settled.shortfall_microcredits) == (60, 15)
    assert sum(line.cost_microcredits for line in settled.lines) == 75
    assert books.booked() == {
        "sys:issued:topup": -100,
        "g": 40,
        "sys:consumed:tiny": 75,
        "sys:houseloss": -15,
    }
    again = books.do(settle("h1", 75))
    assert isinstance(again, Settled)
    assert (again.cost_microcredits, again.shortfall_microcredits, again.lines) == (60, 15, settled.lines)


def test_a_release_frees_everything_and_still_writes_the_usage_event():
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 60))

    released = books.do(release("h1"))

    assert isinstance(released, Settled)
    assert (released.cost_microcredits, released.lines, released.spendable_microcredits) == (0, (), 100)
    [event] = books.state.usage_events
    assert (event.cost_microcredits, event.run.outcome, event.ledger_tx_id) == (0, "failed", None)


def test_an_extension_moves_amount_checkpoint_and_lease_and_never_back():
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 10))
    books.clock.advance(5)

    grown = books.do(extend("h1", 30, tokens=8))
    late = books.do(extend("h1", 20, tokens=6))

    assert isinstance(grown, Held)
    assert isinstance(late, Held)
    assert (grown.amount_microcredits, grown.spendable_microcredits) == (30, 70)
    assert late.amount_microcredits == 30
    hold = books.state.holds[H1]
    assert hold.checkpoint == used(8)
    assert hold.lease_until == books.clock.now() + LEASE
    assert [allocation.amount_microcredits for allocation in hold.allocations] == [30]


def test_an_extension_is_never_partial_and_says_what_is_in_the_way():
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 50))
    books.do(place("h2", 30))

    held, exhausted = books.do(extend("h1", 75)), books.do(extend("h1", 101))

    assert isinstance(held, Refused)
    assert isinstance(exhausted, Refused)
    assert held.refusal is Refusal.HELD_BY_OPEN_REQUESTS
    assert exhausted.refusal is Refusal.CREDIT_EXHAUSTED
    assert (held.required_microcredits, held.spendable_microcredits, held.held_microcredits) == (25, 20, 80)


@pytest.mark.parametrize(
    ("sweeper", "lapsed"),
    [
        (sweep("h1", instance="worker-1", epoch=2), False),
        (sweep("h1"), True),
        (sweep("h1", instance="worker-1"), True),
    ],
    ids=["its next life", "another after the lease", "itself after the lease"],
)
def test_a_sweep_charges_the_checkpoint_and_books_the_rest_as_lost_by_the_house(sweeper, lapsed):
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 60))
    books.do(extend("h1", 60, tokens=25))
    books.clock.advance(LEASE if lapsed else 1)

    swept = books.do(sweeper)

    assert isinstance(swept, Settled)
    assert (swept.cost_microcredits, swept.shortfall_microcredits, swept.spendable_microcredits) == (
        25,
        35,
        75,
    )
    assert books.booked() == {
        "sys:issued:topup": -100,
        "g": 75,
        "sys:consumed:tiny": 60,
        "sys:houseloss": -35,
    }
    assert books.state.holds[H1].state is HoldState.SWEPT
    [event] = books.state.usage_events
    assert (event.run.outcome, event.run.usage_source.value) == ("swept", "checkpoint")
    late = books.do(settle("h1", 30))
    assert isinstance(late, Refused)
    assert late.refusal is Refusal.ALREADY_RESOLVED


def test_a_checkpoint_beyond_the_hold_is_charged_up_to_the_hold():
    books = Books()
    books.do(issue("g", 100))
    books.do(place("h1", 60))
    books.do(extend("h1", 60, tokens=64))

    swept = books.do(sweep("h1", instance="worker-1", epoch=2))

    assert isinstance(swept, Settled)
    assert (swept.cost_microcredits, swept.shortfall_microcredits) == (60, 4)


def test_every_transaction_sums_to_zero_and_has_a_key_of_its_own():
    transactions = prepared().state.transactions
    assert all(sum(e.amount_microcredits for e in t.entries) == 0 for t in transactions)
    assert len({t.idem_key for t in transactions}) == len(transactions)


def test_the_same_state_command_moment_and_ids_give_the_same_ledger():
    assert prepared().state == prepared().state


def test_every_refusal_says_whether_a_retry_can_help():
    assert {refusal for refusal in Refusal if could_change(refusal)} == {
        Refusal.ACCOUNT_NOT_ACTIVE,
        Refusal.SPEND_CAP_REACHED,
        Refusal.CREDIT_EXHAUSTED,
        Refusal.HELD_BY_OPEN_REQUESTS,
        Refusal.LEASE_NOT_LAPSED,
    }
