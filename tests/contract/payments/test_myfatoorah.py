"""The gateway to MyFatoorah, over HTTP, against an emulator that answers, fails and misspells as MyFatoorah does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from tests.emulators.clock import START, TurnedClock
from tests.emulators.faults import Fault, How
from tests.emulators.myfatoorah.book import Invoice
from tests.emulators.myfatoorah.emulator import SECRET, TOKEN, MyFatoorah
from tests.emulators.server import serve
from tests.support.orders import ORDER

from raseed.adapters.payments.myfatoorah import MyFatoorahGateway, open_myfatoorah
from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.core.clock import HOUR, MINUTE, SECOND, Microseconds
from raseed.core.ids import RefundId
from raseed.core.payments.model import (
    Mode,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Seen,
    SeenRefundState,
    SeenStatus,
)
from raseed.core.payments.ports import Buyer, GatewayRefused, GatewayUnavailable, PaymentMethod

TIMEOUT_S = 10.0
RETURN_URL = "https://portal.example/billing/return"
BUYER = Buyer(name="Noor", email="noor@example.com", phone_e164="+96550123456")
TOPUP = replace(ORDER, created_at=START, method="")
BY_KNET = replace(TOPUP, method="kn")
REFUND = Refund(
    id=RefundId("rfnd_01jabcdefghjkmnpqrstvwxyz0"),
    payment_id=TOPUP.id,
    amount_minor=500,
    reason="asked for by mail",
    actor="opr_1",
    state=RefundState.REQUESTED,
    provider_refund_id="",
    is_dispute=False,
    created_at=START,
)


@dataclass
class Shop:
    """An emulator and the gateway to it."""

    emulator: MyFatoorah
    gateway: MyFatoorahGateway
    clock: TurnedClock

    async def begin(self, payment: Payment = TOPUP) -> tuple[Payment, Invoice]:
        page = await self.gateway.create(payment, BUYER, RETURN_URL)
        known = replace(payment, state=PaymentState.PENDING, invoice_id=page.invoice_id, url=page.url)
        return known, self.emulator.book.invoices[int(page.invoice_id)]

    async def paid(self, payment: Payment = TOPUP) -> tuple[Payment, Invoice]:
        known, invoice = await self.begin(payment)
        attempt = self.emulator.pay(invoice, "kn")
        return replace(known, provider_payment_id=attempt.payment_id), invoice

    async def look(self, payment: Payment) -> Seen:
        seen = await self.gateway.look_up(payment)
        assert seen is not None
        return seen

    def turn(self, microseconds: int) -> None:
        self.clock.turn(microseconds / SECOND)


@dataclass
class Opener:
    stack: AsyncExitStack
    clock: TurnedClock

    async def shop(self, *, timeout_s: float = TIMEOUT_S, **account: Any) -> Shop:
        emulator = MyFatoorah(self.clock)
        url = await self.stack.enter_async_context(serve(emulator))
        parts = {
            "mode": Mode.TEST,
            "country": "KWT",
            "token": TOKEN,
            "webhook_secrets": (SECRET,),
            "url": url,
        }
        given = MyFatoorahAccount(**(parts | account))
        gateway = await self.stack.enter_async_context(open_myfatoorah(given, self.clock, timeout_s, 4))
        return Shop(emulator, gateway, self.clock)


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack, TurnedClock())


@pytest.fixture
async def shop(opener: Opener) -> Shop:
    return await opener.shop()


@pytest.fixture
async def shop_v3(opener: Opener) -> Shop:
    return await opener.shop(version=3)


async def test_an_invoice_link_says_what_is_bought_and_by_whom(shop: Shop) -> None:
    """Three decimals of a dinar, our id, an hour in Kuwait's time, and a link instead of a message."""
    payment, _invoice = await shop.begin()
    [asked] = shop.emulator.served.asked
    assert asked.path == "/v2/SendPayment"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["accept-encoding"] == "identity"
    assert b'"InvoiceValue":2.000,' in asked.body
    assert asked.json == {
        "InvoiceValue": 2.0,
        "DisplayCurrencyIso": "KWD",
        "CustomerName": "Noor",
        "CustomerReference": payment.id,
        "UserDefinedField": payment.id,
        "CallBackUrl": RETURN_URL,
        "ErrorUrl": RETURN_URL,
        "Language": "en",
        "ExpiryDate": "2026-09-21T18:13:20",  # START is 17:13:20 in Kuwait
        "CustomerEmail": "noor@example.com",
        "MobileCountryCode": "+965",
        "CustomerMobile": "50123456",
        "NotificationOption": "LNK",
    }


