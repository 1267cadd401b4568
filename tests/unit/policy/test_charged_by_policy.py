"""A run is charged by the list in force when it began, at the part that its account's group pays."""

from __future__ import annotations

import pytest
from tests.support.desk import no_limits
from tests.support.memory_ledger import MemoryLedger
from tests.unit.billing.builders import ALICE, ManualClock, issue
from tests.unit.policy.profile_text import BASE, policy_from, with_

from raseed.adapters.scripted.backend import ScriptedModelBackend, ScriptedSettings
from raseed.core.accounts.model import Caller, Tier
from raseed.core.billing.holds import OnShortfall, Reserve
from raseed.core.billing.service import HoldService, Owner
from raseed.core.clock import SECOND
from raseed.core.errors import PriceUnknown
from raseed.core.ids import ApiKeyId
from raseed.core.inference.admission import SlotLimits, Slots
from raseed.core.inference.model import ChatRequest, Message, Role, Sampling
from raseed.core.inference.routing import Route, Router
from raseed.core.inference.run import Ended
from raseed.core.inference.service import InferenceService
from raseed.core.money import microcredits_of

PROFILE = (
    BASE
    + """
[groups.partners]
ratio = 0.5
tiers = ["pro"]

[[prices.changes]]
version = "2"
published_at = 2027-01-01
effective_at = 2027-02-01
[prices.changes.models.tiny]
multiplier = 2
"""
)
CALLER = Caller(account_id=ALICE, api_key_id=ApiKeyId("key_1"), tier=Tier.FREE)
BEGINS = 1_801_429_200 * SECOND
"""Midnight of the first of February 2027 in Kuwait."""


@pytest.fixture
def clock():
    return ManualClock(BEGINS - SECOND)


@pytest.fixture
async def service(clock):
    ledger = MemoryLedger(clock)
    ledger.open_account(ALICE)
    await ledger.submit([issue("credit", microcredits_of(1_000))])
    policy = policy_from(PROFILE)
    backend = ScriptedModelBackend(ScriptedSettings(models=("tiny", "unpriced"), answer="max_tokens"))
    service = InferenceService(
        limits=no_limits(),
        router=Router([Route(backend, Slots(SlotLimits(slots=8, queue_max=8, wait_s=1.0)))]),
        prices=policy.prices,
        holds=HoldService(ledger, Owner("worker-1", 1), policy.hold),
        timeout_s=10.0,
        report=lambda *_: None,
        clock=clock,
    )
    yield service
    await service.drain(0.0)


def start(service: InferenceService, tier: Tier, model: str = "tiny"):
    """Two tokens of prompt (a message, and a run of up to four bytes), eight of answer."""
    caller = Caller(account_id=ALICE, api_key_id=ApiKeyId("key_1"), tier=tier)
    request = ChatRequest(
        model=model, messages=(Message(role=Role.USER, text="four"),), sampling=Sampling(max_tokens=8)
    )
    return service.start_run(caller, request, stream=False)


async def cost(run) -> int:
    while not isinstance(event := await run.next(), Ended):
        pass
    return event.cost_microcredits


async def test_the_list_in_force_is_charged(service, clock):
    assert await cost(start(service, Tier.FREE)) == microcredits_of(10)
    clock.advance(SECOND)
    assert await cost(start(service, Tier.FREE)) == microcredits_of(20)


async def test_a_run_that_is_open_keeps_its_price(service, clock):
    run = start(service, Tier.FREE)
    clock.advance(SECOND)
    assert await cost(run) == microcredits_of(10)


async def test_a_group_pays_its_part(service):
    assert await cost(start(service, Tier.PRO)) == microcredits_of(5)
    assert service.model(CALLER, "tiny").price.multiplier_milli == 1000


@pytest.mark.parametrize("reserve", Reserve)
def test_a_profile_says_what_is_reserved(reserve):
    assert policy_from(BASE).hold.reserve is Reserve.LEASE
    chosen = policy_from(with_("[billing]", f'[billing]\nreserve = "{reserve}"'))
    assert chosen.hold.reserve is reserve


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", (OnShortfall.STOP, 0)),
        ('on_shortfall = "debt"', (OnShortfall.DEBT, 0)),
        ('on_shortfall = "debt"\ndebt_limit = 2.5', (OnShortfall.DEBT, 2_500_000)),
    ],
)
def test_a_profile_says_what_may_be_owed(keys, expected):
    hold = policy_from(with_("[billing]", f"[billing]\n{keys}")).hold
    assert (hold.on_shortfall, hold.debt_limit_microcredits) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", 1_000_000_000),
        ("per_tokens = 1000", 1_000_000),
        ('unit = "USD"', 10_000),
        ("absorb_limit = 7", 7_000_000),
        ("absorb_limit = 0", 0),
    ],
)
def test_a_profile_says_what_the_house_absorbs(keys, expected):
    hold = policy_from(with_("[billing]", f'[billing]\non_shortfall = "absorb"\n{keys}')).hold
    assert (hold.on_shortfall, hold.absorb_limit_microcredits) == (OnShortfall.ABSORB, expected)


def test_the_clock_also_decides_what_is_listed(service, clock):
    assert service.model(CALLER, "tiny").price.multiplier_milli == 1000
    clock.advance(SECOND)
    assert service.model(CALLER, "tiny").price.multiplier_milli == 2000


async def test_what_a_backend_serves_without_an_entry_is_neither_listed_nor_served(service):
    assert [offered.card.id for offered in service.models(CALLER)] == ["tiny"]
    with pytest.raises(PriceUnknown):
        start(service, Tier.FREE, "unpriced")
