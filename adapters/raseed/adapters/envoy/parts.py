"""Small pieces that every part of the configuration is made of."""

from __future__ import annotations

from typing import Any

TYPES = "type.googleapis.com/envoy"


def typed(name: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": config}


def address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host.strip("[]"), "port_value": port}}


def seconds(value: float) -> str:
    return f"{value:.3f}s"
