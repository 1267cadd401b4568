"""What accounts want to be told, and their language, in SQL."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.messaging.tables import notice_preferences
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.errors import NotFound
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import NoticeKind
from raseed.core.messaging.ports import Language


class SqlPreferenceStore:
    """Implements `core.messaging.service.PreferenceStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def preferences(self, account_id: AccountId) -> tuple[Mapping[str, bool], Language | None]:
        def work(connection: Connection) -> tuple[Mapping[str, bool], Language | None]:
            language = _language(connection, account_id)
            rows = connection.execute(
                select(notice_preferences).where(notice_preferences.c.account_id == account_id)
            )
            return {row.kind: bool(row.is_wanted) for row in rows}, Language(language) if language else None

        return await self._database.read(work)

    async def set_preferences(
        self,
        account_id: AccountId,
        wanted: Mapping[NoticeKind, bool],
        language: Language | None,
        *,
        sets_language: bool,
        actor: str,
    ) -> None:
        now = self._database.clock.now()

        def work(connection: Connection) -> None:
            _language(connection, account_id)
            said = []
            for kind, is_wanted in sorted(wanted.items()):
                connection.execute(
                    delete(notice_preferences).where(
                        notice_preferences.c.account_id == account_id, notice_preferences.c.kind == kind.value
                    )
                )
                connection.execute(
                    insert(notice_preferences).values(
                        account_id=account_id, kind=kind.value, is_wanted=int(is_wanted)
                    )
                )
                said.append(f"{kind}={'yes' if is_wanted else 'no'}")
            if sets_language:
                connection.execute(
                    update(accounts).where(accounts.c.id == account_id).values(language=language or "")
                )
                said.append(f"language={language or 'default'}")
            if said:
                record_audit(connection, now, actor, "account.notices", account_id, " ".join(said))

        await self._database.write(work)


def _language(connection: Connection, account_id: AccountId) -> str:
    """Raises NotFound."""
    row = connection.execute(select(accounts.c.language).where(accounts.c.id == account_id)).first()
    if row is None:
        raise NotFound("There is no such account.")
    return str(row.language)
