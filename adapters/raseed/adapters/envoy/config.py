"""Renders Envoy's configuration: `render(settings, assets)` → JSON text, complete in itself.

JSON built from dictionaries instead of a template: no text is pasted into text, and what repeats is a function.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from raseed.adapters.envoy.cluster import CORE_CLUSTER, OPERATORS_CLUSTER, core_cluster
from raseed.adapters.envoy.overload import overload_manager
from raseed.adapters.envoy.parts import TYPES, address, seconds, typed
from raseed.adapters.envoy.replies import local_reply_config, lua_tables
from raseed.adapters.envoy.routes import (
    TRAILER_FILTER,
    Binding,
    bindings,
    document_routes,
    fixed_fields,
    operator_routes,
    public_routes,
)
from raseed.adapters.envoy.settings import EdgeSettings

LISTENER = "public"
OPERATORS_LISTENER = "operators"
_FORGED_HEADERS = ("x-raseed-", "x-http-status", "x-envoy-")
"""Beginnings of request headers that only we or Envoy may set."""
_BINARY_SUFFIX = "-bin"
"""End of the names of gRPC's binary metadata, of which nothing of ours takes any; what is no base64 would break the call."""
_FORWARDED_HEADERS = ("x-forwarded-", "forwarded")
"""Beginnings of request headers that only a proxy of ours may set."""
_NO_ADDRESS = {"address_prefix": "255.255.255.255", "prefix_len": 32}


@dataclass(frozen=True, slots=True)
class EdgeAssets:
    """The files that the configuration is made of."""

    lua: str
    not_found_html: str
    descriptors: bytes
    """A serialised FileDescriptorSet with imports."""
    openapi: str
    """What describes the JSON routes to programs."""


def load_assets(envoy_dir: Path) -> EdgeAssets:
    """`envoy_dir` is the directory with `raseed.lua`; the descriptors are found beside the generated packages."""
    return EdgeAssets(
        lua=(envoy_dir / "raseed.lua").read_text(encoding="utf-8"),
        not_found_html=(envoy_dir / "not_found.html").read_text(encoding="utf-8"),
        descriptors=files("raseed.descriptors").joinpath("raseed.binpb").read_bytes(),
        openapi=files("raseed.descriptors").joinpath("openapi.json").read_text(encoding="utf-8"),
    )


def render(settings: EdgeSettings, assets: EdgeAssets) -> str:
    """The whole configuration as JSON text, for `envoy --config-path`. Write it to a file that ends in `.json`."""
    listeners = [_listener(settings, LISTENER, settings.host, settings.port, _public_http(settings, assets))]
    clusters = [core_cluster(CORE_CLUSTER, settings.core_addresses, settings)]
    if (operators := settings.operators) is not None:
        http = _operators_http(settings, assets)
        listeners.append(_listener(settings, OPERATORS_LISTENER, operators.host, operators.port, http))
        clusters.append(core_cluster(OPERATORS_CLUSTER, operators.core_addresses, settings))
    config = {
        "node": {"id": "edge", "cluster": "raseed"},
        "admin": _admin(settings),
        "overload_manager": overload_manager(settings),
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }
    return json.dumps(config, indent=2) + "\n"


def _admin(settings: EdgeSettings) -> dict[str, Any]:
    if settings.admin_socket is not None:
        return {"address": {"pipe": {"path": settings.admin_socket, "mode": 0o600}}}
    return {"address": address("127.0.0.1", 0)}


def _listener(
    settings: EdgeSettings, name: str, host: str, port: int, http: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "address": address(host, port),
        "per_connection_buffer_limit_bytes": settings.buffer_bytes,
        # A second stack on the same port must fail to start, not share the connections of the first.
        "enable_reuse_port": False,
        "connection_balance_config": {"exact_balance": {}},
        "filter_chains": [{"filters": [typed("envoy.filters.network.http_connection_manager", **http)]}],
    }


def _public_http(settings: EdgeSettings, assets: EdgeAssets) -> dict[str, Any]:
    found = bindings(FileDescriptorSet.FromString(assets.descriptors))
    routes = [
        *document_routes(assets.openapi),
        *public_routes(
            found,
            CORE_CLUSTER,
            with_reflection=not settings.production,
            body_bytes_max=settings.json_body_bytes_max,
            media_body_bytes_max=settings.media_body_bytes_max,
            open_body_bytes_max=settings.open_body_bytes_max,
            action=_to_core(settings),
        ),
    ]
    filters = [
        _lua_filter(settings, assets),
        _trailer_filter(),
        _transcoder_filter(settings, assets, found),
    ]
    return _http(settings, assets, LISTENER, routes, filters)


def _operators_http(settings: EdgeSettings, assets: EdgeAssets) -> dict[str, Any]:
    """Native gRPC alone, and of it the operators' services alone."""
    routes = operator_routes(OPERATORS_CLUSTER, _to_core(settings))
    return _http(settings, assets, OPERATORS_LISTENER, routes, [_lua_filter(settings, assets)])


