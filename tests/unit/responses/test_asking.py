"""What a request for a response refers to."""

from __future__ import annotations

import pytest
from tests.support.memory_content import MemoryContent
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.content.responses import PART_BYTES, ContentResponseStore
from raseed.core.accounts.model import Caller, Tier
from raseed.core.errors import CapacityError, NotFound, RequestInvalid, RequestTooLarge
from raseed.core.inference.model import Delta, ToolCall
from raseed.core.responses.asking import REFERENCES_MAX, Asking
from raseed.core.responses.model import (
    Item,
    ItemKind,
    Response,
    ResponseId,
    ResponseRequest,
    Status,
    Terms,
    with_ids,
)
from raseed.core.responses.ports import Kept

CALLER = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)
FIRST = ResponseId("resp_first")
TERMS = Terms(model="m")
SAID = (Delta(completion_tokens=1, text="yes"),)
CALL = ToolCall(id="c", name="f", arguments_json='{"cut')


def message(text: str, item_id: str = "") -> Item:
    return Item(kind=ItemKind.MESSAGE, id=item_id, text=text)


def reference(item_id: str) -> Item:
    return Item(kind=ItemKind.REFERENCE, id=item_id)


def response(status: Status = Status.COMPLETED, pieces: tuple[Delta, ...] = SAID) -> Response:
    return Response(
        id=FIRST,
        created_at_s=1,
        terms=TERMS,
        conversation=with_ids([message("hi")], FIRST),
        status=status,
        pieces=pieces,
    )


class Desk:
    def __init__(self) -> None:
        self.content = MemoryContent()
        self.store = ContentResponseStore(self.content)
        self.asking = Asking(self.store, estimator=None)  # type: ignore[arg-type]

    async def texts(self, *items: Item, previous: str | None = None, caller: Caller = CALLER) -> list[str]:
        """Of the conversation that comes of it."""
        terms = Terms(model="m", previous_response_id=ResponseId(previous) if previous else None)
        question = await self.asking.question(caller, ResponseRequest(terms=terms, input=items))
        return [item.text for item in question.conversation]

    async def kept(self) -> Response | None:
        found = await self.store.get(ALICE, FIRST)
        return None if found is None else found.response


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.store.create(ALICE, response())
    return made


async def test_a_response_is_continued_by_its_id_or_item_by_item(desk):
    assert await desk.texts(message("go on"), previous=FIRST) == ["hi", "yes", "go on"]
    assert await desk.texts(previous=FIRST) == ["hi", "yes"]
    named = [reference("msg_first_i0"), message("between"), reference("msg_first_0")]
    assert await desk.texts(*named) == ["hi", "between", "yes"]
    # What the conversation has already is not said twice.
    assert await desk.texts(reference("msg_first_0"), message("go on"), previous=FIRST) == [
        "hi",
        "yes",
        "go on",
    ]


@pytest.mark.parametrize("item_id", ["msg_first_9", "msg_other_0", "call_1", "x", "msg_first_i0_"])
async def test_what_is_not_there_is_not_found(desk, item_id):
    with pytest.raises(NotFound):
        await desk.texts(reference(item_id))


async def test_what_is_somebody_elses_is_not_there(desk):
    bob = Caller(account_id=BOB, api_key_id=None, tier=Tier.FREE)
    with pytest.raises(NotFound):
        await desk.texts(message("x"), previous=FIRST, caller=bob)
    with pytest.raises(NotFound):
        await desk.texts(reference("msg_first_0"), caller=bob)


async def test_ids_are_unique_in_a_conversation(desk):
    for items in (
        (message("a", "x"), message("b", "x")),
        (reference("msg_first_0"), reference("msg_first_0")),
    ):
        with pytest.raises(RequestInvalid, match="Duplicate"):
            await desk.texts(*items)
    with pytest.raises(RequestInvalid, match="Duplicate"):
        await desk.texts(message("a", "msg_first_0"), previous=FIRST)


async def test_references_are_bounded(desk):
    with pytest.raises(RequestInvalid, match="references"):
        await desk.texts(*[reference("msg_first_0")] * (REFERENCES_MAX + 1))


@pytest.mark.parametrize(
    ("status", "pieces", "texts"),
    [
        (Status.FAILED, SAID, ["hi", "yes"]),
        (
            Status.CANCELLED,
            (*SAID, Delta(completion_tokens=2, tool_call_index=0, tool_call=CALL)),
            ["hi", "yes"],
        ),
        (Status.INCOMPLETE, SAID, ["hi", "yes"]),
        (Status.FAILED, (), ["hi"]),
    ],
)
async def test_of_one_that_broke_off_what_was_whole_is_continued(status, pieces, texts):
    desk = Desk()
    await desk.store.create(ALICE, response(status, pieces))
    assert await desk.texts(previous=FIRST) == texts


async def test_one_that_is_not_over_cannot_be_continued():
    desk = Desk()
    await desk.store.create(ALICE, response(Status.IN_PROGRESS, ()))
    with pytest.raises(RequestInvalid, match="not over"):
        await desk.texts(message("x"), previous=FIRST)


@pytest.mark.parametrize("chars", [10, PART_BYTES - 1_000, PART_BYTES, 5 * PART_BYTES])
async def test_a_record_of_any_length_is_read_replaced_and_deleted_whole(chars):
    desk = Desk()
    long = response(pieces=(Delta(completion_tokens=0, text="é" * chars),))
    version = await desk.store.create(ALICE, long)
    assert await desk.store.create(ALICE, response()) is None
    assert version is not None
    assert await desk.store.get(ALICE, FIRST) == Kept(response=long, version=version)
    assert not await desk.store.replace(ALICE, response(), "another version")
    assert await desk.kept() == long
    short = response(pieces=())
    assert await desk.store.replace(ALICE, short, version)
    assert await desk.kept() == short
    assert len(desk.content.items) == 1
    assert await desk.store.delete(ALICE, FIRST)
    assert not desk.content.items


async def test_a_record_has_a_bound_and_a_silent_store_says_so(desk):
    with pytest.raises(RequestTooLarge):
        await desk.store.create(ALICE, response(pieces=(Delta(completion_tokens=0, text="x" * 9_000_000),)))
    desk.content.silent_gets = 1
    with pytest.raises(CapacityError):
        await desk.store.get(ALICE, FIRST)
