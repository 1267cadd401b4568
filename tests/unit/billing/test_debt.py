"""What an account may owe: when a hold may grow on debt, how much, and how it is repaid."""

from __future__ import annotations

import pytest
from tests.unit.billing.builders import ALICE, DAY, Books, extend, issue, place, release, settle, sweep

from raseed.core.billing.commands import Granted, Held, Refusal, Refused, Result, Settled
from raseed.core.billing.model import GrantStatus
from raseed.core.billing.spend_caps import SpendCap, key_bucket, nothing_spent
from raseed.core.ids import ApiKeyId, HoldId

DEBT = f"cust:{ALICE}:debt"
KEY = ApiKeyId("key_capped")


def short(credit: int = 20, held: int = 10) -> Books:
    """Alice has some credit, and h1 holds a part of it."""
    books = Books()
    books.do(issue("g", credit))
    books.do(place("h1", held))
    return books


def refusal(result: Result) -> tuple[Refusal, int]:
    assert isinstance(result, Refused), result
    return result.refusal, result.spendable_microcredits


def test_a_grant_repays_debt_first():
    books = Books()
    books.alice.debt_microcredits = 30

    small, large = books.do(issue("small", 10)), books.do(issue("large", 50))

    assert isinstance(small, Granted)
    assert isinstance(large, Granted)
    assert (small.balance.debt_microcredits, small.balance.spendable_microcredits) == (20, 0)
    assert (large.balance.debt_microcredits, large.balance.spendable_microcredits) == (0, 30)
    assert books.state.granted[ALICE, "small"].status is GrantStatus.EXHAUSTED
    assert books.booked() == {"sys:issued:topup": -60, f"cust:{ALICE}:debt": 30, "large": 30}


def test_a_hold_grows_on_debt_when_credit_ends():
    books = short()
    held = books.do(extend("h1", 50, debt_limit=30))
    assert isinstance(held, Held)
    assert (held.amount_microcredits, held.spendable_microcredits) == (50, 0)
    hold = books.state.holds[HoldId("h1")]
    assert hold.debt_microcredits == 30
    assert [allocation.amount_microcredits for allocation in hold.allocations] == [20]
    assert (books.alice.held_microcredits, books.alice.debt_reserved_microcredits) == (20, 30)
    assert books.alice.debt_microcredits == 0


def test_never_beyond_the_limit_and_never_in_part():
    books = short()
    assert refusal(books.do(extend("h1", 51, debt_limit=30))) == (Refusal.CREDIT_EXHAUSTED, 40)
    assert books.alice.debt_reserved_microcredits == 0


def test_without_a_policy_of_debt_nobody_owes_whatever_the_accounts_limit():
    books = short()
    books.alice.debt_limit_microcredits = 100
    assert refusal(books.do(extend("h1", 21))) == (Refusal.CREDIT_EXHAUSTED, 10)


@pytest.mark.parametrize(("own", "most"), [(None, 30), (0, 0), (5, 5), (70, 70)])
def test_the_accounts_own_limit_goes_before_the_profiles(own, most):
    books = short()
    books.alice.debt_limit_microcredits = own
    assert isinstance(books.do(extend("h1", 21 + most, debt_limit=30)), Refused)
    assert isinstance(books.do(extend("h1", 20 + most, debt_limit=30)), Held)


def test_what_open_holds_may_owe_counts_against_the_limit():
    books = short()
    books.do(place("h2", 10))
    books.do(extend("h1", 30, debt_limit=30))
    assert refusal(books.do(extend("h2", 21, debt_limit=30))) == (Refusal.HELD_BY_OPEN_REQUESTS, 10)
    assert refusal(books.do(extend("h2", 51, debt_limit=30))) == (Refusal.CREDIT_EXHAUSTED, 10)
    assert isinstance(books.do(extend("h2", 20, debt_limit=30)), Held)


def test_a_new_hold_is_never_placed_on_debt():
    books = Books()
    books.do(issue("g", 10))
    books.alice.debt_limit_microcredits = 100
    assert refusal(books.do(place("h1", 11))) == (Refusal.CREDIT_EXHAUSTED, 10)


def test_credit_is_spent_before_debt_is_made():
    books = short()
    books.do(extend("h1", 50, debt_limit=30))
    settled = books.do(settle("h1", 15))
    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, settled.spendable_microcredits) == (15, 5)
    assert (books.alice.debt_microcredits, books.alice.debt_reserved_microcredits) == (0, 0)
    assert DEBT not in books.booked()


@pytest.mark.parametrize("used", [21, 50, 57])
def test_what_credit_does_not_pay_is_owed_up_to_the_hold(used):
    books = short()
    books.do(extend("h1", 50, debt_limit=30))
    settled = books.do(settle("h1", used))
    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, settled.shortfall_microcredits) == (min(used, 50), max(0, used - 50))
    assert books.alice.debt_microcredits == min(used, 50) - 20
    assert books.alice.debt_reserved_microcredits == 0
    assert books.booked()[DEBT] == 20 - min(used, 50)
    assert books.booked()["sys:consumed:tiny"] == used


def test_a_sweep_owes_what_the_checkpoint_says():
    books = short()
    books.do(extend("h1", 50, tokens=32, debt_limit=30))
    books.do(sweep("h1", instance="worker-1", epoch=2))
    assert (books.alice.debt_microcredits, books.alice.debt_reserved_microcredits) == (12, 0)


