"""What the wires of providers ask of a request alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from raseed.core.inference.model import Media, Message, Role, Sampling
from raseed.core.texts import whole_text

DATA_URL = re.compile(r"data:(?P<type>[a-z]+/[a-z0-9.+-]+);base64,")
"""What comes behind it is base64."""
SYSTEM_BREAK = "\n\n"
_DEFAULT = Sampling()


def parts(message: Message) -> Iterator[str | Media]:
    """Texts that are not empty, and what is not text, in the order in which they stood."""
    text = whole_text(message.text)
    at = 0
    for media in message.media:
        if media.text_before > at:
            yield text[at : media.text_before]
            at = media.text_before
        yield media
    if at < len(text):
        yield text[at:]


def system_texts(messages: Sequence[Message]) -> list[str]:
    """Of all system messages, wherever they stand."""
    return [whole_text(each.text) for each in messages if each.role is Role.SYSTEM and each.text]


def turns(messages: Sequence[Message]) -> Iterator[tuple[bool, list[Message]]]:
    """All but system messages: whether the model said them, and neighbours together. What tools answered is the caller's."""
    spoken = [each for each in messages if each.role is not Role.SYSTEM]
    for is_answer, said in groupby(spoken, key=lambda each: each.role is Role.ASSISTANT):
        yield is_answer, list(said)


def chosen(sampling: Sampling, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Of these fields, those that have not OpenAI's default value, under their names at the provider."""
    for ours, theirs in names.items():
        value = getattr(sampling, ours)
        if value != getattr(_DEFAULT, ours):
            yield theirs, value
