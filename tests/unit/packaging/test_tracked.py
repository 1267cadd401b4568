"""The repository is bound to no package index and to no machine."""

from pathlib import Path

import check_tracked
import pytest


# In pieces, because this file is tracked too.
@pytest.mark.parametrize(
    "line",
    [
        "see https://py" + "pi.org/simple",
        "--index-" + "url http://mirror.local/simple",
        "--find-" + "links=wheels",
        "open('/ho" + "me/somebody/file')",
        "cd /ro" + "ot/project",
    ],
)
def test_an_address_or_a_machine_path_is_found(line):
    assert len(list(check_tracked.findings(Path("README.md"), f"first\n{line}\n"))) == 1


def test_any_address_in_a_lock_is_found():
    found = list(check_tracked.findings(Path("requirements.lock"), "a @ https://example.test/a.whl\n"))
    assert found == ["requirements.lock:1: address in a lock file: a @ https://example.test/a.whl"]


@pytest.mark.parametrize(
    "line", ["/usr/bin/python3.11", "GET /v1/models", "$HOME/x", "docs/work/x", "~/home/x"]
)
def test_ordinary_lines_pass(line):
    assert list(check_tracked.findings(Path("README.md"), line)) == []
