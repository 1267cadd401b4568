"""Forgetting the holder of an account, in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, delete, or_, select, update

from raseed.adapters.sql.accounts.accounts import ERASED_DOMAIN, announce, find_account
from raseed.adapters.sql.accounts.closing_requests import drop_closing_request
from raseed.adapters.sql.accounts.sessions import end_sessions
from raseed.adapters.sql.accounts.tables import (
    account_notes,
    account_standing,
    accounts,
    api_keys,
    sign_in_codes,
)
from raseed.adapters.sql.admin.audit import ERASE, erase_details, record_audit
from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.messaging.outbox import erase_notices
from raseed.adapters.sql.organisations.member_changes import leave_organisations
from raseed.adapters.sql.organisations.tables import invitations, organisations
from raseed.adapters.sql.payments.inbox import forget_bodies
from raseed.adapters.sql.payments.receipts import erase_buyer
from raseed.adapters.sql.payments.subscription_tables import subscriptions
from raseed.adapters.sql.payments.tables import payments, refunds
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.model import Account, AccountKind
from raseed.core.changes import ChangeKind
from raseed.core.ids import AccountId


class SqlErasureStore:
    """Implements `core.admin.erasure.ErasureStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def erase(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        now = self._database.clock.now()

        def work(connection: Connection) -> Account | None:
            before = find_account(connection, account_id)
            if before is None:
                return None
            is_person = before.kind is AccountKind.PERSON
            address = f"{account_id}@{ERASED_DOMAIN}" if is_person else None
            if is_person and before.email == address:
                return before  # erased already: nothing about its holder came since
            keys = connection.scalars(select(api_keys.c.id).where(api_keys.c.account_id == account_id)).all()
            orders = connection.scalars(
                select(payments.c.id).where(payments.c.account_id == account_id)
            ).all()
            plans = connection.scalars(
                select(subscriptions.c.id).where(subscriptions.c.account_id == account_id)
            ).all()
            erase_details(connection, [account_id, *keys, *orders, *plans])
            erase_notices(connection, account_id)
            erase_buyer(connection, account_id)
            forget_bodies(connection, account_id)
            end_sessions(connection, account_id)
            drop_closing_request(connection, account_id)
            connection.execute(delete(account_notes).where(account_notes.c.account_id == account_id))
            leave_organisations(
                connection, account_id, actor, now
            )  # left at the closing, but for old closings
            known_as = [address for address in (before.email, before.phone_e164) if address]
            connection.execute(
                delete(sign_in_codes).where(
                    or_(sign_in_codes.c.account_id == account_id, sign_in_codes.c.identifier.in_(known_as))
                )
            )
            connection.execute(
                delete(invitations).where(
                    or_(invitations.c.organisation_id == account_id, invitations.c.identifier.in_(known_as))
                )
            )
            connection.execute(
                update(organisations).where(organisations.c.account_id == account_id).values(name="")
            )
            connection.execute(
                update(account_standing).where(account_standing.c.account_id == account_id).values(reason="")
            )
            connection.execute(
                update(api_keys)
                .where(api_keys.c.account_id == account_id)
                .values(name="", allowed_networks=None)  # they are revoked: where from does not matter
            )
            # What was paid stays, as the books do.
            connection.execute(update(payments).where(payments.c.id.in_(orders)).values(url="", problem=""))
            connection.execute(
                update(subscriptions).where(subscriptions.c.id.in_(plans)).values(end_reason="")
            )
            connection.execute(update(refunds).where(refunds.c.payment_id.in_(orders)).values(reason=""))
            connection.execute(update(grants).where(grants.c.account_id == account_id).values(reason=""))
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id)
                .values(email=address, phone_e164=None, language="")
            )
            announce(connection, ChangeKind.ACCOUNT, account_id)
            record_audit(connection, now, actor, ERASE, account_id, reason)
            return find_account(connection, account_id)

        return await self._database.write(work)
