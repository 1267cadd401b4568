"""The engine runs in a Python of its own; its pure parts need numpy alone and are tested here."""

from __future__ import annotations

import sys
from pathlib import Path

ENGINE = str(Path(__file__).parents[3] / "triton_models" / "engine")
if ENGINE not in sys.path:
    sys.path.insert(0, ENGINE)
