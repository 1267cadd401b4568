"""The public routes: an allow-list of gRPC services, and every HTTP binding of the descriptors.

A REST method needs no edit here: its `google.api.http` annotation makes its route, its 405 and its place in the
transcoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

PUBLIC_GRPC_SERVICES = (
    "raseed.inference.v1.InferenceService",
    "raseed.inference.v1.ResponsesService",
    "raseed.billing.v1.BillingService",
    "raseed.billing.v1.ReceiptsService",
    "raseed.billing.v1.RedemptionService",
    "raseed.billing.v1.PaymentsService",
    "raseed.billing.v1.SubscriptionsService",
    "raseed.accounts.v1.AccountsService",
    "raseed.accounts.v1.NoticesService",
    "raseed.accounts.v1.OwnDataService",
    "raseed.accounts.v1.EnquiriesService",
    "raseed.accounts.v1.AuthService",
    "raseed.accounts.v1.OrganisationsService",
    "raseed.metering.v1.MeteringService",
    "grpc.health.v1.Health",
)
REFLECTION_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
OPENAI_SERVICE = "raseed.rest.v1.OpenAIService"
ANTHROPIC_SERVICE = "raseed.rest.v1.AnthropicService"
RESPONSES_SERVICE = "raseed.rest.v1.ResponsesRestService"
UPLOADS_SERVICE = "raseed.rest.v1.UploadsRestService"
"""Refuses what clients send to addresses that are otherwise unknown, and are so for every other method too."""
OPERATORS_PACKAGES = ("raseed.admin.", "raseed.models.")
"""Never public, not even with an HTTP annotation: operators have their own ways in."""

OPENAPI_PATH = "/openapi.json"
"""Where programs look for a description of the routes. Envoy serves it: nobody needs a key to learn how to use one."""

UNOFFERED_PATHS = ("/v1/responses/compact", "/api/v1/responses/compact")
"""What OpenAI's clients know and nobody is offered, where a template beside them would have it be an id: 404, and not 405
or a word of a response that is not there."""

KEYED_PREFIXES = ("/v1/", "/v2/", "/api/", "/dashboard/billing/")
UNKEYED_PREFIXES = ("/api/auth/", "/api/contact")
"""Signing in is how a caller without a credential gets one; whoever cannot may write to the operators."""

MEDIA_METHODS = frozenset(
    {
        f"{OPENAI_SERVICE}/CreateChatCompletion",
        f"{RESPONSES_SERVICE}/CreateResponse",
        f"{RESPONSES_SERVICE}/CountInputTokens",
        f"{ANTHROPIC_SERVICE}/CreateMessage",
        f"{ANTHROPIC_SERVICE}/CountMessageTokens",
        "raseed.rest.v1.BillingRestService/EstimatePrice",
    }
)
"""Whose bodies may have images, audio and files in them."""

TRAILER_FILTER = "envoy.filters.http.header_mutation"
_HTTP_BODY_PARTS = (".content_type", ".contentType", ".data", ".extensions")
_GRPC_TRAILERS = ("grpc-status", "grpc-message", "grpc-status-details-bin")
_METHODS = ("get", "put", "post", "delete", "patch")
_RETRY_ON = "connect-failure,refused-stream,reset-before-request"
"""Only what shows that no worker saw the request."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to call a REST method."""

    service: str
    method: str
    http_method: str
    template: str
    body: str
    """The request's field that the HTTP body goes to; empty if there is none."""
    is_upload: bool
    """Client-streaming: the body goes to the core piece by piece, and the core counts it."""


def bindings(descriptors: FileDescriptorSet) -> list[Binding]:
    """Every public HTTP binding, in the order of the descriptors."""
    return [
        Binding(
            service=f"{file.package}.{service.name}",
            method=method.name,
            http_method=http_method,
            template=template,
            body=body,
            is_upload=method.client_streaming,
        )
        for file in descriptors.file
        if not f"{file.package}.".startswith(OPERATORS_PACKAGES)
        for service in file.service
        for method in service.method
        for http_method, template, body in _http_rules(method)
    ]


def public_routes(
    found: Iterable[Binding],
    cluster: str,
    *,
    with_reflection: bool,
    body_bytes_max: int,
    media_body_bytes_max: int,
    open_body_bytes_max: int,
    action: dict[str, Any],
) -> list[dict[str, Any]]:
    """Routes in order of precedence; whatever is not listed is 404. `action` is what all routes to the core share."""
    found = sorted(found, key=lambda binding: "{" in binding.template)  # literal paths first
    to_core = {"cluster": cluster, **action}

    def bytes_max(binding: Binding) -> int:
        if binding.template.startswith(UNKEYED_PREFIXES):
            return min(open_body_bytes_max, body_bytes_max)
        has_media = f"{binding.service}/{binding.method}" in MEDIA_METHODS
        return media_body_bytes_max if has_media else body_bytes_max

    services = (*PUBLIC_GRPC_SERVICES, *(REFLECTION_SERVICES if with_reflection else ()))
    methods_of: dict[str, list[str]] = {}
    for binding in (each for each in found if each.service != UPLOADS_SERVICE):
        methods_of.setdefault(binding.template, []).append(binding.http_method)
    return [
        *({"match": {"prefix": f"/{service}/", "grpc": {}}, "route": to_core} for service in services),
        {"match": {"prefix": "/", "grpc": {}}, "direct_response": {"status": 404}},
        *({"match": {"path": path}, "direct_response": {"status": 404}} for path in UNOFFERED_PATHS),
        *(_rest_route(binding, to_core, bytes_max(binding)) for binding in found),
        *(_wrong_method_route(template, methods) for template, methods in methods_of.items()),
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
    ]


