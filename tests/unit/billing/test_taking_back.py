"""Credit that is taken back: from which grants, how much, and when it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.billing.builders import ALICE, DAY, Books, extend, issue, place, release, settle

from raseed.core.billing.commands import (
    Granted,
    Refusal,
    Refused,
    Result,
    TakeBack,
    TakenBack,
    TakeShortfall,
)
from raseed.core.billing.model import GrantStatus
from raseed.core.ids import AccountId, GrantId
from raseed.core.money import AMOUNT_MAX


def take(key: str, amount: int | None, grant_id: str | None = None, **fields: Any) -> TakeBack:
    defaults: dict[str, Any] = {"account_id": ALICE}
    grant = None if grant_id is None else GrantId(grant_id)
    return TakeBack(take_key=key, amount_microcredits=amount, grant_id=grant, **(defaults | fields))


def give(books: Books, key: str, amount: int, **fields: Any) -> GrantId:
    result = books.do(issue(key, amount, **fields))
    assert isinstance(result, Granted)
    return result.grant_id


def taken(result: Result) -> TakenBack:
    assert isinstance(result, TakenBack), result
    return result


def refusal(result: Result) -> Refusal:
    assert isinstance(result, Refused), result
    return result.refusal


def test_from_the_newest_grants_first():
    books = Books()
    give(books, "old", 50)
    books.clock.advance(DAY)
    give(books, "middle", 20)
    books.clock.advance(DAY)
    give(books, "new", 10)
    result = taken(books.do(take("t", 25)))
    assert [amount for _, amount in result.parts] == [10, 15]
    assert books.remaining() == {"old": 50, "middle": 5, "new": 0}
    assert result.spendable_microcredits == 55
    assert books.booked() == {"old": 50, "middle": 5, "sys:issued:topup": -80, "sys:clawback": 25}


def test_a_named_grant_and_no_other():
    books = Books()
    old = give(books, "old", 50)
    give(books, "new", 10)
    assert taken(books.do(take("t", 50, old))).parts == ((old, 50),)
    assert books.remaining() == {"old": 0, "new": 10}
    assert books.state.granted[ALICE, "old"].status is GrantStatus.VOIDED
    assert next(iter(books.alice.grants.values())).grant_key == "new"


def test_what_open_requests_hold_stays_with_them():
    books = Books()
    grant = give(books, "g", 50)
    books.do(place("h", 30))
    result = taken(books.do(take("void", None, grant)))
    assert (result.amount_microcredits, result.still_held_microcredits) == (20, 30)
    assert books.alice.available_microcredits == 0
    books.do(settle("h", 5))
    assert books.alice.available_microcredits == 25
    assert taken(books.do(take("void again", None, grant))).amount_microcredits == 25
    assert books.state.granted[ALICE, "g"].status is GrantStatus.VOIDED
    assert books.booked() == {"sys:issued:topup": -50, "sys:consumed:tiny": 5, "sys:clawback": 45}


def test_all_or_nothing():
    books = Books()
    grant = give(books, "g", 50)
    give(books, "other", 50)
    books.do(place("h", 30))
    short = books.do(take("t", 60, grant))
    held = books.do(take("t", 21, grant))
    assert (refusal(short), refusal(held)) == (Refusal.CREDIT_EXHAUSTED, Refusal.HELD_BY_OPEN_REQUESTS)
    assert isinstance(held, Refused)
    assert (held.required_microcredits, held.spendable_microcredits) == (21, 20)
    assert refusal(books.do(take("t", 101))) is Refusal.CREDIT_EXHAUSTED
    assert not [t for t in books.state.transactions if t.kind in {"adjust", "void"}]
    books.do(release("h"))
    assert taken(books.do(take("t", 21, grant))).amount_microcredits == 21


def test_a_void_of_nothing_is_refused():
    books = Books()
    grant = give(books, "g", 50)
    books.do(place("h", 50))
    assert refusal(books.do(take("t", None, grant))) is Refusal.HELD_BY_OPEN_REQUESTS
    books.do(settle("h", 50))
    assert refusal(books.do(take("t", None, grant))) is Refusal.GRANT_UNKNOWN


@pytest.mark.parametrize(("amount", "named"), [(7, True), (7, False), (None, True)])
def test_sent_again_it_changes_nothing(amount, named):
    books = Books()
    grant = give(books, "g", 50)
    command = take("t", amount, grant if named else None)
    first = taken(books.do(command))
    again = taken(books.do(command))
    assert again.replayed
    assert (again.parts, again.spendable_microcredits) == (first.parts, first.spendable_microcredits)
    assert books.booked()["sys:clawback"] == first.amount_microcredits


def test_a_key_is_for_one_thing():
    books = Books()
    grant, other = give(books, "g", 50), give(books, "other", 50)
    books.do(take("t", 7, grant))
    for command in (take("t", 8, grant), take("t", 7, other), take("t", 7), take("t", None, grant)):
        assert refusal(books.do(command)) is Refusal.REUSED_WITH_OTHER_INPUT
    assert books.remaining() == {"g": 43, "other": 50}


def test_a_key_belongs_to_its_account():
    bob = AccountId("acct_bob")
    books = Books(ALICE, bob)
    give(books, "g", 50)
    books.do(issue("g", 50, bob))
    assert not taken(books.do(take("t", 5))).replayed
    assert not taken(books.do(take("t", 5, account_id=bob))).replayed


def test_expired_credit_is_lost_and_not_taken_back():
    books = Books()
    grant = give(books, "g", 50, expires_at=books.clock.now() + DAY)
    give(books, "other", 10)
    books.clock.advance(DAY)
    assert refusal(books.do(take("t", 5, grant))) is Refusal.GRANT_UNKNOWN
    assert refusal(books.do(take("t", 11))) is Refusal.CREDIT_EXHAUSTED
    assert taken(books.do(take("t", 10))).spendable_microcredits == 0
    assert books.booked() == {"sys:issued:topup": -60, "sys:breakage": 50, "sys:clawback": 10}


def test_what_makes_no_sense():
    books = Books()
    grant = give(books, "g", 50)
    for command in (take("t", 0), take("t", -1, grant), take("t", AMOUNT_MAX + 1), take("t", None)):
        assert refusal(books.do(command)) is Refusal.AMOUNT_OUT_OF_RANGE
    assert refusal(books.do(take("t", 5, "grant_of_bob"))) is Refusal.GRANT_UNKNOWN
    assert refusal(books.do(take("t", 5, account_id=AccountId("nobody")))) is Refusal.ACCOUNT_UNKNOWN


def refund(key: str, amount: int | None, grant_id: str, shortfall: str = "debt", **fields: Any) -> TakeBack:
    return take(key, amount, grant_id, shortfall=TakeShortfall(shortfall), **fields)


def figures(result: Result) -> tuple[int, int, int, int]:
    back = taken(result)
    return (
        back.amount_microcredits,
        back.debt_microcredits,
        back.written_off_microcredits,
        back.still_held_microcredits,
    )


def test_a_refund_takes_what_is_free_and_the_rest_is_owed():
    books = Books()
    grant = give(books, "paid", 50)
    books.do(place("h", 30))
    books.do(settle("h", 30))
    assert figures(books.do(refund("r", 50, grant))) == (20, 30, 0, 0)
    assert books.alice.debt_microcredits == 30
    assert books.state.granted[ALICE, "paid"].status is GrantStatus.VOIDED
    assert books.booked() == {
        "sys:issued:topup": -50,
        "sys:consumed:tiny": 30,
        "sys:clawback": 50,
        "cust:acct_alice:debt": -30,
    }
    assert refusal(books.do(place("h2", 1))) is Refusal.CREDIT_EXHAUSTED
    give(books, "next", 40)
    assert books.alice.debt_microcredits == 0
    assert books.remaining()["next"] == 10


def test_a_refund_that_is_written_off_owes_nothing():
    books = Books()
    grant = give(books, "paid", 50)
    books.do(place("h", 30))
    books.do(settle("h", 30))
    assert figures(books.do(refund("r", 50, grant, "write_off"))) == (20, 0, 30, 0)
    assert books.alice.debt_microcredits == 0
    assert books.booked() == {
        "sys:issued:topup": -50,
        "sys:consumed:tiny": 30,
        "sys:clawback": 50,
        "sys:houseloss": -30,
    }


@pytest.mark.parametrize("shortfall", ["debt", "write_off"])
def test_a_refund_waits_for_what_open_requests_hold(shortfall):
    """Whatever else of it is spent: nothing is booked while more may come free."""
    books = Books()
    grant = give(books, "paid", 50)
    books.do(place("spent", 10))
    books.do(settle("spent", 10))
    books.do(place("h", 25))
    first = taken(books.do(refund("r:1", 50, grant, shortfall)))
    assert figures(first) == (15, 0, 0, 25)
    assert first.settled_microcredits == 15
    second = refund("r:2", 35, grant, shortfall)
    assert figures(books.do(second)) == (0, 0, 0, 25)
    books.do(settle("h", 5))
    again = taken(books.do(second))
    assert again.replayed
    assert figures(again) == (0, 0, 0, 0)
    owed, lost = (15, 0) if shortfall == "debt" else (0, 15)
    assert figures(books.do(refund("r:3", 35, grant, shortfall))) == (20, owed, lost, 0)
    assert books.booked()["sys:clawback"] == 50


def test_what_a_refunded_grant_repaid_of_a_debt_is_owed_again():
    books = Books()
    give(books, "first", 10)
    books.do(place("h", 10))
    books.do(extend("h", 40, debt_limit=100))
    books.do(settle("h", 40))
    grant = give(books, "paid", 50)
    assert books.remaining()["paid"] == 20
    assert figures(books.do(refund("r", 50, grant))) == (20, 30, 0, 0)
    assert books.alice.debt_microcredits == 30


def test_other_credit_repays_at_once_what_a_refund_comes_to_owe():
    books = Books()
    grant = give(books, "paid", 50, priority=1)
    give(books, "other", 20, priority=2)
    books.do(place("h", 50))
    books.do(settle("h", 50))
    result = taken(books.do(refund("r", 50, grant)))
    assert (result.debt_microcredits, result.spendable_microcredits) == (50, 0)
    assert books.alice.debt_microcredits == 30
    assert books.remaining()["other"] == 0


@pytest.mark.parametrize("gone", ["spent", "expired", "due", "voided"])
def test_a_refund_of_a_grant_with_nothing_left(gone):
    books = Books()
    grant = give(books, "paid", 50, expires_at=books.clock.now() + DAY)
    if gone == "spent":
        books.do(place("h", 50))
        books.do(settle("h", 50))
    elif gone == "voided":
        books.do(take("void", None, grant))
    else:
        books.clock.advance(DAY)
        give(books, "other", 1)
        if gone == "expired":
            books.do(take("books expiry", 1))
    result = books.do(refund("r", 50, grant))
    assert figures(result) == (0, 50, 0, 0)


def test_a_refund_of_less_than_is_free_is_that_and_no_more():
    books = Books()
    grant = give(books, "paid", 50)
    books.do(place("h", 10))
    assert figures(books.do(refund("r", 40, grant))) == (40, 0, 0, 10)


def test_a_refund_sent_again_answers_the_same_and_other_content_is_refused():
    books = Books()
    bob = AccountId("acct_bob")
    grant, other = give(books, "paid", 50), give(books, "other", 50)
    books.do(place("h", 60))
    command = refund("r", 50, grant)
    first = taken(books.do(command))
    again = taken(books.do(command))
    assert again.replayed
    assert (again.parts, figures(again)) == (first.parts, figures(first))
    for reused in (
        refund("r", 49, grant),
        refund("r", first.settled_microcredits or 1, grant),
        refund("r", 50, other),
        refund("r", 50, grant, "write_off"),
        take("r", 50, grant),
        take("r", None, grant),
    ):
        assert refusal(books.do(reused)) is Refusal.REUSED_WITH_OTHER_INPUT
    assert refusal(books.do(refund("r", 50, grant, account_id=bob))) is Refusal.ACCOUNT_UNKNOWN


def test_a_refund_needs_a_grant_of_the_account_and_an_amount():
    bob = AccountId("acct_bob")
    books = Books(ALICE, bob)
    grant = give(books, "paid", 50)
    assert refusal(books.do(refund("r", 5, "grant_of_nobody"))) is Refusal.GRANT_UNKNOWN
    assert refusal(books.do(refund("r", 5, grant, account_id=bob))) is Refusal.GRANT_UNKNOWN
    nothing = take("r", 5, shortfall=TakeShortfall.DEBT)
    for command in (refund("r", None, grant), refund("r", 0, grant), nothing):
        assert refusal(books.do(command)) is Refusal.AMOUNT_OUT_OF_RANGE
    books.alice.debt_microcredits = AMOUNT_MAX
    assert refusal(books.do(refund("r", 1, grant))) is Refusal.AMOUNT_OUT_OF_RANGE
    assert figures(books.do(refund("r", 1, grant, "write_off"))) == (1, 0, 0, 0)


def test_a_running_request_does_not_grow_on_more_debt_after_a_refund():
    """The limit is for answers: a refund may pass it, and then there is no room for them."""
    books = Books()
    grant = give(books, "paid", 50)
    books.do(place("h", 50))
    books.do(settle("h", 50))
    give(books, "other", 5)
    books.do(place("open", 5))
    assert figures(books.do(refund("r", 50, grant))) == (0, 50, 0, 0)
    assert refusal(books.do(extend("open", 6, debt_limit=40))) is Refusal.CREDIT_EXHAUSTED
    books.do(release("open"))
    assert (books.alice.debt_microcredits, books.alice.available_microcredits) == (45, 0)
