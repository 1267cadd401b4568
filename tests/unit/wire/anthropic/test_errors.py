"""Anthropic's face of every error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from raseed.adapters.wire.anthropic.errors import encode_error, encode_stream_error, error_body
from raseed.core import errors
from raseed.core.errors import INSUFFICIENT_CREDITS_MESSAGE, RaseedError
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import (
    Capability,
    ChatRequest,
    JsonFormat,
    Media,
    MediaKind,
    Message,
    Role,
    Tool,
)

IMAGE = Message(
    role=Role.USER, text="", media=(Media(kind=MediaKind.IMAGE, text_before=0, url="https://example.com/a"),)
)
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    422: "invalid_request_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def tree(root: type[RaseedError]) -> Iterator[type[RaseedError]]:
    if root.__module__.startswith("raseed."):
        yield root
    for child in root.__subclasses__():
        yield from tree(child)


@pytest.mark.parametrize("kind", list(tree(RaseedError)), ids=lambda kind: kind.__name__)
def test_every_error_has_a_type_of_anthropic(kind: type[RaseedError]):
    status, _, body = encode_error(kind("Text."), request_id="req_1")
    assert status == (529 if kind is errors.Overloaded else kind.http_status)
    shown = msgspec.json.decode(body)
    assert list(shown) == ["type", "error", "request_id"]
    assert (shown["type"], shown["request_id"]) == ("error", "req_1")
    assert shown["error"]["type"] == TYPES[status]
    assert "Text." in shown["error"]["message"] or kind is errors.CreditExhausted
    stream = encode_stream_error(kind("Text."), request_id="req_1")
    assert stream == b"event: error\ndata: " + body + b"\n\n"


def test_out_of_credit(golden):
    status, headers, body = encode_error(errors.CreditExhausted("needs 5, has 3"), request_id="r")
    golden("error_402.json", body)
    assert (status, headers) == (402, ())
    assert msgspec.json.decode(body)["error"]["message"] == INSUFFICIENT_CREDITS_MESSAGE


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"json_format": JsonFormat(schema_json="{}")},
            "output_config.format: This model cannot be held to a JSON",
        ),
        ({"tools": (Tool(name="f"),)}, "tools: This model does not call tools."),
        ({"messages": (IMAGE,)}, "messages: This model does not take image parts."),
    ],
)
def test_what_a_model_cannot_do_is_told_with_anthropics_names(asked: dict[str, Any], message: str):
    with pytest.raises(errors.RequestInvalid) as caught:
        check_capabilities(ChatRequest(model="m", **asked), frozenset({Capability.CHAT}))
    body = encode_error(caught.value, request_id="r").body
    assert msgspec.json.decode(body)["error"]["message"].startswith(message)


def test_when_to_try_again():
    busy = errors.Overloaded("Busy.", retry_after_s=1.2)
    assert encode_error(busy, request_id="r").headers == (("retry-after", "2"),)
    assert encode_error(errors.SettlementDelayed("Later."), request_id="r").headers == (
        ("x-should-retry", "false"),
    )


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (
            {"prompt_tokens": "1300", "context_length": "1024"},
            "prompt is too long: 1300 tokens > 1024 maximum",
        ),
        ({"context_length": "1024"}, "prompt is too long: Text."),
        ({}, "prompt is too long: Text."),
    ],
)
def test_a_prompt_that_is_too_long(figures: dict[str, str], message: str):
    body = encode_error(errors.PromptTooLong("Text.", metadata=figures), request_id="r").body
    assert msgspec.json.decode(body)["error"]["message"] == message


def test_of_a_foreign_exception_nothing_is_shown():
    status, headers, body = encode_error(ValueError("/srv/secret at 10.0.0.7"), request_id="req_42")
    assert (status, headers) == (500, (("x-should-retry", "false"),))
    assert b"req_42" in body
    assert b"secret" not in body


def test_an_answer_of_the_edge_has_its_id_in_the_header_alone(golden):
    golden("error_edge.json", error_body(404, "Unknown request URL.", None))
