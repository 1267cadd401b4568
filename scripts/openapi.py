"""Makes the OpenAPI file of the REST surface: paths from the protos, schemas from the types of the wires, credentials
from the table of access. Called by gen.py.

Nothing of a route is written here: its paths, its parameters and what it is for stand in proto/raseed/rest/v1, its body
and its answer in openapi_routes.py.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)
from openapi_routes import GROUPS, NOT_JSON, Group, Route
from protos import run_protoc

from raseed.adapters.rpc.access import Credential, access_of
from raseed.adapters.wire.anthropic.errors import ErrorBody as AnthropicError
from raseed.adapters.wire.openai.errors import ErrorBody as OpenAIError

PACKAGE = "raseed.rest.v1"
_LAYERS = re.compile(r"^raseed\.(?:adapters\.wire|core)\.")
_SERVICE_FIELD, _METHOD_FIELD, _MESSAGE_FIELD, _FIELD_FIELD = 6, 2, 4, 2
"""Numbers in descriptor.proto, of which the paths of comments are made."""
_OWN_ADDRESS = re.compile(r"^(?:GET|POST|PUT|PATCH|DELETE) \S+?[:.]?(?:\s+|$)")
"""How comments of methods begin: with what this file says anyway."""

INFO = {
    "title": "Raseed",
    "version": "1",
    "description": (
        "A metered LLM platform: OpenAI's and Anthropic's APIs, and what an account has, bought and used. "
        "Every path is listed with each of its prefixes. A JSON body has at most 4 MiB; "
        "fields of OpenAI's and Anthropic's requests that are not listed are accepted and have no effect."
    ),
}
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or the token of a session.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same, as Anthropic's clients send it.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-raseed_session",
        "description": "A browser's session; what changes anything also needs the header `x-csrf-token`.",
    },
}
RESPONSE_HEADERS = {
    "RequestId": (
        "string",
        "Id of the request, for questions about it. Anthropic's routes also have it as `request-id`.",
    ),
    "RateLimit": ("integer", "Requests that the limit nearest to its end allows; absent without limits."),
    "RateLimitRemaining": ("integer", "Requests that are left of it."),
    "RateLimitReset": ("integer", "When all of it is there again, in Unix seconds."),
    "RetryAfter": ("integer", "Seconds to wait, of an answer 429 or 503."),
}
_ON_EVERY_ANSWER = {
    "x-request-id": "RequestId",
    "x-ratelimit-limit": "RateLimit",
    "x-ratelimit-remaining": "RateLimitRemaining",
    "x-ratelimit-reset": "RateLimitReset",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same request again under the same key has the same answer and is charged once.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method at one of its addresses."""

    service: str
    method: MethodDescriptorProto
    http_method: str
    template: str
    number: int
    """0 for the address that the method is known by."""
    comment: str


def openapi(proto_dir: Path) -> str:
    """The file as JSON text. The same protos and types give the same bytes.

    Ends the program if a method has no row in openapi_routes.py, or a row no method.
    """
    files = described(proto_dir)
    fields = {name: value for file in files for name, value in _parameters(file)}
    operations = [each for file in files for each in operations_of(file)]
    _check_complete(operations)
    types = [
        kind
        for group in GROUPS.values()
        for route in group.routes.values()
        for kind in (route.body, route.answer)
        if kind is not None
    ]
    by_type, components = _schemas([*types, OpenAIError, AnthropicError])
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        group = GROUPS[each.service]
        route = group.routes[each.method.name]
        path = re.sub(r"\{(\w+)=\*\*\}", r"{\1}", each.template)
        shown = _operation(each, group, route, fields, by_type)
        paths.setdefault(path, {})[each.http_method] = shown
    document = {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": [{"name": group.tag} for group in GROUPS.values()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {
                "Error": _error("What went wrong, in OpenAI's form.", by_type[OpenAIError]),
                "AnthropicError": _error("What went wrong, in Anthropic's form.", by_type[AnthropicError]),
            },
            "headers": {
                name: {"schema": {"type": kind}, "description": text}
                for name, (kind, text) in RESPONSE_HEADERS.items()
            },
            "securitySchemes": SECURITY_SCHEMES,
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _operation(
    each: Operation,
    group: Group,
    route: Route,
    fields: Mapping[str, list[dict[str, Any]]],
    by_type: Mapping[Any, dict[str, Any]],
) -> dict[str, Any]:
    in_path = re.findall(r"\{(\w+)", each.template)
    parameters = [_placed(one, in_path) for one in fields[each.method.input_type.removeprefix(".")]]
    if route.takes_idempotency_key:
        parameters.append(IDEMPOTENCY_KEY)
    shown: dict[str, Any] = {
        "tags": [group.tag],
        "operationId": each.method.name + (f"_{each.number + 1}" if each.number else ""),
        "summary": summary_of(each),
        "security": _security(f"/{PACKAGE}.{each.service}/{each.method.name}"),
    }
    if parameters:
        shown["parameters"] = parameters
    if route.body is not None:
        shown["requestBody"] = {
            "required": not route.is_body_optional,
            "content": {"application/json": {"schema": by_type[route.body]}},
        }
    content: dict[str, Any] = {}
    if route.answer is not None:
        content["application/json"] = {"schema": by_type[route.answer]}
    content |= {kind: {"schema": {"type": "string"}} for kind in route.other_types}
    error = "AnthropicError" if each.service == "AnthropicService" else "Error"
    shown["responses"] = {
        str(route.status): {
            "description": "Done.",
            "headers": _headers(_ON_EVERY_ANSWER),
            "content": content,
        },
        "default": {"$ref": f"#/components/responses/{error}"},
    }
    return shown


