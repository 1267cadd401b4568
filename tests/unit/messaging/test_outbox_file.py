"""The driver `outbox`: a private file, one JSON object a line; the log hears of a message, not what is in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.support.log_lines import LogLines

from raseed.adapters.messaging import outbox_file
from raseed.adapters.messaging.outbox_file import OutboxFile
from raseed.adapters.messaging.texts import read_texts
from raseed.core.messaging.ports import CODE_TEMPLATE, Channel, Language, Message, MessengerBusy

TEXTS = read_texts("Raseed")
CODE = Message(
    channel=Channel.WHATSAPP,
    to="+96550123456",
    language=Language.ARABIC,
    template=CODE_TEMPLATE,
    parameters={"code": "424242", "minutes": "5"},
)


async def test_each_message_is_a_line_of_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    await asyncio.gather(*(OutboxFile(path, TEXTS).send(CODE) for _ in range(50)))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 50
    assert (
        lines[0].items()
        >= {
            "id": CODE.id,
            "channel": "whatsapp",
            "to": "+96550123456",
            "language": "ar",
            "template": "code",
            "parameters": {"code": "424242", "minutes": "5"},
        }.items()
    )
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_log_hears_of_it_without_code_and_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LogLines()
    monkeypatch.setattr(outbox_file, "log", lines)
    await OutboxFile(tmp_path / "outbox.jsonl", TEXTS).send(CODE)
    assert [line["id"] for line in lines] == [CODE.id]
    assert "424242" not in str(lines)
    assert "50123456" not in str(lines)


async def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_file, "FILE_BYTES_MAX", 1000)
    path = tmp_path / "outbox.jsonl"
    for number in range(40):
        await OutboxFile(path, TEXTS).send(CODE)
        if number == 20:
            assert "outbox.jsonl.1" in _files(tmp_path)
    assert len(_files(tmp_path)) <= 2
    assert sum(_sizes(tmp_path)) < 3600


async def test_a_folder_that_is_gone_is_told_as_busy(tmp_path: Path) -> None:
    with pytest.raises(MessengerBusy):
        await OutboxFile(tmp_path / "gone" / "outbox.jsonl", TEXTS).send(CODE)


def _files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def _sizes(folder: Path) -> list[int]:
    return [file.stat().st_size for file in folder.iterdir()]
