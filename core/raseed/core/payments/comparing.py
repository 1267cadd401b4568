"""The daily comparison: what a provider says that was paid on a day, what payments say, and what the ledger has for it.

A day, in UTC, is compared once for each provider and mode, some hours after its end, and repeated until it is written down.
What the provider lists as paid and is not credited here is looked at first, so what is late is no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, SECOND, Clock, Microseconds
from raseed.core.errors import RaseedError
from raseed.core.ids import PaymentId
from raseed.core.jobs import Job
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Mode, Payment, PaymentState, Seen, SeenStatus
from raseed.core.payments.ports import AuditNote, Gateway, GatewayError, PaymentStore
from raseed.core.payments.records import ACTOR, money
from raseed.core.payments.settling import Settling
from raseed.core.payments.states import mismatches

AFTER_US = 6 * HOUR
"""How long after a day's end it is compared: providers book late, and our own schedule has looked by then."""
MARGIN_US = 1 * HOUR
"""What is paid around midnight may be of another day there."""
DIFFERENCES_MAX = 50
"""Rows of the audit log for one day; how many there are in all is in its summary."""
PAGE = 200
INTERVAL_S = 300.0
ROUND_S = 600.0
_DELIVERED = frozenset({PaymentState.PAID, PaymentState.CREDITED})


@dataclass(frozen=True, slots=True)
class Difference:
    subject: str
    """The payment's id; of an order that we do not know, the provider's."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One day of one provider."""

    provider: PaymentProvider
    mode: Mode
    begin: Microseconds
    end: Microseconds
    seen_count: int
    seen_minor: Mapping[str, int]
    """By currency."""
    payment_count: int
    payment_minor: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def day(self) -> str:
        return datetime.fromtimestamp(self.begin / SECOND, UTC).date().isoformat()

    @property
    def summary(self) -> str:
        there, here = (
            f"{count} paid ({', '.join(money(*sum_) for sum_ in sums) or 'nothing'})"
            for count, sums in (
                (self.seen_count, _sums(self.seen_minor)),
                (self.payment_count, _sums(self.payment_minor)),
            )
        )
        return f"{self.day}: at the provider {there}, here {here}, differences: {len(self.differences)}"


class ComparisonStore(Protocol):
    """Each method is one transaction."""

    async def compared_until(self, provider: PaymentProvider, mode: Mode) -> Microseconds | None:
        """The end of the last day that was compared. None: none was."""
        ...

    async def write(
        self,
        comparison: Comparison,
        before: Microseconds | None,
        audit: Sequence[tuple[str, AuditNote]],
        notices: Sequence[Notice],
    ) -> bool:
        """Move on to the end of its day, with rows of the audit log by subject. False: somebody else has."""
        ...

    async def ledger_differences(
        self, provider: PaymentProvider, mode: Mode, begin: Microseconds, end: Microseconds, limit: int
    ) -> Sequence[Difference]:
        """Payments paid in the span whose grant is not what they say: missing, of another amount, or there without a
        credit.
        """
        ...


