from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support.golden import golden_in

from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.openai.errors import encode_error
from raseed.core.errors import RequestInvalid


@pytest.fixture
def golden() -> Callable[[str, bytes], None]:
    return golden_in("openai")


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
