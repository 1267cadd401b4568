"""Schemas whose compilation takes no longer than they are: nothing in them intersects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, Field

from raseed.adapters.triton.schemas import unsupported_in


class Place(BaseModel):
    """As clients send it."""

    name: str = Field(description="Its name", min_length=1)
    kind: str | None = None


class Trip(BaseModel):
    places: list[Place]
    pattern: float = Field(ge=0, title="A property may have any name")
    to: Place | int = Field(description="a union")


@pytest.mark.parametrize(
    "schema", [Trip.model_json_schema(), {}, True, {"properties": {"allOf": {"type": "null"}}}]
)
def test_what_clients_send_is_supported(schema: Any):
    assert unsupported_in(json.dumps(schema)) is None


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"pattern": "a"}, "pattern"),
        ({"allOf": [{}]}, "allOf"),
        ({"not": {}}, "not"),
        ({"properties": {"a": {"patternProperties": {}}}}, "patternProperties"),
        ({"$defs": {"a": {"multipleOf": 2}}}, "multipleOf"),
        ({"$ref": "#/$defs/a", "type": "string"}, "$ref beside type"),
        ({"anyOf": [{}], "format": "date"}, "anyOf beside format"),
        ({"anyOf": [{}], "oneOf": [{}]}, "anyOf beside oneOf"),
        ({"anyOf": [{}, {"items": {"if": {}}}]}, "if"),
        ({"prefixItems": [{"contains": {}}]}, "contains"),
        ({"additionalProperties": {"x-guidance": {}}}, "x-guidance"),
    ],
)
def test_what_intersects_is_named(schema: Any, keyword: str):
    assert unsupported_in(json.dumps(schema)) == keyword
