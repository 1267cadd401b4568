"""What the fakes of providers say, wire by wire, so that one table of faults holds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.emulators.model_providers import anthropic, bedrock, gemini, ollama, openai
from tests.emulators.model_providers.provider import ModelProvider, Play, Step

from raseed.adapters.providers.json_lines import JSON_LINES
from raseed.adapters.providers.sse import SSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """One wire. Its answers are put together of these, in this order."""

    kind: str
    base: str
    provider: Callable[[], ModelProvider]
    start: Sequence[bytes]
    word: Callable[[str], bytes]
    finish: Callable[[], Sequence[bytes]]
    usage: Callable[[int, int], Sequence[bytes]]
    """Of prompt and answer."""
    end: Sequence[bytes]
    error: bytes
    """An event that says that the provider failed."""
    wrong_usage: Sequence[bytes]
    """Figures that cannot be true."""
    content_type: str = SSE
    garbage: bytes = b"data: {not json\n\n"
    no_text: bytes = b"data: \xff\xfe\n\n"
    huge: bytes = b"data: "
    """How an event begins that never ends."""

    is_text: bool = True
    """Whether it has lines."""

    def play(self, *steps: Step) -> Play:
        return Play(content_type=self.content_type, steps=steps)

    def says(self, *words: str) -> list[Step]:
        return [*self.start, *(self.word(word) for word in words)]

    def whole(self, *words: str, prompt: int = 3) -> Play:
        return self.play(*self.says(*words), *self.finish(), *self.usage(prompt, len(words)), *self.end)


OPENAI = Speech(
    kind="openai",
    base="/v1",
    provider=openai.openai_provider,
    start=[openai.chunk({"role": "assistant", "content": "", "refusal": None})],
    word=lambda word: openai.chunk({"content": word}),
    finish=lambda: [openai.chunk({}, "stop")],
    usage=lambda prompt, completion: [openai.usage_chunk(prompt, completion)],
    end=[openai.DONE],
    error=openai.event({"error": {"message": "secret detail", "type": "server_error", "code": None}}),
    wrong_usage=[openai.usage_chunk(-3, -4)],
)

ANTHROPIC = Speech(
    kind="anthropic",
    base="",
    provider=anthropic.anthropic_provider,
    start=[anthropic.message_start(None), anthropic.PING, anthropic.block_start(anthropic.TEXT)],
    word=anthropic.text_delta,
    finish=lambda: [anthropic.block_stop(), anthropic.message_delta("end_turn")],
    usage=lambda prompt, completion: [
        anthropic.message_delta(None, {"input_tokens": prompt, "output_tokens": completion})
    ],
    end=[anthropic.STOP],
    error=anthropic.event("error", error={"type": "api_error", "message": "secret detail"}),
    wrong_usage=[anthropic.message_delta(None, {"input_tokens": -3, "output_tokens": -4})],
)

GEMINI = Speech(
    kind="gemini",
    base="",
    provider=gemini.gemini_provider,
    start=[gemini.event(responseId="upstream")],
    word=gemini.text,
    finish=lambda: [gemini.end()],
    usage=lambda prompt, completion: [gemini.usage_event(prompt, completion)],
    end=[],
    error=gemini.event(error={"code": 500, "message": "secret detail", "status": "INTERNAL"}),
    wrong_usage=[gemini.usage_event(-3, -4)],
)

OLLAMA = Speech(
    kind="ollama",
    base="",
    provider=ollama.ollama_provider,
    content_type=JSON_LINES,
    start=[ollama.line()],
    word=ollama.text,
    finish=lambda: [ollama.end()],
    usage=lambda prompt, completion: [ollama.line(**ollama.figures(prompt, completion))],
    end=[],
    error=b'{"error":"secret detail"}\n',
    garbage=b"{not json\n",
    no_text=b"\xff\xfe\n",
    huge=b"",
    wrong_usage=[ollama.line(**ollama.figures(-3, -4))],
)

BEDROCK = Speech(
    kind="bedrock",
    base="",
    provider=bedrock.bedrock_provider,
    content_type=bedrock.EVENT_STREAM,
    start=[bedrock.start()],
    word=bedrock.text,
    finish=lambda: [bedrock.stop(), bedrock.message_stop("end_turn")],
    usage=lambda prompt, completion: [bedrock.metadata(prompt, completion)],
    end=[],
    error=bedrock.exception("internalServerException", "secret detail"),
    garbage=b"no frame at all, and no checksum of one",
    no_text=bedrock.frame({":event-type": "contentBlockDelta", ":message-type": "event"}, b"\xff\xfe"),
    huge=b"",
    wrong_usage=[bedrock.metadata(-3, -4)],
    is_text=False,
)

SPEECHES = {speech.kind: speech for speech in (OPENAI, ANTHROPIC, GEMINI, OLLAMA, BEDROCK)}
