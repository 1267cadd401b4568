"""Every stream that can be emitted has Anthropic's order of events, and the official client reads back what was said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raseed.adapters.wire.anthropic.errors import encode_stream_error
from raseed.adapters.wire.anthropic.message_response import encode_message
from raseed.adapters.wire.anthropic.message_stream import CONTENT_TYPE, PING, MessageStreamEncoder
from raseed.adapters.wire.charged import Charged
from raseed.core.errors import BackendLost
from raseed.core.ids import RunId
from raseed.core.inference.answer import whole_choices
from raseed.core.inference.mailbox import join
from raseed.core.inference.model import Delta, FinishReason, ToolCall, Usage

RUN = RunId('run_"01"')  # quotes: nothing may be pasted in without escaping
MODEL = "org/model:é"
USAGE = Usage(prompt_tokens=5, completion_tokens=3, cached_tokens=2)


@dataclass(frozen=True)
class Said:
    """What a model said, and how it ended."""

    pieces: Sequence[Delta]
    reason: FinishReason = FinishReason.STOP
    stop_sequence: str | None = None
    usage: Usage = USAGE
    charged: Charged | None = None
    shows_thinking: bool = True

    def stream(self, between: bytes = b"") -> bytes:
        """`between` goes between any two writes."""
        sse = MessageStreamEncoder(shows_thinking=self.shows_thinking)
        parts = [sse.start(run_id=RUN, model=MODEL, prompt_tokens=self.usage.prompt_tokens)]
        parts += [sse.delta(piece) for piece in self.pieces]
        parts.append(sse.finish(self.reason, self.stop_sequence, self.usage, self.charged))
        return between.join(parts)

    def whole(self) -> dict[str, Any]:
        """The same as one message."""
        [answer] = whole_choices(self.pieces, 1, self.reason)
        body = encode_message(
            run_id=RUN,
            model=MODEL,
            text=answer.text,
            thinking=answer.reasoning if self.shows_thinking else "",
            tool_calls=answer.tool_calls,
            finish_reason=self.reason,
            stop_sequence=self.stop_sequence,
            usage=self.usage,
        )
        decoded: dict[str, Any] = msgspec.json.decode(body)
        return decoded


def call(index: int, name: str = "f", arguments: str = "") -> Delta:
    opened = ToolCall(id=f"call_{index}", name=name, arguments_json=arguments)
    return Delta(completion_tokens=1, tool_call_index=index, tool_call=opened)


def more(index: int, arguments: str) -> Delta:
    return Delta(completion_tokens=1, tool_call_index=index, tool_arguments=arguments)


def words(*texts: str) -> list[Delta]:
    return [Delta(completion_tokens=1, text=text) for text in texts]


def thoughts(*texts: str) -> list[Delta]:
    return [Delta(completion_tokens=1, reasoning=text) for text in texts]


THINKING = Said(
    [*thoughts("Let me ", "", "see.\n"), *words("Hel", "lo"), *thoughts("hm"), call(0), *thoughts("so")],
    usage=Usage(prompt_tokens=5, completion_tokens=6, reasoning_tokens=3),
)
TOOLS = Said(
    [
        *words("Let me look."),
        call(0, "weather"),
        more(0, '{"city":'),
        more(0, '"الكويت"}'),
        call(1, "clock", '{"zone"'),
        more(1, ":3}"),
        Delta(completion_tokens=6, tool_call_index=1),
    ],
    FinishReason.TOOL_CALLS,
)


def events(stream: bytes) -> list[Any]:
    """The data of all events. Fails unless each has Anthropic's form."""
    assert stream.endswith(b"\n\n")
    found = []
    for part in stream.split(b"\n\n")[:-1]:
        name, data = part.split(b"\n")
        event = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        found.append(event)
    return found


DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}


def check_order(found: Sequence[Any]) -> None:
    """message_start · (start · delta* · stop)* · message_delta · message_stop, with pings anywhere."""
    queue = [event for event in found if event["type"] != "ping"]
    assert queue.pop(0)["type"] == "message_start"
    assert queue.pop()["type"] == "message_stop"
    assert queue.pop()["type"] == "message_delta"
    index = -1
    block: dict[str, Any] | None = None
    is_signed = False
    for event in queue:
        if event["type"] == "content_block_start":
            index, block = index + 1, event["content_block"]
            assert block in (
                {"type": "text", "text": ""},
                {"type": "thinking", "thinking": "", "signature": ""},
                {**block, "type": "tool_use", "input": {}},
            )
            is_signed = block["type"] != "thinking"
        elif event["type"] == "content_block_delta":
            assert block is not None
            if event["delta"]["type"] == "signature_delta":
                assert not is_signed
                is_signed = True
            else:
                assert event["delta"]["type"] == DELTAS[block["type"]]
                assert is_signed == (block["type"] != "thinking"), "nothing but the end follows a signature"
        else:
            assert event["type"] == "content_block_stop"
            assert block is not None
            assert is_signed
            block = None
        assert event["index"] == index
    assert block is None


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("stream.sse", Said(words("Hel", "", "lo\n")).stream()),
        ("stream_empty.sse", Said([], FinishReason.LENGTH).stream()),
        ("stream_tool_use.sse", TOOLS.stream()),
        ("stream_thinking.sse", THINKING.stream()),
        ("stream_stop_sequence.sse", Said(words("a"), stop_sequence="\n\nEnd").stream()),
        ("stream_charged.sse", Said(words("a"), charged=Charged(cost_microcredits=8_000_000)).stream(PING)),
        (
            "stream_error.sse",
            MessageStreamEncoder().start(run_id=RUN, model=MODEL, prompt_tokens=5)
            + encode_stream_error(BackendLost("The model stopped."), request_id="req_1"),
        ),
    ],
)
def test_shape(golden, name: str, stream: bytes):
    golden(name, stream)


