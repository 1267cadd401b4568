"""The driver `outbox`: messages go into a file that only the owner can read. The default, and for development."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from raseed.adapters.messaging.texts import Texts
from raseed.adapters.telemetry.log import log
from raseed.core.messaging.ports import Message, MessengerBusy

FILE_BYTES_MAX = 16 * 1024 * 1024
"""The file is put aside as `outbox.jsonl.1` when it is larger, in place of the one before: two of them at most."""


class OutboxFile:
    """Implements `core.messaging.ports.Messenger`. One JSON object a line; several workers may append to one file."""

    def __init__(self, path: Path, texts: Texts) -> None:
        self._path = path
        self._texts = texts

    async def send(self, message: Message) -> str:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "id": message.id,
            "channel": message.channel,
            "to": message.to,
            "language": message.language,
            "template": message.template,
            "parameters": dict(message.parameters),
            "text": self._texts.render(message).text,
        }
        try:
            await asyncio.to_thread(self._append, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise MessengerBusy(f"the outbox file cannot be written: {error.strerror}") from error
        log.info(
            "message", driver="outbox", id=message.id, channel=message.channel, template=message.template
        )
        return message.id

    def _append(self, line: bytes) -> None:
        # One write of one line: O_APPEND keeps those of several workers apart.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            size_bytes = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size_bytes > FILE_BYTES_MAX:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
