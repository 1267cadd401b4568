"""Offline `buf lint` and `buf breaking` of proto/, on an image that protoc builds.

python scripts/buf_check.py              lint, and compare with proto/released.binpb; exits 1 with buf's findings
python scripts/buf_check.py --release    declares the present protos released: rewrites proto/released.binpb
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from protos import PROTO_DIR, ROOT, write_buf_image

RELEASED = PROTO_DIR / "released.binpb"
BUF_CONFIG = ROOT / "buf.yaml"


def lint(proto_dir: Path) -> list[str]:
    """Findings of `buf lint`; empty if there are none."""
    return _buf("lint", proto_dir, [])


def breaking(proto_dir: Path, released: Path) -> list[str]:
    """What in `proto_dir` would break a client of `released`; empty if nothing would."""
    return _buf("breaking", proto_dir, ["--against", str(released), "--exclude-imports"])


def release(proto_dir: Path, released: Path) -> None:
    # Without source info: a changed comment is not a changed contract.
    write_buf_image(proto_dir, released, source_info=False)


def _buf(command: str, proto_dir: Path, arguments: list[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        image = Path(directory) / "image.binpb"
        write_buf_image(proto_dir, image, source_info=True)
        result = subprocess.run(
            [_buf_binary(), command, str(image), "--config", str(BUF_CONFIG), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "BUF_CACHE_DIR": directory},
        )
    if result.returncode == 0:
        return []
    return (result.stdout + result.stderr).strip().splitlines() or [
        f"buf {command} exited {result.returncode}"
    ]


def _buf_binary() -> str:
    beside = Path(sys.executable).with_name("buf")
    found = str(beside) if beside.exists() else shutil.which("buf")
    if found is None:
        sys.exit("buf is not installed: it comes with the development dependency buf-bin.")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Check proto/ with buf.")
    parser.add_argument("--release", action="store_true", help="rewrite proto/released.binpb")
    if parser.parse_args().release:
        release(PROTO_DIR, RELEASED)
        return 0
    findings = lint(PROTO_DIR) + breaking(PROTO_DIR, RELEASED)
    print("\n".join(findings), file=sys.stderr, end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