def _to_core(settings: EdgeSettings) -> dict[str, Any]:
    """What every route to the core has."""
    return {
        "timeout": "0s",  # the default of 15 s would cut streams; silence and length have their own limits
        "idle_timeout": seconds(settings.stream_idle_timeout_s),
        "max_stream_duration": {
            "max_stream_duration": seconds(settings.stream_duration_max_s),
            # Without it the core would be told our limit in place of the deadline that a gRPC client set.
            "grpc_timeout_header_max": seconds(settings.stream_duration_max_s),
        },
    }


def _http(
    settings: EdgeSettings,
    assets: EdgeAssets,
    name: str,
    routes: list[dict[str, Any]],
    filters: list[dict[str, Any]],
) -> dict[str, Any]:
    """The HTTP connection manager of a listener."""
    request_id = {
        "header": {"key": "x-request-id", "value": "%REQ(X-REQUEST-ID)%"},
        "append_action": "ADD_IF_ABSENT",
    }
    return {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "route_config": {
            "name": name,
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}],
            "response_headers_to_add": [request_id],
            # Of what Envoy itself serves; its default of 4 KiB is for error texts.
            "max_direct_response_body_size_bytes": len(assets.openapi.encode()),
        },
        "http_filters": [
            *filters,
            typed(
                "envoy.filters.http.router",
                **{
                    "@type": f"{TYPES}.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            ),
        ],
        "local_reply_config": local_reply_config(assets.not_found_html, settings.retry_after_s),
        "early_header_mutation_extensions": [_header_guard(settings)],
        "access_log": _access_log(settings.access_log),
        # The client's address is the peer's. Nobody is internal: Envoy would obey their x-envoy-* headers.
        "use_remote_address": True,
        "internal_address_config": {"unix_sockets": False, "cidr_ranges": [_NO_ADDRESS]},
        "xff_num_trusted_hops": settings.trusted_proxy_count,
        "server_header_transformation": "PASS_THROUGH",
        # A slash that is escaped belongs to a model id; the transcoder decodes it where a binding allows slashes.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "max_request_headers_kb": settings.request_header_kib_max,
        "request_headers_timeout": seconds(settings.header_timeout_s),
        "request_timeout": seconds(settings.request_timeout_s),
        "stream_idle_timeout": seconds(settings.stream_idle_timeout_s),
        "drain_timeout": seconds(settings.drain_timeout_s),
        "common_http_protocol_options": {
            "idle_timeout": seconds(settings.connection_idle_timeout_s),
            "max_headers_count": settings.header_count_max,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": settings.stream_count_max,
            "initial_stream_window_size": settings.buffer_bytes,
            "initial_connection_window_size": 1024 * 1024,
        },
    }


def _lua_filter(settings: EdgeSettings, assets: EdgeAssets) -> dict[str, Any]:
    return typed(
        "envoy.filters.http.lua",
        **{
            "@type": f"{TYPES}.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": lua_tables(settings.retry_after_s) + assets.lua},
            # What it changes is no part of any route's match.
            "clear_route_cache": False,
        },
    )


def _trailer_filter() -> dict[str, Any]:
    """Does what a route asks for: REST routes have the trailers of gRPC removed, which HTTP/2 clients would see."""
    type_url = f"{TYPES}.extensions.filters.http.header_mutation.v3.HeaderMutation"
    return typed(TRAILER_FILTER, **{"@type": type_url, "mutations": {}})


def _transcoder_filter(settings: EdgeSettings, assets: EdgeAssets, found: list[Binding]) -> dict[str, Any]:
    return typed(
        "envoy.filters.http.grpc_json_transcoder",
        **{
            "@type": f"{TYPES}.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
            "proto_descriptor_bin": base64.b64encode(assets.descriptors).decode(),
            "services": sorted({binding.service for binding in found}),
            # Routes are chosen by the path that the client asked for: rest.v1 is not callable as gRPC.
            "match_incoming_request_route": True,
            "ignore_unknown_query_parameters": True,
            # What a path or body says about a field is not for the query to change.
            "ignored_query_parameters": fixed_fields(found),
            # Only {x=**} can hold a slash; there %2F is one.
            "url_unescape_spec": "ALL_CHARACTERS",
            # The envelope counts here; bodies of known length are measured exactly by the Lua filter.
            "max_request_body_size": settings.grpc_message_bytes_max,
            "print_options": {"preserve_proto_field_names": True, "always_print_primitive_fields": True},
        },
    )


def _header_guard(settings: EdgeSettings) -> dict[str, Any]:
    """Removes what a client could forge, before routes and filters see the request."""
    prefixes = _FORGED_HEADERS + (() if settings.trusted_proxy_count else _FORWARDED_HEADERS)
    return typed(
        "envoy.http.early_header_mutation.header_mutation",
        **{
            "@type": f"{TYPES}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [
                {"remove_on_match": {"key_matcher": matcher}}
                for matcher in (*({"prefix": prefix} for prefix in prefixes), {"suffix": _BINARY_SUFFIX})
            ],
        },
    )


def _access_log(path: str | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    fields = {
        "time": "%START_TIME%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "worker": "%UPSTREAM_HOST%",
    }
    log = {
        "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": path,
        "log_format": {"json_format": fields},
    }
    return [typed("envoy.access_loggers.file", **log)]
