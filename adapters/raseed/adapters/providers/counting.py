"""Tokens that nobody has counted for us yet: of a prompt before it is sent, of an answer whose provider reports none.

No vocabulary of a provider is shipped. A prompt is estimated on the high side, because its hold must cover what the
provider will report; an answer as well as can be, because it may be charged.
"""

from __future__ import annotations

from collections.abc import Iterable

from raseed.core.inference.model import ChatRequest, MediaKind, Message

ASCII_PER_TOKEN = 4
"""English has 4.4 characters for each token of today's vocabularies, code about 3.3."""
PROMPT_ASCII_PER_TOKEN = 3
"""So that prompts of code are covered too."""
BYTES_PER_TOKEN = 3
"""Of everything else in UTF-8: Arabic has about 4, Chinese 3, emoji 2."""
MESSAGE_TOKENS = 8
"""Around each message or tool: roles, separators, names of fields."""
REQUEST_TOKENS = 16
"""What a provider adds to a request, and to one with tools."""
IMAGE_TOKENS = 1_600
"""Of a large image at Anthropic, and about as many as OpenAI counts for one in high detail."""
BINARY_BYTES_PER_TOKEN = 24
"""Of a recording or a document as base64: ten tokens of audio for each second at 32 kB/s come to less."""


def prompt_tokens(request: ChatRequest) -> int:
    """On the high side."""
    tokens = REQUEST_TOKENS * (2 if request.tools or request.json_format else 1)
    tokens += sum(MESSAGE_TOKENS + _text(_texts(message)) for message in request.messages)
    tokens += sum(_media(message) for message in request.messages)
    for tool in request.tools:
        tokens += MESSAGE_TOKENS + _text((tool.name, tool.description or "", tool.parameters_json or ""))
    if request.json_format is not None:
        tokens += _text((request.json_format.schema_json or "",))
    return tokens


class TextCounter:
    """Counts a text as it comes, in whatever pieces: the whole decides, not how it was cut."""

    __slots__ = ("_ascii", "_ascii_per_token", "_others")

    def __init__(self, ascii_per_token: int = ASCII_PER_TOKEN) -> None:
        self._ascii_per_token = ascii_per_token
        self._ascii = 0
        self._others = 0
        """Bytes of characters beyond ASCII."""

    def add(self, text: str) -> None:
        if text.isascii():
            self._ascii += len(text)
            return
        ascii_count = len(text.encode("ascii", errors="ignore"))
        self._ascii += ascii_count
        self._others += len(text.encode(errors="replace")) - ascii_count

    @property
    def tokens(self) -> int:
        return -(-self._ascii // self._ascii_per_token) - (-self._others // BYTES_PER_TOKEN)


def _texts(message: Message) -> Iterable[str]:
    yield message.text
    yield message.name or ""
    for call in message.tool_calls:
        yield call.name
        yield call.arguments_json


def _text(texts: Iterable[str]) -> int:
    counter = TextCounter(PROMPT_ASCII_PER_TOKEN)
    for text in texts:
        counter.add(text)
    return counter.tokens


def _media(message: Message) -> int:
    tokens = 0
    for media in message.media:
        if media.kind is MediaKind.IMAGE:
            tokens += IMAGE_TOKENS
        else:
            tokens += len(media.data_base64 or media.url or "") // BINARY_BYTES_PER_TOKEN
    return tokens
