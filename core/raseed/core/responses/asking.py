"""What a request for a response comes to: the conversation that it continues, as its model is to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from raseed.core.accounts.model import Caller
from raseed.core.errors import NotFound, PromptTooLong, RequestInvalid
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.model import ChatRequest
from raseed.core.responses.conversation import to_chat_request, without_oldest
from raseed.core.responses.model import (
    Item,
    ItemKind,
    Response,
    ResponseId,
    ResponseRequest,
    Status,
    Terms,
    response_of_item,
)
from raseed.core.responses.output import whole_output
from raseed.core.responses.ports import ResponseStore

REFERENCES_MAX = 256
"""Of one request, to items of earlier responses: each response that is named is read."""
ROUNDS_MAX = 64
"""Most times that a conversation is shortened and counted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Ready to be asked. Its new items have no id yet."""

    terms: Terms
    conversation: tuple[Item, ...]
    chat: ChatRequest


class Asking:
    """One per worker."""

    def __init__(self, store: ResponseStore, estimator: Estimator) -> None:
        self._store = store
        self._estimator = estimator

    async def question(self, caller: Caller, request: ResponseRequest) -> Question:
        """Reads what the request refers to; nothing is asked, held or charged.

        Raises NotFound for an earlier response or item that is not there, RequestInvalid for one that cannot be
        continued, and CapacityError when the store is silent.
        """
        terms = request.terms
        conversation = await self._conversation(caller, request)
        chat = to_chat_request(terms, conversation)
        if terms.truncates:
            return await self._shortened(caller, terms, conversation)
        return Question(terms=terms, conversation=conversation, chat=chat)

    async def count(self, caller: Caller, request: ResponseRequest) -> int:
        """Tokens of the prompt. Raises as `question`, and what `Estimator.estimate` does but PromptTooLong."""
        question = await self.question(caller, request)
        return await self._prompt_tokens(caller, question.chat)

    async def _conversation(self, caller: Caller, request: ResponseRequest) -> tuple[Item, ...]:
        earlier: tuple[Item, ...] = ()
        previous_id = request.terms.previous_response_id
        if previous_id is not None:
            earlier = continued(await self._previous(caller, previous_id))
        new = request.input
        if any(item.kind is ItemKind.REFERENCE for item in new):
            new = await self._resolved(caller, new, earlier)
        seen: set[str] = set()
        for item in (*earlier, *new):
            if item.id and item.id in seen:
                raise RequestInvalid(f"Duplicate item found with id '{item.id}'.", param="input")
            seen.add(item.id)
        return (*earlier, *new)

    async def _previous(self, caller: Caller, response_id: ResponseId) -> Response:
        kept = await self._store.get(caller.account_id, response_id)
        if kept is None:
            raise NotFound(
                f"Previous response with id '{response_id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        if not kept.response.status.is_over:
            raise RequestInvalid(
                f"Previous response with id '{response_id}' is not over yet.", param="previous_response_id"
            )
        return kept.response

    async def _resolved(
        self, caller: Caller, items: Sequence[Item], earlier: Sequence[Item]
    ) -> tuple[Item, ...]:
        """References replaced by what they name; one to what the conversation has already adds nothing."""
        if sum(item.kind is ItemKind.REFERENCE for item in items) > REFERENCES_MAX:
            raise RequestInvalid(f"Invalid 'input': more than {REFERENCES_MAX} references.", param="input")
        there = {item.id for item in earlier}
        known: dict[str, Item] = {}
        read: set[ResponseId] = set()
        found: list[Item] = []
        for item in items:
            if item.kind is not ItemKind.REFERENCE:
                found.append(item)
                continue
            if item.id in there:
                continue
            of = response_of_item(item.id)
            if of is not None and of not in read:
                read.add(of)
                kept = await self._store.get(caller.account_id, of)
                if kept is not None:
                    known |= {one.id: one for one in continued(kept.response)}
            if item.id not in known:
                raise NotFound(f"Item with id '{item.id}' not found.", param="input")
            found.append(known[item.id])
        return tuple(found)

    async def _shortened(self, caller: Caller, terms: Terms, conversation: tuple[Item, ...]) -> Question:
        """The oldest turns are left out until the rest has room, or until one is left."""
        for _ in range(ROUNDS_MAX):
            chat = to_chat_request(terms, conversation)
            try:
                await self._estimator.estimate(caller, chat)
                break
            except PromptTooLong:
                shorter = without_oldest(conversation)
                if shorter is None:
                    break  # the run refuses it
                conversation = shorter
        return Question(terms=terms, conversation=conversation, chat=to_chat_request(terms, conversation))

    async def _prompt_tokens(self, caller: Caller, chat: ChatRequest) -> int:
        try:
            return (await self._estimator.estimate(caller, chat)).prompt_tokens
        except PromptTooLong as error:
            # Who counts wants to know by how much; only where that was not counted is it an error.
            if "prompt_tokens" not in error.metadata:
                raise
            return int(error.metadata["prompt_tokens"])


def continued(response: Response) -> tuple[Item, ...]:
    """The conversation with its answer. Of one that broke off, what was whole: a call without its end is no call."""
    output = [one.item for one in whole_output(response.id, response.terms, response.pieces)]
    if response.status in {Status.FAILED, Status.CANCELLED} and output and output[-1].kind is ItemKind.CALL:
        output.pop()
    return (*response.conversation, *output)