class Comparing:
    def __init__(
        self,
        store: PaymentStore,
        comparisons: ComparisonStore,
        gateways: Gateways,
        settling: Settling,
        clock: Clock,
        report: Callable[[Comparison], None],
    ) -> None:
        """`report` is called for every day that was compared."""
        self._store = store
        self._comparisons = comparisons
        self._gateways = gateways
        self._settling = settling
        self._clock = clock
        self._report = report

    def job(self) -> Job:
        return Job(name="compare payments", batch=self.batch, interval_s=INTERVAL_S, round_s=ROUND_S)

    async def batch(self) -> bool:
        """At most one day of each provider. Raises what the provider or the store raises: the next round repeats it."""
        done = [await self._next_day(gateway) for gateway in self._gateways.all]
        return any(done)

    async def _next_day(self, gateway: Gateway) -> bool:
        before = await self._comparisons.compared_until(gateway.provider, gateway.mode)
        today = self._clock.now() // DAY * DAY
        begin = today - DAY if before is None else before
        if self._clock.now() < begin + DAY + AFTER_US:
            return False
        comparison = await self.compare(gateway, Microseconds(begin), Microseconds(begin + DAY))
        if comparison is None:
            return False
        written = await self._comparisons.write(comparison, before, _audit(comparison), _notices(comparison))
        if written:
            self._report(comparison)
        return written

    async def compare(self, gateway: Gateway, begin: Microseconds, end: Microseconds) -> Comparison | None:
        """None: the provider has no list of what was paid."""
        listed = await gateway.paid_between(Microseconds(begin - MARGIN_US), Microseconds(end + MARGIN_US))
        if listed is None:
            return None
        seen = [order for order in listed if order.status is SeenStatus.PAID]
        of_day = [order for order in seen if order.paid_at is None or begin <= order.paid_at < end]
        found: list[Difference] = []
        for order in of_day:
            found += await self._check_seen(gateway, order)
        payments = await self._payments(gateway, begin, end)
        listed_as = {
            name for order in seen for name in (order.reference, order.invoice_id, order.provider_payment_id)
        }
        found += [
            Difference(payment.id, f"{_shown(payment)} paid here, and not in the provider's list")
            for payment in payments
            if listed_as.isdisjoint({payment.id, payment.invoice_id, payment.provider_payment_id} - {""})
        ]
        found += await self._comparisons.ledger_differences(
            gateway.provider, gateway.mode, begin, end, DIFFERENCES_MAX
        )
        return Comparison(
            provider=gateway.provider,
            mode=gateway.mode,
            begin=begin,
            end=end,
            seen_count=len(of_day),
            seen_minor=_by_currency((order.currency, order.amount_minor) for order in of_day),
            payment_count=len(payments),
            payment_minor=_by_currency((payment.currency, payment.came_minor) for payment in payments),
            differences=tuple(found),
        )

    async def _check_seen(self, gateway: Gateway, order: Seen) -> list[Difference]:
        payment = await self._payment_of(gateway, order)
        amount = money(order.amount_minor, order.currency)
        if payment is None:
            name = order.invoice_id or order.provider_payment_id or order.reference
            return [Difference(name, f"{amount} paid at the provider, and no such payment here")]
        if payment.state is not PaymentState.CREDITED:
            try:
                payment = await self._settling.settle(payment.id)
            except (GatewayError, RaseedError) as error:
                # One order that cannot be settled keeps nobody from hearing of the others.
                return [
                    Difference(payment.id, f"{amount} paid at the provider, and here {type(error).__name__}")
                ]
        if differs := mismatches(payment, _completed(order, payment)):
            return [Difference(payment.id, "; ".join(differs.values()))]
        if payment.state is not PaymentState.CREDITED:
            return [Difference(payment.id, f"{amount} paid at the provider, and {payment.state} here")]
        return []

    async def _payment_of(self, gateway: Gateway, order: Seen) -> Payment | None:
        of = gateway.provider, gateway.mode
        if order.reference:
            payment = await self._store.payment(PaymentId(order.reference))
            if payment is not None and (payment.provider, payment.mode) == of:
                return payment
        if order.invoice_id and (found := await self._store.find(*of, invoice_id=order.invoice_id)):
            return found
        if order.provider_payment_id:
            return await self._store.find(*of, provider_payment_id=order.provider_payment_id)
        return None

    async def _payments(self, gateway: Gateway, begin: Microseconds, end: Microseconds) -> list[Payment]:
        found: list[Payment] = []
        after = ""
        while True:
            page = await self._store.paid_between(gateway.provider, gateway.mode, begin, end, after, PAGE)
            found += [payment for payment in page if payment.state in _DELIVERED]
            if len(page) < PAGE:
                return found
            after = page[-1].id


def _completed(order: Seen, payment: Payment) -> Seen:
    """A list may say less of an order than the provider does when it is asked for it: what is left out differs from nothing."""
    return replace(
        order,
        reference=order.reference or payment.id,
        invoice_id=order.invoice_id or payment.invoice_id,
        product_id=order.product_id or payment.product_id,
    )


def _audit(comparison: Comparison) -> list[tuple[str, AuditNote]]:
    of = f"{comparison.provider}:{comparison.mode}"
    rows = [(of, AuditNote(action="payments.compared", detail=comparison.summary, actor=ACTOR))]
    rows += [
        (difference.subject, AuditNote(action="payments.difference", detail=difference.detail, actor=ACTOR))
        for difference in comparison.differences[:DIFFERENCES_MAX]
    ]
    return rows


def _notices(comparison: Comparison) -> list[Notice]:
    if not comparison.differences:
        return []
    of = f"{comparison.provider} {comparison.mode}"
    parameters = {"account": "-", "payment": of, "problem": comparison.summary}
    return [
        Notice(
            kind=NoticeKind.PAYMENT_TO_REVIEW,
            account_id=None,
            cause=f"{of} {comparison.day}",
            parameters=parameters,
        )
    ]


def _by_currency(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for currency, amount_minor in amounts:
        sums[currency] += amount_minor
    return dict(sums)


def _sums(by_currency: Mapping[str, int]) -> list[tuple[int, str]]:
    return [(amount_minor, currency) for currency, amount_minor in sorted(by_currency.items())]


def _shown(payment: Payment) -> str:
    return money(payment.came_minor, payment.currency)
