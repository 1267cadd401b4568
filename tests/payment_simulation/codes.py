"""Redemption codes in the simulated worlds: who redeems them, and what must be true of them in the end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert
from tests.simulation.stage import Wrong

from raseed.adapters.sql.payments.redemption_tables import code_batches, redemption_codes
from raseed.adapters.sql.sqlite.batch import BatchConnection, Custom
from raseed.core.accounts.keys import Peppers
from raseed.core.clock import DAY
from raseed.core.ids import AccountId, RedemptionCodeId
from raseed.core.payments.code_text import read_code
from raseed.core.payments.redeeming import Redeemed, digest_of
from raseed.core.payments.redemption import GRANT_PREFIX

if TYPE_CHECKING:
    from tests.payment_simulation.world import World

PEPPERS = Peppers({1: b"1" * 32})
ADDRESS = "192.0.2.7"
DUE_REDEMPTIONS = "SELECT min(due_at) FROM redemptions WHERE due_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Code:
    id: RedemptionCodeId
    text: str
    credit_microcredits: int
    uses: int
    life_us: int | None = None

    @property
    def digest(self) -> bytes:
        canonical = read_code(self.text)
        assert canonical is not None
        return digest_of(PEPPERS, canonical, 1)


CODES = (
    Code(RedemptionCodeId("code_1"), "SPRING-0000-0000-0000-00SK", 70, 1),
    Code(RedemptionCodeId("code_2"), "SUMMER-0000-0000-0000-0027", 900, 2, 30 * DAY),
)


def add_codes(path: Path) -> None:
    """Into the database that every world begins with."""

    def fill(view: Connection) -> None:
        for code in CODES:
            batch = f"batch_of_{code.id}"
            view.execute(
                insert(code_batches).values(
                    id=batch,
                    prefix=code.text.partition("-")[0],
                    credit_microcredits=code.credit_microcredits,
                    code_count=1,
                    uses_per_code=code.uses,
                    credit_life_us=code.life_us,
                    note="",
                    created_by="opr_1",
                    created_at=0,
                )
            )
            view.execute(
                insert(redemption_codes).values(
                    id=code.id,
                    batch_id=batch,
                    digest=code.digest,
                    pepper_version=1,
                    use_count=0,
                    uses_max=code.uses,
                )
            )

    connection = BatchConnection(path, lambda _raw, _commands: [])
    [outcome] = connection.execute([Custom(fill)])
    assert outcome.error is None, outcome.error
    connection.commit()
    connection.close()


async def redeemer(world: World, account_id: AccountId) -> None:
    """Types a code, and again whatever he heard."""
    chance = world.chance
    for _ in range(chance.randint(0, 4)):
        await asyncio.sleep(world.a_while())
        worker = world.any_worker()
        if worker is None:
            continue
        code = chance.choice(CODES)
        answer = await worker.serve(
            partial(worker.redemption.redeem, account_id, code.text, actor=account_id, address=ADDRESS)
        )
        world.trace("%s redeems %s: %r", account_id, code.id, answer)
        if isinstance(answer, Redeemed):
            world.seen["a code is redeemed"] += 1
            world.redeemed.add((code.id, account_id))


def unsettled(reader: sqlite3.Connection, closed: set[AccountId]) -> list[str]:
    """Whom the ledger has still to credit."""
    rows = reader.execute("SELECT code_id, account_id FROM redemptions WHERE due_at IS NOT NULL")
    return [f"{code} of {account}" for code, account in rows if account not in closed]


def check_codes(
    reader: sqlite3.Connection, told: set[tuple[RedemptionCodeId, AccountId]], closed: set[AccountId]
) -> None:
    """Each redemption is one grant of its code's credit, of which no code has more than its uses, and none is lost that
    somebody heard of. Raises Wrong.
    """
    used = set(reader.execute("SELECT code_id, account_id FROM redemptions").fetchall())
    if not told <= used:
        raise Wrong(f"redeemed, as somebody heard, and gone: {told - used}")
    counts = Counter(code for code, _ in used)
    for code, count, most in reader.execute("SELECT id, use_count, uses_max FROM redemption_codes"):
        if not counts[code] == count <= most:
            raise Wrong(
                f"{code} was used {counts[code]} times, is counted {count} times, and may be {most} times"
            )
    credits = {code.id: code.credit_microcredits for code in CODES}
    due = {(account, f"{GRANT_PREFIX}{code}", credits[RedemptionCodeId(code)]) for code, account in used}
    query = "SELECT account_id, grant_key, amount_microcredits FROM grants WHERE source = 'adjustment'"
    given = reader.execute(query).fetchall()
    lacking = {each for each in due - set(given) if each[0] not in closed}
    if len(given) > len(set(given)) or set(given) - due or lacking:
        raise Wrong(f"codes gave {given}, and were to give {due}")
