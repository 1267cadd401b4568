"""The use cases of responses, but those of the background."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from raseed.core.accounts.model import Caller
from raseed.core.errors import CapacityError, NotFound, RaseedError, RequestTooLarge, StorageQuotaExceeded
from raseed.core.inference.model import Delta, FinishReason
from raseed.core.inference.run import Ended, Run
from raseed.core.responses.asking import Asking, Question
from raseed.core.responses.model import Failure, Response, ResponseId, Status, response_of_run, with_ids
from raseed.core.responses.ports import ResponseStore


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


def ended(response: Response, pieces: Sequence[Delta], end: Ended) -> Response:
    """How a response is when its run has ended well."""
    is_cut = end.finish_reason is FinishReason.LENGTH
    return replace(
        response,
        status=Status.INCOMPLETE if is_cut else Status.COMPLETED,
        pieces=tuple(pieces),
        finish_reason=end.finish_reason,
        usage=end.usage,
        cost_microcredits=end.cost_microcredits,
        completed_at_s=int(time.time()),
        keeper=None,
    )


def failed(response: Response, pieces: Sequence[Delta], error: RaseedError) -> Response:
    """How a response is when its run has ended otherwise. `pieces` are what was delivered before."""
    code = error.code if isinstance(error.code, str) else error.openai_type
    return replace(
        response,
        status=Status.FAILED,
        pieces=tuple(pieces),
        failure=Failure(code=code, message=error.message),
        completed_at_s=int(time.time()),
        keeper=None,
    )


class ResponseService:
    """One per worker."""

    def __init__(self, store: ResponseStore, asking: Asking) -> None:
        self.asking = asking
        self._store = store

    async def keep(self, caller: Caller, response: Response) -> Response:
        """A response of the foreground as its client is to see it: kept if it asked for that, and saying so. Never
        raises: the answer is charged in any case, and does not wait for a store that cannot.
        """
        if not response.terms.store:
            return response
        try:
            if await self._store.create(caller.account_id, response):
                return response
        except (CapacityError, StorageQuotaExceeded, RequestTooLarge):
            pass
        return replace(response, terms=replace(response.terms, store=False))

    async def get(self, caller: Caller, response_id: ResponseId) -> Response:
        """Raises NotFound, CapacityError."""
        kept = await self._store.get(caller.account_id, response_id)
        if kept is None:
            raise not_found(response_id)
        return kept.response

    async def delete(self, caller: Caller, response_id: ResponseId) -> None:
        """Raises NotFound, CapacityError."""
        if not await self._store.delete(caller.account_id, response_id):
            raise not_found(response_id)


def not_found(response_id: ResponseId) -> NotFound:
    return NotFound(f"Response with id '{response_id}' not found.")
