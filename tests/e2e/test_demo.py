"""docs/payments.md, "Try it": what a newcomer types, typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.http import Http
from tests.support.stack import Stack

PAGE = Path(__file__).parents[2] / "docs" / "payments.md"
TIMEOUT_S = 30
WITHOUT_MODEL = """\
[triton]
enabled = false
[core]
drain_s = 0.5
"""


def commands() -> list[str]:
    """The blocks of the section, without the one that starts the demo."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Try it\n", 1)[1].split("\n## ", 1)[0]
    start, *rest = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert start == "make demo\n"
    return rest


def test_a_newcomer_signs_up_buys_and_sees_balance_and_receipt(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack("demo", WITHOUT_MODEL, options=["--demo"]).start()
    printed = stack.printed()
    assert "payment providers are emulated on this machine, and no money moves" in printed
    here = stack.directory / "reader"
    here.mkdir()
    (here / ".raseed").symlink_to(stack.home)
    script = "\n".join(commands()).replace("127.0.0.1:8080", stack.url.removeprefix("http://"))
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=here,
        env={**os.environ, "RASEED_HOME": str(stack.home)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "<title>Thank you: your payment is complete</title>" in done.stdout
    assert '"state":"credited"' in done.stdout
    assert '"balance":6000' in done.stdout, "a thousand for the welcome, and what was bought"
    assert re.search(r'"number":"TEST-R-20[0-9]{2}-000001"', done.stdout)
    assert (here / "receipt.pdf").read_bytes().startswith(b"%PDF-")
    assert json.loads((here / "payment.json").read_text(encoding="utf-8"))["mode"] == "test"
    log = (stack.files.logs / "emulators.log").read_text(encoding="utf-8")
    started = json.loads(log)
    assert {name: set(told) for name, told in started.items()} == {"myfatoorah": {"url"}, "creem": {"url"}}
    status = Http(stack.port, "").send("GET", "/billing/return/myfatoorah/pay_nobody").status
    assert status == 404
    assert stack.stop() == 0
