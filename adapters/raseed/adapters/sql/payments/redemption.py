"""Redemption codes in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from raseed.adapters.sql.accounts.accounts import find_account
from raseed.adapters.sql.accounts.sign_in_codes import read_tallies, take_turn, write_tallies
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.payments.redemption_tables import code_batches, redemption_codes, redemptions
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.code_limits import NOTHING, admit
from raseed.core.accounts.model import AccountStatus
from raseed.core.clock import Microseconds
from raseed.core.errors import AccountSuspended, Overloaded
from raseed.core.ids import AccountId, CodeBatchId, RedemptionCodeId
from raseed.core.money import credits_text
from raseed.core.payments.redemption import (
    UNSETTLED_US,
    Claim,
    Claimant,
    CodeBatch,
    CodeUse,
    Redemption,
    Refused,
    StoredCode,
)

WAITING_MAX = 64
"""Codes that wait in one worker to be redeemed. They are written one after the other, a few milliseconds each."""
ACCOUNTS_SHOWN_MAX = 20
"""Of one code: who redeemed it first."""

_batches = code_batches.c
_codes = redemption_codes.c
_uses = redemptions.c


class SqlCodeStore:
    """Implements `core.payments.redemption.CodeStore`. What is counted for guesses lies with the counts of sign-in codes,
    and is written in its turn, as they are.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def add(self, batch: CodeBatch, codes: Sequence[StoredCode]) -> None:
        rows = [
            {
                "id": code.id,
                "batch_id": batch.id,
                "digest": code.digest,
                "pepper_version": code.pepper_version,
                "use_count": 0,
                "uses_max": batch.uses_per_code,
            }
            for code in codes
        ]

        def work(connection: Connection) -> None:
            connection.execute(
                insert(code_batches).values(
                    id=batch.id,
                    prefix=batch.prefix,
                    credit_microcredits=batch.credit_microcredits,
                    code_count=batch.code_count,
                    uses_per_code=batch.uses_per_code,
                    expires_at=batch.expires_at,
                    credit_life_us=batch.credit_life_us,
                    note=batch.note,
                    created_by=batch.created_by,
                    created_at=batch.created_at,
                )
            )
            connection.execute(insert(redemption_codes), rows)
            detail = (
                f"prefix={batch.prefix} codes={batch.code_count} uses={batch.uses_per_code} "
                f"credits={credits_text(batch.credit_microcredits)} note={batch.note}"
            )
            self._audit(connection, batch.created_by, "code_batch.create", batch.id, detail)

        await self._database.write(work)

    async def batches(self, after: str, limit: int) -> Sequence[CodeBatch]:
        query = _batch_query().order_by(_batches.id.desc()).limit(limit)
        if after:
            query = query.where(_batches.id < after)
        return await self._database.read(
            lambda connection: [_batch(row) for row in connection.execute(query)]
        )

    async def codes(self, batch_id: CodeBatchId, after: str, limit: int) -> Sequence[CodeUse]:
        query = (
            select(redemption_codes)
            .where(_codes.batch_id == batch_id, _codes.id > after)
            .order_by(_codes.id)
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [_code_use(connection, row) for row in connection.execute(query).all()]
        )

    async def find(self, digests: Collection[bytes]) -> CodeUse | None:
        query = select(redemption_codes).where(_codes.digest.in_(digests))

        def work(connection: Connection) -> CodeUse | None:
            row = connection.execute(query).first()
            return None if row is None else _code_use(connection, row)

        return await self._database.read(work)

    async def revoke_batch(self, batch_id: CodeBatchId, actor: str) -> CodeBatch | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> CodeBatch | None:
            is_open = (_batches.id == batch_id) & _batches.revoked_at.is_(None)
            if connection.execute(update(code_batches).where(is_open).values(revoked_at=now)).rowcount:
                self._audit(connection, actor, "code_batch.revoke", batch_id, "")
            row = connection.execute(_batch_query().where(_batches.id == batch_id)).first()
            return None if row is None else _batch(row)

        return await self._database.write(work)

    async def revoke_code(self, code_id: RedemptionCodeId, actor: str) -> CodeUse | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> CodeUse | None:
            is_open = (_codes.id == code_id) & _codes.revoked_at.is_(None)
            if connection.execute(update(redemption_codes).where(is_open).values(revoked_at=now)).rowcount:
                self._audit(connection, actor, "code.revoke", code_id, "")
            row = connection.execute(select(redemption_codes).where(_codes.id == code_id)).first()
            return None if row is None else _code_use(connection, row)

        return await self._database.write(work)

    async def claim(self, digests: Collection[bytes], claimant: Claimant) -> Claim | Refused:
        now = self._database.clock.now()
        guesses = claimant.guesses

        def look(connection: Connection) -> Claim | Refused | Row[Any]:
            """A row: the code, which may be redeemed."""
            before = read_tallies(connection, guesses)
            if any(
                admit(before.get(subject, NOTHING), windows, now) is None
                for subject, windows in guesses.items()
            ):
                return Refused.THROTTLED
            query = (
                select(
                    redemption_codes,
                    _batches.credit_microcredits,
                    _batches.expires_at,
                    _batches.credit_life_us,
                    _batches.revoked_at.label("batch_revoked_at"),
                )
                .join_from(redemption_codes, code_batches, _batches.id == _codes.batch_id)
                .where(_codes.digest.in_(digests))
            )
            code = connection.execute(query).first()
            if code is None:
                return Refused.UNKNOWN
            own = (_uses.code_id == code.id) & (_uses.account_id == claimant.account_id)
            used = connection.execute(select(redemptions).where(own)).first()
            if used is not None:
                return Claim(_redemption(used), is_new=False)
            if code.revoked_at is not None or code.batch_revoked_at is not None:
                return Refused.REVOKED
            if code.expires_at is not None and code.expires_at <= now:
                return Refused.EXPIRED
            return Refused.USED_UP if code.use_count >= code.uses_max else code

        def work(connection: Connection) -> Claim | Refused:
            take_turn(connection)
            found = look(connection)
            if found is Refused.UNKNOWN:
                self._count_guess(connection, claimant, now)
            if isinstance(found, Claim | Refused):
                return found
            return self._redeem(connection, found, claimant, now)

        found = await self._database.read(look)
        if isinstance(found, Claim) or (isinstance(found, Refused) and found is not Refused.UNKNOWN):
            return found
        if self._waiting >= WAITING_MAX:
            raise Overloaded("Too many codes are redeemed at once. Please try again.", retry_after_s=1.0)
        self._waiting += 1
        try:
            async with self._turn:  # no more than one of a worker waits for the writer
                return await self._database.write(work)
        finally:
            self._waiting -= 1

    def _count_guess(self, connection: Connection, claimant: Claimant, now: Microseconds) -> None:
        before = read_tallies(connection, claimant.guesses)
        counted = {
            subject: admitted
            for subject, windows in claimant.guesses.items()
            if (admitted := admit(before.get(subject, NOTHING), windows, now)) is not None
        }
        write_tallies(connection, counted, now)

    def _redeem(
        self, connection: Connection, code: Row[Any], claimant: Claimant, now: Microseconds
    ) -> Claim | Refused:
        account = find_account(connection, claimant.account_id)
        if account is None or account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This account is not active.")
        # The bound again, in the statement that counts: it alone decides, whatever was read before.
        taken = connection.execute(
            update(redemption_codes)
            .where(_codes.id == code.id, _codes.use_count < _codes.uses_max)
            .values(use_count=_codes.use_count + 1)
        )
        if taken.rowcount != 1:
            return Refused.USED_UP
        life_us = code.credit_life_us
        redemption = Redemption(
            code_id=RedemptionCodeId(code.id),
            account_id=claimant.account_id,
            actor=claimant.actor,
            credit_microcredits=code.credit_microcredits,
            credit_expires_at=None if life_us is None else Microseconds(now + life_us),
            redeemed_at=now,
        )
        connection.execute(
            insert(redemptions).values(
                code_id=redemption.code_id,
                account_id=redemption.account_id,
                actor=redemption.actor,
                credit_microcredits=redemption.credit_microcredits,
                credit_expires_at=redemption.credit_expires_at,
                redeemed_at=now,
                due_at=now + UNSETTLED_US,
            )
        )
        detail = f"code={code.id} batch={code.batch_id} credits={credits_text(code.credit_microcredits)}"
        self._audit(connection, claimant.actor, "code.redeem", claimant.account_id, detail)
        return Claim(redemption, is_new=True)

    async def settle(self, redemption: Redemption) -> None:
        await self._set_due(redemption, None)

    async def postpone(self, redemption: Redemption, until: Microseconds) -> None:
        await self._set_due(redemption, until)

    async def _set_due(self, redemption: Redemption, due_at: Microseconds | None) -> None:
        which = (_uses.code_id == redemption.code_id) & (_uses.account_id == redemption.account_id)
        change = update(redemptions).where(which, _uses.due_at.is_not(None)).values(due_at=due_at)
        await self._database.write(lambda connection: connection.execute(change).rowcount)

    async def unsettled(self, limit: int) -> Sequence[Redemption]:
        query = (
            select(redemptions)
            .where(_uses.due_at <= self._database.clock.now())
            .order_by(_uses.due_at)
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [_redemption(row) for row in connection.execute(query)]
        )

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def _batch_query() -> Select[Any]:
    used = select(func.coalesce(func.sum(_codes.use_count), 0)).where(_codes.batch_id == _batches.id)
    return select(code_batches, used.scalar_subquery().label("use_count"))


