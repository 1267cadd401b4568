"""Data files that are not Python: where they are, in a checkout and in an installed wheel."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

SHARED = ("envoy", "triton_models", "requirements-triton.lock")
"""Files and folders at the top of the checkout that the wheel carries under `raseed/app/share/` (pyproject.toml)."""


def share_path(name: str) -> Path:
    """The file or folder `name`, one of `SHARED`.

    A real path, because Envoy and Triton open these files themselves. An installed wheel is read-only to us: copy
    what has to be changed. Raises FileNotFoundError if this installation does not have it, KeyError for a name that
    is not shared.
    """
    if name not in SHARED:
        raise KeyError(name)
    installed = Path(str(files("raseed.app"))) / "share" / name
    checkout = Path(__file__).resolve().parents[3] / name
    # The wheel first: beside site-packages, three folders up may be anything.
    for path in (installed, checkout):
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is neither in the package ({installed}) nor in a checkout ({checkout})")
