"""What is asked of a model and what it answers, in our own words: no JSON, no protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    id: str
    name: str
    arguments_json: str
    """The model's own text. Kept as text: parsing would lose key order and integers."""


class MediaKind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A part of a message that is not text. Handed to models that take it; never fetched by us."""

    kind: MediaKind
    text_before: int
    """Where it stands: after so many characters of the message's text."""
    url: str | None = None
    """An address, or a `data:` URL."""
    data_base64: str | None = None
    format: str | None = None
    """Of audio: "wav" or "mp3"."""
    detail: str | None = None
    """Of an image: "auto", "low" or "high"."""
    file_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Role
    text: str
    media: tuple[Media, ...] = ()
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    description: str | None = None
    parameters_json: str | None = None
    """The JSON Schema as the caller wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    max_tokens: int | None = None
    """Most tokens to generate; None means as many as the context still holds. 0 only with prompts: then nothing is
    generated.
    """
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """Only so many of the likeliest tokens are candidates; 0 is all."""
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    """Taken once from the logit of every token that was generated before."""
    frequency_penalty: float = 0.0
    """Taken from the logit of a token for each time that it was generated before."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token id of this model, what is added to its logit), by id."""
    top_logprobs: int | None = None
    """Log probabilities of each token, and of so many of the likeliest in its place; None: of none."""


class ToolChoice(StrEnum):
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """The answer is to be one JSON object; with a schema, one that the schema describes."""

    schema_json: str | None = None
    """The JSON Schema as the caller wrote it."""


Prompt = str | tuple[int, ...]
"""What a model is to continue as it stands: text, or ids of its own tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What is asked of a model: to answer messages, or to continue prompts."""

    model: str
    messages: tuple[Message, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    """In place of messages. Each is continued `n` times; the choices of the first come first."""
    echo: bool = False
    """Whether the answer begins with its prompt."""
    suffix: str | None = None
    """With prompts: what stands behind the answer."""
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice.AUTO
    required_tool: str | None = None
    """With REQUIRED: the one that must be called; None: any."""
    parallel_tool_calls: bool = True
    """False: at most one call in an answer."""
    json_format: JsonFormat | None = None
    n: int = 1
    """Answers to generate, each a choice of its own."""
    best: int | None = None
    """How many of the n answers to each prompt are returned, the likeliest; None: all. With `top_logprobs` only."""

    @property
    def choice_count(self) -> int:
        return self.n * max(1, len(self.prompts))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """What is asked of a model: a vector for each input. Each is a choice of the answer, in order."""

    model: str
    inputs: tuple[Prompt, ...]
    dimensions: int | None = None
    """Numbers in each vector; None: as many as the model has."""

    @property
    def choice_count(self) -> int:
        return len(self.inputs)


ModelRequest = ChatRequest | EmbeddingRequest


class Capability(StrEnum):
    """What a request may ask of a model. One that asks for more is refused, never served without it."""

    CHAT = "chat"
    """Answering messages."""
    TOOLS = "tools"
    TOOL_CHOICE = "tool_choice"
    """Calling a tool, or a given one, because the request says so."""
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    LOGPROBS = "logprobs"
    LOGIT_BIAS = "logit_bias"
    PENALTIES = "penalties"
    IMAGES = "images"
    AUDIO = "audio"
    FILES = "files"
    COMPLETIONS = "completions"
    """Continuing a prompt, text or tokens."""
    SUFFIX = "suffix"
    """Continuing a prompt up to what stands behind the answer."""
    EMBEDDINGS = "embeddings"
    DIMENSIONS = "dimensions"
    """Vectors of a length that the request names."""


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    """The provider's own filter ended it, or left something out."""


class UsageSource(StrEnum):
    """Who counted the tokens, in falling order of trust."""

    ENGINE = "engine"
    UPSTREAM = "upstream"
    COUNTED = "counted"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    source: UsageSource = UsageSource.ENGINE

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Logprob:
    """How likely a token was: natural logarithm, finite."""

    token: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A generated token, and the likeliest in its place, likeliest first."""

    chosen: Logprob
    top: tuple[Logprob, ...] = ()


class ClientWire(StrEnum):
    """A streamed API that a provider and a client may both speak."""

    OPENAI_CHAT = "openai_chat"
    ANTHROPIC_MESSAGES = "anthropic_messages"


@dataclass(frozen=True, slots=True)
class Relayed:
    """A piece as its provider wrote it, for clients that speak the same wire."""

    wire: ClientWire
    parts: tuple[bytes, ...]
    """What of the provider's events is not for the client's envelope to say, one for each. Of OPENAI_CHAT: the one element
    of `choices`. Of ANTHROPIC_MESSAGES: the data of an event of a content block; all such events of an answer are relayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of the answer. `completion_tokens` is cumulative: all tokens generated up to and with this piece, of all
    choices together.
    """

    completion_tokens: int
    text: str = ""
    reasoning: str = ""
    """What the model thought before it went on with `text` or a call."""
    choice: int = 0
    """Which of the answers that were asked for it belongs to."""
    tool_call_index: int | None = None
    """Position of the tool call that this piece belongs to; `tool_call` opens it, `tool_arguments` extends it."""
    tool_call: ToolCall | None = None
    tool_arguments: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens since the piece before; not necessarily those of `text`, which may be held back."""
    vector: bytes = b""
    """Of an embedding: the whole vector of its input, as 32-bit floats, little-endian."""
    relayed: Relayed | None = None
    """The same piece in its provider's words, which may say more than ours."""
    finish_reason: FinishReason | None = None
    """Set when its choice ends with this piece while others go on. Those that are open at the end have `Finish`'s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The backend's last event: exactly one, nothing after it. `finish_reason` is None when it was cancelled."""

    finish_reason: FinishReason | None
    usage: Usage
    stop_sequence: str | None = None
    """With STOP, which of the request's stop sequences ended the answer; None when the model ended it itself."""


BackendEvent = Delta | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model as its backend describes it. Price and tier are not the backend's to say."""

    id: str
    context_length: int
    max_output_tokens: int
    capabilities: frozenset[Capability] = frozenset()
    owned_by: str = "raseed"
    created_at_s: int = 0
