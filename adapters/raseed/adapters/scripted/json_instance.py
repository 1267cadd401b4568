"""The smallest JSON value that a schema describes: what the scripted backend answers when it is held to one."""

from __future__ import annotations

from typing import Any

DEPTH_MAX = 64
"""A schema that needs a deeper value describes only endless ones."""
NODES_MAX = 10_000
"""Values and characters of one instance: a few references that fan out, or one `minLength`, describe any size."""


def json_instance(schema: Any) -> Any:
    """Deterministic; knows the keywords that OpenAI's structured outputs know, but not `pattern` and `format`.

    Raises ValueError for a schema that describes nothing, or nothing small, or is none.
    """
    try:
        return _Instance(schema).of(schema, 0)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError("it is not a JSON schema") from error


class _Instance:
    """One value being made."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._nodes_left = NODES_MAX

    def of(self, schema: Any, depth: int) -> Any:
        self._spend(1)
        if depth > DEPTH_MAX:
            raise ValueError("it describes only endless values")
        if not isinstance(schema, dict):
            return None
        if "$ref" in schema:
            return self.of(self._referred(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for choice in ("anyOf", "oneOf"):
            if schema.get(choice):
                return self.of(schema[choice][0], depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "null")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                members: dict[str, Any] = schema.get("properties", {})
                names = schema.get("required", members)
                return {name: self.of(members.get(name), depth + 1) for name in names}
            case "array":
                return [self.of(schema.get("items"), depth + 1) for _ in range(schema.get("minItems", 0))]
            case "string":
                length = schema.get("minLength", 1)
                self._spend(length)
                return "x" * length
            case "integer" | "number":
                return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            case "boolean":
                return True
            case _:
                return None

    def _spend(self, nodes: int) -> None:
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise ValueError(f"its smallest value has more than {NODES_MAX} parts")

    def _referred(self, reference: str) -> Any:
        """What a reference inside the schema points to."""
        found = self._root
        for name in reference.removeprefix("#").split("/")[1:]:
            found = found[name.replace("~1", "/").replace("~0", "~")]
        return found
