"""What the holder of an account is told of its keys, in SQL: each change, and when there are many in an hour, that."""

from __future__ import annotations

from sqlalchemy import Connection, select

from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.messaging.tables import outbox
from raseed.core.accounts.model import ApiKey
from raseed.core.clock import HOUR, Microseconds
from raseed.core.messaging.notices import Notice, NoticeKind

TOLD_MAX = 10
"""Notices of one kind about the keys of one account, from the beginning of an hour to its end: messages cost money, and
whoever may change keys could have them sent without an end."""


def tell_of_key(connection: Connection, kind: NoticeKind, key: ApiKey, now: Microseconds) -> None:
    """What is beyond that is told once in the hour, without saying of which keys."""
    of_hour = f"{key.account_id}:{now // HOUR}"
    notices = [
        Notice(
            kind=kind,
            account_id=key.account_id,
            cause=f"{of_hour}:{number}",
            parameters={"name": key.name, "last4": key.last4},
        )
        for number in range(TOLD_MAX)
    ]
    told = set(
        connection.scalars(select(outbox.c.key).where(outbox.c.key.in_([each.key for each in notices])))
    )
    notices = [each for each in notices if each.key not in told]
    notices.append(Notice(kind=NoticeKind.KEYS_CHANGED, account_id=key.account_id, cause=of_hour))
    enqueue(connection, notices[0], now)
