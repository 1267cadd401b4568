"""Fills the tables of docs/api.md: routes, RPCs and errors, from where they are defined. Called by gen.py.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; what is around it is written by hand.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from openapi import PACKAGE, Operation, comments_of, described, operations_of, summary_of
from openapi_routes import GROUPS
from protos import ROOT, run_protoc

from raseed.adapters.envoy.routes import PUBLIC_GRPC_SERVICES
from raseed.adapters.rpc.access import Credential, access_of
from raseed.core import errors

DOCUMENT = ROOT / "docs/api.md"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_TREE_LINE = re.compile(r"^[│ ]*[├└]── (\w+) +(.+)$", re.MULTILINE)
_SERVICE_FIELD, _METHOD_FIELD = 6, 2


def filled(text: str, proto_dir: Path) -> str:
    """`text` with every table as it should be."""
    tables = {"routes": _routes(proto_dir), "rpcs": _rpcs(proto_dir), "errors": _errors()}
    return _TABLE.sub(lambda found: f"{found[1]}{tables[found[2]]}{found[3]}", text)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _routes(proto_dir: Path) -> str:
    parts = []
    addresses: dict[tuple[str, str], list[Operation]] = {}
    for file in described(proto_dir):
        for each in operations_of(file):
            addresses.setdefault((each.service, each.method.name), []).append(each)
    for service, group in GROUPS.items():
        rows = []
        for (owner, name), found in addresses.items():
            if owner == service:
                first, *others = found
                path = f"`{first.http_method.upper()} {_shown(first)}`"
                also = " ".join(f"`{_shown(other)}`" for other in others)
                rows.append([path, also, _needs(f"/{PACKAGE}.{service}/{name}"), summary_of(first)])
        parts.append(f"\n**{group.tag}**\n\n" + _table(("route", "also", "needs", ""), rows))
    return "".join(parts) + "\n"


def _shown(each: Operation) -> str:
    return each.template.replace("=**", "")


def _needs(method: str) -> str:
    access = access_of(method)
    if access is None or access.is_open:
        return "nothing"
    scope = f"`{access.scope}`" if access.scope is not None else ""
    if Credential.API_KEY not in access.credentials:
        return f"a session{scope and ', '}{scope}"
    return scope


def _rpcs(proto_dir: Path) -> str:
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "described.binpb"
        run_protoc(proto_dir, "--include_source_info", f"--descriptor_set_out={target}")
        files = FileDescriptorSet.FromString(target.read_bytes()).file
    parts: dict[str, str] = {}
    for file in files:
        comments = comments_of(file)
        for place, service in enumerate(file.service):
            full = f"{file.package}.{service.name}"
            rows = [
                [
                    f"`{method.name}`" + (" (stream)" if method.server_streaming else ""),
                    _needs(f"/{full}/{method.name}"),
                    _first_sentence(comments.get((_SERVICE_FIELD, place, _METHOD_FIELD, index), "")),
                ]
                for index, method in enumerate(service.method)
            ]
            parts[full] = f"\n**`{full}`**\n\n" + _table(("RPC", "needs", ""), rows)
    return "".join(parts[name] for name in PUBLIC_GRPC_SERVICES if name in parts) + "\n"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:]) ", text, maxsplit=1)[0].rstrip(".:").replace("|", "\\|")


def _errors() -> str:
    when = dict(_TREE_LINE.findall(errors.__doc__ or ""))
    rows = []
    for kind in _tree(errors.RaseedError):
        is_one = kind.__name__ in when or kind is errors.RaseedError
        if not is_one and not kind.__subclasses__():
            raise SystemExit(f"core/errors.py does not say when {kind.__name__} happens")
        if is_one:
            code = "null" if kind.openai_code is None else f"`{kind.openai_code}`"
            rows.append(
                [
                    str(kind.http_status),
                    f"`{kind.openai_type}`",
                    code,
                    f"`{kind.grpc_code}`",
                    f"`{kind.reason}`",
                    "yes" if kind.is_transient else "",
                    when.get(kind.__name__, "ours; the message has the id of the request"),
                ]
            )
    rows.sort(key=lambda row: int(row[0]))
    return _table(("HTTP", "`type`", "`code`", "gRPC", "reason", "try again", "when"), rows)


def _tree(kind: type[errors.RaseedError]) -> list[type[errors.RaseedError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _tree(child))]
