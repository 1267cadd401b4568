"""Golden files: the exact bytes of our answers, reviewed like an interface.

`RASEED_UPDATE_GOLDEN=1` writes them anew; the difference is then for review.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.openai.errors import encode_error
from raseed.core.errors import RequestInvalid

_FOLDER = Path(__file__).parents[2] / "golden" / "openai"


@pytest.fixture
def golden() -> Callable[[str, bytes], None]:
    def check(name: str, actual: bytes) -> None:
        file = _FOLDER / name
        # Stored with indentation for the reader, compared without: key order and number text still count.
        shown = msgspec.json.format(actual, indent=2) + b"\n" if name.endswith(".json") else actual
        if os.environ.get("RASEED_UPDATE_GOLDEN"):
            file.write_bytes(shown)
        assert file.read_bytes() == shown

    return check


@pytest.fixture
def refused() -> Callable[[bytes], dict[str, Any]]:
    """The `error` object that a bad chat body is answered with."""

    def check(body: bytes) -> dict[str, Any]:
        with pytest.raises(RequestInvalid) as caught:
            decode_chat_request(body)
        status, headers, answer = encode_error(caught.value, request_id="req_1")
        error: dict[str, Any] = msgspec.json.decode(answer)["error"]
        assert (status, headers) == (400, ())
        assert error["type"] == "invalid_request_error"
        assert list(error) == ["message", "type", "param", "code"]
        return error

    return check
