"""The events of a response as messages. What an event says, and its number, follows from the pieces alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from raseed.adapters.rpc.inference_mapping import from_core_logprob
from raseed.adapters.rpc.responses_mapping import from_core_item, from_core_output, from_core_response
from raseed.core.inference.model import Delta
from raseed.core.responses.model import Response, Status
from raseed.core.responses.output import Grown, Output
from raseed.inference.v1 import responses_pb2 as pb


class ResponseEvents:
    """Call `start`, `pieces` as they come, and `end`. Events up to and with number `after` are counted and not made."""

    def __init__(self, response: Response, *, after: int = -1) -> None:
        self._response = response
        self._output = Output(response.id, response.terms)
        self._after = after
        self._number = -1

    def start(self) -> Iterator[pb.ResponseEvent]:
        begun = replace(
            self._response,
            status=Status.IN_PROGRESS,
            pieces=(),
            usage=None,
            failure=None,
            completed_at_s=None,
        )
        yield from self._event(begun=from_core_response(begun))

    def pieces(self, pieces: Iterable[Delta]) -> Iterator[pb.ResponseEvent]:
        """Raises as `Output.add`."""
        for piece in pieces:
            for change in self._output.add(piece):
                if isinstance(change, Grown):
                    yield from self._grown(change)
                    continue
                if change.index:
                    yield from self._closed(change.index - 1)
                opened = pb.ItemOpened(output_index=change.index, item=from_core_item(change.item))
                yield from self._event(item_opened=opened)

    def end(self, response: Response) -> Iterator[pb.ResponseEvent]:
        if response.status in {Status.COMPLETED, Status.INCOMPLETE} and len(self._output):
            yield from self._closed(len(self._output) - 1)
        yield from self._event(ended=from_core_response(response, self._output.whole()))

    def _grown(self, grown: Grown) -> Iterator[pb.ResponseEvent]:
        if grown.item.call is not None:
            arguments = pb.ArgumentsDelta(output_index=grown.index, arguments_json_delta=grown.text)
            yield from self._event(arguments_delta=arguments)
        else:
            text = pb.TextDelta(
                output_index=grown.index,
                text=grown.text,
                logprobs=map(from_core_logprob, grown.logprobs),
            )
            yield from self._event(text_delta=text)

    def _closed(self, index: int) -> Iterator[pb.ResponseEvent]:
        closed = pb.ItemClosed(output_index=index, item=from_core_output(self._output.item(index)))
        yield from self._event(item_closed=closed)

    def _event(
        self,
        *,
        begun: pb.Response | None = None,
        item_opened: pb.ItemOpened | None = None,
        text_delta: pb.TextDelta | None = None,
        arguments_delta: pb.ArgumentsDelta | None = None,
        item_closed: pb.ItemClosed | None = None,
        ended: pb.Response | None = None,
    ) -> Iterator[pb.ResponseEvent]:
        self._number += 1
        if self._number > self._after:
            yield pb.ResponseEvent(
                sequence_number=self._number,
                begun=begun,
                item_opened=item_opened,
                text_delta=text_delta,
                arguments_delta=arguments_delta,
                item_closed=item_closed,
                ended=ended,
            )
