"""What the core needs to keep responses, and to reach those that other workers run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raseed.core.ids import AccountId
from raseed.core.inference.model import Delta
from raseed.core.responses.model import Keeper, Response, ResponseId


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    response: Response
    version: str
    """Another one at each write."""


class ResponseStore(Protocol):
    """Responses by account and response_id, for a while. Every method raises CapacityError when the store is silent: then it is
    unknown whether it wrote.
    """

    async def create(self, account_id: AccountId, response: Response) -> str | None:
        """Its version, durable when it returns; None if there is one of this id.

        Raises StorageQuotaExceeded, and RequestTooLarge for a record that is longer than can be kept.
        """
        ...

    async def get(self, account_id: AccountId, response_id: ResponseId) -> Kept | None: ...

    async def replace(self, account_id: AccountId, response: Response, version: str) -> bool:
        """In place of the one that was read under this version; False if another is there by now. Raises as `create`."""
        ...

    async def delete(self, account_id: AccountId, response_id: ResponseId) -> bool:
        """Whether there was one. Safe to repeat."""
        ...


class Following(Protocol):
    """A response that is read while it is made, by one task."""

    async def next(self) -> list[Delta] | None:
        """The pieces since the call before, at least one; None when there are no more: then the record tells the end.

        Raises CapacityError when the worker that runs it cannot be reached any more.
        """
        ...

    def close(self) -> None:
        """Idempotent, never waits."""
        ...


class Peers(Protocol):
    """The other workers."""

    def follow(self, keeper: Keeper, account_id: AccountId, response_id: ResponseId) -> Following:
        """From the first piece on."""
        ...

    async def cancel(self, keeper: Keeper, account_id: AccountId, response_id: ResponseId) -> None:
        """Returns when the record tells the end. Safe to repeat, and for a response that is over. Raises CapacityError."""
        ...


class Lives(Protocol):
    """Which life each worker is in."""

    async def epoch(self, instance: str) -> int | None:
        """None for a worker that never was. Raises CapacityError."""
        ...
