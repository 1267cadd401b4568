"""The OpenAPI file says what the code says: every address, every body that is decoded, nothing that nobody serves."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import raseed.adapters.wire
from raseed.adapters.envoy.routes import bindings
from raseed.adapters.rpc.access import access_of

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))
import openapi_routes

DESCRIPTORS = files("raseed.descriptors")
DOCUMENT: dict[str, Any] = json.loads(DESCRIPTORS.joinpath("openapi.json").read_bytes())
BINDINGS = bindings(FileDescriptorSet.FromString(DESCRIPTORS.joinpath("raseed.binpb").read_bytes()))
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_every_address_that_the_edge_routes_is_in_the_file_and_no_other() -> None:
    routed = {
        (binding.http_method.lower(), re.sub(r"=\*\*", "", binding.template))
        for binding in BINDINGS
        if binding.service.rpartition(".")[2] not in openapi_routes.NOT_JSON
    }
    assert {(method, path) for method, path, _ in OPERATIONS} == routed


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_an_operation_asks_for_a_credential_exactly_where_the_server_does() -> None:
    rows = {
        route: f"/raseed.rest.v1.{service}/{route}"
        for service, group in openapi_routes.GROUPS.items()
        for route in group.routes
    }
    for _, _, operation in OPERATIONS:
        access = access_of(rows[operation["operationId"].partition("_")[0]])
        assert access is not None
        assert (operation["security"] == []) == access.is_open, operation["operationId"]


def test_every_type_that_a_wire_decodes_is_the_body_of_a_route() -> None:
    decoded = set()
    package = raseed.adapters.wire
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, msgspec.json.Decoder) and isinstance(value.type, type(msgspec.Struct)):
                decoded.add(value.type)
    bodies = {
        route.body
        for group in openapi_routes.GROUPS.values()
        for route in group.routes.values()
        if isinstance(route.body, type(msgspec.Struct))
    }
    assert decoded == bodies


def test_every_reference_leads_somewhere() -> None:
    for pointer in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        place: Any = DOCUMENT
        for part in pointer.split("/"):
            place = place[part]
        assert isinstance(place, dict)


@pytest.mark.parametrize(
    ("schema", "golden"),
    [
        ("openai.chat_response.Completion", "openai/completion_two_choices.json"),
        ("openai.models.ModelList", "openai/models.json"),
        ("openai.errors.ErrorBody", "openai/error_429.json"),
        ("usage.Report", "openai/usage_by_day.json"),
        ("dashboard.Subscription", "openai/dashboard_subscription_tier_ends.json"),
        ("dashboard.Usage", "openai/dashboard_usage.json"),
    ],
)
def test_the_keys_of_a_golden_answer_are_those_of_its_schema(schema: str, golden: str) -> None:
    described = DOCUMENT["components"]["schemas"][schema]
    path = Path(__file__).resolve().parents[2] / "golden" / golden
    answer = json.loads(path.read_bytes())
    answer = answer.get("body", answer)
    assert set(described["required"]) <= set(answer) <= set(described["properties"])
