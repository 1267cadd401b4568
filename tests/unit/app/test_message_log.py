"""What the log says of messages that were not sent: which, why and where, never to whom or what."""

from __future__ import annotations

import pytest
from tests.support.log_lines import LogLines

from raseed.app import messengers
from raseed.app.messengers import _report, report_unsent
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import NoticeKind
from raseed.core.messaging.outbox import DueNotice
from raseed.core.messaging.ports import Channel, Language, Message, Undeliverable

PHONE, CODE = "+96550123456", "424242"
CODE_MESSAGE = Message(
    channel=Channel.WHATSAPP,
    to=PHONE,
    language=Language.ARABIC,
    template="code",
    parameters={"code": CODE, "minutes": "5"},
)
DUE = DueNotice(
    id="ntc_1",
    kind=NoticeKind.KEY_CREATED,
    account_id=AccountId("acct_1"),
    parameters={"name": CODE},
    attempt=2,
    addresses={Channel.WHATSAPP: PHONE},
    language=None,
    beyond=None,
)


def broken() -> Exception:
    """As a library fails: with everything that it had in its words."""
    try:
        raise ValueError(f"cannot post {CODE} to {PHONE}")
    except ValueError as error:
        return error


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> LogLines:
    lines = LogLines()
    monkeypatch.setattr(messengers, "log", lines)
    return lines


def test_a_reason_of_ours_is_told(lines: LogLines) -> None:
    report_unsent(CODE_MESSAGE, Undeliverable("it cannot reach this person (code 131026)"))
    _report(DUE, Undeliverable("it cannot reach this person (code 131026)"))
    assert [line["reason"] for line in lines] == ["it cannot reach this person (code 131026)"] * 2
    assert [(line["event"], line["level"], line["id"]) for line in lines] == [
        ("not sent", "error", CODE_MESSAGE.id),
        ("notice not sent", "warning", "ntc_1"),
    ]
    assert lines[1]["attempt"] == 2


def test_words_of_others_are_not(lines: LogLines) -> None:
    report_unsent(CODE_MESSAGE, broken())
    _report(DUE, broken())
    for line in lines:
        assert line["error"] == "ValueError"
        assert "test_message_log.py:" in line["at"]
        assert CODE not in str(line)
        assert PHONE not in str(line)
