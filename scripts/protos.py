"""Where the protos are, and the one way to call protoc on them. Shared by gen.py and buf_check.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[1]
PROTO_DIR = ROOT / "proto"

IMAGE_EXTENSION_FIELD = 8042
"""`ImageFileExtension` of a file in buf's image format: buf reads from it whether a file is an import."""
_IS_IMPORT = bytes([0x08, 0x01])  # ImageFileExtension.is_import = true
_LENGTH_DELIMITED = 2


def proto_files(proto_dir: Path) -> list[str]:
    """Every proto of ours, relative to `proto_dir`, in a fixed order."""
    return sorted(path.relative_to(proto_dir).as_posix() for path in proto_dir.rglob("*.proto"))


def run_protoc(proto_dir: Path, *arguments: str) -> None:
    """Runs protoc on all files of `proto_dir`. Exits with its status if it fails; it has printed why."""
    googleapis = Path(annotations_pb2.__file__).parents[2]
    includes = [f"--proto_path={path}" for path in (proto_dir, googleapis)]
    protoc = [sys.executable, "-m", "grpc_tools.protoc"]  # knows where its own well-known types are
    result = subprocess.run([*protoc, *includes, *arguments, *proto_files(proto_dir)], check=False)
    if result.returncode != 0:
        sys.exit(result.returncode)


def write_buf_image(proto_dir: Path, target: Path, *, source_info: bool) -> None:
    """Builds a buf image with protoc, so that buf needs no network for google's imports.

    A plain descriptor set has no mark for imports, and buf would lint google's files too: we add the mark.
    """
    comments = ["--include_source_info"] if source_info else []
    run_protoc(proto_dir, "--include_imports", *comments, f"--descriptor_set_out={target}")
    ours = set(proto_files(proto_dir))
    plain = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    image = bytearray()
    for file in plain.file:
        content = file.SerializeToString(deterministic=True)
        if file.name not in ours:
            content += _field(IMAGE_EXTENSION_FIELD, _IS_IMPORT)
        image += _field(1, content)  # Image.file
    target.write_bytes(bytes(image))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
