"""From messages to the exact token ids that the model reads.

The template writes control tokens, users write text, and a user's text must never become a control token. So every
control token that occurs in a user's text is broken with a random mark before the template runs; afterwards all
control tokens in the result are the template's. The pieces between them lose their marks and are encoded as plain text.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import jinja2
import jinja2.sandbox
from tokenizers import Tokenizer

from raseed.core.errors import Overloaded, PromptTooLong, RequestInvalid
from raseed.core.inference.model import ChatRequest, Message, Prompt, Tool

INLINE_BYTES_MAX = 8 * 1024
"""Longer text is encoded in a thread: `encode` keeps the interpreter's lock, 890 ms were seen for a long prompt."""
ENCODING_THREADS = 2
"""The library uses all cores for one batch anyway."""
ENCODING_WAITERS_MAX = 64
"""Long prompts that may wait for a thread; more than this is seconds of work."""

_CHECK_CONVERSATIONS: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": "Be brief. "}, {"role": "user", "content": " Grüße, 你好\r\n  x"}],
    [
        {"role": "user", "content": "مرحبا 🎉"},
        {"role": "assistant", "content": "e\u0301\n"},
        {"role": "user", "content": "\n{{ x }}"},
    ],
)


T = TypeVar("T")


class TemplateUnusable(Exception):
    """The tokenizer and the template of a model do not work together; found when the model is set up."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a rendered prompt: one control token, or text."""

    text: str
    control_id: int | None = None


class EncodingPool:
    """Threads for long prompts, shared by all models, with a bounded queue."""

    def __init__(self, threads: int = ENCODING_THREADS, waiters_max: int = ENCODING_WAITERS_MAX) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        self._free = threads + waiters_max

    async def run(self, work: Callable[[], T]) -> T:
        """Raises Overloaded when the queue is full."""
        if self._free == 0:
            raise Overloaded("Too many long prompts are being read. Please try again.", retry_after_s=1.0)
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._free += 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


