"""Between a model that writes and a client that reads: pieces are joined while the reader is busy."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from raseed.core.inference.model import Delta, Relayed

PENDING_CHARS_MAX = 65_536
"""Text waiting for a slow reader. Beyond this the run stops reading from its engine until the reader catches up."""
PIECE_CHARS = 16
"""What a piece weighs beside its text: many tokens have none of their own."""
PATIENCE_S = 30.0
"""Longest wait for a reader who takes nothing while that much is waiting."""


class Mailbox:
    """One writer, one reader, one event loop."""

    def __init__(self, *, wake_on_delta: bool) -> None:
        self._wake_on_delta = wake_on_delta
        """False for a reader that wants the whole answer: waking it for each piece would be work for nothing."""
        self._pending: list[Delta] = []
        self._pending_chars = 0
        self._closed = False
        self._nudged = False
        self._loop = asyncio.get_running_loop()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    async def put(self, delta: Delta) -> None:
        """Add a piece. Waits while a streaming reader is too far behind; raises TimeoutError if it stays there."""
        self._pending.append(delta)
        self._pending_chars += _weight(delta)
        if not self._wake_on_delta:
            return
        self._wake_reader()
        while self._pending_chars > PENDING_CHARS_MAX and not self._closed:
            self._writer = self._loop.create_future()
            async with asyncio.timeout(PATIENCE_S):
                await self._writer

    def close(self) -> None:
        """Nothing more will come (or nobody reads any more). Idempotent."""
        self._closed = True
        self._wake_reader()
        self._wake_writer()

    @property
    def is_closed(self) -> bool:
        return self._closed

    def nudge(self) -> None:
        """Let a `take` that is waiting now come back with an empty list."""
        if self._reader is not None and not self._reader.done():
            self._nudged = True
            self._wake_reader()

    async def take(self) -> list[Delta]:
        """All pieces that are waiting, neighbours joined; an empty list once closed and drained, or after a nudge."""
        while not self._closed and not (self._pending and self._wake_on_delta):
            self._reader = self._loop.create_future()
            await self._reader
            if self._nudged:
                self._nudged = False
                break
        pieces, self._pending, self._pending_chars = self._pending, [], 0
        self._wake_writer()
        return pieces if len(pieces) < 2 else join(pieces)

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)


def _weight(delta: Delta) -> int:
    call = delta.tool_call
    opened = 0 if call is None else len(call.name) + len(call.arguments_json)
    logprobs = sum(1 + len(logprob.top) for logprob in delta.logprobs) if delta.logprobs else 0
    relayed = sum(map(len, delta.relayed.parts)) if delta.relayed else 0
    return (
        PIECE_CHARS * (1 + logprobs)
        + relayed
        + len(delta.text)
        + len(delta.reasoning)
        + len(delta.tool_arguments)
        + opened
    )


def join(pieces: list[Delta]) -> list[Delta]:
    """Join neighbouring pieces of one text, of one thought, or of one call's arguments, of the same choice. Order and content are kept."""
    groups: list[list[Delta]] = []
    for piece in pieces:
        if groups and _continues(groups[-1], piece):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [group[0] if len(group) == 1 else _joined(group) for group in groups]


def _continues(group: list[Delta], piece: Delta) -> bool:
    first = group[0]
    return (
        piece.tool_call is None
        and piece.tool_call_index == first.tool_call_index
        and piece.choice == first.choice
        and bool(piece.reasoning) == bool(first.reasoning)
        and (piece.relayed is None) == (first.relayed is None)
        and group[-1].finish_reason is None
    )


def _joined(group: list[Delta]) -> Delta:
    relayed = [piece.relayed for piece in group if piece.relayed is not None]
    return replace(
        group[0],
        completion_tokens=group[-1].completion_tokens,
        text="".join(piece.text for piece in group),
        reasoning="".join(piece.reasoning for piece in group),
        tool_arguments="".join(piece.tool_arguments for piece in group),
        logprobs=tuple(logprob for piece in group for logprob in piece.logprobs),
        relayed=Relayed(relayed[0].wire, tuple(part for each in relayed for part in each.parts))
        if relayed
        else None,
        finish_reason=group[-1].finish_reason,
    )
