"""Which credit is spent first, and what happens to credit whose time is over."""

from __future__ import annotations

from itertools import permutations

import pytest
from tests.unit.billing.builders import ALICE, DAY, START, Books, extend, issue, place, release, settle

from raseed.core.billing.commands import Granted, Held, Refusal, Refused, Settled
from raseed.core.billing.ledger_state import balance_view
from raseed.core.billing.model import GrantStatus
from raseed.core.ids import HoldId

IN_ORDER = [
    issue("first priority", 10, priority=10, expires_at=START + 9 * DAY, cost_basis_minor=500),
    issue("soonest expiry", 10, expires_at=START + 2 * DAY, cost_basis_minor=500),
    issue("later expiry, free", 10, expires_at=START + 3 * DAY),
    issue("later expiry, paid", 10, expires_at=START + 3 * DAY, cost_basis_minor=1),
    issue("never, free, older", 10, effective_at=START - 2),
    issue("never, free, newer", 10, effective_at=START - 1),
    issue("never, paid", 10, cost_basis_minor=1, effective_at=START - 3),
]


@pytest.mark.parametrize("arrival", list(permutations(IN_ORDER))[:: 5040 // 40])
def test_grants_are_spent_in_burn_order_whatever_the_order_of_their_arrival(arrival):
    books = Books()
    for command in arrival:
        books.do(command)

    spent = []
    for number in range(len(IN_ORDER)):
        books.do(place(f"h{number}", 10))
        books.do(settle(f"h{number}", 10))
        spent += [key for key, left in books.remaining().items() if left == 0 and key not in spent]

    assert spent == [command.grant_key for command in IN_ORDER]


def test_equal_grants_are_spent_in_the_order_of_their_ids():
    books = Books()
    books.do(issue("one", 10))
    books.do(issue("two", 10))
    books.do(place("h1", 5))
    books.do(settle("h1", 5))
    assert books.remaining() == {"one": 5, "two": 10}


def test_a_hold_spans_grants_and_its_charge_takes_them_in_order():
    books = Books()
    books.do(issue("a", 10, priority=1))
    books.do(issue("b", 10, priority=2))
    books.do(issue("c", 10, priority=3))
    books.do(place("h1", 25))

    books.do(settle("h1", 12))

    assert books.remaining() == {"a": 0, "b": 8, "c": 10}
    assert books.state.granted[ALICE, "a"].status is GrantStatus.EXHAUSTED
    assert all(grant.held_microcredits == 0 for grant in books.state.granted.values())


def test_an_extension_adds_to_the_grants_that_the_hold_has():
    books = Books()
    books.do(issue("a", 10, priority=1))
    books.do(issue("b", 10, priority=2))
    books.do(place("h1", 5))
    books.do(extend("h1", 12))
    hold = books.state.holds[HoldId("h1")]
    assert [allocation.amount_microcredits for allocation in hold.allocations] == [10, 2]


def test_future_credit_is_shown_but_not_spendable():
    books = Books()
    granted = books.do(issue("g", 10, effective_at=START + DAY))
    assert isinstance(granted, Granted)
    assert granted.balance.spendable_microcredits == 0
    assert len(granted.balance.grants) == 1
    assert isinstance(books.do(place("h1", 1)), Refused)
    books.clock.advance(DAY)
    assert isinstance(books.do(place("h1", 10)), Held)


def test_expired_credit_is_unspendable_at_its_moment_before_anybody_books_it():
    books = Books()
    books.do(issue("g", 10, expires_at=START + DAY))
    books.clock.advance(DAY - 1)
    assert balance_view(books.alice, books.clock.now()).spendable_microcredits == 10
    books.clock.advance(1)
    view = balance_view(books.alice, books.clock.now())
    assert (view.spendable_microcredits, view.grants) == (0, ())
    result = books.do(place("h1", 1))
    assert isinstance(result, Refused)
    assert result.refusal is Refusal.CREDIT_EXHAUSTED


def test_what_expired_goes_to_breakage_with_the_next_command_that_succeeds():
    books = Books()
    books.do(issue("short", 10, expires_at=START + DAY))
    books.do(issue("long", 10))
    books.clock.advance(DAY)
    books.do(place("h1", 4))

    assert books.booked() == {"sys:issued:topup": -20, "long": 10, "sys:breakage": 10}
    assert books.state.granted[ALICE, "short"].status is GrantStatus.EXPIRED
    assert (books.alice.available_microcredits, books.alice.held_microcredits) == (6, 4)


def test_a_hold_may_spend_a_grant_that_expired_meanwhile_but_what_it_frees_is_gone():
    books = Books()
    books.do(issue("short", 10, expires_at=START + DAY))
    books.do(issue("long", 10))
    books.do(place("h1", 15))
    books.clock.advance(DAY)

    settled = books.do(settle("h1", 7))

    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, settled.spendable_microcredits) == (7, 10)
    assert books.booked() == {
        "sys:issued:topup": -20,
        "long": 10,
        "sys:consumed:tiny": 7,
        "sys:breakage": 3,
    }
    assert books.state.granted[ALICE, "short"].status is GrantStatus.EXPIRED


def test_a_release_after_expiry_gives_nothing_back():
    books = Books()
    books.do(issue("short", 10, expires_at=START + DAY))
    books.do(place("h1", 6))
    books.clock.advance(DAY)

    released = books.do(release("h1"))

    assert isinstance(released, Settled)
    assert released.spendable_microcredits == 0
    assert books.booked() == {"sys:issued:topup": -10, "sys:breakage": 10}
    assert (books.alice.available_microcredits, books.alice.held_microcredits) == (0, 0)
    assert [t.kind for t in books.state.transactions] == ["grant", "expire", "release"]


def test_held_credit_that_expired_does_not_count_as_coming_back():
    books = Books()
    books.do(issue("short", 10, expires_at=START + DAY))
    books.do(place("h1", 10))
    books.clock.advance(DAY)
    result = books.do(place("h2", 5))
    assert isinstance(result, Refused)
    assert result.refusal is Refusal.CREDIT_EXHAUSTED


def test_expiry_touches_only_the_grant_whose_time_is_over():
    books = Books()
    books.do(issue("short", 10, expires_at=START + DAY))
    books.do(issue("long", 10, expires_at=START + 2 * DAY))
    books.clock.advance(DAY)
    books.do(issue("new", 1))
    assert books.remaining() == {"short": 0, "long": 10, "new": 1}
