"""Idempotency keys: the same key with the same content is one request, however often it is sent.

A record in the content store, at (account, route, key), says what the content was, under which id it is being worked
on, and in the end what came of it. The record only names the work. That it is done once is the ledger's promise: the
id names a hold or a grant, and of those there is one, whichever worker asks for it and however often.

Keys are data: only their digest is stored, together with that of the content.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from raseed.core.content.ports import ABSENT, ContentKind, ContentStore, ContentUnavailable
from raseed.core.errors import (
    CapacityError,
    RaseedError,
    RequestInProgress,
    RequestInvalid,
    RequestReusedWithOtherInput,
    StorageQuotaExceeded,
)
from raseed.core.ids import AccountId, new_id

KEY_CHARS_MAX = 255
INFERENCE_TTL_S = 24 * 3600
"""Who sends a request again does it within minutes; a day covers a queue that was stopped overnight."""
BILLING_TTL_S = 90 * 24 * 3600
"""Corrections are sent again from lists that people keep. The ledger refuses to book twice even after that."""
RESULT_BYTES_MAX = 64 * 1024
"""Longest result that is kept. What is longer is charged once all the same, and cannot be read again."""
RETRY_AFTER_S = 1.0
"""What a client is told to wait for a request that is still running: most end within seconds."""
ATTEMPTS_MAX = 3
"""Attempts to read or write a record while others write it, or while the store is silent."""
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request under a key."""

    account_id: AccountId
    route: str
    """A key means something else on each."""
    key: str
    content: bytes
    """The digest of everything that the client sent."""
    ttl_s: int

    @property
    def name(self) -> str:
        return hashlib.sha256(f"{self.route}\n{self.key}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it: an answer, or an error that was paid for."""

    body: bytes = b""
    error: RaseedError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request's record. Whoever has it may do the work under its `attempt`, and no other."""

    asked: Asked
    attempt: str
    version: str
    is_new: bool
    result: Result | None = None


def checked_key(key: str) -> str:
    """Raises RequestInvalid."""
    if not 0 < len(key) <= KEY_CHARS_MAX or not key.isascii() or not key.isprintable():
        raise RequestInvalid(
            f"Idempotency-Key must have 1 to {KEY_CHARS_MAX} printable ASCII characters.",
            param="Idempotency-Key",
        )
    return key


class Idempotency:
    """`claim` raises RequestReusedWithOtherInput, StorageQuotaExceeded, and CapacityError when the store is silent."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store

    async def claim(self, asked: Asked, attempt: str = "") -> Claim:
        """The record of this request, made if there is none. `attempt` names the work of a new one; default: any."""
        attempt = attempt or new_id("try")
        fresh = Claim(asked=asked, attempt=attempt, version="", is_new=True)
        for _ in range(ATTEMPTS_MAX):
            try:
                item = await self._store.get(asked.account_id, ContentKind.IDEMPOTENT, asked.name)
                if item is not None:
                    return _read(asked, item.data, item.version)
                if (version := await self._put(fresh, ABSENT)) is not None:
                    return replace(fresh, version=version)
            except ContentUnavailable:
                await asyncio.sleep(PAUSE_S)
        raise CapacityError(
            "The service cannot take requests right now. Please try again.", retry_after_s=RETRY_AFTER_S
        )

    async def renew(self, claim: Claim) -> Claim:
        """Another attempt, after one that cost nothing. Raises RequestInProgress if somebody else was quicker."""
        again = replace(claim, attempt=new_id("try"), is_new=True)
        try:
            version = await self._put(again, claim.version)
        except ContentUnavailable:
            version = None
        if version is None:
            raise in_progress()
        return replace(again, version=version)

    async def finish(self, claim: Claim, result: Result) -> bool:
        """Keep what came of it; False if that was not possible. Never raises: the work is done in any case."""
        if len(result.body) > RESULT_BYTES_MAX:
            return False
        for _ in range(ATTEMPTS_MAX):
            try:
                return await self._put(replace(claim, result=result), claim.version) is not None
            except ContentUnavailable:
                await asyncio.sleep(PAUSE_S)
            except StorageQuotaExceeded:
                return False
        return False

    async def once(self, asked: Asked, work: Callable[[str], Awaitable[bytes]]) -> tuple[bytes, bool]:
        """Do `work`, which is idempotent by the id it is given, and keep its answer: (answer, whether it was kept).

        The id follows from the request, so that the work is known again also when the record is gone.
        """
        try:
            claim = await self.claim(asked, attempt=asked.name)
        except StorageQuotaExceeded:
            # What customers keep must not stop the correction of a balance; the ledger knows the id without a record.
            return await work(asked.name), False
        if claim.result is not None:
            return claim.result.body, True
        body = await work(claim.attempt)
        await self.finish(claim, Result(body=body))
        return body, False

    async def _put(self, claim: Claim, if_match: str) -> str | None:
        asked = claim.asked
        return await self._store.put(
            asked.account_id,
            ContentKind.IDEMPOTENT,
            asked.name,
            _written(claim),
            ttl_s=asked.ttl_s,
            if_match=if_match,
        )


def in_progress() -> RequestInProgress:
    return RequestInProgress(
        "A request with this idempotency key is being answered now. Please send it again in a moment.",
        retry_after_s=RETRY_AFTER_S,
    )


def _written(claim: Claim) -> bytes:
    """A line of JSON, then the answer as it is."""
    head: dict[str, Any] = {"content": claim.asked.content.hex(), "attempt": claim.attempt}
    result = claim.result
    if result is not None:
        head["ended"] = True
        if result.error is not None:
            error = result.error
            head["error"] = [
                error.reason,
                error.message,
                error.param,
                error.code,
                dict(error.metadata),
                error.retry_after_s,
            ]
    return json.dumps(head).encode() + b"\n" + (b"" if result is None else result.body)


def _read(asked: Asked, data: bytes, version: str) -> Claim:
    line, _, body = data.partition(b"\n")
    head = json.loads(line)
    if head["content"] != asked.content.hex():
        raise RequestReusedWithOtherInput("This idempotency key was used before with other content.")
    result = None
    if head.get("ended"):
        result = Result(body=body, error=_error(head["error"]) if "error" in head else None)
    return Claim(asked=asked, attempt=head["attempt"], version=version, is_new=False, result=result)


def _error(parts: list[Any]) -> RaseedError:
    reason, message, param, code, metadata, retry_after_s = parts
    kind = next((kind for kind in _tree(RaseedError) if kind.reason == reason), RaseedError)
    return kind(message, param=param, code=code, metadata=metadata, retry_after_s=retry_after_s)


def _tree(root: type[RaseedError]) -> Iterator[type[RaseedError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)