async def test_a_buyer_of_whom_nothing_is_known_has_a_name_for_it(shop: Shop) -> None:
    await shop.gateway.create(TOPUP, Buyer(), RETURN_URL)
    [asked] = shop.emulator.served.asked
    assert asked.json["CustomerName"] == "Customer"
    assert not {"CustomerEmail", "MobileCountryCode", "CustomerMobile"} & set(asked.json)


async def test_ways_to_pay_are_those_of_the_account_for_an_hour(shop: Shop) -> None:
    methods = await shop.gateway.methods(2_000, "KWD")
    assert methods[0] == PaymentMethod(code="kn", name_en="KNET", name_ar="كي نت")
    assert [method.code for method in methods] == ["kn", "vm", "ap"]
    shop.turn(HOUR - SECOND)
    await shop.gateway.methods(5_000, "KWD")
    assert len(shop.emulator.served.asked) == 1
    shop.turn(SECOND)
    await shop.gateway.methods(5_000, "KWD")
    assert len(shop.emulator.served.asked) == 2


async def test_a_way_to_pay_is_found_by_its_code(shop: Shop) -> None:
    """Its number is the account's own."""
    await shop.begin(BY_KNET)
    listed, asked = shop.emulator.served.asked
    assert (listed.path, asked.path) == ("/v2/InitiatePayment", "/v2/ExecutePayment")
    assert asked.json["PaymentMethodId"] == 11
    assert "NotificationOption" not in asked.json
    with pytest.raises(GatewayRefused, match="not offered"):
        await shop.gateway.create(replace(TOPUP, method="stc"), BUYER, RETURN_URL)


async def test_from_the_page_to_the_money(shop: Shop) -> None:
    payment, invoice = await shop.begin()
    before = await shop.look(payment)
    assert (before.status, before.reference, before.mode) == (SeenStatus.OPEN, payment.id, Mode.TEST)
    assert (before.amount_minor, before.currency) == (2_000, "KWD")
    assert before.expires_at == START + HOUR
    shop.turn(90 * SECOND)
    attempt = shop.emulator.pay(invoice, "kn")
    seen = await shop.look(payment)
    assert (seen.status, seen.provider_payment_id) == (SeenStatus.PAID, attempt.payment_id)
    assert seen.paid_at == START + 90 * SECOND
    assert seen.refunds == ()


async def test_it_is_asked_by_what_is_known(shop: Shop) -> None:
    """By the attempt once there is one, by the invoice before, and by our id when its answer was lost."""
    payment, _invoice = await shop.paid()
    await shop.look(payment)
    await shop.look(replace(payment, provider_payment_id=""))
    await shop.look(replace(payment, provider_payment_id="", invoice_id=""))
    asked = [each.json["KeyType"] for each in shop.emulator.served.asked_at("/v2/GetPaymentStatus")]
    assert asked == ["PaymentId", "InvoiceId", "CustomerReference"]


async def test_an_order_that_is_not_there_is_nothing(shop: Shop) -> None:
    assert await shop.gateway.look_up(TOPUP) is None
    assert await shop.gateway.look_up(replace(TOPUP, invoice_id="12")) is None


async def test_an_attempt_that_failed_closes_nothing(shop: Shop) -> None:
    """Until the page is over."""
    payment, invoice = await shop.begin()
    shop.emulator.decline(invoice, "kn")
    assert (await shop.look(payment)).status is SeenStatus.OPEN
    shop.turn(HOUR)
    assert (await shop.look(payment)).status is SeenStatus.FAILED


async def test_an_attempt_that_has_not_ended_may_still_be_paid(shop: Shop) -> None:
    """Somebody is at the bank while the page ends: that is not the same as having failed."""
    payment, invoice = await shop.begin()
    shop.emulator.decline(invoice)
    shop.emulator.book.begin(invoice)
    shop.turn(HOUR)
    assert (await shop.look(payment)).status is SeenStatus.EXPIRED


async def test_a_page_that_nobody_used_expires_and_can_be_paid_late(shop: Shop) -> None:
    payment, invoice = await shop.begin()
    shop.turn(HOUR - SECOND)
    assert (await shop.look(payment)).status is SeenStatus.OPEN
    shop.turn(SECOND)
    assert (await shop.look(payment)).status is SeenStatus.EXPIRED
    shop.emulator.pay(invoice)
    assert (await shop.look(payment)).status is SeenStatus.PAID


