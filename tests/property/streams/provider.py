"""The same answers as a provider sends them: in the words of its wire, which a client of that wire gets as they came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.property.streams.plans import Answer, Call, Manner, Say, Silence, Think

from raseed.adapters.providers.anthropic_messages import AnthropicDecoder
from raseed.adapters.providers.openai_chat import OpenAIChatDecoder
from raseed.adapters.providers.sse import Event
from raseed.adapters.providers.wire import Decoder, Piece
from raseed.core.inference.model import Delta

LOGPROBS = {"content": [{"token": "x", "logprob": -0.25, "bytes": [120], "top_logprobs": []}]}


def deltas(answer: Answer, manner: Manner, choice: int, *, with_logprobs: bool) -> Iterator[Delta | Silence]:
    """What the adapter of that wire makes of it. A piece is a token."""
    decoder: Decoder = AnthropicDecoder() if manner.is_anthropic else OpenAIChatDecoder()
    said = _anthropic(answer) if manner.is_anthropic else _openai(answer, manner, choice, with_logprobs)
    tokens = 0
    for data in said:
        if isinstance(data, Silence):
            yield data
            continue
        for piece in decoder.read(Event("", json.dumps(data).encode())):
            tokens += 1
            yield _counted(piece, tokens)


def _whole(text: str) -> str:
    """Half a pair of surrogates is no JSON: a provider that sends one has failed."""
    return text.encode(errors="replace").decode()


def _counted(piece: Piece, tokens: int) -> Delta:
    return Delta(
        completion_tokens=tokens,
        text=piece.text,
        reasoning=piece.reasoning,
        tool_call_index=piece.tool_call_index,
        tool_call=piece.tool_call,
        tool_arguments=piece.tool_arguments,
        logprobs=piece.logprobs,
        relayed=piece.relayed,
    )


def _openai(
    answer: Answer, manner: Manner, choice: int, with_logprobs: bool
) -> Iterator[dict[str, Any] | Silence]:
    def chunk(delta: dict[str, Any], logprobs: Any = None) -> dict[str, Any]:
        more: dict[str, Any] = {"role": "assistant"} if manner.repeats_role else {}
        if manner.has_nulls:
            more |= {"content": None, "tool_calls": None, "refusal": None}
        ending = {} if manner.has_no_reason else {"finish_reason": None}
        return {"choices": [{"index": 0, "delta": more | delta, "logprobs": logprobs, **ending}]}

    calls = 0
    for step in answer.steps:
        match step:
            case Silence():
                yield step
            case Say(text):
                yield chunk({"content": _whole(text)}, LOGPROBS if with_logprobs else None)
            case Think(text):
                yield chunk({"reasoning_content": _whole(text)})
            case Call(name, arguments):
                opened = {"id": f"call_{choice}_{calls}", "type": "function"}
                for number, piece in enumerate(arguments):
                    is_told = number == 0 or manner.repeats_calls
                    function = {"arguments": piece} | ({"name": name} if is_told else {})
                    call = {"index": calls, "function": function} | (opened if is_told else {})
                    yield chunk({"tool_calls": [call]})
                calls += 1


def _anthropic(answer: Answer) -> Iterator[dict[str, Any] | Silence]:
    """Every step is a block of its own."""
    index = 0
    for step in answer.steps:
        if isinstance(step, Silence):
            yield step
            continue
        block: dict[str, Any] = {"type": "text", "text": ""}
        if isinstance(step, Call):
            block = {"type": "tool_use", "id": f"toolu_{index}", "name": step.name, "input": {}}
            said = [{"type": "input_json_delta", "partial_json": piece} for piece in step.arguments if piece]
        elif isinstance(step, Think):
            block = {"type": "thinking", "thinking": "", "signature": ""}
            said = [{"type": "thinking_delta", "thinking": _whole(step.text)}] if step.text else []
            said.append({"type": "signature_delta", "signature": "c2lnbmVk"})
        else:
            said = [{"type": "text_delta", "text": _whole(step.text)}] if step.text else []
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in said:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
        index += 1
