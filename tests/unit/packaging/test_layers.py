"""`core` imports the standard library and itself; generated code is used by adapters and app alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its layer"
            # `from raseed import core` names the layer in its second half.
            names |= (
                {f"raseed.{a.name}" for a in node.names} if node.module == "raseed" else {node.module or ""}
            )
    return names


def is_allowed_in_core(name: str) -> bool:
    return (
        name.split(".", 1)[0] in sys.stdlib_module_names
        or name == "raseed.core"
        or name.startswith("raseed.core.")
    )


@pytest.mark.parametrize(
    "path", sorted((ROOT / "core").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_core_imports_the_standard_library_and_itself_only(path):
    assert [name for name in sorted(imported(path)) if not is_allowed_in_core(name)] == []


@pytest.mark.parametrize(
    "name", ["grpc", "raseed.billing.v1.billing_pb2", "raseed.adapters.rpc", "raseed.corenet"]
)
def test_what_core_may_not_import_is_seen(name, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(f"def late():\n    import {name}\n    from {name} import thing\n", encoding="utf-8")
    assert not all(is_allowed_in_core(found) for found in imported(path))


def test_no_file_makes_the_namespace_a_package():
    """One `raseed/__init__.py` would hide the layers under the other two roots."""
    assert not [
        root for root in ("core", "adapters", "generated") if (ROOT / root / "raseed/__init__.py").exists()
    ]


def test_adapters_never_import_app():
    for path in sorted((ROOT / "adapters/raseed/adapters").rglob("*.py")):
        assert not [
            name for name in imported(path) if name == "raseed.app" or name.startswith("raseed.app.")
        ], path


def test_the_namespace_spans_all_roots():
    code = "import raseed.core, raseed.app, raseed.billing.v1.billing_pb2, raseed; print(len(list(raseed.__path__)))"
    path = ":".join(str(ROOT / root) for root in ("core", "adapters", "generated"))
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= 3