async def test_a_canceled_invoice_is_failed(shop: Shop) -> None:
    payment, invoice = await shop.begin()
    invoice.is_canceled = True
    assert (await shop.look(payment)).status is SeenStatus.FAILED


async def test_an_invoice_paid_twice_is_paid_by_the_same_attempt(shop: Shop) -> None:
    payment, invoice = await shop.begin()
    first = shop.emulator.pay(invoice)
    second = shop.emulator.pay(invoice)
    assert invoice.status == "DuplicatePayment"
    seen = await shop.look(payment)
    assert (seen.status, seen.provider_payment_id) == (SeenStatus.PAID, first.payment_id)
    known = await shop.look(replace(payment, provider_payment_id=second.payment_id))
    assert known.provider_payment_id == second.payment_id


@pytest.mark.parametrize("version", [2, 3])
async def test_less_than_was_asked_for_is_told(opener: Opener, version: int) -> None:
    shop = await opener.shop(version=version)
    payment, invoice = await shop.begin()
    attempt = shop.emulator.pay(invoice, value=Decimal("1.999"))
    seen = await shop.look(replace(payment, provider_payment_id=attempt.payment_id))
    assert (seen.status, seen.amount_minor) == (SeenStatus.PAID, 1_999)


async def test_a_fee_that_the_buyer_pays_is_no_difference(shop: Shop) -> None:
    payment, invoice = await shop.begin()
    shop.emulator.pay(invoice, value=Decimal("2.101"))
    assert (await shop.look(payment)).amount_minor == 2_000


async def test_dollars_are_compared_as_dollars(shop: Shop) -> None:
    """The account counts in dinars, and converts."""
    dollars = replace(TOPUP, amount_minor=123_456, currency="USD")
    payment, _invoice = await shop.paid(dollars)
    seen = await shop.look(payment)
    assert (seen.status, seen.amount_minor, seen.currency) == (SeenStatus.PAID, 123_456, "USD")


@pytest.mark.parametrize("digits", [1, 10, 999, 1_000, 1_234_567, 999_999_999])
async def test_every_fils_comes_back(shop: Shop, digits: int) -> None:
    payment, invoice = await shop.begin(replace(TOPUP, amount_minor=digits))
    assert invoice.value == Decimal(digits) / 1000
    assert (await shop.look(payment)).amount_minor == digits


async def test_a_refund_is_asked_for_and_done_by_people(shop: Shop) -> None:
    payment, invoice = await shop.paid()
    asked = await shop.gateway.refund(payment, REFUND)
    assert (asked.state, asked.amount_minor, asked.reference) == (SeenRefundState.PENDING, 500, REFUND.id)
    [sent] = shop.emulator.served.asked_at("/v2/MakeRefund")
    assert b'"Amount":0.500,' in sent.body
    assert sent.json["Key"] == payment.invoice_id
    # Ours is the only mark on it; what operators write of the buyer stays here.
    assert (sent.json["ExternalIdentifier"], sent.json["Comment"]) == (REFUND.id, REFUND.id)
    [pending] = (await shop.look(payment)).refunds
    assert (pending.id, pending.state) == (asked.id, SeenRefundState.PENDING)
    shop.emulator.end_refund(invoice.refunds[0])
    [done] = (await shop.look(payment)).refunds
    assert (done.state, done.amount_minor, done.is_dispute) == (SeenRefundState.DONE, 500, False)


async def test_a_refund_can_be_refused_by_people_and_by_rule(shop: Shop) -> None:
    payment, invoice = await shop.paid()
    await shop.gateway.refund(payment, REFUND)
    shop.emulator.end_refund(invoice.refunds[0], is_done=False)
    [canceled] = (await shop.look(payment)).refunds
    assert canceled.state is SeenRefundState.CANCELED
    with pytest.raises(GatewayRefused, match="Amount"):
        await shop.gateway.refund(payment, replace(REFUND, amount_minor=2_001))


async def test_refunds_in_its_portal_are_seen(shop: Shop) -> None:
    payment, invoice = await shop.paid()
    shop.emulator.refund_in_portal(invoice, Decimal("0.750"))
    [refund] = (await shop.look(payment)).refunds
    assert (refund.amount_minor, refund.reference, refund.state) == (750, "", SeenRefundState.DONE)