def _placed(parameter: dict[str, Any], in_path: Iterable[str]) -> dict[str, Any]:
    is_in_path = parameter["name"] in in_path
    place = {"in": "path", "required": True} if is_in_path else {"in": "query"}
    return {"name": parameter["name"], **place, **{key: parameter[key] for key in ("schema", "description")}}


def _security(method: str) -> list[dict[str, list[str]]]:
    """Any one of these; an empty list: nothing."""
    access = access_of(method)
    if access is None:
        raise SystemExit(f"{method} has no row in rpc/access.py")
    shown: list[dict[str, list[str]]] = []
    if access.credentials:
        shown.append({"bearer": []})
    if Credential.API_KEY in access.credentials:
        shown.append({"apiKey": []})
    if Credential.SESSION in access.credentials:
        shown.append({"session": []})
    return shown


def summary_of(each: Operation) -> str:
    text = _OWN_ADDRESS.sub("", each.comment).strip().rstrip(".")
    if not text:
        text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", each.method.name).capitalize()
    return text[0].upper() + text[1:]


def _error(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "headers": _headers({**_ON_EVERY_ANSWER, "retry-after": "RetryAfter"}),
        "content": {"application/json": {"schema": schema}},
    }


def _headers(names: Mapping[str, str]) -> dict[str, Any]:
    return {header: {"$ref": f"#/components/headers/{name}"} for header, name in names.items()}


def _check_complete(operations: Iterable[Operation]) -> None:
    there = {(each.service, each.method.name) for each in operations}
    rows = {(service, method) for service, group in GROUPS.items() for method in group.routes}
    for service, method in sorted(there - rows):
        raise SystemExit(f"{service}/{method} has no row in scripts/openapi_routes.py")
    for service, method in sorted(rows - there):
        raise SystemExit(f"{service}/{method} in scripts/openapi_routes.py is no method with an address")


# ── protos ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def described(proto_dir: Path) -> list[FileDescriptorProto]:
    """The files of rest.v1, with their comments."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "described.binpb"
        run_protoc(proto_dir, "--include_source_info", f"--descriptor_set_out={target}")
        parsed = FileDescriptorSet.FromString(target.read_bytes())
    return [file for file in parsed.file if file.package == PACKAGE]


def operations_of(file: FileDescriptorProto) -> Iterator[Operation]:
    comments = comments_of(file)
    for place, service in enumerate(file.service):
        if service.name in NOT_JSON:
            continue
        if service.name not in GROUPS:
            raise SystemExit(f"{service.name} has no group in scripts/openapi_routes.py")
        for index, method in enumerate(service.method):
            rule = method.options.Extensions[annotations_pb2.http]
            comment = comments.get((_SERVICE_FIELD, place, _METHOD_FIELD, index), "")
            for number, binding in enumerate((rule, *rule.additional_bindings)):
                kind = binding.WhichOneof("pattern")
                yield Operation(service.name, method, kind, getattr(binding, kind), number, comment)


def _parameters(file: FileDescriptorProto) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Of each message the fields that an address has: all but the body, each a text."""
    comments = comments_of(file)

    def fields_of(place: int, message: DescriptorProto) -> Iterator[dict[str, Any]]:
        for index, one in enumerate(message.field):
            if one.type != one.TYPE_MESSAGE:
                text = comments.get((_MESSAGE_FIELD, place, _FIELD_FIELD, index), "")
                yield {"name": one.name, "schema": {"type": "string"}, "description": text}

    for place, message in enumerate(file.message_type):
        yield f"{file.package}.{message.name}", list(fields_of(place, message))


