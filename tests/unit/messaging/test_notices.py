"""Notices are whole, or they are none."""

import pytest

from raseed.core.ids import AccountId
from raseed.core.messaging.credit_watch import shown_credits
from raseed.core.messaging.notices import NOTICE_TYPES, Notice, NoticeKind
from raseed.core.messaging.outbox import DueNotice
from raseed.core.messaging.ports import Channel

ACCOUNT = AccountId("acct_1")


def test_every_kind_says_what_it_is() -> None:
    assert set(NOTICE_TYPES) == set(NoticeKind)


def test_a_cause_is_told_once_for_each_kind() -> None:
    made = Notice(
        kind=NoticeKind.KEY_CREATED,
        account_id=ACCOUNT,
        cause="key_1",
        parameters={"name": "a", "last4": "wxyz"},
    )
    assert made.key == "key_created:key_1"
    assert "wxyz" not in repr(made)


@pytest.mark.parametrize(
    ("kind", "account_id", "cause", "parameters"),
    [
        (NoticeKind.KEY_CREATED, ACCOUNT, "key_1", {"name": "a"}),
        (NoticeKind.KEY_CREATED, ACCOUNT, "key_1", {"name": "a", "last4": "b", "secret": "c"}),
        (NoticeKind.CREDITS_EXHAUSTED, ACCOUNT, "", {}),
        (NoticeKind.CREDITS_EXHAUSTED, None, "grant_1", {}),
    ],
)
def test_a_notice_that_is_not_whole_is_refused(kind, account_id, cause, parameters) -> None:
    with pytest.raises(ValueError, match="a notice"):
        Notice(kind=kind, account_id=account_id, cause=cause, parameters=parameters)


def test_operators_are_told_without_an_account() -> None:
    Notice(
        kind=NoticeKind.IP_BANNED,
        account_id=None,
        cause="ban_1",
        parameters={"address": "::1", "reason": "r"},
    )


def test_a_claimed_notice_shows_nobodys_address() -> None:
    due = DueNotice(
        id="ntc_1",
        kind=NoticeKind.KEY_CREATED,
        account_id=ACCOUNT,
        parameters={"name": "secret"},
        attempt=1,
        addresses={Channel.WHATSAPP: "+96550123456"},
        language=None,
        beyond=None,
    )
    assert "+965" not in repr(due)
    assert "secret" not in repr(due)


def test_amounts_are_never_shown_as_more_than_they_are() -> None:
    shown = {
        0: "0",
        9_999: "0",
        10_000: "0.01",
        999_999: "0.99",
        100_000_000: "100",
        1_234_567_890: "1,234.56",
    }
    assert {amount: shown_credits(amount) for amount in shown} == shown