def _batch(row: Row[Any]) -> CodeBatch:
    return CodeBatch(
        id=CodeBatchId(row.id),
        prefix=row.prefix,
        credit_microcredits=row.credit_microcredits,
        code_count=row.code_count,
        uses_per_code=row.uses_per_code,
        expires_at=row.expires_at,
        credit_life_us=row.credit_life_us,
        note=row.note,
        created_by=row.created_by,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        use_count=int(row.use_count),
    )


def _code_use(connection: Connection, row: Row[Any]) -> CodeUse:
    accounts: tuple[AccountId, ...] = ()
    if row.use_count:
        query = (
            select(_uses.account_id)
            .where(_uses.code_id == row.id)
            .order_by(_uses.redeemed_at, _uses.account_id)
            .limit(ACCOUNTS_SHOWN_MAX)
        )
        accounts = tuple(AccountId(account) for account in connection.scalars(query))
    return CodeUse(
        id=RedemptionCodeId(row.id),
        batch_id=CodeBatchId(row.batch_id),
        use_count=row.use_count,
        revoked_at=row.revoked_at,
        accounts=accounts,
    )


def _redemption(row: Row[Any]) -> Redemption:
    return Redemption(
        code_id=RedemptionCodeId(row.code_id),
        account_id=AccountId(row.account_id),
        actor=row.actor,
        credit_microcredits=row.credit_microcredits,
        credit_expires_at=row.credit_expires_at,
        redeemed_at=row.redeemed_at,
    )
