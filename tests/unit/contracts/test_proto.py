"""The contract is clean, does not break its clients, and what was generated from it is what is committed."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import buf_check  # noqa: E402
import gen  # noqa: E402


@pytest.fixture
def proto_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "proto", tmp_path / "proto"))


def replace_once(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_lint_is_clean() -> None:
    assert buf_check.lint(ROOT / "proto") == []


def test_lint_sees_our_files(proto_copy: Path) -> None:
    """The image marks google's files as imports; ours must not be skipped with them."""
    replace_once(proto_copy / "raseed/billing/v1/billing.proto", "// Credit that was given or bought.\n", "")
    findings = buf_check.lint(proto_copy)
    assert len(findings) == 1
    assert "Grant" in findings[0]


def test_released_contract_is_kept() -> None:
    assert buf_check.breaking(ROOT / "proto", buf_check.RELEASED) == []


def test_removing_a_field_breaks_the_contract(proto_copy: Path) -> None:
    replace_once(proto_copy / "raseed/billing/v1/billing.proto", "  int64 held_microcredits = 5;\n", "")
    findings = buf_check.breaking(proto_copy, buf_check.RELEASED)
    assert any("held_microcredits" in finding for finding in findings)


def test_adding_a_field_keeps_the_contract(proto_copy: Path) -> None:
    replace_once(
        proto_copy / "raseed/billing/v1/billing.proto",
        "  int64 held_microcredits = 5;\n",
        "  int64 held_microcredits = 5;\n  // New.\n  int64 new_microcredits = 1000;\n",
    )
    assert buf_check.breaking(proto_copy, buf_check.RELEASED) == []


def test_generated_files_follow_from_the_protos(tmp_path: Path) -> None:
    gen.generate(ROOT / "proto", tmp_path)
    assert gen.differences(tmp_path, gen.GENERATED_DIR) == []


def test_a_changed_proto_is_noticed(proto_copy: Path, tmp_path: Path) -> None:
    replace_once(proto_copy / "raseed/billing/v1/billing.proto", "string tier = 1;", "bytes tier = 1;")
    fresh = tmp_path / "fresh"
    gen.generate(proto_copy, fresh)
    assert gen.differences(fresh, gen.GENERATED_DIR) == [
        "raseed/billing/v1/billing_pb2.py",
        "raseed/billing/v1/billing_pb2.pyi",
        "raseed/descriptors/raseed.binpb",
    ]


def test_generated_packages_are_namespaces() -> None:
    assert list(gen.GENERATED_DIR.rglob("__init__.py")) == []
    for name in ("inference", "billing", "accounts", "rest", "admin"):
        importlib.import_module(f"raseed.{name}.v1.{name}_pb2_grpc")
