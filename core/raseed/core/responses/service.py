"""The use cases of responses, for every API that offers them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from raseed.core.accounts.model import Caller
from raseed.core.errors import CapacityError, NotFound, RequestInvalid, RequestTooLarge, StorageQuotaExceeded
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Run
from raseed.core.responses.asking import Asking, Question
from raseed.core.responses.background import Background
from raseed.core.responses.model import Response, ResponseId, Status, response_of_run, with_ids
from raseed.core.responses.ports import Following, ResponseStore

POLL_S = 1.0
"""Pause between two looks at the record of a response whose worker cannot be reached."""


def begun(question: Question, run: Run) -> Response:
    """The response that a run in the foreground makes."""
    response_id = response_of_run(run.id)
    return Response(
        id=response_id,
        created_at_s=run.created_at_s,
        terms=question.terms,
        conversation=with_ids(question.conversation, response_id),
        status=Status.IN_PROGRESS,
    )


class ResponseService:
    """One per worker."""

    def __init__(self, store: ResponseStore, asking: Asking, background: Background) -> None:
        self.asking = asking
        self.background = background
        self._store = store

    async def keep(self, caller: Caller, response: Response) -> Response:
        """A response of the foreground as its client is to see it: kept if it asked for that, and saying so. Never
        raises: the answer is charged in any case, and does not wait for a store that cannot.
        """
        if not response.terms.store:
            return response
        try:
            if await self._store.create(caller.account_id, response) is not None:
                return response
        except (CapacityError, StorageQuotaExceeded, RequestTooLarge):
            pass
        return replace(response, terms=replace(response.terms, store=False))

    async def get(self, caller: Caller, response_id: ResponseId) -> Response:
        """As it is now; of one that is running, nothing of its answer yet. Raises NotFound, CapacityError."""
        kept = await self._store.get(caller.account_id, response_id)
        if kept is None:
            raise NotFound(f"Response with id '{response_id}' not found.")
        return await self.background.current(caller, kept)

    async def follow(self, caller: Caller, response_id: ResponseId) -> Reading:
        """A response from its first piece on, over or running. Close it. Raises NotFound, CapacityError."""
        response = await self.get(caller, response_id)
        return Reading(self, caller, response, self.background.follow(caller, response))

    async def cancel(self, caller: Caller, response_id: ResponseId) -> Response:
        """Safe to repeat: one that is over is as it is. Raises NotFound, CapacityError, and RequestInvalid for one in the
        foreground, which ends with its connection.
        """
        response = await self.get(caller, response_id)
        if not response.terms.background:
            raise RequestInvalid("Cannot cancel a synchronous response.")
        if response.status.is_over:
            return response
        await self.background.cancel(caller, response)
        return await self.get(caller, response_id)

    async def delete(self, caller: Caller, response_id: ResponseId) -> None:
        """One that is running is cancelled first. Raises NotFound, CapacityError."""
        response = await self.get(caller, response_id)
        if not response.status.is_over:
            await self.background.cancel(caller, response)
        await self._store.delete(caller.account_id, response_id)


class Reading:
    """One response that is read to its end, by one task."""

    def __init__(
        self, service: ResponseService, caller: Caller, response: Response, following: Following | None
    ) -> None:
        self.response = response
        """As it was when the reading began."""
        self._service = service
        self._caller = caller
        self._following = following
        self._read = 0

    async def next(self) -> list[Delta] | Response:
        """The pieces since the call before, at least one; the response as it is in the end, last.

        Raises NotFound if it was deleted meanwhile, CapacityError.
        """
        while True:
            if self._following is not None:
                pieces = await self._followed(self._following)
                if pieces is not None:
                    self._read += len(pieces)
                    return pieces
                self._following = None
            response = await self._service.get(self._caller, self.response.id)
            if response.status.is_over:
                rest = list(response.pieces[self._read :])
                self._read += len(rest)
                return rest or response
            await asyncio.sleep(POLL_S)

    def close(self) -> None:
        """Idempotent, never waits. The response goes on."""
        if self._following is not None:
            self._following.close()

    async def _followed(self, following: Following) -> list[Delta] | None:
        try:
            return await following.next()
        except CapacityError:
            following.close()
            return None  # its worker is gone, or the way to it: the record tells, when there is something to tell
