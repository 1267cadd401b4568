"""A response as the bytes that are kept of it, and back. What an older version wrote is read by every newer one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from raseed.core.inference.model import Delta, TokenLogprob, ToolCall
from raseed.core.responses.model import Response
from raseed.core.texts import whole_text


class Piece(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of an answer in few bytes: there are as many as tokens."""

    t: str = ""
    """Text."""
    r: str = ""
    """Reasoning."""
    a: str = ""
    """Arguments of a call."""
    i: int | None = None
    """Which call."""
    c: ToolCall | None = None
    """The call that is opened."""
    l: tuple[TokenLogprob, ...] = ()  # noqa: E741 - a key in JSON, never alone in code
    """Logprobs."""


class _Record(msgspec.Struct, frozen=True, gc=False):
    response: Response
    """Without its pieces."""
    pieces: list[Piece]


_encode = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(_Record).decode
_decode_pieces = msgspec.json.Decoder(list[Piece]).decode


def encode_record(response: Response) -> bytes:
    return _encode(_Record(replace(response, pieces=()), [_to_piece(piece) for piece in response.pieces]))


def decode_record(data: bytes) -> Response:
    """Raises ValueError for bytes that are no record."""
    record = _decode_record(data)
    return replace(record.response, pieces=tuple(map(_from_piece, record.pieces)))


def encode_pieces(pieces: list[Delta]) -> bytes:
    """For another worker."""
    return _encode([_to_piece(piece) for piece in pieces])


def decode_pieces(data: bytes) -> list[Delta]:
    """Raises ValueError."""
    return list(map(_from_piece, _decode_pieces(data)))


def _to_piece(piece: Delta) -> Piece:
    call: Any = piece.tool_call
    if call is not None:
        call = replace(call, arguments_json=whole_text(call.arguments_json))
    return Piece(
        t=whole_text(piece.text),
        r=whole_text(piece.reasoning),
        a=whole_text(piece.tool_arguments),
        i=piece.tool_call_index,
        c=call,
        l=piece.logprobs,
    )


def _from_piece(piece: Piece) -> Delta:
    return Delta(
        completion_tokens=0,  # told by the usage of the whole
        text=piece.t,
        reasoning=piece.r,
        tool_arguments=piece.a,
        tool_call_index=piece.i,
        tool_call=piece.c,
        logprobs=piece.l,
    )
