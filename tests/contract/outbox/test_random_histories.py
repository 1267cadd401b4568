"""Random histories of workers that send, fail, stop and die: no notice is lost, and none is sent without a reason."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import select
from tests.contract.ledger.conftest import SqlStore
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.messaging.tables import outbox
from raseed.core.clock import HOUR, SECOND
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.outbox import ATTEMPTS_MAX, LEASE_S, Courier, Routing
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
STEPS = 60
ROUTING = Routing(channels=(Channel.EMAIL,), language=Language.ENGLISH)
FAILURES: Sequence[Exception | None] = (
    None,
    None,
    MessengerBusy("429", retry_after_s=40),
    MessengerMisconfigured("token"),
    Undeliverable("refused"),
    ZeroDivisionError(),
)


class Driver:
    """Fails at random until it is mended."""

    def __init__(self, chance: random.Random) -> None:
        self.chance: random.Random | None = chance
        self.sent: Counter[str] = Counter()
        self.refused: set[str] = set()

    async def send(self, message: Message) -> str:
        failure = None if self.chance is None else self.chance.choice(FAILURES)
        if failure is not None:
            if isinstance(failure, Undeliverable):
                self.refused.add(message.id)
            raise failure
        self.sent[message.id] += 1
        return f"provider-{message.id}"


@pytest.mark.parametrize("seed", range(5))
async def test_no_notice_is_lost_and_none_is_sent_without_a_reason(store: SqlStore, seed: int) -> None:
    chance = random.Random(seed)
    driver, outboxes = Driver(chance), [SqlOutbox(store.database) for _ in range(3)]
    couriers = [Courier(each, driver, ROUTING, lambda *_: None) for each in outboxes]
    died_after_sending: Counter[str] = Counter()
    causes = 0
    for _ in range(STEPS):
        match chance.choice(("tell", "tell", "work", "work", "die before", "die after", "wait", "wait long")):
            case "tell":
                for cause in (str(causes), str(chance.randint(0, causes))):  # one of them again
                    await chance.choice(outboxes).add(
                        Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=ALICE, cause=cause)
                    )
                causes += 1
            case "work":
                await chance.choice(couriers).batch()
            case "die before":
                await chance.choice(outboxes).claim(2, LEASE_S * SECOND)
            case "die after":
                for due in await chance.choice(outboxes).claim(2, LEASE_S * SECOND):
                    driver.sent[due.id] += 1
                    died_after_sending[due.id] += 1
            case "wait":
                store.clock.advance(chance.randint(1, 2 * LEASE_S) * SECOND)
            case _:
                store.clock.advance(3 * HOUR)
    driver.chance = None
    for _ in range(ATTEMPTS_MAX + 2):
        store.clock.advance(7 * HOUR)
        while await couriers[0].batch():
            pass

    rows = await store.database.read(lambda connection: connection.execute(select(outbox)).all())
    assert sorted(int(row.key.split(":")[1]) for row in rows) == list(range(causes))
    for row in rows:
        sends, deaths = driver.sent[row.id], died_after_sending[row.id]
        assert row.attempts <= ATTEMPTS_MAX
        if row.state == "sent":
            assert 1 <= sends <= 1 + deaths, row
        else:
            assert row.state == "failed", row
            assert row.id in driver.refused or row.attempts >= ATTEMPTS_MAX
            assert sends == deaths
