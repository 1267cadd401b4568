"""What becomes of refunds, for providers that tell of each and for those that tell of one that grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from tests.support.orders import PAID_AT, gone_back, order

from raseed.core.clock import DAY, MINUTE, Microseconds
from raseed.core.ids import RefundId
from raseed.core.payments.model import PaymentState, Refund, RefundState, SeenRefund, SeenRefundState
from raseed.core.payments.refund_states import begun, follow_answer, follow_refunds, with_waiting

PAYMENT = order(PaymentState.CREDITED)
LATER = Microseconds(PAID_AT + MINUTE)
ASKED = Refund(
    id=RefundId("rfd_1"),
    payment_id=PAYMENT.id,
    amount_minor=500,
    reason="asked for",
    actor="op_1",
    state=RefundState.REQUESTED,
    provider_refund_id="",
    is_dispute=False,
    created_at=PAID_AT,
    request_key="r1",
)
REQUESTED, PENDING, DONE, FAILED = RefundState


def told(
    amount_minor: int,
    state: SeenRefundState = SeenRefundState.DONE,
    *,
    name: str = "rf_1",
    reference: str = "",
) -> SeenRefund:
    return replace(gone_back(amount_minor, state, refund_id=name), reference=reference)


def follow(known: Sequence[Refund], *seen: SeenRefund) -> list[Refund]:
    numbers = count(1)
    return list(follow_refunds(PAYMENT, known, seen, LATER, lambda: RefundId(f"new_{next(numbers)}")))


def shown(refunds: Sequence[Refund]) -> list[tuple[str, str, int, str, str]]:
    return [
        (refund.id, refund.provider_refund_id, refund.amount_minor, refund.state.value, refund.actor)
        for refund in refunds
    ]


@pytest.mark.parametrize(
    ("state", "becomes", "ended_at"),
    [
        (SeenRefundState.PENDING, PENDING, None),
        (SeenRefundState.DONE, DONE, LATER),
        (SeenRefundState.CANCELED, FAILED, LATER),
    ],
)
@pytest.mark.parametrize("reference", ["rfd_1", ""])
def test_ours_is_found_and_follows(state: SeenRefundState, becomes: RefundState, ended_at, reference: str):
    [after] = follow([ASKED], told(500, state, reference=reference))
    assert (after.id, after.state, after.ended_at) == (ASKED.id, becomes, ended_at)
    assert (after.provider_refund_id, after.actor, after.reason) == ("rf_1", "op_1", "asked for")
    assert follow([after], told(500, state, reference=reference)) == []


def test_what_we_had_not_heard_of_is_new():
    [after] = follow([], gone_back(700, is_dispute=True))
    assert shown([after]) == [("new_1", "rf_1", 700, "done", "myfatoorah")]
    assert (after.is_dispute, after.request_key) == (True, "")


@pytest.mark.parametrize(
    "seen",
    [
        told(501),
        replace(told(500), is_dispute=True),
        told(500, reference="rfd_other"),
    ],
)
def test_another_refund_is_not_taken_for_ours(seen: SeenRefund):
    [after] = follow([ASKED], seen)
    assert after.id == "new_1"


def test_one_that_the_provider_has_named_is_no_other():
    known = replace(ASKED, state=PENDING, provider_refund_id="rf_1")
    assert [refund.id for refund in follow([known], told(500, name="rf_2"))] == ["new_1"]


def test_several_refunds_are_several():
    first = follow([], told(100, name="a"), told(200, name="b"))
    assert shown(first) == [
        ("new_1", "a", 100, "done", "myfatoorah"),
        ("new_2", "b", 200, "done", "myfatoorah"),
    ]
    assert follow(first, told(100, name="a"), told(200, name="b")) == []
    assert (
        shown(follow(first, told(100, name="a"), told(200, SeenRefundState.CANCELED, name="b")))[0][3]
        == "failed"
    )


def test_what_one_that_grows_grew_by_is_another():
    first = follow([], told(500))
    second = follow(first, told(1_200))
    assert shown(second) == [("new_1", "rf_1/2", 700, "done", "myfatoorah")]
    both = [*first, replace(second[0], id=RefundId("new_2"))]
    assert follow(both, told(1_200)) == []
    third = follow(both, told(2_000))
    assert shown(third) == [("new_1", "rf_1/3", 800, "done", "myfatoorah")]


def test_what_it_grew_by_may_be_what_we_asked_for():
    heard = follow([], told(1_500))
    [after] = follow([*heard, ASKED], told(2_000))
    assert shown([after]) == [("rfd_1", "rf_1/2", 500, "done", "op_1")]


def test_the_answer_is_about_what_was_asked():
    heard = follow([], told(1_500))
    after = follow_answer(ASKED, [*heard, ASKED], told(500), LATER)
    assert shown([after]) == [("rfd_1", "rf_1/2", 500, "done", "op_1")]
    assert follow([*heard, after], told(2_000)) == []
    assert follow_answer(ASKED, [ASKED], told(500), LATER).provider_refund_id == "rf_1"


def test_what_was_given_up_stays_so_until_it_is_done_after_all():
    given_up = replace(ASKED, state=FAILED, provider_refund_id="rf_1", ended_at=PAID_AT)
    assert follow([given_up], told(500, SeenRefundState.PENDING)) == []
    [after] = follow([given_up], told(500))
    assert (after.id, after.state, after.ended_at) == ("rfd_1", DONE, PAID_AT)


@pytest.mark.parametrize("first", [FAILED, DONE])
def test_after_another_of_the_same_name_the_one_that_waits_is_done_too(first: RefundState):
    """By a provider that tells of one refund that grows: it says nothing of those that came to nothing."""
    before = replace(ASKED, state=first, provider_refund_id="rf_1", ended_at=PAID_AT)
    waits = replace(ASKED, id=RefundId("rfd_2"), state=PENDING, provider_refund_id="rf_1/2")
    done = 500 if first is DONE else 0
    [after] = follow([before, waits], told(done + 500))
    assert (after.id, after.state, after.amount_minor) == ("rfd_2", DONE, 500)
    if done:
        assert follow([before, waits], told(done)) == []


def test_operators_are_told_of_what_is_not_waited_for_any_more():
    month = Microseconds(PAID_AT + 30 * DAY)
    waits = replace(ASKED, state=PENDING)
    assert begun([ASKED, replace(waits, created_at=LATER)]) == LATER
    assert begun([replace(ASKED, state=DONE), replace(ASKED, state=FAILED)]) is None
    assert with_waiting("amount: other", [waits], Microseconds(month - 1)) == "amount: other"
    said = with_waiting("amount: other", [waits], month)
    assert said == "amount: other; a refund waits rfd_1: not ended in 30 days"
    assert with_waiting(said, [waits], Microseconds(month + DAY)) == said
    assert with_waiting(said, [replace(waits, state=DONE)], month) == "amount: other"


def test_one_that_was_refused_and_done_all_the_same_is_done():
    failed = replace(ASKED, state=FAILED, ended_at=PAID_AT)
    [after] = follow([failed], told(500, reference="rfd_1"))
    assert (after.id, after.state) == ("rfd_1", DONE)
