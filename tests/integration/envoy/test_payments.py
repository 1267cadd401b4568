"""Buying over HTTP and gRPC, through Envoy, at an emulated MyFatoorah: from the order to the page that the buyer comes back to."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
import pytest_asyncio
from tests.emulators.faults import Fault, How
from tests.emulators.myfatoorah.emulator import TOKEN
from tests.integration.envoy.checks import openai_error
from tests.integration.envoy.street import (
    CHECKOUT,
    METHODS,
    PACK,
    PAYMENTS,
    Street,
)
from tests.support.worker import MICROCREDITS, error_of, running_worker

from raseed.billing.v1 import payments_pb2, payments_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROFILE = Path(__file__).parents[3] / "adapters/raseed/adapters/policy/profiles/resayil.toml"


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _no_faults(street: Street) -> None:
    street.bank.served.faults.clear()
    street.bank.served.courier.waiting.clear()


async def test_a_pack_is_bought_and_the_credit_is_there_when_the_buyer_comes_back(street):
    by = await street.customer()
    before = await street.balance(by)
    params = {"item_kind": "pack", "item_id": "pack_5000"}
    async with street.http.get(METHODS, params=params, headers=by) as response:
        methods = (await response.json())["methods"]
    assert {"code": "kn", "name_en": "KNET", "name_ar": "كي نت"} in methods
    payment = await street.order(by, method="kn", language="en")
    assert (payment["state"], payment["amount"], payment["currency"], payment["credits"]) == (
        "pending", 2.0, "KWD", 5000,
    )  # fmt: skip
    assert (payment["mode"], payment["method"], payment["paid_at"]) == ("test", "kn", None)
    assert payment["url"].startswith(street.bank.served.url)
    back = await street.decide(payment["url"], "pay")
    assert back.startswith(f"{street.url}/billing/return/myfatoorah/{payment['id']}?")
    async with street.http.get(back) as response:
        page = await response.text()
        assert (response.status, response.content_type) == (200, "text/html")
        policy = response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"
    assert "Thank you: your payment is complete" in page
    assert "شكرًا لك" in page
    assert payment["id"] in page
    assert "default-src 'none'" in policy
    assert "<script" not in page
    assert await street.balance(by) == before + 5000
    credited = await street.payment(by, payment["id"])
    assert (credited["state"], credited["url"]) == ("credited", None)
    assert credited["credited_at"] >= credited["paid_at"][:10]
    async with street.http.get("/api/billing/topup-history", headers=by) as response:
        [topup] = (await response.json())["data"]
    assert (topup["credits"], topup["amount"], topup["status"]) == (5000, 2.0, "completed")
    [receipt] = await street.receipts(by, payment["id"])
    assert receipt["number"].startswith("TEST-R-")
    assert (receipt["amount"], receipt["credits"], receipt["method"]) == (2.0, 5000, "kn")
    async with street.http.get(f"/api/billing/receipts/{receipt['number']}.html", headers=by) as response:
        assert "<h1>Receipt</h1>" in await response.text()


async def test_the_event_alone_credits_it_too_and_only_once(street):
    by = await street.customer()
    before = await street.balance(by)
    payment = await street.order(by)
    await street.decide(payment["url"], "pay")
    assert await street.bank.served.courier.deliver() == [200]
    assert await street.balance(by) == before
    worker = street.worker.platform.payments.inbox_worker
    while await worker.batch():
        pass
    assert (await street.payment(by, payment["id"]))["state"] == "credited"
    async with street.http.get(f"/billing/return/myfatoorah/{payment['id']}") as response:
        assert "your payment is complete" in await response.text()
    assert await street.balance(by) == before + 5000
    assert len(await street.receipts(by, payment["id"])) == 1


async def test_a_refund_has_a_credit_note_that_names_its_receipt(street):
    by = await street.customer()
    payment = await street.order(by)
    await street.decide(payment["url"], "pay")
    settle = street.worker.platform.payments.settling.settle
    settled = await settle(payment["id"])
    invoice = street.bank.book.invoices[int(settled.invoice_id)]
    street.bank.refund_in_portal(invoice, Decimal("0.500"))
    for _ in range(2):
        await settle(payment["id"])
    note, receipt = await street.receipts(by, payment["id"])
    assert (receipt["kind"], receipt["amount"]) == ("receipt", 2.0)
    assert (note["kind"], note["amount"], note["refers_to"]) == ("credit_note", 0.5, receipt["number"])
    assert note["number"].startswith("TEST-CN-")


async def test_the_same_order_again_is_the_same_payment(street):
    by = await street.customer()
    first = await street.order(by, "once")
    assert await street.order(by, "once") == first
    assert (await street.order(by, "again"))["id"] != first["id"]
    headers = by | {"idempotency-key": "once"}
    other = {"item": {"kind": "pack", "id": "pack_15000"}}
    async with street.http.post(CHECKOUT, json=other, headers=headers) as response:
        assert (await openai_error(response, 422))["code"] == "idempotency_key_reused"
    stranger = await street.customer()
    assert (await street.order(stranger, "once"))["id"] != first["id"]


async def test_who_comes_back_without_having_paid_is_told_that_we_look_again(street):
    by = await street.customer()
    payment = await street.order(by, language="ar")
    async with street.http.get(f"/billing/return/myfatoorah/{payment['id']}") as response:
        page = await response.text()
    assert response.status == 200
    assert "We look again by ourselves" in page
    assert page.index("سنتحقق منها بأنفسنا") < page.index("We look again")
    assert '<html lang="ar" dir="rtl">' in page
    assert 'http-equiv="refresh"' in page
    back = await street.decide(payment["url"], "decline")
    async with street.http.get(back) as response:
        assert response.status == 200
    assert (await street.payment(by, payment["id"]))["state"] in {"pending", "failed"}


async def test_who_comes_by_the_banks_number_alone_sees_no_reference(street):
    """Such numbers are on bills, and one after the other: whoever has one learns what became of it, and nothing else."""
    by = await street.customer()
    payment = await street.order(by)
    back = await street.decide(payment["url"], "pay")
    async with street.http.get(back) as response:
        assert payment["id"] in await response.text()
    number = parse_qs(urlsplit(back).query)["paymentId"][0]
    async with street.http.get(f"/billing/return/myfatoorah?paymentId={number}") as response:
        page = await response.text()
    assert response.status == 200
    assert "Thank you: your payment is complete" in page
    assert "You find the reference beside the payment in your account." in page
    assert "pay_" not in page


async def test_the_page_asks_the_bank_no_more_often_than_it_must(street):
    by = await street.customer()
    payment = await street.order(by)
    asked = len(street.bank.served.asked)
    for _ in range(5):
        async with street.http.get(f"/billing/return/myfatoorah/{payment['id']}") as response:
            assert response.status == 200
    assert len(street.bank.served.asked) == asked + 1


async def test_a_bank_that_does_not_answer_leaves_the_page_with_what_is_known(street):
    by = await street.customer()
    payment = await street.order(by)
    await street.decide(payment["url"], "pay")
    street.bank.served.faults.add(Fault(how=How.STATUS, times=5))
    async with street.http.get(f"/billing/return/myfatoorah/{payment['id']}") as response:
        assert response.status == 200
        assert "not confirmed yet" in await response.text()


@pytest.mark.parametrize(
    "path",
    [
        "/billing/return/myfatoorah/pay_00000000000000000000000000",
        "/billing/return/myfatoorah/%00",
        "/billing/return/myfatoorah",
        "/billing/return/myfatoorah?paymentId=1",
        "/billing/return/creem?checkout_id=ch_1",
        "/billing/return/paypal/pay_1",
    ],
)
async def test_of_what_there_is_not_the_page_says_nothing(street, path):
    async with street.http.get(path) as response:
        text = await response.text()
    assert response.status in (400, 404), text
    assert "acct_" not in text


async def test_the_page_says_nothing_of_the_account_and_not_under_another_provider(street):
    by = await street.customer()
    payment = await street.order(by)
    async with street.http.get(f"/billing/return/myfatoorah/{payment['id']}") as response:
        page = await response.text()
    for secret in ("acct_", "5000", "KWD", "+965", payment["url"]):
        assert secret not in page
    async with street.http.get(f"/billing/return/creem/{payment['id']}") as response:
        assert response.status == 404
        assert payment["id"] not in await response.text()


async def test_payments_are_the_accounts_own_and_listed_newest_first_in_pages(street):
    by, stranger = await street.customer(), await street.customer()
    ids = [(await street.order(by))["id"] for _ in range(3)]
    async with street.http.get(PAYMENTS, params={"limit": "2"}, headers=by) as response:
        first = await response.json()
    params = {"limit": "2", "cursor": first["next_cursor"]}
    async with street.http.get(PAYMENTS, params=params, headers=by) as response:
        rest = await response.json()
    assert [each["id"] for each in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None
    async with street.http.get(f"{PAYMENTS}/{ids[0]}", headers=stranger) as response:
        await openai_error(response, 404)
    async with street.http.get(PAYMENTS) as response:
        await openai_error(response, 401)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "item"),
        ({"item": {"kind": "gift"}}, "item.kind"),
        ({"item": {"kind": "pack", "id": "pack_1"}}, "item"),
        ({"item": {"kind": "pack", "id": "pack_5000", "quantity": 2}}, "quantity"),
        ({"item": {"kind": "pack", "id": "pack_5000", "quantity": 0}}, "item.quantity"),
        ({"item": {"kind": "plan", "id": "pro"}}, "item.kind"),
        ({"item": PACK, "language": "fr"}, "language"),
        ({"item": PACK, "amount": 1}, None),
    ],
)
async def test_an_order_that_cannot_be_is_refused_by_its_field(street, body, param):
    by = await street.customer()
    async with street.http.post(CHECKOUT, json=body, headers=by | {"idempotency-key": "k"}) as response:
        error = await openai_error(response, 400)
    if param is not None:
        assert error["param"] == param


async def test_an_order_needs_a_key_of_its_own(street):
    by = await street.customer()
    async with street.http.post(CHECKOUT, json={"item": PACK}, headers=by) as response:
        assert (await openai_error(response, 400))["param"] == "Idempotency-Key"


async def test_while_the_bank_is_away_an_order_has_no_page_yet(street):
    by = await street.customer()
    street.bank.served.faults.add(Fault(how=How.STATUS, times=20))
    payment = await street.order(by)
    assert (payment["state"], payment["url"]) == ("created", None)


async def test_an_api_key_buys_nothing_unless_the_profile_says_so(street, tmp_path):
    client = await street.worker.client("shopper", scopes=("billing:write",))
    headers = dict(client.metadata) | {"idempotency-key": "k"}
    async with street.http.post(CHECKOUT, json={"item": PACK}, headers=headers) as response:
        error = await openai_error(response, 403)
    assert "sign in" in str(error["message"])
    async with street.http.get(PAYMENTS, headers=headers) as response:
        assert (await response.json())["data"] == []
    profile = tmp_path / "by_key.toml"
    profile.write_text(
        PROFILE.read_text(encoding="utf-8") + "\n[api]\nallow_checkout = true\n", encoding="utf-8"
    )
    environ: dict[str, Any] = {
        "RASEED_MYFATOORAH_TOKEN": TOKEN,
        "RASEED_MYFATOORAH_URL": street.bank.served.url,
        "RASEED_BILLING_PROFILE": str(profile),
    }
    async with running_worker(tmp_path / "worker", **environ) as worker:
        buyer = await worker.client("shopper", scopes=("billing:write",))
        reader = await worker.client("reader")
        stub = payments_pb2_grpc.PaymentsServiceStub(worker.channel)
        item = payments_pb2.PaymentItem(kind="pack", id="pack_5000")
        street.bank.served.faults.add(Fault(how=How.STATUS))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListPaymentMethods(
                payments_pb2.ListPaymentMethodsRequest(item=item), metadata=reader.metadata
            )
        assert error_of(refused.value) == ("UNAVAILABLE", "PAYMENT_PROVIDER_UNAVAILABLE")
        request = payments_pb2.CreateCheckoutRequest(request_id="1", item=item)
        made = (await stub.CreateCheckout(request, metadata=buyer.metadata)).payment
        assert (made.state, made.mode) == ("pending", "test")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.CreateCheckout(request, metadata=reader.metadata)
        assert error_of(refused.value) == ("PERMISSION_DENIED", "SCOPE_MISSING")


async def test_programs_buy_over_grpc_with_a_session(street):
    metadata = tuple((await street.customer()).items())
    stub = payments_pb2_grpc.PaymentsServiceStub(street.channel)
    item = payments_pb2.PaymentItem(kind="pack", id="pack_15000")
    page = await stub.ListPaymentMethods(
        payments_pb2.ListPaymentMethodsRequest(item=item, page_size=1), metadata=metadata
    )
    assert len(page.methods) == 1
    assert page.next_page_token
    request = payments_pb2.CreateCheckoutRequest(request_id="one", item=item, method="kn", language="en")
    made = (await stub.CreateCheckout(request, metadata=metadata)).payment
    assert (made.amount_minor, made.currency, made.credit_microcredits) == (
        5_000,
        "KWD",
        15_000 * MICROCREDITS,
    )
    assert (await stub.CreateCheckout(request, metadata=metadata)).payment == made
    got = await stub.GetPayment(payments_pb2.GetPaymentRequest(id=made.id), metadata=metadata)
    assert got.payment == made
    listed = await stub.ListPayments(payments_pb2.ListPaymentsRequest(), metadata=metadata)
    assert [each.id for each in listed.payments] == [made.id]
    for wrong, expected in (
        (payments_pb2.CreateCheckoutRequest(item=item), "REQUEST_INVALID"),
        (
            payments_pb2.CreateCheckoutRequest(
                request_id="one", item=payments_pb2.PaymentItem(kind="pack", id="pack_5000")
            ),
            "REQUEST_REUSED_WITH_OTHER_INPUT",
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.CreateCheckout(wrong, metadata=metadata)
        assert error_of(refused.value)[1] == expected


async def test_amounts_in_json_have_all_decimals_of_their_currency(street):
    by = await street.customer()
    headers = by | {"idempotency-key": "decimals"}
    async with street.http.post(CHECKOUT, json={"item": PACK}, headers=headers) as response:
        text = await response.text()
    assert '"amount":2.000' in text
    assert json.loads(text)["refunded"] == 0


async def test_who_orders_for_an_organisation_pays_and_the_organisation_is_credited(street):
    phone = "+96550199988"
    by = await street.customer(phone)
    platform = street.worker.platform
    person = (await platform.accounts.find(phone)).id
    organisation = await platform.organisations.admin.create("Gulf", person, "", actor="test")
    acting = by | {"raseed-account": organisation.id}
    payment = await street.order(acting)
    [*_, asked] = street.bank.served.asked_at("/v2/")
    assert asked.json["CustomerMobile"] == "50199988", "the organisation has no telephone; who orders has"
    back = await street.decide(payment["url"], "pay")
    async with street.http.get(back) as response:
        assert "your payment is complete" in await response.text()
    assert await street.balance(acting) == 5000
    async with street.http.get(f"{PAYMENTS}/{payment['id']}", headers=by) as response:
        await openai_error(response, 404)
