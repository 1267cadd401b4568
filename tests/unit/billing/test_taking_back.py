"""Credit that is taken back: from which grants, how much, and when it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.billing.builders import ALICE, DAY, Books, issue, place, release, settle

from raseed.core.billing.commands import Granted, Refusal, Refused, Result, TakeBack, TakenBack
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
