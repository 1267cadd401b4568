"""Locks pin every package by hash, hold no address, and agree with each other and with pyproject.toml."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    "requirements",
    "requirements-dev",
    "requirements-build",
    "requirements-triton",
    "requirements-server",
    "requirements-clients",
)
NODE = ROOT / "tests" / "e2e" / "clients" / "node"
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def lines(name: str) -> list[str]:
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def pins(name: str) -> set[tuple[str, ...]]:
    """(package, version, marker) of every pin."""
    return {match.groups(default="") for line in lines(name) if (match := PINNED.match(line))}


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_a_pin_or_its_hash(name):
    previous_is_pin = False
    for line in lines(name):
        is_pin = PINNED.match(line) is not None
        assert is_pin or HASH.match(line), f"{name}: {line}"
        assert not (previous_is_pin and is_pin), f"{name}: no hash before {line}"
        previous_is_pin = is_pin
    assert not previous_is_pin
    assert pins(name)


@pytest.mark.parametrize("name", NAMES)
def test_no_lock_holds_an_address(name):
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("name", ["requirements", "requirements-build"])
def test_the_development_lock_contains(name):
    """scripts/install.py installs the development lock in place of these two."""
    development = {(package, version) for package, version, _ in pins("requirements-dev")}
    assert {(package, version) for package, version, _ in pins(name)} <= development


def test_the_runtime_lock_has_every_dependency_and_no_downloader():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {package for package, _, _ in pins("requirements")}
    asked = {re.split(r"[=<>;\s]", dependency)[0] for dependency in project["dependencies"]}
    assert asked <= locked
    assert "huggingface-hub" not in locked


def test_exact_pins_of_pyproject_are_what_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    exact = {tuple(dependency.split("==")) for dependency in project["dependencies"] if "==" in dependency}
    assert exact <= {(package, version) for package, version, _ in pins("requirements")}


def test_the_server_lock_is_the_server_alone():
    assert [package for package, _, _ in pins("requirements-server")] == ["nvidia-pytriton"]


def test_the_models_get_numpy_1():
    """The stub of the bundled Triton corrupts data with numpy 2."""
    assert [version for package, version, _ in pins("requirements-triton") if package == "numpy"] == [
        "1.26.4"
    ]


def test_node_packages_are_pinned_by_digest_and_have_no_address():
    locked = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    project = locked.pop("")
    asked = json.loads((NODE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert project["dependencies"] == asked
    for name, version in asked.items():
        assert locked[f"node_modules/{name}"]["version"] == version, "an exact version is asked for"
    for package in locked.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
