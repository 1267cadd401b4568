"""The audit log: who did what to what, chained so that it can be proved, in two parts so that people can be forgotten.

A row holds ids and a salted digest of its detail; it stays for ever and is a link of a hash chain. The detail and its
salt lie beside it and may be erased: the row then still says that something was done, by whom and when.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.clock import Microseconds

SALT_BYTES = 16
"""Without it, who has the digest of an erased detail could find the detail by trying what it may have been."""
DETAIL_CHARS_MAX = 2_000
"""Kept of a detail: reasons have at most 256, and lists of ids are cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """What the chain commits to."""

    seq: int
    at: Microseconds
    actor: str
    """An operator's id, `local-socket`, an account's or key's id, or the part of the platform that acted by itself."""
    action: str
    subject: str
    """Id of what was changed."""
    detail_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A row as operators read it."""

    row: AuditRow
    detail: str | None
    """None: erased."""
    is_sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What is empty or None does not count."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    begin: Microseconds | None = None
    """First moment that is included."""
    end: Microseconds | None = None
    """First moment that is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerification:
    violations: tuple[tuple[int, str], ...]
    """(seq of the row, what is wrong with it); at most `VIOLATIONS_MAX`. 0: of the chain as a whole."""
    row_count: int
    """Rows that were looked at."""
    unsealed_count: int
    """Of them, not yet in the chain."""
    erased_count: int
    """Of them, without their detail."""
    head: bytes
    """Hash of the last link."""


VIOLATIONS_MAX = 200


class AuditStore(Protocol):
    async def find(self, which: AuditFilter, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Newest first; `before` is the seq of the last one already seen, None for the first page."""
        ...

    async def verify(self, since: bytes | None) -> AuditVerification:
        """Every link, and every detail that is still there against its digest.

        `since` is a head that was written down earlier: links before it are taken as checked then, and a chain in which
        it no longer is was cut off or made anew. Reads all rows: seconds for a million.
        """
        ...

    async def record(self, actor: str, action: str, subject: str, detail: str, *, once: bool = False) -> None:
        """One row for a change that another store made. `once`: not if there is one of this action, subject and detail
        already, so that what is retried under its own id is told once, whoever died before or after telling it.
        """
        ...


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def digest(salt: bytes, detail: str) -> bytes:
    """32 bytes. Must never change its meaning.

    >>> digest(bytes(16), "reason").hex()[:16]
    '0270968fef366fec'
    """
    return hashlib.sha256(salt + detail.encode()).digest()


def link(previous: bytes, seq: int, row: AuditRow) -> bytes:
    """The hash of a row as link number `seq` behind `previous`. 32 bytes; must never change its meaning.

    >>> from raseed.core.chain import GENESIS
    >>> did = AuditRow(seq=1, at=0, actor="local-socket", action="a", subject="b", detail_digest=bytes(32))
    >>> link(GENESIS, 1, did).hex()[:16]
    'a59809cff5333215'
    """
    content = json.dumps(
        [
            "raseed audit 1",
            previous.hex(),
            seq,
            row.seq,
            row.at,
            row.actor,
            row.action,
            row.subject,
            row.detail_digest.hex(),
        ],
        separators=(",", ":"),
    )
    return hashlib.sha256(content.encode()).digest()
