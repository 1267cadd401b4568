"""raseed.inference.v1 messages that carry JSON ↔ forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

from raseed.adapters.rpc.forms import Form, Forms
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run
from raseed.inference.v1 import inference_pb2 as pb

_DATA = b"data: "
_DONE = b"[DONE]"


async def read_json(request: pb.AnswerJsonRequest | pb.StreamJsonRequest, forms: Forms) -> Form:
    """Raises RequestInvalid, in the words of the API whose JSON it is, and RequestTooLarge."""
    readers: dict[pb.JsonApi, Callable[[bytes], Awaitable[Form]]] = {
        pb.JSON_API_CHAT_COMPLETIONS: forms.chat,
        pb.JSON_API_COMPLETIONS: forms.completion,
        pb.JSON_API_EMBEDDINGS: forms.embeddings,
        pb.JSON_API_MESSAGES: forms.message,
    }
    read = readers.get(request.api)
    if read is None:
        raise RequestInvalid("api must say whose JSON it is.", param="api")
    form = await read(request.json)
    if form.stream is not isinstance(request, pb.StreamJsonRequest):
        calls = "AnswerJson for one whole answer" if not form.stream else "StreamJson for a stream"
        raise RequestInvalid(f"The JSON's 'stream' says otherwise: use {calls}.", param="stream")
    return form


def from_core_json(form: Form) -> Callable[[Run, Sequence[Delta], Ended], pb.AnswerJsonResponse]:
    def encode(run: Run, pieces: Sequence[Delta], ended: Ended) -> pb.AnswerJsonResponse:
        return pb.AnswerJsonResponse(json=b"".join(form.whole(run, list(pieces), ended)))

    return encode


class JsonMessages:
    """The messages of one stream: what its server-sent events would carry."""

    def __init__(self, form: Form, run: Run) -> None:
        self._events = form.events(run)
        self._has_begun = False

    def pieces(self, pieces: Sequence[Delta]) -> Iterator[pb.StreamJsonResponse]:
        for json in _carried(self._begun() + b"".join(map(self._events.delta, pieces))):
            yield pb.StreamJsonResponse(json=json)

    def end(self, ended: Ended) -> Iterator[pb.StreamJsonResponse]:
        *others, last = _carried(self._begun() + self._events.end(ended))
        for json in others:
            yield pb.StreamJsonResponse(json=json)
        yield pb.StreamJsonResponse(json=last, is_last=True)

    def _begun(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        return self._events.start()


def _carried(events: bytes) -> Iterator[bytes]:
    r"""The data of server-sent events, each on one line.

    >>> list(_carried(b'event: ping\ndata: {"a":1}\n\ndata: {}\n\ndata: [DONE]\n\n'))
    [b'{"a":1}', b'{}']
    """
    for line in events.split(b"\n"):
        if line.startswith(_DATA) and (data := line.removeprefix(_DATA)) != _DONE:
            yield data
