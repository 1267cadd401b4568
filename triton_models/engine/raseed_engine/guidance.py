"""Answers that keep to a grammar: which tokens may come next, by llguidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llguidance
import numpy as np

from raseed_engine.protocol import EngineError
from raseed_engine.sampling import Logits

JSON_STYLE = {
    "whitespace_flexible": False,
    "coerce_one_of": True,
    "item_separator": ", ",
    "key_separator": ": ",
}
"""As the model saw JSON in training. Free white space would let a small model write nothing else; that exactly one of
`oneOf` fits is not proved, which can take for ever."""


class Vocabulary:
    """The tokens of one model as llguidance wants them. One per model; making it takes milliseconds."""

    def __init__(self, table: Sequence[bytes], end_token: int, special_tokens: Sequence[int]) -> None:
        self.size = len(table)
        self.tokenizer = llguidance.LLTokenizer(
            llguidance.TokenizerWrapper(_Tokens(table, end_token, special_tokens))
        )


class _Tokens:
    """What `TokenizerWrapper` reads."""

    def __init__(self, table: Sequence[bytes], end_token: int, special_tokens: Sequence[int]) -> None:
        special = set(special_tokens)
        # Every token needs bytes of its own, also those that never stand for text.
        self.tokens = [
            text if text and token not in special else b"<|%d|>" % token for token, text in enumerate(table)
        ]
        self.special_token_ids = sorted(special)
        self.eos_token_id = end_token
        self.bos_token_id = None
        self._token_of = {text: token for token, text in enumerate(table) if text}

    def __call__(self, text: bytes) -> list[int]:
        """Any tokens that spell `text`: a byte-level vocabulary has one for each byte."""
        return [self._token_of[bytes([byte])] for byte in text]


class Guide:
    """The state of one answer in its grammar. Used by one thread after it was made."""

    def __init__(self, vocabulary: Vocabulary, grammar: str) -> None:
        """Raises EngineError `bad_grammar`."""
        self._size = vocabulary.size
        self._matcher: Any = llguidance.LLMatcher(vocabulary.tokenizer, grammar, log_level=0)
        if self._matcher.is_error():
            raise EngineError("bad_grammar", "the grammar cannot be used")

    @property
    def is_complete(self) -> bool:
        """Nothing may follow."""
        return bool(self._matcher.is_stopped())

    @property
    def is_broken(self) -> bool:
        """The grammar took more work than its limits allow; nothing is known of what may follow."""
        return bool(self._matcher.is_error())

    def masked(self, logits: Logits) -> Logits:
        """A copy in which only what the grammar allows can be chosen."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: self._size].astype(bool)
        if not allowed.any():
            return logits  # only when it is broken, which the loop looks at next
        masked = np.full_like(logits, -np.inf)
        masked[: self._size][allowed] = logits[: self._size][allowed]
        return masked

    def take(self, token: int) -> None:
        self._matcher.consume_token(token)


def grammar_of(*, json_schema: str | None, lark: str | None) -> str | None:
    """The grammar that a request asks for. Raises EngineError `bad_grammar`."""
    if json_schema is not None:
        try:
            return str(llguidance.LLMatcher.grammar_from_json_schema(json_schema, overrides=JSON_STYLE))
        except ValueError as error:
            raise EngineError("bad_grammar", "the schema is not a JSON object") from error
    return None if lark is None else str(llguidance.LLMatcher.grammar_from_lark(lark))