async def test_refunds_of_an_order_in_dollars(shop: Shop) -> None:
    """What was refunded in dinars is told in dollars; we ask for none, because the rate is not ours to know."""
    payment, invoice = await shop.paid(replace(TOPUP, amount_minor=10_000, currency="USD"))
    shop.emulator.refund_in_portal(invoice, invoice.base_value / 4)
    [refund] = (await shop.look(payment)).refunds
    assert refund.amount_minor == 2_500
    with pytest.raises(GatewayRefused, match="portal"):
        await shop.gateway.refund(payment, REFUND)


async def test_what_it_says_in_a_refusal_is_not_repeated(shop: Shop) -> None:
    """Names of fields help operators; its texts may quote the buyer."""
    with pytest.raises(GatewayRefused) as caught:
        await shop.gateway.create(TOPUP, BUYER, "http://localhost:8080/return")
    assert str(caught.value) == "it refuses the request: CallBackUrl (400)"
    with pytest.raises(GatewayRefused, match="254"):
        await shop.gateway.create(TOPUP, BUYER, "https://example.com/" + "a" * 250)


async def test_a_wrong_token_is_told_as_such(opener: Opener) -> None:
    shop = await opener.shop(token="another")
    with pytest.raises(GatewayRefused, match="credential"):
        await shop.gateway.create(TOPUP, BUYER, RETURN_URL)
    with pytest.raises(GatewayRefused, match="credential"):
        await shop.gateway.look_up(TOPUP)


async def test_no_page_is_made_that_is_over(shop: Shop) -> None:
    shop.turn(HOUR)
    with pytest.raises(GatewayRefused, match="over"):
        await shop.gateway.create(TOPUP, BUYER, RETURN_URL)
    assert shop.emulator.served.asked == []
    until = Microseconds(START + 2 * HOUR)
    assert (
        await shop.gateway.create(replace(TOPUP, expires_at=until), BUYER, RETURN_URL)
    ).expires_at == until


async def test_version_3_makes_an_order_once(shop_v3: Shop) -> None:
    shop = shop_v3
    assert shop.gateway.is_creation_repeatable
    assert await shop.gateway.methods(2_000, "KWD") == ()
    payment, _invoice = await shop.begin()
    shop.turn(59 * MINUTE)
    again = await shop.gateway.create(TOPUP, BUYER, RETURN_URL)
    assert (again.invoice_id, again.url) == (payment.invoice_id, payment.url)
    assert len(shop.emulator.book.invoices) == 1
    first, second = shop.emulator.served.asked
    assert first.headers["idempotency-key"] == payment.id
    assert first.body == second.body
    assert b'"Amount":2.000,' in first.body
    assert first.json["PaymentExpiry"] == "2026-09-21T15:13:20Z"


async def test_version_3_looks_by_the_attempt_where_it_can(shop_v3: Shop) -> None:
    shop = shop_v3
    payment, invoice = await shop.begin()
    open_ = await shop.look(payment)
    assert (open_.status, open_.reference) == (SeenStatus.OPEN, payment.id)
    attempt = shop.emulator.pay(invoice)
    shop.emulator.refund_in_portal(invoice, Decimal(1))
    seen = await shop.look(replace(payment, provider_payment_id=attempt.payment_id))
    # Of a refund it shows the one attempt; whether another one paid as well, only version 2 says.
    assert [asked.path for asked in shop.emulator.served.asked[-3:]] == [
        f"/v3/payments/{attempt.payment_id}",
        "/v2/GetRefundStatus",
        "/v2/GetPaymentStatus",
    ]
    assert (seen.status, seen.reference, seen.amount_minor) == (SeenStatus.PAID, payment.id, 2_000)
    assert (seen.currency, seen.provider_payment_id) == ("KWD", attempt.payment_id)
    assert seen.paid_at == START
    assert [refund.amount_minor for refund in seen.refunds] == [1_000]
    assert await shop.gateway.look_up(replace(payment, provider_payment_id="0707/../1")) is None


async def test_it_has_no_subscriptions_and_no_list(shop: Shop) -> None:
    assert await shop.gateway.look_up_subscription("sub_1") is None
    assert await shop.gateway.renewals("sub_1") == ()
    assert await shop.gateway.paid_between(START, START) is None
    await shop.gateway.cancel_subscription("sub_1")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "", None, "https://", 7])
async def test_a_page_that_is_no_web_address_is_not_handed_on(shop: Shop, url: object) -> None:
    def replace_url(answer: Any) -> None:
        answer["Data"]["InvoiceURL"] = url

    shop.emulator.served.faults.add(Fault(how=How.EDITED, edit=replace_url))
    with pytest.raises(GatewayUnavailable, match="cannot be read"):
        await shop.gateway.create(TOPUP, BUYER, RETURN_URL)