def document_routes(openapi: str) -> list[dict[str, Any]]:
    """Of the file that describes the others."""
    only_get = {"name": ":method", "string_match": {"exact": "GET"}}
    return [
        {
            "match": {"path": OPENAPI_PATH, "headers": [only_get]},
            "direct_response": {"status": 200, "body": {"inline_string": openapi}},
        },
        _wrong_method_route(OPENAPI_PATH, ["GET"]),
    ]


def operator_routes(cluster: str, action: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the operators' listener: their services by native gRPC; whatever else is 404."""
    return [
        *(
            {"match": {"prefix": f"/{package}", "grpc": {}}, "route": {"cluster": cluster, **action}}
            for package in OPERATORS_PACKAGES
        ),
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
    ]


def fixed_fields(found: Iterable[Binding]) -> list[str]:
    """Request fields that the path or the body sets. As query parameters they are ignored: the transcoder would let
    `/v1/models/a?model=b` mean b.
    """
    fields: set[str] = set()
    for binding in found:
        fields.update(re.findall(r"\{([^=}]+)", binding.template))
        if binding.body not in {"", "*"}:
            fields.update(binding.body + part for part in ("", *_HTTP_BODY_PARTS))
    return sorted(fields)


_PROCESSING_TIME = {
    "header": {"key": "openai-processing-ms", "value": "%RESPONSE_DURATION%"},
    "append_action": "ADD_IF_ABSENT",
}
"""Milliseconds until the core began to answer: OpenAI's header. Envoy's own answers have none."""
_REQUEST_ID = {
    "header": {"key": "request-id", "value": "%REQ(X-REQUEST-ID)%"},
    "append_action": "ADD_IF_ABSENT",
}
"""What Anthropic calls the id that every answer also has as `x-request-id`."""


def _rest_route(binding: Binding, to_core: dict[str, Any], body_bytes_max: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"rest": True}
    if binding.template.startswith(KEYED_PREFIXES) and not binding.template.startswith(UNKEYED_PREFIXES):
        metadata["keyed"] = True
    if not binding.is_upload:
        metadata["max_body_bytes"] = body_bytes_max
    if binding.service == ANTHROPIC_SERVICE:
        metadata["anthropic"] = True
    action = to_core
    if binding.http_method == "GET":
        action = {**to_core, "retry_policy": {"retry_on": _RETRY_ON, "num_retries": 1}}
    method = {"name": ":method", "string_match": {"exact": binding.http_method}}
    return {
        "match": {**_path_match(binding.template), "headers": [method]},
        "route": action,
        "metadata": {"filter_metadata": {"envoy.filters.http.lua": metadata}},
        "response_headers_to_add": [
            _REQUEST_ID if binding.service == ANTHROPIC_SERVICE else _PROCESSING_TIME
        ],
        "typed_per_filter_config": {
            TRAILER_FILTER: {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
                "mutations": {"response_trailers_mutations": [{"remove": name} for name in _GRPC_TRAILERS]},
            }
        },
    }


def _wrong_method_route(template: str, methods: list[str]) -> dict[str, Any]:
    return {
        "match": _path_match(template),
        "direct_response": {"status": 405},
        "response_headers_to_add": [{"header": {"key": "allow", "value": ", ".join(sorted(set(methods)))}}],
    }


def _path_match(template: str) -> dict[str, Any]:
    if "{" not in template and "*" not in template:
        return {"path": template}
    return {"safe_regex": {"regex": _template_regex(template)}}


def _template_regex(template: str) -> str:
    """`/v1/models/{model=**}` → `/v1/models/.+`. An escaped slash is a part of its segment."""
    pattern = re.sub(r"\{[^=}]+\}", "*", template)  # {id} is one segment
    pattern = re.sub(r"\{[^=}]+=([^}]+)\}", r"\1", pattern)
    parts = re.split(r"(\*\*|\*)", pattern)
    return "".join({"**": ".+", "*": "[^/]+"}.get(part, re.escape(part)) for part in parts)


def _http_rules(method: MethodDescriptorProto) -> Iterator[tuple[str, str, str]]:
    if not method.options.HasExtension(annotations_pb2.http):
        return
    rule = method.options.Extensions[annotations_pb2.http]
    for binding in (rule, *rule.additional_bindings):
        kind = binding.WhichOneof("pattern")
        if kind not in _METHODS:
            raise ValueError(f"{method.name}: the edge routes {', '.join(_METHODS)}, not {kind}")
        yield kind.upper(), getattr(binding, kind), binding.body
