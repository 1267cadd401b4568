"""Server-sent events of a response, as api.openai.com orders and counts them.

    created · [queued] · in_progress · item* · completed | incomplete | failed

    message:  output_item.added · content_part.added · output_text.delta* · output_text.done · content_part.done
              · output_item.done
    reasoning: output_item.added · reasoning_text.delta* · reasoning_text.done · output_item.done
    function: output_item.added · function_call_arguments.delta* · function_call_arguments.done · output_item.done

Each event is `event: <type>` and `data: {"type": …, "sequence_number": n, …}`, n from 0 without a gap. There is no
`[DONE]`. What an event says, and its number, follows from the pieces alone: whoever encodes the same pieces again
writes the same events.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.response_item_object import (
    opened_object,
    output_object,
    output_objects,
    shown_logprobs,
    text_part,
)
from raseed.adapters.wire.openai.response_object import response_object
from raseed.core.inference.model import Delta
from raseed.core.responses.model import ItemKind, Response, Status
from raseed.core.responses.output import Grown, Opened, Output
from raseed.core.texts import whole_text

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class ResponseStreamEncoder:
    """Encodes the events of one response. Call `start`, `delta` for each piece, and `finish` with the response that is
    over.

    Events up to and with number `after` are counted and not written: for a reader who has seen them.
    """

    def __init__(self, response: Response, *, after: int = -1) -> None:
        self._response = response
        self._output = Output(response.id, response.terms)
        self._after = after
        self._number = -1

    def start(self) -> bytes:
        begun = replace(
            self._response,
            status=Status.IN_PROGRESS,
            pieces=(),
            usage=None,
            failure=None,
            completed_at_s=None,
        )
        running = {"response": response_object(begun, [])}
        if not begun.terms.background:
            return self._event("response.created", running) + self._event("response.in_progress", running)
        queued = {"response": response_object(replace(begun, status=Status.QUEUED), [])}
        return (
            self._event("response.created", queued)
            + self._event("response.queued", queued)
            + self._event("response.in_progress", running)
        )

    def delta(self, piece: Delta) -> bytes:
        """The events of one piece, b"" if there is nothing in it to show. Raises as `Output.add`."""
        events = b""
        for change in self._output.add(piece):
            if isinstance(change, Grown):
                events += self._grow(change)
            else:
                if change.index:
                    events += self._close(change.index - 1, "completed")
                events += self._open(change)
        return events

    def finish(self, response: Response, charged: Charged | None = None) -> bytes:
        """What was open is closed, and the last event has the whole response."""
        events = b""
        if response.status in {Status.COMPLETED, Status.INCOMPLETE} and len(self._output):
            status = "completed" if response.status is Status.COMPLETED else "incomplete"
            events = self._close(len(self._output) - 1, status)
        output = output_objects(self._output.whole(), response.status)
        # There is no event of a response that was cancelled: who reads it learns from the object.
        name = "failed" if response.status is Status.CANCELLED else response.status.value
        return events + self._event(
            f"response.{name}", {"response": response_object(response, output, charged)}
        )

    def _open(self, opened: Opened) -> bytes:
        item = opened.item
        added = self._event(
            "response.output_item.added", {"output_index": opened.index, "item": opened_object(item)}
        )
        if item.kind is not ItemKind.MESSAGE:
            return added
        return added + self._event(
            "response.content_part.added",
            {"item_id": item.id, "output_index": opened.index, "content_index": 0, "part": text_part("")},
        )

    def _grow(self, grown: Grown) -> bytes:
        at: Json = {"item_id": grown.item.id, "output_index": grown.index}
        if grown.item.call is not None:
            return self._event(
                "response.function_call_arguments.delta", at | {"delta": whole_text(grown.text)}
            )
        at["content_index"] = 0
        if grown.item.kind is ItemKind.REASONING:
            return self._event("response.reasoning_text.delta", at | {"delta": whole_text(grown.text)})
        return self._event(
            "response.output_text.delta",
            at
            | {
                "delta": whole_text(grown.text),
                "logprobs": shown_logprobs(grown.logprobs),
            },
        )

    def _close(self, index: int, status: str) -> bytes:
        one = self._output.item(index)
        item = one.item
        at: Json = {"item_id": item.id, "output_index": index}
        if item.call is not None:
            events = self._event(
                "response.function_call_arguments.done",
                at | {"name": item.call.name, "arguments": whole_text(item.call.arguments_json)},
            )
        elif item.kind is ItemKind.REASONING:
            thought = {"content_index": 0, "text": whole_text(item.text)}
            events = self._event("response.reasoning_text.done", at | thought)
        else:
            at["content_index"] = 0
            said = {"text": whole_text(item.text), "logprobs": shown_logprobs(one.logprobs)}
            events = self._event("response.output_text.done", at | said)
            events += self._event(
                "response.content_part.done", at | {"part": text_part(item.text, one.logprobs)}
            )
        done = {"output_index": index, "item": output_object(one, status)}
        return events + self._event("response.output_item.done", done)

    def _event(self, name: str, members: Json) -> bytes:
        self._number += 1
        if self._number <= self._after:
            return b""
        data = _encode({"type": name, "sequence_number": self._number, **members})
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
