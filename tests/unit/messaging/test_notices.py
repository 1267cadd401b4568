"""Notices are whole, or they are none."""

import pytest

from raseed.core.ids import AccountId
from raseed.core.messaging.notices import NOTICE_TYPES, Notice, NoticeKind

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
