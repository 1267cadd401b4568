"""The smallest JSON value that a schema describes: what the scripted backend answers when it is held to one."""

from __future__ import annotations

from typing import Any

DEPTH_MAX = 64
"""A schema that needs a deeper value describes only endless ones."""


def json_instance(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """Deterministic; knows the keywords that OpenAI's structured outputs know, and `pattern` not. Raises ValueError."""
    root = schema if root is None else root
    if depth > DEPTH_MAX:
        raise ValueError("it describes only endless values")
    if not isinstance(schema, dict):
        return None
    if "$ref" in schema:
        return json_instance(_referred(root, schema["$ref"]), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return json_instance(schema[choice][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "null")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            members: dict[str, Any] = schema.get("properties", {})
            return {
                name: json_instance(members.get(name), root, depth + 1)
                for name in schema.get("required", members)
            }
        case "array":
            return [json_instance(schema.get("items"), root, depth + 1)] * schema.get("minItems", 0)
        case "string":
            return "x" * schema.get("minLength", 1)
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case _:
            return None


def _referred(root: Any, reference: str) -> Any:
    """What a reference inside the schema points to."""
    found = root
    for name in reference.removeprefix("#").split("/")[1:]:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    if found is None:
        raise ValueError("a $ref points to nothing")
    return found