def comments_of(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    return {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
        if location.leading_comments
    }


# ── types ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _schemas(types: Iterable[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """A schema for each of `types`, and what they refer to; every component is named after its place in the code."""
    unique = list(dict.fromkeys(types))
    _check_defaults(unique)
    schemas, components = msgspec.json.schema_components(
        unique, schema_hook=_any_json, ref_template="#/components/schemas/{name}"
    )
    infos = msgspec.inspect.multi_type_info(unique)
    names = _names(infos, components)
    text = re.sub(
        r'"#/components/schemas/([^"]+)"',
        lambda found: f'"#/components/schemas/{names[found[1]]}"',
        json.dumps([list(schemas), dict(components)]),
    )
    renamed, parts = json.loads(text)
    may_lack = _may_lack(infos, names)
    for name, part in parts.items():
        part.pop("title", None)  # the class, which the name of the component says
        if "required" in part:
            part["required"] = [key for key in part["required"] if key not in may_lack[names[name]]]
    return dict(zip(unique, renamed, strict=True)), {names[name]: part for name, part in parts.items()}


def _check_defaults(types: list[Any]) -> None:
    for info in msgspec.inspect.multi_type_info(types):
        for kind in _classes(info):
            if not issubclass(kind, msgspec.Struct):
                continue
            for one in msgspec.structs.fields(kind):
                if isinstance(one.default, msgspec.Raw):
                    # A schema shows defaults, and this one is no JSON.
                    say = "write `= msgspec.field(default_factory=msgspec.Raw)`"
                    raise SystemExit(f"{kind.__module__}.{kind.__name__}.{one.name}: {say}")


def _any_json(kind: type) -> dict[str, Any]:
    """Of `object`, which takes whatever JSON there is."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON."}


def _names(infos: Iterable[msgspec.inspect.Type], components: Iterable[str]) -> dict[str, str]:
    """What msgspec calls each component → what we do: `openai.chat_schema.ChatBody`."""
    classes = {kind for info in infos for kind in _classes(info)}
    found: dict[str, str] = {}
    for kind in classes:
        full = f"{kind.__module__}.{kind.__qualname__}"
        for theirs in (kind.__name__, re.sub(r"[^a-zA-Z0-9.\-_]", "_", full)):
            if theirs in components:
                found[theirs] = _named(kind)
    return found


def _may_lack(infos: Iterable[msgspec.inspect.Type], names: Mapping[str, str]) -> dict[str, set[str]]:
    """Of each component the keys that are left out when they are UNSET, whether or not that is their default."""
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for kind in {kind for info in infos for kind in _classes(info) if issubclass(kind, msgspec.Struct)}:
        for one in msgspec.structs.fields(kind):
            if msgspec.UnsetType in get_args(one.type):
                found[_named(kind)].add(one.encode_name)
    return found


def _named(kind: type) -> str:
    """`openai.chat_schema.ChatBody`: where it stands, without its layer."""
    return _LAYERS.sub("", f"{kind.__module__}.{kind.__qualname__}").replace("._", ".")


def _classes(info: Any) -> Iterator[type]:
    """Every type with a name that a type is made of."""
    seen: set[int] = set()
    to_do = [info]
    while to_do:
        one = to_do.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, msgspec.inspect.StructType | msgspec.inspect.EnumType):
            yield one.cls
        if isinstance(one, msgspec.Struct):
            values = [getattr(one, name) for name in one.__struct_fields__]
            to_do += [value for value in values if isinstance(value, msgspec.Struct)]
            to_do += [each for value in values if isinstance(value, tuple) for each in value]
