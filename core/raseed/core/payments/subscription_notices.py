"""What a change of a subscription is told and written down as."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import Plan
from raseed.core.clock import Microseconds
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.ports import Language
from raseed.core.money import credits_text, price_text
from raseed.core.payments.ports import AuditNote
from raseed.core.payments.subscription_model import Period, Subscription, SubscriptionState

ACTOR = "subscriptions"

State = SubscriptionState


class Wording:
    """Words of one account's notices."""

    def __init__(self, plan: Plan, language: Language, calendar: Calendar, unit: str) -> None:
        self._plan = plan
        self._language = language
        self._calendar = calendar
        self._unit = unit

    @property
    def plan(self) -> str:
        return self._plan.name(self._language)

    @property
    def amount(self) -> str:
        return f"{price_text(self._plan.price_minor, self._plan.currency)} {self._plan.currency}"

    @property
    def credits(self) -> str:
        return f"{credits_text(self._plan.amount_microcredits)} {self._unit}"

    def day(self, at: Microseconds) -> str:
        return str(self._calendar.day_of(at))

    def grace_day(self, paid_until: Microseconds) -> str:
        return self.day(Microseconds(paid_until + self._plan.grace_us))


def notices_of(
    before: Subscription, after: Subscription, last: Period | None, words: Wording | None
) -> list[Notice]:
    """What the account's holder is told of a change, each once. `last`: the last period that counts; `words` None: the plan
    is not known any more, and nothing can be said of it.
    """
    until = after.paid_until
    if words is None or until is None:
        return []
    told: list[Notice] = []
    period = f"{after.id}:{until}"
    if last is not None and until != before.paid_until and not last.is_trial:
        told.append(_paid(before, after, last, words))
    if last is not None and last.is_trial and before.paid_until is None:
        told.append(
            _tell(NoticeKind.TRIAL_WELCOME, after, after.id, plan=words.plan, ends_on=words.day(until))
        )
    # Who renews by itself may only be slow: told when it could not collect.
    if after.state is State.GRACE or (after.state is State.PAST_DUE and after.is_refused):
        told.append(
            _tell(
                NoticeKind.SUBSCRIPTION_PAST_DUE,
                after,
                period,
                plan=words.plan,
                amount=words.amount,
                ends_on=words.grace_day(until),
            )
        )
    if after.state is State.ENDED and before.state is not State.ENDED:
        told.append(_tell(NoticeKind.SUBSCRIPTION_ENDED, after, period, plan=words.plan))
    return told


def _paid(before: Subscription, after: Subscription, last: Period, words: Wording) -> Notice:
    is_first = before.paid_until is None or before.is_trial
    kind = NoticeKind.SUBSCRIPTION_CONFIRMED if is_first else NoticeKind.SUBSCRIPTION_RENEWED
    return _tell(
        kind, after, last.id, plan=words.plan, credits=words.credits, ends_on=words.day(last.ends_at)
    )


def cancelled(subscription: Subscription, until: Microseconds, words: Wording) -> Notice:
    return _tell(
        NoticeKind.SUBSCRIPTION_CANCELLED,
        subscription,
        f"{subscription.id}:{until}",
        plan=words.plan,
        ends_on=words.day(until),
    )


def renews_soon(subscription: Subscription, until: Microseconds, words: Wording) -> Notice:
    """The provider will collect by itself."""
    return _tell(
        NoticeKind.RENEWAL_REMINDER,
        subscription,
        f"{subscription.id}:{until}",
        plan=words.plan,
        amount=words.amount,
        renews_on=words.day(until),
    )


def renewal_link(
    subscription: Subscription, until: Microseconds, url: str, words: Wording, *, is_over: bool
) -> Notice:
    """Told before the period ends, and once more when it is over."""
    return _tell(
        NoticeKind.RENEWAL_LINK,
        subscription,
        f"{subscription.id}:{until}:{'over' if is_over else 'soon'}",
        plan=words.plan,
        amount=words.amount,
        ends_on=words.grace_day(until) if is_over else words.day(until),
        url=url,
    )


def audit_of(before: Subscription, after: Subscription) -> Sequence[AuditNote]:
    same = (before.state, before.plan_id, before.paid_until) == (after.state, after.plan_id, after.paid_until)
    if same:
        return ()
    detail = (
        f"{after.account_id} {before.state} -> {after.state} plan={after.plan_id} until={after.paid_until}"
    )
    return (AuditNote(action=f"subscription.{after.state}", detail=detail, actor=ACTOR),)


def _tell(kind: NoticeKind, about: Subscription, cause: str, /, **parameters: str) -> Notice:
    return Notice(kind=kind, account_id=about.account_id, cause=cause, parameters=parameters)