def test_a_release_owes_nothing():
    books = short()
    books.do(extend("h1", 50, debt_limit=30))
    books.do(release("h1"))
    assert (books.alice.debt_microcredits, books.alice.debt_reserved_microcredits) == (0, 0)
    assert books.alice.available_microcredits == 20


def in_debt(by: int = 12) -> Books:
    books = short(20, 20)
    books.do(extend("h1", 20 + by, debt_limit=by))
    books.do(settle("h1", 20 + by))
    assert books.alice.debt_microcredits == by
    return books


def test_an_account_in_debt_can_hold_nothing_until_it_has_repaid():
    books = in_debt(12)
    assert refusal(books.do(place("h2", 1))) == (Refusal.CREDIT_EXHAUSTED, 0)
    books.do(issue("little", 12))
    assert refusal(books.do(place("h2", 1))) == (Refusal.CREDIT_EXHAUSTED, 0)
    books.do(issue("more", 1))
    assert isinstance(books.do(place("h2", 1)), Held)


def test_a_run_that_costs_nothing_needs_no_credit():
    assert isinstance(in_debt().do(place("h2", 0)), Held)


def test_debt_counts_against_the_limit_of_holds_that_are_still_open():
    books = short(40, 20)
    books.do(place("h2", 20))
    books.do(extend("h1", 40, debt_limit=30))
    books.do(settle("h1", 40))
    assert refusal(books.do(extend("h2", 31, debt_limit=30))) == (Refusal.CREDIT_EXHAUSTED, 10)
    assert isinstance(books.do(extend("h2", 30, debt_limit=30)), Held)


def test_a_limit_that_was_lowered_admits_nothing_more_and_takes_nothing_away():
    books = in_debt(12)
    books.do(issue("more", 30))
    books.do(place("h2", 10))
    books.alice.debt_limit_microcredits = 0
    assert isinstance(books.do(extend("h2", 18, debt_limit=30)), Held)
    assert refusal(books.do(extend("h2", 19, debt_limit=30))) == (Refusal.CREDIT_EXHAUSTED, 0)


def test_credit_that_a_hold_gives_back_repays_first():
    """In a transaction of its own, and only what is owed."""
    books = short(40, 20)
    books.do(place("h2", 20))
    books.do(extend("h1", 30, debt_limit=30))
    books.do(settle("h1", 30))
    assert books.alice.debt_microcredits == 10
    settled = books.do(settle("h2", 5))
    assert isinstance(settled, Settled)
    assert (settled.cost_microcredits, settled.spendable_microcredits) == (5, 5)
    assert (books.alice.debt_microcredits, books.alice.available_microcredits) == (0, 5)
    assert DEBT not in books.booked()
    assert [t.kind for t in books.state.transactions] == ["grant", "settle", "settle", "repay"]


def test_a_grant_whose_time_begins_repays_before_it_is_held():
    books = short(20, 20)
    books.do(issue("later", 30, effective_at=books.clock.now() + DAY))
    books.do(extend("h1", 30, debt_limit=30))
    books.do(settle("h1", 30))
    assert books.alice.debt_microcredits == 10
    assert refusal(books.do(place("h2", 1))) == (Refusal.CREDIT_EXHAUSTED, 0)
    books.clock.advance(DAY)
    assert refusal(books.do(place("h2", 21))) == (Refusal.CREDIT_EXHAUSTED, 20)
    assert isinstance(books.do(place("h2", 20)), Held)
    assert books.alice.debt_microcredits == 0


def test_who_owes_and_has_nothing_left_opens_no_hold_of_nothing():
    books = in_debt(12)
    assert refusal(books.do(place("h2", 5, 0))) == (Refusal.CREDIT_EXHAUSTED, 0)
    assert isinstance(books.do(place("free", 0)), Held)
    books.do(issue("some", 13))
    assert isinstance(books.do(place("h3", 5, 0)), Held)


def test_nor_while_all_that_is_left_is_held():
    books = short(30)
    books.do(place("h2", 20))
    books.do(extend("h1", 22, debt_limit=30))
    books.do(settle("h1", 22))
    assert books.alice.debt_microcredits == 12
    assert refusal(books.do(place("h3", 5, 0))) == (Refusal.HELD_BY_OPEN_REQUESTS, 0)


def test_a_repeated_grant_repays_once():
    books = in_debt(12)
    first, again = books.do(issue("top-up", 10)), books.do(issue("top-up", 10))
    assert isinstance(first, Granted)
    assert isinstance(again, Granted)
    assert again.replayed
    assert books.alice.debt_microcredits == 2


def test_a_keys_cap_counts_what_is_owed():
    books = Books()
    books.state.buckets[key_bucket(KEY)] = nothing_spent(key_bucket(KEY), SpendCap(30), books.clock.now())
    books.do(issue("g", 20))
    books.do(place("h1", 20, api_key_id=KEY))
    assert refusal(books.do(extend("h1", 31, debt_limit=30))) == (Refusal.SPEND_CAP_REACHED, 10)
    books.do(extend("h1", 30, debt_limit=30))
    books.do(settle("h1", 30))
    assert books.state.buckets[key_bucket(KEY)].charged_microcredits == 30
    assert books.alice.debt_microcredits == 10
