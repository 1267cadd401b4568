"""What is kept of a run: its pieces, and how its response is when it has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from raseed.core.errors import RaseedError
from raseed.core.inference.model import Delta, FinishReason
from raseed.core.inference.run import Ended
from raseed.core.responses.model import Failure, Response, Status


def as_kept(piece: Delta) -> Delta:
    """Without its provider's words, which only a stream that is being read has a use for."""
    return piece if piece.relayed is None else replace(piece, relayed=None)


def ended(response: Response, pieces: Sequence[Delta], end: Ended) -> Response:
    """Well."""
    is_cut = end.finish_reason in {FinishReason.LENGTH, FinishReason.CONTENT_FILTER}
    return replace(
        _over(response, pieces, Status.INCOMPLETE if is_cut else Status.COMPLETED),
        finish_reason=end.finish_reason,
        usage=end.usage,
        cost_microcredits=end.cost_microcredits,
    )


def failed(response: Response, pieces: Sequence[Delta], error: RaseedError) -> Response:
    """`pieces` are what came before."""
    code = error.code if isinstance(error.code, str) else error.openai_type
    return replace(_over(response, pieces, Status.FAILED), failure=Failure(code=code, message=error.message))


def cancelled(response: Response, pieces: Sequence[Delta]) -> Response:
    """`pieces` are what came before."""
    return _over(response, pieces, Status.CANCELLED)


def _over(response: Response, pieces: Sequence[Delta], status: Status) -> Response:
    return replace(
        response, status=status, pieces=tuple(pieces), completed_at_s=int(time.time()), keeper=None
    )
