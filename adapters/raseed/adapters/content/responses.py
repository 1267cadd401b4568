"""Responses in the content store: one record for each, in parts where it is long."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from raseed.adapters.content.response_record import decode_record, encode_record
from raseed.core.content.ports import ABSENT, ContentKind, ContentStore, ContentUnavailable
from raseed.core.errors import CapacityError, RequestTooLarge
from raseed.core.ids import AccountId, new_id
from raseed.core.responses.model import Response, ResponseId
from raseed.core.responses.ports import Kept

DAYS_KEPT = 30
"""As OpenAI keeps them."""
PART_BYTES = 64 * 1024
"""Of one item of the store: longer ones would hold up the ledger's writer."""
RECORD_BYTES_MAX = 8 * 1024 * 1024
"""Longest record: the largest request twice over."""
READS_MAX = 3
"""Times that a record is read again because another took its place meanwhile."""

_KIND = ContentKind.RESPONSE
_TTL_S = DAYS_KEPT * 24 * 3600
T = TypeVar("T")


class _Head(msgspec.Struct, frozen=True, gc=False):
    """The first line of what lies under a response's id. The record follows it, or lies in its parts."""

    parts: int = 0
    write: str = ""
    """Names the parts: each write has its own, so that a record is never half old and half new."""


_decode_head = msgspec.json.Decoder(_Head).decode


class ContentResponseStore:
    """Implements `core.responses.ports.ResponseStore`."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content

    async def create(self, account_id: AccountId, response: Response) -> str | None:
        return await _or_silent(self._put(account_id, response, ABSENT))

    async def get(self, account_id: AccountId, response_id: ResponseId) -> Kept | None:
        return await _or_silent(self._get(account_id, response_id))

    async def replace(self, account_id: AccountId, response: Response, version: str) -> bool:
        return await _or_silent(self._replace(account_id, response, version))

    async def delete(self, account_id: AccountId, response_id: ResponseId) -> bool:
        return await _or_silent(self._delete(account_id, response_id))

    async def _get(self, account_id: AccountId, response_id: ResponseId) -> Kept | None:
        for _ in range(READS_MAX):
            item = await self._content.get(account_id, _KIND, response_id)
            if item is None:
                return None
            head, record = _split(item.data)
            found = [record]
            for part in _part_names(response_id, head):
                lies = await self._content.get(account_id, _KIND, part)
                if lies is None:
                    break
                found.append(lies.data)
            if len(found) == 1 + head.parts:
                return Kept(response=decode_record(b"".join(found)), version=item.version)
        return None

    async def _replace(self, account_id: AccountId, response: Response, version: str) -> bool:
        before = await self._content.get(account_id, _KIND, response.id)
        if before is None or before.version != version:
            return False
        if await self._put(account_id, response, version) is None:
            return False
        await self._delete_parts(account_id, response.id, _split(before.data)[0])
        return True

    async def _delete(self, account_id: AccountId, response_id: ResponseId) -> bool:
        item = await self._content.get(account_id, _KIND, response_id)
        if item is None:
            return False
        was_there = await self._content.delete(account_id, _KIND, response_id)
        await self._delete_parts(account_id, response_id, _split(item.data)[0])
        return was_there

    async def _put(self, account_id: AccountId, response: Response, if_match: str) -> str | None:
        record = encode_record(response)
        if len(record) > RECORD_BYTES_MAX:
            raise RequestTooLarge(f"A response of more than {RECORD_BYTES_MAX} bytes cannot be stored.")
        head, inline = _Head(), record
        if len(record) > PART_BYTES:
            cuts = range(0, len(record), PART_BYTES)
            head, inline = _Head(parts=len(cuts), write=new_id("w")), b""
            for name, at in zip(_part_names(response.id, head), cuts, strict=True):
                part = record[at : at + PART_BYTES]
                await self._content.put(account_id, _KIND, name, part, ttl_s=_TTL_S)
        data = msgspec.json.encode(head) + b"\n" + inline
        written = await self._content.put(
            account_id, _KIND, response.id, data, ttl_s=_TTL_S, if_match=if_match
        )
        if written is None:
            await self._delete_parts(account_id, response.id, head)
        return written

    async def _delete_parts(self, account_id: AccountId, response_id: ResponseId, head: _Head) -> None:
        for name in _part_names(response_id, head):
            await self._content.delete(account_id, _KIND, name)


def _split(data: bytes) -> tuple[_Head, bytes]:
    line, _, record = data.partition(b"\n")
    return _decode_head(line), record


def _part_names(response_id: ResponseId, head: _Head) -> list[str]:
    return [f"{response_id}/{head.write}/{number}" for number in range(head.parts)]


async def _or_silent(work: Awaitable[T]) -> T:
    try:
        return await work
    except ContentUnavailable as error:
        raise CapacityError(
            "The service cannot reach its store right now. Please try again.", retry_after_s=1.0
        ) from error
