"""What MyFatoorah did not say, or not to us, or not of this order, sent to its webhook through Envoy: it is answered with an
error and told to the audit log, and nothing is credited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from tests.emulators.myfatoorah.emulator import SECRET, TOKEN
from tests.emulators.myfatoorah.signing import signature, v2_text
from tests.integration.envoy.checks import openai_error
from tests.integration.envoy.street import Street
from tests.support.audit import refused_events

from raseed.adapters.payments.myfatoorah import open_myfatoorah
from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import SystemClock
from raseed.core.payments.model import Mode

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH, SIGNATURE = "/webhooks/myfatoorah", "MyFatoorah-Signature"
SIGNED = (
    ("Invoice", "Id"),
    ("Invoice", "Status"),
    ("Transaction", "Status"),
    ("Transaction", "PaymentId"),
    ("Invoice", "ExternalIdentifier"),
)


@dataclass
class Paid:
    """An order that its buyer paid, and of which nobody of ours has heard."""

    street: Street
    by: dict[str, str]
    before: float
    id: str
    headers: Mapping[str, str]
    body: bytes
    """Of the event that tells of it."""

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    async def send(self, event: dict[str, Any], status: int, *, path: str = PATH, **headers: str) -> None:
        given = {**self.headers, **headers}
        async with self.street.http.post(path, data=json.dumps(event).encode(), headers=given) as response:
            await openai_error(response, status)

    async def is_untouched(self) -> bool:
        """After everything that was kept is worked off."""
        while await self.street.worker.platform.payments.inbox_worker.batch():
            pass
        state = (await self.street.payment(self.by, self.id))["state"]
        return (state, await self.street.balance(self.by)) == ("pending", self.before)


async def pay(street: Street) -> Paid:
    by = await street.customer()
    before = await street.balance(by)
    payment = await street.order(by)
    await street.decide(payment["url"], "pay")
    courier = street.bank.served.courier
    courier.waiting.clear()
    headers, body = courier.posted[-1]
    return Paid(street, by, before, payment["id"], headers, body)


@pytest_asyncio.fixture(loop_scope="module")
async def paid(street: Street) -> Paid:
    return await pay(street)


@pytest.mark.parametrize(("part", "name"), SIGNED)
async def test_one_bit_of_what_is_signed(paid: Paid, part: str, name: str) -> None:
    event = paid.event
    text = str(event["Data"][part][name])
    event["Data"][part][name] = text[:-1] + chr(ord(text[-1]) ^ 1)
    await paid.send(event, 401)
    assert await paid.is_untouched()
    told = await refused_events(paid.street.worker, "myfatoorah")
    assert any(row.startswith("unsigned count=") for row in told)


@pytest.mark.parametrize("secret", ["", "another-secret-of-some-length", TOKEN])
async def test_whoever_has_not_the_secret(paid: Paid, secret: str) -> None:
    given = signature(v2_text(paid.event), secret)
    await paid.send(paid.event, 401, **{SIGNATURE: given})
    await paid.send(paid.event, 401, **{SIGNATURE: ""})
    assert await paid.is_untouched()


async def test_what_is_told_to_the_other_provider(paid: Paid) -> None:
    await paid.send(paid.event, 503, path="/webhooks/creem")
    await paid.send(paid.event, 503, path="/webhooks/creem", **{"creem-signature": paid.headers[SIGNATURE]})
    assert await paid.is_untouched()
    assert "not_configured count=1" in await refused_events(paid.street.worker, "creem")


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (SECRET, "")])
async def test_while_no_secret_is_configured(paid: Paid, secrets: tuple[str, ...]) -> None:
    gateways = paid.street.worker.platform.payments.gateways
    right = gateways[PaymentProvider.MYFATOORAH]
    account = MyFatoorahAccount(
        mode=Mode.TEST,
        country="KWT",
        token=TOKEN,
        webhook_secrets=secrets,
        version=2,
        url="http://127.0.0.1:9",
    )
    async with open_myfatoorah(account, SystemClock(), 1.0, 1) as gateway:
        gateways[PaymentProvider.MYFATOORAH] = gateway
        try:
            for secret in (*secrets, SECRET):
                given = signature(v2_text(paid.event), secret)
                await paid.send(paid.event, 503, **{SIGNATURE: given})
        finally:
            gateways[PaymentProvider.MYFATOORAH] = right
    assert await paid.is_untouched()
    assert "not_configured count=1" in await refused_events(paid.street.worker, "myfatoorah")


async def test_what_is_signed_and_names_anothers_order(street: Street, paid: Paid) -> None:
    """The bank lets whoever makes an invoice write our id into it: it pays for none but its own order."""
    other = await pay(street)
    by = await street.customer()
    before = await street.balance(by)
    unpaid = await street.order(by)
    event = other.event
    event["Data"]["Invoice"]["ExternalIdentifier"] = unpaid["id"]
    given = {**other.headers, SIGNATURE: signature(v2_text(event), SECRET)}
    async with street.http.post(PATH, data=json.dumps(event).encode(), headers=given) as response:
        assert response.status == 200
    assert await paid.is_untouched()
    assert ((await street.payment(by, unpaid["id"]))["state"], await street.balance(by)) == (
        "pending",
        before,
    )


async def test_unsigned_fields_say_nothing(paid: Paid) -> None:
    """An amount a hundred times as large, in an event that is signed all the same, credits what was ordered."""
    event = paid.event
    for values in event["Data"].values():
        if isinstance(values, dict):
            values.update({name: "200.000" for name in values if name.startswith("Value")})
    assert "200.000" in json.dumps(event)
    async with paid.street.http.post(PATH, data=json.dumps(event).encode(), headers=paid.headers) as response:
        assert response.status == 200
    assert not await paid.is_untouched()
    assert await paid.street.balance(paid.by) == paid.before + 5000
