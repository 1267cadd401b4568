"""What becomes of a payment, for every state and every answer of a provider."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.orders import BEGUN, CREDIT, PAID_AT, gone_back, order, seen_of

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.ids import SubscriptionId
from raseed.core.payments.model import Mode, Payment, PaymentState, Seen, SeenRefundState, SeenStatus
from raseed.core.payments.states import (
    PAGE_LOST,
    PAGE_WAIT_US,
    UNPAID,
    accepted,
    begin_withdrawal,
    decide,
    end_withdrawal,
    mismatches,
    next_look,
)

CREATED, PENDING, PAID, CREDITED = (
    PaymentState.CREATED,
    PaymentState.PENDING,
    PaymentState.PAID,
    PaymentState.CREDITED,
)
FAILED, EXPIRED, REVIEW, REJECTED = (
    PaymentState.FAILED,
    PaymentState.EXPIRED,
    PaymentState.REVIEW,
    PaymentState.REJECTED,
)
SOON = Microseconds(BEGUN + 2 * MINUTE)
LATE = Microseconds(BEGUN + 2 * DAY)

BECOMES = {
    # What is seen: in which state each is afterwards, in the order of _STATES, while the page is open.
    "nothing": (CREATED, PENDING, FAILED, EXPIRED, PAID, CREDITED, REVIEW, REJECTED),
    "open": (PENDING, PENDING, PENDING, PENDING, PAID, CREDITED, REVIEW, REJECTED),
    "paid": (PAID, PAID, PAID, PAID, PAID, CREDITED, REVIEW, REJECTED),
    "paid, not as ordered": (REVIEW, REVIEW, REVIEW, REVIEW, PAID, CREDITED, REVIEW, REJECTED),
    "open, not as ordered": (CREATED, PENDING, FAILED, EXPIRED, PAID, CREDITED, REVIEW, REJECTED),
    "failed": (FAILED, FAILED, FAILED, FAILED, PAID, CREDITED, REVIEW, REJECTED),
    "expired": (EXPIRED, EXPIRED, EXPIRED, EXPIRED, PAID, CREDITED, REVIEW, REJECTED),
}
_STATES = (CREATED, PENDING, FAILED, EXPIRED, PAID, CREDITED, REVIEW, REJECTED)
OVER = {CREATED: EXPIRED, PENDING: EXPIRED}
"""What becomes of what is not paid when its page is over."""


def look(name: str, payment: Payment) -> Seen | None:
    if name == "nothing":
        return None
    status, _, wrong = name.partition(",")
    seen = seen_of(payment, SeenStatus(status))
    return replace(seen, amount_minor=1) if wrong else seen


def test_the_table_has_every_state():
    assert set(_STATES) == set(PaymentState)


@pytest.mark.parametrize(("name", "state"), list(product(BECOMES, _STATES)))
def test_what_becomes_of_a_payment(name: str, state: PaymentState):
    payment = order(state)
    wanted = BECOMES[name][_STATES.index(state)]
    assert decide(payment, look(name, payment), SOON).state is wanted
    assert decide(payment, look(name, payment), LATE).state is OVER.get(wanted, wanted)


def test_a_page_is_over_when_its_provider_says():
    payment = order(PENDING, expires_at=SOON)
    still_open = seen_of(payment, SeenStatus.OPEN)
    assert decide(payment, still_open, Microseconds(SOON - 1)).state is PENDING
    assert decide(payment, still_open, SOON).state is EXPIRED
    longer = replace(still_open, expires_at=LATE)
    assert decide(payment, longer, SOON).state is PENDING
    assert decide(payment, longer, SOON).expires_at == LATE


def test_what_is_paid_is_as_the_provider_has_it():
    after = decide(order(CREATED), seen_of(order(CREATED)), SOON)
    assert (after.invoice_id, after.provider_payment_id, after.paid_at) == ("inv_1", "tx_1", PAID_AT)
    assert after.problem == ""
    assert after.granted_microcredits == CREDIT
    unknown_when = replace(seen_of(order(CREATED)), paid_at=None)
    assert decide(order(CREATED), unknown_when, SOON).paid_at == SOON


def test_what_is_open_has_the_page_of_the_provider():
    after = decide(order(CREATED), seen_of(order(CREATED), SeenStatus.OPEN), SOON)
    assert (after.url, after.invoice_id) == ("https://pay.example/1", "inv_1")
    assert decide(after, seen_of(after, SeenStatus.OPEN, url=""), SOON).url == after.url


def test_what_is_open_on_a_page_that_nobody_knows_is_not_waited_for():
    """A minute long its page may still come: whoever asked for it waits for less."""
    payment, pageless = order(CREATED), seen_of(order(CREATED), SeenStatus.OPEN, url="")
    early = decide(payment, pageless, Microseconds(BEGUN + PAGE_WAIT_US - 1))
    assert (early.state, early.problem) == (PENDING, "")
    lost = decide(early, pageless, Microseconds(BEGUN + PAGE_WAIT_US))
    assert (lost.state, lost.problem, lost.invoice_id) == (FAILED, PAGE_LOST, "inv_1")
    assert lost.next_check_at is not None, "its link may be somewhere all the same"
    assert decide(lost, seen_of(lost), LATE).state is PAID
    found = decide(lost, seen_of(lost, SeenStatus.OPEN), SOON)
    assert (found.state, found.url, found.problem) == (PENDING, "https://pay.example/1", "")


@pytest.mark.parametrize(
    ("received", "gone", "kept"),
    [
        (1_000, 0, 1.0),
        (1_000, 250, 0.75),
        (1_000, 1_000, 0.0),
        (3_000, 1_000, 1.0),  # what came in beyond the order goes first
        (3_000, 2_000, 0.5),
        (3_000, 3_000, 0.0),
        (0, 0, 1.0),  # a code for all of it
    ],
)
def test_what_an_operator_accepted_is_paid_for_by_what_came_in(received: int, gone: int, kept: float):
    review = decide(order(PENDING), seen_of(order(PENDING), amount_minor=received), SOON)
    assert (review.state, review.received_minor) == (REVIEW, received)
    back = (gone_back(gone),) if gone else ()
    seen = seen_of(review, amount_minor=received, refunds=back)
    before = accepted(review, seen, SOON)
    assert before.granted_microcredits == CREDIT * kept
    after = decide(replace(accepted(review, replace(seen, refunds=()), SOON), state=CREDITED), seen, SOON)
    assert (after.left_minor, after.refunded_minor) == (received - gone, gone)
    assert begin_withdrawal(after).withdrawing_microcredits == CREDIT * (1 - kept)


def test_of_what_may_be_another_order_nothing_came_in():
    review = decide(order(PENDING), seen_of(order(PENDING), reference="pay_2", amount_minor=1), SOON)
    assert (review.received_minor, review.came_minor) == (None, 2_000)


WRONG: dict[str, dict[str, Any]] = {
    "reference": {"reference": "pay_2"},
    "provider": {"provider": PaymentProvider.CREEM},
    "mode": {"mode": Mode.LIVE},
    "amount": {"amount_minor": 1_999},
    "currency": {"currency": "USD"},
    "product": {"product_id": "prod_2"},
    "invoice": {"invoice_id": "inv_2"},
}


@pytest.mark.parametrize("name", WRONG)
def test_whatever_differs_is_named_and_not_credited(name: str):
    payment = order(PENDING)
    after = decide(payment, seen_of(payment, **WRONG[name]), SOON)
    assert after.state is REVIEW
    assert after.problem.startswith(f"{name}: ordered ")
    assert (after.provider_payment_id, after.paid_at) == ("", None)
    assert after.next_check_at is None


@pytest.mark.parametrize("name", WRONG)
def test_an_open_order_that_differs_gives_no_page(name: str):
    payment = replace(order(PENDING), url="")
    after = decide(payment, seen_of(payment, SeenStatus.OPEN, **WRONG[name]), SOON)
    assert (after.state, after.url) == (PENDING, "")
    assert name in after.problem


def test_everything_that_differs_is_named():
    payment = order(CREDITED)
    wrong = {key: value for values in WRONG.values() for key, value in values.items()}
    names = list(mismatches(payment, seen_of(payment, **wrong, provider_payment_id="tx_2")))
    assert sorted(names) == sorted([*WRONG, "transaction"])


@pytest.mark.parametrize("reference", ["", "pay_2"])
def test_only_a_renewal_may_come_without_our_reference(reference: str):
    ours = order(PENDING)
    assert "reference" in mismatches(ours, seen_of(ours, reference=reference))
    renewal = order(PENDING, subscription_id=SubscriptionId("sub_1"))
    assert ("reference" in mismatches(renewal, seen_of(renewal, reference=reference))) == bool(reference)


@pytest.mark.parametrize(
    ("back", "refunded", "disputed", "left"),
    [
        ([], 0, 0, CREDIT),
        ([gone_back(500)], 500, 0, CREDIT * 3 // 4),
        ([gone_back(2_000)], 2_000, 0, 0),
        ([gone_back(500), gone_back(500, is_dispute=True)], 500, 500, CREDIT // 2),
        ([gone_back(2_000), gone_back(2_000, is_dispute=True)], 2_000, 2_000, 0),
        ([gone_back(500, SeenRefundState.PENDING)], 0, 0, CREDIT),
        ([gone_back(500, SeenRefundState.CANCELED)], 0, 0, CREDIT),
        ([gone_back(1)], 1, 0, CREDIT - CREDIT // 2_000),
    ],
)
def test_what_went_back_before_the_credit_is_never_credited(back, refunded, disputed, left):
    payment = order(PENDING)
    after = decide(payment, seen_of(payment, refunds=tuple(back)), SOON)
    assert (after.state, after.refunded_minor, after.disputed_minor) == (PAID, refunded, disputed)
    assert after.granted_microcredits == left


def test_the_grant_is_fixed_when_it_is_paid():
    """Else a repeat after a crash would ask the ledger for another one under the same key."""
    paid = decide(order(PENDING), seen_of(order(PENDING)), SOON)
    again = decide(paid, seen_of(paid, refunds=(gone_back(500),)), SOON)
    assert (again.refunded_minor, again.granted_microcredits) == (500, CREDIT)


def test_what_went_back_is_withdrawn_in_steps_that_are_written_first():
    payment = decide(order(CREDITED), seen_of(order(CREDITED), refunds=(gone_back(500),)), SOON)
    first = begin_withdrawal(payment)
    assert first.withdrawing_microcredits == CREDIT // 4
    more = decide(first, seen_of(first, refunds=(gone_back(1_000),)), SOON)
    assert begin_withdrawal(more).withdrawing_microcredits == CREDIT // 4, "the step under way stays as it is"
    assert more.next_check_at == SOON + MINUTE, "nobody may have ended it"
    second = begin_withdrawal(end_withdrawal(more, CREDIT // 4))
    assert (second.withdrawn_microcredits, second.withdrawing_microcredits) == (CREDIT // 4, CREDIT // 4)
    done = begin_withdrawal(end_withdrawal(second, CREDIT // 4))
    assert (done.withdrawn_microcredits, done.withdrawing_microcredits) == (CREDIT // 2, 0)
    assert done.withdrawal_count == 2


@given(st.lists(st.integers(0, 2_500), max_size=5), st.integers(1, 10**15))
def test_all_that_is_withdrawn_is_what_went_back_and_never_more_than_the_credit(amounts, credit):
    payment = order(CREDITED, credit_microcredits=credit)
    for amount in sorted(amounts):
        back = (gone_back(amount),) if amount else ()
        payment = begin_withdrawal(decide(payment, seen_of(payment, refunds=back), SOON))
        if payment.withdrawing_microcredits:
            payment = end_withdrawal(payment, payment.withdrawing_microcredits)
        kept = max(2_000 - amount, 0)
        left = credit - payment.withdrawn_microcredits
        assert left == credit * kept // 2_000


def test_what_open_requests_hold_is_withdrawn_in_a_later_step():
    begun = begin_withdrawal(order(CREDITED, refunded_minor=1_000))
    rest = end_withdrawal(begun, 7)
    assert next_look(rest, LATE) == LATE + MINUTE
    again = begin_withdrawal(rest)
    assert (again.withdrawing_microcredits, again.withdrawal_count) == (CREDIT // 2 - 7, 1)
    with pytest.raises(ValueError, match="more than the step"):
        end_withdrawal(again, CREDIT)


def test_what_is_not_withdrawn_yet_is_not_withdrawn_from_what_is_not_credited():
    assert begin_withdrawal(order(PAID, refunded_minor=2_000)).withdrawing_microcredits == 0


@pytest.mark.parametrize("state", [PAID, CREDITED])
def test_what_was_verified_stays_and_what_is_odd_is_said(state: PaymentState):
    payment = order(state)
    for seen, problem in (
        (None, "knows nothing"),
        (seen_of(payment, SeenStatus.FAILED), "failed"),
        (seen_of(payment, amount_minor=1), "amount"),
        (seen_of(payment, reference="pay_2"), "reference"),
    ):
        after = decide(payment, seen, SOON)
        assert problem in after.problem
        assert decide(after, seen_of(payment), SOON).problem == ""


@pytest.mark.parametrize("state", [CREDITED, REVIEW, REJECTED])
def test_what_went_back_counts_if_it_is_this_order(state: PaymentState):
    payment = order(state)
    back: dict[str, Any] = {"refunds": (gone_back(500),)}
    assert decide(payment, seen_of(payment, **back, amount_minor=1), SOON).refunded_minor == 500
    assert decide(payment, seen_of(payment, **back, reference="pay_2"), SOON).refunded_minor == 0


def test_a_dispute_that_was_won_is_for_an_operator():
    lost = decide(order(CREDITED), seen_of(order(CREDITED), refunds=(gone_back(500, is_dispute=True),)), SOON)
    withdrawn = end_withdrawal(begin_withdrawal(lost), CREDIT // 4)
    won = decide(withdrawn, seen_of(withdrawn), SOON)
    assert "less was given back" in won.problem
    assert begin_withdrawal(won).withdrawing_microcredits == 0


@pytest.mark.parametrize(("name", "state"), list(product(BECOMES, _STATES)))
def test_the_same_look_again_changes_nothing(name: str, state: PaymentState):
    payment = order(state)
    once = decide(payment, look(name, payment), SOON)
    assert replace(decide(once, look(name, payment), SOON), check_count=once.check_count) == once


@pytest.mark.parametrize("state", sorted(UNPAID))
def test_what_is_not_paid_is_looked_at_ever_more_rarely_for_thirty_days(state: PaymentState):
    now, looks = BEGUN, []
    while (next_ := next_look(order(state), now)) is not None:
        assert next_ > now
        looks.append(next_ - BEGUN)
        now = next_
    assert looks == [
        *(minutes * MINUTE for minutes in (1, 2, 5, 15, 60)),
        *(hours * HOUR for hours in range(2, 73)),
        *(days * DAY for days in range(4, 31)),
    ]


def test_looks_that_were_missed_are_not_made_up_for():
    asleep = Microseconds(BEGUN + 6 * HOUR + 10 * MINUTE)
    assert next_look(order(PENDING), asleep) == BEGUN + 7 * HOUR


def test_what_is_paid_is_taken_up_until_it_is_credited():
    assert next_look(order(PAID), LATE) == LATE + MINUTE
    assert next_look(order(PAID), Microseconds(BEGUN + 90 * DAY)) == BEGUN + 90 * DAY + MINUTE


def test_what_is_credited_is_looked_at_while_it_can_be_disputed():
    now, looks = PAID_AT, []
    while (next_ := next_look(order(CREDITED), now)) is not None:
        looks.append((next_ - PAID_AT) // DAY)
        now = next_
    assert looks == [1, 7, 30, 60, 120]


@pytest.mark.parametrize("state", [CREDITED, REVIEW, REJECTED])
def test_a_refund_that_has_not_ended_is_looked_at_ever_more_rarely_for_thirty_days(state: PaymentState):
    begun, now, looks = LATE, LATE, list[int]()
    while (
        next_ := next_look(order(state), now, refund_begun=begun)
    ) is not None and next_ <= begun + 30 * DAY:
        looks.append(next_ - begun)
        now = next_
    assert looks == [*(hours * HOUR for hours in range(1, 73)), *(days * DAY for days in range(4, 31))]
    assert next_look(order(state), now, refund_begun=begun) == next_look(order(state), now)


@pytest.mark.parametrize("state", [REVIEW, REJECTED])
def test_what_waits_for_an_operator_or_is_over_is_not_looked_at(state: PaymentState):
    assert next_look(order(state), SOON) is None
