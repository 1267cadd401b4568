"""Which JSON schemas our engine may be given.

Compiling a schema is quick as long as no value has to keep to two of its parts at once: twenty patterns that intersect
took two minutes. So everything that intersects is refused, and `pattern` with it, which is where it hurts.
"""

from __future__ import annotations

import json
from typing import Any

_NOTES = frozenset(
    {
        *(
            "title",
            "description",
            "default",
            "examples",
            "deprecated",
            "readOnly",
            "writeOnly",
            "discriminator",
        ),
        *("$schema", "$id", "$comment"),
    }
)
_DEFINITIONS = frozenset({"$defs", "definitions"})
_ALONE = ("$ref", "anyOf", "oneOf")
"""Beside another constraint each of these is an intersection."""
_CONSTRAINTS = frozenset(
    {
        *("type", "enum", "const", "properties", "required", "additionalProperties", "items", "prefixItems"),
        *("minItems", "maxItems", "minLength", "maxLength", "format"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)


def unsupported_in(schema_json: str) -> str | None:
    """The first keyword that the engine is not given, None if there is none. Keywords that nobody knows count too."""
    return _in_schema(json.loads(schema_json))


def _in_schema(schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return None  # true and false
    keywords: set[str] = schema.keys() - _NOTES - _DEFINITIONS
    for alone in _ALONE:
        if alone in keywords and len(keywords) > 1:
            return f"{alone} beside {min(keywords - {alone})}"
    if unknown := keywords - _CONSTRAINTS - set(_ALONE):
        return min(unknown)
    return next((found for child in _children(schema) if (found := _in_schema(child)) is not None), None)


def _children(schema: dict[str, Any]) -> list[Any]:
    """The schemas directly inside a schema."""
    children: list[Any] = []
    for name in (*_DEFINITIONS, "properties"):
        if isinstance(named := schema.get(name), dict):
            children += named.values()
    for name in ("anyOf", "oneOf", "prefixItems"):
        if isinstance(listed := schema.get(name), list):
            children += listed
    return [*children, schema.get("items"), schema.get("additionalProperties")]