class PromptEncoder:
    """Renders and encodes prompts of one model. Raises TemplateUnusable when it cannot do so faithfully."""

    def __init__(
        self,
        *,
        tokenizer_json: str,
        template: str,
        context_length: int,
        pool: EncodingPool,
        begin_token: int | None = None,
    ) -> None:
        """`begin_token` goes before a text that is continued as it stands; the template writes its own."""
        self._begin_token = begin_token
        self._tokenizer = Tokenizer.from_str(tokenizer_json)
        self._tokenizer.encode_special_tokens = True  # special tokens in text are text
        self._template = _environment().from_string(template)
        self._context_length = context_length
        self._pool = pool
        added: list[dict[str, Any]] = json.loads(tokenizer_json).get("added_tokens", [])
        self._controls: dict[str, int] = {
            entry["content"]: entry["id"] for entry in added if entry["special"]
        }
        if not self._controls or min(map(len, self._controls)) < 2:
            raise TemplateUnusable("control tokens must exist and have at least two characters")
        choices = "|".join(re.escape(text) for text in sorted(self._controls, key=len, reverse=True))
        self._control = re.compile(f"({choices})")
        self._control_at = re.compile(f"(?={choices})")
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        # A character of a vocabulary entry stands for at most one byte of text, and more of them for an added token.
        self._text_bytes_max = context_length * max(len(text.encode()) for text in vocabulary)
        self._check(tokenizer_json)

    async def encode(self, request: ChatRequest) -> list[int]:
        """The token ids of messages or of the one prompt. Raises RequestInvalid, PromptTooLong, Overloaded."""
        if not request.prompts:
            return await self._ids(self.render(request), "messages")
        [prompt] = request.prompts
        if isinstance(prompt, str):
            begin = [] if self._begin_token is None else [Piece("", self._begin_token)]
            return await self._ids([*begin, Piece(prompt)], "prompt")
        if len(prompt) >= self._context_length:
            self._refuse_length(len(prompt), "prompt")
        if not 0 <= min(prompt) <= max(prompt) < self._tokenizer.get_vocab_size():
            raise RequestInvalid("Invalid 'prompt': it has tokens that the model does not.", param="prompt")
        return list(prompt)

    def text_of(self, prompt: Prompt) -> str:
        """What a prompt says."""
        if isinstance(prompt, str):
            return prompt
        text: str = self._tokenizer.decode(prompt, skip_special_tokens=False)
        return text

    async def _ids(self, pieces: list[Piece], param: str) -> list[int]:
        size_bytes = sum(len(piece.text.encode()) for piece in pieces)
        if size_bytes > self._text_bytes_max:
            # No tokenizer could fit it; the exact count is not worth the work.
            self._refuse_length(None, param)
        if size_bytes <= INLINE_BYTES_MAX:
            ids = self._encode(pieces)
        else:
            ids = await self._pool.run(lambda: self._encode(pieces))
        if len(ids) >= self._context_length:
            self._refuse_length(len(ids), param)
        return ids

    def render(self, request: ChatRequest) -> list[Piece]:
        """The prompt in pieces. Raises RequestInvalid when the template refuses the messages."""
        mark = f"\ue000{secrets.token_hex(8)}\ue001"
        try:
            messages = [_template_message(message) for message in request.messages]
            tools = [_template_tool(tool) for tool in request.tools]
            rendered = self._template.render(
                messages=self._break_controls(messages, mark),
                tools=self._break_controls(tools, mark) or None,
                add_generation_prompt=True,
            )
        except (jinja2.TemplateError, RecursionError, TypeError, ValueError) as error:
            raise RequestInvalid(
                "The messages do not fit this model's chat template.", param="messages"
            ) from error
        return [
            Piece(text, self._controls.get(text)) if at % 2 else Piece(text.replace(mark, ""))
            for at, text in enumerate(self._control.split(rendered))
            if text
        ]

    def _break_controls(self, value: Any, mark: str) -> Any:
        """A copy of `value` in which no string holds a control token."""
        match value:
            case str():
                return self._break_text(value, mark)
            case Mapping():
                # Roles and types are ours, and templates compare them; they hold no control tokens, so they stay.
                return {
                    self._break_text(key, mark): self._break_controls(item, mark)
                    for key, item in value.items()
                }
            case list():
                return [self._break_controls(item, mark) for item in value]
            case _:
                return value

    def _break_text(self, text: str, mark: str) -> str:
        # Every place where a token begins, also inside another: breaking one must not leave the next one whole.
        starts = [match.start() + 1 for match in self._control_at.finditer(text)]
        if not starts:
            return text
        return mark.join(
            text[begin:end] for begin, end in zip([0, *starts], [*starts, len(text)], strict=True)
        )

    def _encode(self, pieces: Sequence[Piece]) -> list[int]:
        texts = [piece.text for piece in pieces if piece.control_id is None]
        encodings = iter(self._tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        ids: list[int] = []
        for piece in pieces:
            ids.extend(next(encodings).ids if piece.control_id is None else [piece.control_id])
        return ids

    def _refuse_length(self, count: int | None, param: str) -> NoReturn:
        """None is for too many to be counted."""
        figures = {"context_length": self._context_length, "prompt_tokens": count}
        many = f"more than {self._context_length}" if count is None else str(count)
        raise PromptTooLong(
            f"This model's maximum context length is {self._context_length} tokens, and at least one must remain for "
            f"the answer. However, your {param} resulted in {many} tokens.",
            param=param,
            metadata={name: str(figure) for name, figure in figures.items() if figure is not None},
        )

    def _check(self, tokenizer_json: str) -> None:
        """Encoding in pieces must give what encoding the whole gives, for text without control tokens."""
        whole = Tokenizer.from_str(tokenizer_json)
        for messages in _CHECK_CONVERSATIONS:
            rendered = self._template.render(messages=messages, tools=None, add_generation_prompt=True)
            pieces = [
                Piece(text, self._controls.get(text)) if at % 2 else Piece(text)
                for at, text in enumerate(self._control.split(rendered))
                if text
            ]
            if self._encode(pieces) != whole.encode(rendered, add_special_tokens=False).ids:
                raise TemplateUnusable("the tokenizer joins text with neighbouring control tokens")


def _environment() -> jinja2.Environment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    return environment


def _to_json(value: Any, indent: int | None = None) -> str:
    """As models saw it in training: no escapes for HTML, no escapes for other scripts."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _template_message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.name is not None:
        fields["name"] = message.name
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        fields["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_json},
            }
            for call in message.tool_calls
        ]
    return fields


def _template_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters_json is not None:
        function["parameters"] = json.loads(tool.parameters_json)
    return {"type": "function", "function": function}
