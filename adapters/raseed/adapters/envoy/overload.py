"""What Envoy does when its memory or its connections run out: shed early, and the largest first."""

from __future__ import annotations

from typing import Any

from raseed.adapters.envoy.parts import TYPES, typed
from raseed.adapters.envoy.settings import EdgeSettings


def overload_manager(settings: EdgeSettings) -> dict[str, Any]:
    heap, connections = (
        "envoy.resource_monitors.fixed_heap",
        "envoy.resource_monitors.global_downstream_max_connections",
    )
    monitors = f"{TYPES}.extensions.resource_monitors"

    def action(name: str, threshold: float) -> dict[str, Any]:
        return {
            "name": f"envoy.overload_actions.{name}",
            "triggers": [{"name": heap, "threshold": {"value": threshold}}],
        }

    return {
        # What comes between two looks is beyond the cap: at 1 GiB a second some 50 MiB.
        "refresh_interval": "0.05s",
        "resource_monitors": [
            typed(
                heap,
                **{
                    "@type": f"{monitors}.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": settings.heap_bytes_max,
                },
            ),
            typed(
                connections,
                **{
                    "@type": f"{monitors}.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": settings.connection_count_max,
                },
            ),
        ],
        "actions": [
            action("shrink_heap", 0.90),
            action("disable_http_keepalive", 0.92),
            action("stop_accepting_requests", 0.95),
            {
                "name": "envoy.overload_actions.reset_high_memory_stream",
                "triggers": [
                    {"name": heap, "scaled": {"scaling_threshold": 0.85, "saturation_threshold": 0.98}}
                ],
            },
        ],
        # Bodies that are on their way when the heap is full: what sends them is cut off. Resetting streams by size is
        # for HTTP/2 alone, and the limits above are for requests to come.
        "loadshed_points": [
            {
                "name": "envoy.load_shed_points.http1_server_abort_dispatch",
                "triggers": [{"name": heap, "threshold": {"value": 0.98}}],
            }
        ],
        # Streams that buffer at least 1 MiB are known by size, so that the largest can be reset first.
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
    }
