"""The core workers as Envoy sees them: who is healthy, and how much each may be given."""

from __future__ import annotations

import ipaddress
from typing import Any

from raseed.adapters.envoy.parts import TYPES, address, seconds
from raseed.adapters.envoy.settings import EdgeSettings

CORE_CLUSTER = "core"


OPERATORS_CLUSTER = "core_operators"


def core_cluster(name: str, addresses: tuple[str, ...], settings: EdgeSettings) -> dict[str, Any]:
    hosts = [worker.rpartition(":") for worker in addresses]
    http2 = {
        "max_concurrent_streams": settings.upstream_stream_count_max,
        "initial_stream_window_size": settings.buffer_bytes,
        "initial_connection_window_size": settings.upstream_connection_window_bytes,
    }
    return {
        "name": name,
        "type": "STATIC" if all(_is_ip(host) for host, _, _ in hosts) else "STRICT_DNS",
        "connect_timeout": seconds(settings.connect_timeout_s),
        "per_connection_buffer_limit_bytes": settings.buffer_bytes,
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {
            # With no healthy worker answer 503 at once; the default would send requests to the dead.
            "healthy_panic_threshold": {"value": 0},
            # Threads learn of a change of health at once; the default collects changes for a second.
            "update_merge_window": "0s",
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": address(host, int(port))}} for host, _, port in hosts
                    ]
                }
            ],
        },
        "health_checks": [_health_check(settings)],
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": settings.upstream_connection_count_max,
                    "max_pending_requests": settings.upstream_pending_count_max,
                    "max_requests": settings.upstream_request_count_max,
                    "max_retries": settings.upstream_retry_count_max,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
    }


def _health_check(settings: EdgeSettings) -> dict[str, Any]:
    interval = seconds(settings.health_interval_s)
    return {
        "timeout": seconds(settings.health_timeout_s),
        "interval": interval,
        "unhealthy_interval": interval,
        # The default for a cluster that had no traffic yet is a minute: a fresh stack would not see its workers.
        "no_traffic_interval": interval,
        # For checks that get no answer; one that is answered NOT_SERVING counts at once.
        "unhealthy_threshold": settings.health_failure_count_max,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
