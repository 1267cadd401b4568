"""Generates generated/ from proto/: messages, services, their types, the descriptor set that Envoy reads, and the OpenAPI
file, whose schemas come from the types of the wires; and the tables of docs/api.md.

    python scripts/gen.py            writes generated/ and docs/api.md
    python scripts/gen.py --check    generates into a temporary directory; prints what differs and exits 1

The packages are PEP 420 namespaces (`raseed` spans core/, adapters/ and generated/), so no `__init__.py` is written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import api_doc
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_types import service_types
from openapi import openapi
from protos import PROTO_DIR, ROOT, proto_files, run_protoc

GENERATED_DIR = ROOT / "generated"
DESCRIPTORS = Path("raseed/descriptors/raseed.binpb")
OPENAPI = Path("raseed/descriptors/openapi.json")
_SUFFIXES = (".py", ".pyi", ".binpb", ".json")


def generate(proto_dir: Path, target: Path) -> None:
    """Writes everything that follows from `proto_dir` under `target`. The same protos give the same bytes."""
    descriptors = target / DESCRIPTORS
    descriptors.parent.mkdir(parents=True, exist_ok=True)
    # No source info: comments would change the bytes, and Envoy does not read them.
    run_protoc(proto_dir, "--include_imports", f"--descriptor_set_out={descriptors}")
    run_protoc(proto_dir, f"--python_out={target}", f"--pyi_out={target}", f"--grpc_python_out={target}")
    parsed = FileDescriptorSet.FromString(descriptors.read_bytes())
    for path, text in service_types(parsed, proto_files(proto_dir)).items():
        (target / path).write_text(text, encoding="utf-8")
    (target / OPENAPI).write_text(openapi(proto_dir), encoding="utf-8")


def differences(expected: Path, actual: Path) -> list[str]:
    """Generated files that are missing, left over or different in `actual`."""
    wanted, present = _contents(expected), _contents(actual)
    return sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))


def _contents(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.suffix in _SUFFIXES)
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def _replace(fresh: Path, target: Path) -> None:
    """Touches only what changed, so that a build tool sees no news where there are none."""
    for path in differences(fresh, target):
        (target / path).unlink(missing_ok=True)
        if (fresh / path).exists():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes((fresh / path).read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate generated/ from proto/.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 if generated/ is out of date"
    )
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        generate(PROTO_DIR, fresh)
        if not check:
            _replace(fresh, GENERATED_DIR)
        stale = [f"generated/{path}" for path in differences(fresh, GENERATED_DIR)]
    document = api_doc.DOCUMENT.read_text(encoding="utf-8")
    wanted = api_doc.filled(document, PROTO_DIR)
    if not check:
        api_doc.DOCUMENT.write_text(wanted, encoding="utf-8")
    elif document != wanted:
        stale.append("docs/api.md")
    for path in stale:
        print(f"{path} does not follow from its sources: run scripts/gen.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
