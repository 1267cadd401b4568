"""`raseed notices` on a stopped system: the templates for Meta, and what could not be sent."""

from __future__ import annotations

import sqlite3

from raseed.core.messaging.notices import NOTICE_TYPES


def test_every_template_that_meta_has_to_know_is_printed_once(raseed):
    found = raseed("notices", "templates", "--language", "ar", "--service", "Acme", "--json").value
    names = [each["name"] for each in found]
    assert set(NOTICE_TYPES) <= set(names)
    assert "code" not in names, "Meta has a form of its own for codes"
    assert len(names) == len(set(names))
    welcome = next(each["text"] for each in found if each["name"] == "welcome")
    assert "Acme" in welcome
    assert "{{1}}" in welcome
    assert "welcome (en): Welcome to Raseed." in raseed("notices", "templates").out


def test_what_failed_is_seen_and_sent_again(raseed, account, home):
    raseed("keys", "create", account, "--name", "laptop")
    assert raseed("notices", "failed").out == "none\n"
    raw = sqlite3.connect(home / "home" / "raseed.db", isolation_level=None)
    raw.execute("UPDATE outbox SET state = 'failed', ended_at = created_at, error = 'refused', attempts = 8")
    raw.close()
    [failed] = raseed("notices", "failed", "--json").value
    assert (failed["kind"], failed["account"], failed["attempts"]) == ("key_created", account, 8)
    assert "refused" in raseed("notices", "failed").out
    assert raseed("notices", "retry", failed["id"]).status == 0
    raseed("notices", "retry", failed["id"]).refused()
    assert raseed("notices", "failed", "--json").value == []
