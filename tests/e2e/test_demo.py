"""docs/payments.md: what a newcomer types, typed. "Try it" from top to bottom, then the commands that are shown further down."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.http import Http
from tests.support.stack import Stack

PAGE = Path(__file__).parents[2] / "docs" / "payments.md"
TIMEOUT_S = 240
"""For all that is typed in one go. The stack itself answers within seconds."""
WITHOUT_MODEL = """\
[triton]
enabled = false
[core]
drain_s = 0.5
"""


def blocks(section: str) -> list[str]:
    """The commands of a section, in their order."""
    page = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```sh\n(.*?)```", page, re.DOTALL)


@dataclass(frozen=True)
class Reader:
    """Who follows the page, in a folder of his own."""

    stack: Stack
    folder: Path
    said: str
    """By what he typed to try it."""

    def types(self, script: str, **environ: str) -> str:
        return _typed(self.stack, self.folder, script, environ)

    def operates(self, command: str) -> Any:
        """A command of operators, with what it says as JSON."""
        program, *arguments = shlex.split(command)
        assert program == "raseed"
        done = self.stack.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def balance(self) -> float:
        answer = Http(self.stack.port, self.session).send("GET", "/api/billing/subscription")
        return float(answer.json["credits"]["balance"])

    @property
    def session(self) -> str:
        return (self.folder / "session").read_text(encoding="utf-8").strip()


def _typed(stack: Stack, folder: Path, script: str, environ: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euc", script.replace("127.0.0.1:8080", stack.url.removeprefix("http://"))],
        cwd=folder,
        env={**os.environ, "RASEED_HOME": str(stack.home), **environ},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def reader(new_stack: Callable[..., Stack]) -> Reader:
    stack = new_stack("demo", WITHOUT_MODEL, options=["--demo"]).start()
    folder = stack.directory / "reader"
    folder.mkdir()
    (folder / ".raseed").symlink_to(stack.home)
    start, *rest = blocks("Try it")
    assert start == "make demo\n"
    said = _typed(stack, folder, "\n".join([*rest, 'echo "$SESSION" > session\n']), {})
    return Reader(stack, folder, said)


def test_a_newcomer_signs_up_buys_and_sees_balance_and_receipt(reader: Reader) -> None:
    printed = reader.stack.printed()
    assert "payment providers are emulated on this machine, and no money moves" in printed
    assert "<title>Thank you: your payment is complete</title>" in reader.said
    assert '"state":"credited"' in reader.said
    assert '"balance":6000' in reader.said, "a thousand for the welcome, and what was bought"
    assert re.search(r'"number":"TEST-R-20[0-9]{2}-000001"', reader.said)
    assert (reader.folder / "receipt.pdf").read_bytes().startswith(b"%PDF-")
    assert json.loads((reader.folder / "payment.json").read_text(encoding="utf-8"))["mode"] == "test"
    log = (reader.stack.files.logs / "emulators.log").read_text(encoding="utf-8")
    started = json.loads(log)
    assert {name: set(told) for name, told in started.items()} == {"myfatoorah": {"url"}, "creem": {"url"}}
    status = Http(reader.stack.port, "").send("GET", "/billing/return/myfatoorah/pay_nobody").status
    assert status == 404


def test_an_order_as_the_page_shows_it(reader: Reader) -> None:
    [order] = blocks("Buying")
    first, again = (json.loads(reader.types(order, SESSION=reader.session)) for _ in range(2))
    assert (first["state"], first["amount"], first["currency"], first["credits"]) == (
        "pending", 2.0, "KWD", 5000,
    )  # fmt: skip
    assert first["url"].startswith("http")
    assert again == first, "under the same Idempotency-Key"


def test_codes_are_made_and_redeemed_as_the_page_shows_it(reader: Reader) -> None:
    make, redeem = blocks("Redemption codes")
    created = reader.operates(make.splitlines()[0])
    assert (created["prefix"], created["credits"], len(created["codes"])) == ("EID", 250, 100)
    first, second, *_ = created["codes"]

    def redeemed(code: str) -> dict[str, Any]:
        script = redeem.replace("EID-7K3Q-X9M2-ABCD-EF4H", code)
        assert code in script
        return dict(json.loads(reader.types(script, RASEED_API_KEY=reader.session)))

    before = reader.balance()
    got = redeemed(first)
    assert (got["credits"], got["was_redeemed"], got["balance"]) == (250, False, before + 250)
    assert redeemed(first) | {"was_redeemed": False} == got, "sent again"
    assert reader.balance() == before + 250
    assert redeemed(second)["balance"] == before + 500
    [listed] = reader.operates(f"raseed codes list {first}")
    assert (listed["used"], listed["revoked_at"]) == (1, None)
    reader.operates(f"raseed codes revoke {created['id']}")
    assert redeemed(first)["was_redeemed"], "what was redeemed stays"
    told = json.loads(
        reader.types(
            redeem.replace("EID-7K3Q-X9M2-ABCD-EF4H", created["codes"][2]), RASEED_API_KEY=reader.session
        )
    )
    assert told["error"]["code"] == "redemption_rejected"
    assert reader.balance() == before + 500
