"""The answers that Envoy makes itself, in the API's own form.

JSON for HTTP callers, as OpenAI's error object with all its four keys or as Anthropic's; a plain `grpc-message` for gRPC callers; a page for
those who typed an address. The texts are fixed: Envoy's own name hosts, sockets and filters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from raseed.adapters.envoy.parts import TYPES, typed
from raseed.adapters.wire.anthropic.errors import error_body

API_PATH_REGEX = r"/((v1|v2|api|webhooks)(/.*|\?.*)?|(raseed|grpc)\..*)"
"""Paths that belong to the API; all others are pages. Matched against path and query together."""
ANTHROPIC_PATH_REGEX = r"/((api/)?v1/messages([/?].*)?|raseed\.rest\.v1\.AnthropicService/.*)"
"""Paths whose callers read Anthropic's errors, as the client asked for them and as the transcoder writes them."""
_OWN_BODY = "%LOCAL_REPLY_BODY%"
"""Of a file that Envoy serves: as the route has it."""
JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None

    def json(self) -> str:
        error = {"message": self.message, "type": self.type, "param": None, "code": self.code}
        return json.dumps({"error": error})

    def anthropic_json(self) -> str:
        """Its request id is in the header alone."""
        return error_body(self.status, self.message, None).decode()


_AT_THE_EDGE = frozenset({400, 401, 403, 404, 405, 413, 415, 431})
"""Statuses of requests that nobody worked on."""
SERVER_ERROR = Reply(500, "The server had an error while processing your request.", "server_error")
REPLIES = (
    Reply(400, "The request could not be parsed."),
    Reply(
        401,
        "You didn't provide an API key. Provide it in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
        code="invalid_api_key",
    ),
    Reply(403, "The request is not allowed.", "permission_error"),
    Reply(404, "Unknown request URL. Please check the URL for typos.", code="unknown_url"),
    Reply(
        405,
        "Method not allowed for this URL; the allow header lists those that are.",
        code="method_not_allowed",
    ),
    Reply(408, "The request was not received completely in time.", code="request_timeout"),
    Reply(409, "The request was aborted."),
    Reply(413, "The request body is too large.", code="content_too_large"),
    Reply(415, "Compressed request bodies are not supported; send the body without Content-Encoding."),
    Reply(426, "The request needs another protocol version."),
    Reply(429, "Too many requests.", "rate_limit_error", "rate_limit_exceeded"),
    Reply(431, "The request headers are too large.", code="headers_too_large"),
    Reply(499, "The request was cancelled."),
    SERVER_ERROR,
    Reply(501, "This operation is not available.", "server_error"),
    Reply(502, "The server had an error while processing your request.", "server_error"),
    Reply(503, "The service is temporarily unavailable. Please retry.", "service_unavailable_error"),
    Reply(504, "The request timed out.", "server_error"),
)


def local_reply_config(not_found_html: str, retry_after_s: int) -> dict[str, Any]:
    """`local_reply_config` of the connection manager. The first mapper that matches decides."""
    mappers = [
        _overload_mapper(retry_after_s),
        _mapper(200, [], _OWN_BODY, JSON, _headers(200, retry_after_s)),
    ]
    for reply in REPLIES:
        headers = _headers(reply.status, retry_after_s)
        mappers.append(_mapper(reply.status, [_is_native_grpc()], reply.message, "text/plain", headers))
        if reply.status == 404:
            mappers.append(_mapper(404, [_is_page()], not_found_html, HTML, headers))
        anthropic_headers = [*headers, _header("request-id", "%REQ(X-REQUEST-ID)%", "ADD_IF_ABSENT")]
        mappers.append(
            _mapper(reply.status, [_is_anthropic()], reply.anthropic_json(), JSON, anthropic_headers)
        )
        if reply.status in _AT_THE_EDGE:
            headers = [*headers, _header("openai-processing-ms", "0", "ADD_IF_ABSENT")]
        mappers.append(_mapper(reply.status, [], reply.json(), JSON, headers))
    return {"mappers": mappers, "body_format": _format(SERVER_ERROR.json(), JSON)}


