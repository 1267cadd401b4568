"""What follows from the descriptors and settings, without starting anything."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from tests.integration.envoy.edge import ENVOY_DIR

from raseed.adapters.envoy import binary
from raseed.adapters.envoy.config import EdgeAssets, load_assets, render
from raseed.adapters.envoy.routes import bindings
from raseed.adapters.envoy.settings import EdgeSettings


def descriptors_with(package: str, **patterns: str) -> EdgeAssets:
    """The real assets, and one more REST method in `package`."""
    real = load_assets(ENVOY_DIR)
    descriptors = FileDescriptorSet.FromString(real.descriptors)
    file = descriptors.file.add(name="more.proto", package=package)
    method = file.service.add(name="MoreService").method.add(name="Do")
    rule = method.options.Extensions[annotations_pb2.http]
    for kind, template in patterns.items():
        setattr(rule, kind, template)
    return replace(real, descriptors=descriptors.SerializeToString())


def http_manager(assets: EdgeAssets, **settings: Any) -> dict[str, Any]:
    config = json.loads(render(EdgeSettings(core_addresses=("127.0.0.1:1",), **settings), assets))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert isinstance(manager, dict)
    return manager


def routes_to_core(manager: dict[str, Any]) -> list[dict[str, Any]]:
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    return [route for route in routes if "route" in route]


def test_rendering_is_stable() -> None:
    settings = EdgeSettings(core_addresses=("127.0.0.1:1", "127.0.0.1:2"))
    assert render(settings, load_assets(ENVOY_DIR)) == render(settings, load_assets(ENVOY_DIR))


def test_new_method_gets_its_route() -> None:
    manager = http_manager(descriptors_with("raseed.rest.v1", get="/v1/things/{thing}/parts/{part=**}"))
    route = routes_to_core(manager)[-1]
    assert route["match"]["safe_regex"]["regex"] == "/v1/things/[^/]+/parts/.+"
    assert route["metadata"]["filter_metadata"]["envoy.filters.http.lua"]["keyed"] is True
    transcoder = next(f for f in manager["http_filters"] if "transcoder" in f["name"])["typed_config"]
    assert "raseed.rest.v1.MoreService" in transcoder["services"]
    assert {"thing", "part"} <= set(transcoder["ignored_query_parameters"])


@pytest.mark.parametrize(
    ("path", "is_keyed"),
    [
        ("/api/keys", True),
        ("/dashboard/billing/thing", True),
        ("/dashboard/thing", False),
        ("/api/auth/start", False),
        ("/webhooks/x", False),
    ],
)
def test_which_routes_need_a_credential(path: str, is_keyed: bool) -> None:
    routes = routes_to_core(http_manager(descriptors_with("raseed.rest.v1", post=path)))
    route = next(route for route in routes if route["match"].get("path") == path)
    assert ("keyed" in route["metadata"]["filter_metadata"]["envoy.filters.http.lua"]) is is_keyed


def test_admin_is_never_public() -> None:
    assets = descriptors_with("raseed.admin.v1", get="/api/admin/accounts")
    found = bindings(FileDescriptorSet.FromString(assets.descriptors))
    assert found
    assert not [binding for binding in found if "admin" in binding.service]
    assert "AdminService" not in render(EdgeSettings(core_addresses=("127.0.0.1:1",)), assets)


def test_post_is_never_retried() -> None:
    for route in routes_to_core(http_manager(load_assets(ENVOY_DIR))):
        methods = [header["string_match"]["exact"] for header in route["match"].get("headers", [])]
        assert ("retry_policy" in route["route"]) == (methods == ["GET"])


def test_windows_must_fit() -> None:
    with pytest.raises(ValueError, match="upstream_connection_window_bytes"):
        EdgeSettings(core_addresses=(), upstream_stream_count_max=1000)
    with pytest.raises(ValueError, match="107 bytes"):
        EdgeSettings(core_addresses=(), admin_socket="/" + "x" * 107)


def fake_envoy(directory: Path, version: str) -> Path:
    directory.mkdir()
    path = directory / "envoy"
    path.write_text(
        f"#!/bin/sh\necho 'envoy  version: 1a2b/{version}/Clean/RELEASE/BoringSSL'\n", encoding="utf-8"
    )
    path.chmod(0o755)
    return path


def test_binary_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(binary.EnvoyUnusableError, match="Envoy is missing"):
        binary.find_envoy()
    fake = fake_envoy(tmp_path / "bin", "1.38.1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert binary.find_envoy() == fake


def test_old_binary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_envoy(tmp_path / "bin", "1.38.0-dev")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(binary.EnvoyUnusableError, match=r"is Envoy 1\.38\.0; 1\.38\.1 or newer is needed"):
        binary.find_envoy()
