"""Secrets and prompts stay where they belong: canaries go through every path of a whole stack, are searched for
everywhere, and may lie in the places of one table alone.

There are no more places: metrics are not served, traces not written, and Envoy's access log, which a stack does not
have, is looked at in tests/integration/envoy.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from tests.e2e import canary_operators as operators
from tests.e2e import canary_walk as walk
from tests.e2e.canary_house import House, house
from tests.support.canaries import Found, search
from tests.support.postgres import shared_server

ALLOWED: Mapping[str, tuple[str, ...]] = {
    # Written by the first start, and printed once it is ready.
    "first key": ("file home/first-key", "file up.log"),
    # Shown once, to whoever made it.
    "session's key": ("answer POST /api/keys",),
    "child key": ("answer POST /v1/keys",),
    "rotated key": ("answer POST /api/keys/*/rotate",),
    "key of an operator's": ("command keys create",),
    "key of who redeems": ("command keys create",),
    "redemption code": ("command codes create",),
    "admin key": ("command operators create",),
    "next admin key": ("command operators key",),
    "session token": ("answer VerifySignIn",),
    "session cookie": ("answer POST /api/auth/verify",),
    "device cookie": ("answer POST /api/auth/verify",),
    "challenge": ("answer StartSignIn",),
    "challenge cookie": ("answer POST /api/auth/start",),
    # Derived from the session, for its pages.
    "CSRF token": ("answer POST /api/auth/verify", "answer GET /api/auth/session"),
    # Files that only their owner can read.
    "key pepper": ("file home/secrets/key-pepper-1",),
    "sign-in pepper": ("file home/secrets/sign-in-pepper-1",),
    "content key": ("file home/secrets/content-key-1",),
    # Of a person, in the account's row and where its holder or an operator looks at it.
    "address": (
        "table accounts",
        "file home/raseed.db*",
        "answer POST /api/auth/verify",
        "answer GET /api/account/export",
        "command accounts *",
        "command from elsewhere",
        "file account.jsonl",
    ),
    # For the operators, until it is sent.
    "enquiry": ("table outbox", "file home/raseed.db*"),
    # Who asks may read the answer, which repeats the question.
    "prompt": ("answer of a model",),
}
"""By canary: where it may lie, and does lie: a place without its canary means that nobody looked there. A canary that
is not named may lie nowhere."""


def leaks(house: House) -> list[str]:
    """What lies where it must not, and what does not lie where it must."""
    found = search(house.canaries.values(), house.places())
    wrong = [
        f"{each.canary}: {each.place}"
        for each in found
        if not any(fnmatchcase(each.place, place) for place in ALLOWED.get(each.canary, ()))
    ]
    unseen = [
        f"{canary}: not in {place}"
        for canary, places in ALLOWED.items()
        for place in places
        if not (house.database_url and place.startswith("file home/raseed.db"))
        and not any(each.canary == canary and fnmatchcase(each.place, place) for each in found)
    ]
    return sorted(wrong + unseen)


@pytest.mark.parametrize("with_postgres", [False, pytest.param(True, marks=pytest.mark.long)])
def test_no_secret_and_no_prompt_lies_where_it_must_not(tmp_path: Path, *, with_postgres: bool):
    with house(tmp_path, shared_server() if with_postgres else None) as each:
        files = each.stack.files
        each.key("first key", each.stack.key)
        for name in ("key-pepper-1", "sign-in-pepper-1", "content-key-1"):
            each.plant(
                name.removesuffix("-1").replace("-", " ").replace("sign in", "sign-in"),
                (files.secrets / name).read_text().strip(),
            )
        holder = walk.sign_in(each)
        walk.talk(each, holder, ("scripted",) if with_postgres else ("scripted", "raseed-tiny"))
        walk.be_refused(each, holder)
        walk.write_to_operators(each)
        walk.report(each)
        walk.payment_events(each)
        walk.redeem_codes(each)
        operators.operate(each, holder)
        operators.notices_have_gone(each)
        assert len(each.canaries) >= 20
        assert leaks(each) == []
        operators.be_forgotten(each, holder)
        forgotten = [each.canaries["address"], each.canaries["prompt"]]
        assert search(forgotten, each.tables()) == set()
    # Nor in the bytes of a database that is closed; what an operator exported is the operator's.
    assert search(forgotten, each.files()) == {Found("address", "file account.jsonl")}
