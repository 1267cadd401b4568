"""Workers that are killed while they send: the notice is sent all the same, and once more for a death after sending."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.messaging.kill_child import send_due
from tests.support.mailbox import messages
from tests.support.sqlite_file import migrated

ROOT = Path(__file__).parents[3]
PATHS = ":".join(str(ROOT / root) for root in (".", "core", "adapters", "generated"))


def dies(folder: Path, life: int, moment: str) -> None:
    """One life of a worker, in a process of its own."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.messaging.kill_child", folder, str(life), moment],
        cwd=ROOT,
        env={"PYTHONPATH": PATHS},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == -9, child.stderr.decode()


async def test_a_notice_is_sent_whoever_dies(tmp_path: Path) -> None:
    migrated(tmp_path / "raseed.db")
    sent: list[int] = []
    for life, moment in enumerate(("before", "after", "", "")):
        if moment:
            dies(tmp_path, life, moment)
        else:
            await send_due(tmp_path, life, moment)
        sent.append(len(messages(tmp_path / "outbox.jsonl", "alice@example.com")))
    assert sent == [0, 1, 2, 2]
    told = messages(tmp_path / "outbox.jsonl", "alice@example.com")
    assert len({each["id"] for each in told}) == 1, "readers can tell that it is the same one"
