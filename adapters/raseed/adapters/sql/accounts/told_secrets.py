"""Which keys' secrets a person was told by rotating them, as the audit log has it: it outlives every change of the key."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from raseed.adapters.sql.accounts.key_rows import key_of_row
from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.admin.tables import audit_log
from raseed.core.accounts.key_ports import KeyAction
from raseed.core.accounts.model import ApiKey
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId


def rotated_by(connection: Connection, account_id: AccountId, person_id: PersonId) -> list[ApiKey]:
    """Keys of an account that somebody else made, that this person rotated at some time, and that are not revoked."""
    maker = func.coalesce(api_keys.c.created_by, "")
    by_person = select(audit_log.c.subject).where(
        audit_log.c.actor == person_id, audit_log.c.action == KeyAction.ROTATE.value
    )
    query = select(api_keys).where(
        api_keys.c.account_id == account_id,
        api_keys.c.revoked_at.is_(None),
        maker != person_id,
        api_keys.c.id.in_(by_person),
    )
    return [key_of_row(row) for row in connection.execute(query.order_by(api_keys.c.id))]


def secrets_known(
    connection: Connection, key: ApiKey, person_id: PersonId, now: Microseconds
) -> tuple[bool, bool]:
    """Whether the person was told the secret that the key has, and the one before it, while that still counts."""
    newest, before, *_ = [*_tellings(connection, key.id), "", ""]
    is_past_valid = key.past is not None and now < key.past.ends_at
    return newest == person_id, is_past_valid and before == person_id


def _tellings(connection: Connection, key_id: ApiKeyId) -> list[str]:
    """Who rotated the key last, and who before. A key that rotates itself tells whoever had it."""
    query = (
        select(audit_log.c.actor)
        .where(
            audit_log.c.subject == key_id,
            audit_log.c.action == KeyAction.ROTATE.value,
            audit_log.c.actor != key_id,
        )
        .order_by(audit_log.c.seq.desc())
        .limit(2)
    )
    return list(connection.scalars(query))