def lua_tables(retry_after_s: int) -> str:
    """The same JSON bodies for the Lua filter, which answers where a call failed without a body."""
    openai = _lua_table("ERROR_BODIES", {reply.status: reply.json() for reply in REPLIES})
    anthropic = _lua_table(
        "ANTHROPIC_ERROR_BODIES", {reply.status: reply.anthropic_json() for reply in REPLIES}
    )
    return f'local RETRY_AFTER_S = "{retry_after_s}"\n{openai}{anthropic}'


def _lua_table(name: str, bodies: dict[int, str]) -> str:
    rows = "".join(f'  ["{status}"] = [==[{body}]==],\n' for status, body in bodies.items())
    return f"local {name} = {{\n{rows}}}\n"


def _mapper(
    status: int, filters: list[dict[str, Any]], text: str, content_type: str, headers: list[dict[str, Any]]
) -> dict[str, Any]:
    is_status = {
        "status_code_filter": {
            # The runtime key is required by the format; nothing sets it.
            "comparison": {
                "op": "EQ",
                "value": {"default_value": status, "runtime_key": "raseed.local_reply"},
            }
        }
    }
    return {
        "filter": {"and_filter": {"filters": [is_status, *filters]}} if filters else is_status,
        "body_format_override": _format(text, content_type),
        "headers_to_add": headers,
    }


def _overload_mapper(retry_after_s: int) -> dict[str, Any]:
    """What HTTP/1 gets when Envoy's heap is full, which Envoy calls 500."""
    away = next(reply for reply in REPLIES if reply.status == 503)
    is_overload = typed(
        "envoy.access_loggers.extension_filters.cel",
        **{
            "@type": f"{TYPES}.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            "expression": "response.code_details == 'overload'",
        },
    )
    mapper = _mapper(
        500, [{"extension_filter": is_overload}], away.json(), JSON, _headers(503, retry_after_s)
    )
    return {**mapper, "status_code": 503}


def _format(text: str, content_type: str) -> dict[str, Any]:
    text = text if text == _OWN_BODY else text.replace("%", "%%")
    return {"text_format_source": {"inline_string": text}, "content_type": content_type}


def _headers(status: int, retry_after_s: int) -> list[dict[str, Any]]:
    headers = [
        _header("x-request-id", "%REQ(X-REQUEST-ID)%", "OVERWRITE_IF_EXISTS_OR_ADD"),
        # A request that was refused before it had an id: its headers could not be read.
        _header("x-request-id", "req_%UNIQUE_ID%", "ADD_IF_ABSENT"),
    ]
    if status == 503:
        headers.append(_header("retry-after", str(retry_after_s), "OVERWRITE_IF_EXISTS_OR_ADD"))
    return headers


def _header(key: str, value: str, action: str) -> dict[str, Any]:
    return {"header": {"key": key, "value": value}, "append_action": action, "keep_empty_value": False}


def _is_native_grpc() -> dict[str, Any]:
    """A gRPC caller, not a REST call that the transcoder has already turned into one."""
    is_grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    was_transcoded = {"name": "x-envoy-original-method", "present_match": True, "invert_match": True}
    return {
        "and_filter": {
            "filters": [{"header_filter": {"header": is_grpc}}, {"header_filter": {"header": was_transcoded}}]
        }
    }


def _is_anthropic() -> dict[str, Any]:
    """A caller on one of Anthropic's routes, or a client of Anthropic's on any other."""
    path = {"name": ":path", "string_match": {"safe_regex": {"regex": ANTHROPIC_PATH_REGEX}}}
    client = {"name": "anthropic-version", "present_match": True}
    return {
        "or_filter": {"filters": [{"header_filter": {"header": path}}, {"header_filter": {"header": client}}]}
    }


def _is_page() -> dict[str, Any]:
    path = {"name": ":path", "string_match": {"safe_regex": {"regex": API_PATH_REGEX}}, "invert_match": True}
    return {"header_filter": {"header": path}}