def test_the_first_event_has_the_size_of_the_prompt():
    first, *_, end, _ = events(Said(words("a")).stream())
    assert first["message"]["usage"]["input_tokens"] == 5
    assert (end["usage"]["input_tokens"], end["usage"]["cache_read_input_tokens"]) == (3, 2)


def test_who_did_not_ask_reads_no_thoughts():
    """A call that a thought divides goes on in its block."""
    pieces = [*thoughts("hm"), call(0), *thoughts("so"), more(0, "{}"), *words("a")]
    told = Said([piece for piece in pieces if not piece.reasoning]).stream()
    assert Said(pieces, shows_thinking=False).stream() == told


def test_a_call_cannot_go_on_after_its_block():
    """No event could tell it: the stream ends with an error, never with arguments that are not the model's."""
    for late in (more(0, "}"), call(0)):
        sse = MessageStreamEncoder()
        for piece in (call(0), call(1)):
            sse.delta(piece)
        with pytest.raises(BackendLost):
            sse.delta(late)


def _cuts(arguments: str) -> st.SearchStrategy[list[str]]:
    """The text in pieces, some of them empty."""
    places = st.lists(st.integers(0, len(arguments)), max_size=3).map(sorted)
    return places.map(
        lambda at: [arguments[begin:end] for begin, end in zip([0, *at], [*at, len(arguments)], strict=True)]
    )


_ARGUMENTS = st.dictionaries(st.text(max_size=4), st.integers(-9, 9) | st.text(max_size=4), max_size=3).map(
    json.dumps
)
_CALL = st.tuples(st.text("abc_-", min_size=1, max_size=4), _ARGUMENTS.flatmap(_cuts))
_TEXTS = st.lists(st.text(max_size=6), min_size=1, max_size=4)
_PART = st.tuples(st.sampled_from([words, thoughts]), _TEXTS) | _CALL


@st.composite
def _said(draw: st.DrawFn) -> Said:
    """Texts, thoughts and calls in any order, each in any pieces; as a reader who keeps up gets them, or one who does not."""
    pieces: list[Delta] = []
    calls = 0
    for part in draw(st.lists(_PART, max_size=5)):
        what, (first, *rest) = part
        if not isinstance(what, str):
            pieces += what(first, *rest)
            continue
        name = what
        pieces += [call(calls, name, first), *(more(calls, piece) for piece in rest)]
        calls += 1
    reason = draw(st.sampled_from(FinishReason))
    found = draw(st.none() | st.text(min_size=1, max_size=4)) if reason is FinishReason.STOP else None
    pieces = join(pieces) if draw(st.booleans()) else pieces
    return Said(pieces, reason, found, shows_thinking=draw(st.booleans()))


@settings(max_examples=200)
@given(_said(), st.sampled_from([b"", PING]))
def test_every_stream_has_the_order(said: Said, between: bytes):
    check_order(events(said.stream(between)))


class _Served:
    """The official client, with a stream of ours as its network."""

    def __init__(self) -> None:
        self.stream = b""
        self.client = anthropic.Anthropic(
            api_key="k",
            base_url="http://raseed",
            http_client=httpx2.Client(transport=httpx2.MockTransport(self._answer)),
            max_retries=0,
        )

    def _answer(self, _request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": CONTENT_TYPE}, content=self.stream)

    def read(self, stream: bytes) -> dict[str, Any]:
        """The message that its helper puts together."""
        self.stream = stream
        messages: Any = [{"role": "user", "content": "hi"}]
        with self.client.messages.stream(model="m", max_tokens=5, messages=messages) as reading:
            return reading.get_final_message().to_dict(mode="json")


@pytest.fixture(scope="module")
def served() -> Iterator[_Served]:
    fake = _Served()
    yield fake
    fake.client.close()


@settings(max_examples=60)
@given(said=_said(), between=st.sampled_from([b"", PING]))
def test_the_official_client_reads_back_what_was_said(served: _Served, said: Said, between: bytes):
    """Texts that something divides are blocks of their own; otherwise a stream says what the whole message says."""
    read, whole = served.read(said.stream(between)), said.whole()
    blocks = read.pop("content"), whole.pop("content")
    assert {key: read[key] for key in whole} == whole
    texts = ["".join(block["text"] for block in found if block["type"] == "text") for found in blocks]
    calls = [[block for block in found if block["type"] == "tool_use"] for found in blocks]
    thought = ["".join(block.get("thinking", "") for block in found) for found in blocks]
    assert thought[0] == thought[1]
    assert all(block["signature"] == "" for block in blocks[0] if block["type"] == "thinking")
    assert texts[0] == texts[1]
    assert calls[0] == calls[1]


@settings(max_examples=100)
@given(st.text(alphabet=st.characters() | st.characters(categories=["Cs"])))
def test_lone_surrogates_never_break_a_stream(text: str):
    shown = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    found = events(Said([*words(text), call(0), more(0, text), *thoughts(text)]).stream())
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    told = [delta[key] for delta in deltas for key in ("text", "partial_json", "thinking") if key in delta]
    assert told == ([shown] * 3 if text else [])


def test_the_official_client_raises_on_an_error_in_the_stream(served: _Served):
    lost = encode_stream_error(BackendLost("The model stopped."), request_id="req_1")
    sse = MessageStreamEncoder()
    begun = sse.start(run_id=RUN, model=MODEL, prompt_tokens=5) + sse.delta(words("a")[0])
    with pytest.raises(anthropic.APIStatusError) as caught:
        served.read(begun + lost)
    assert (caught.value.type, caught.value.api_message) == ("api_error", "The model stopped.")
