"""Makes requests wrong: in a value, in the bytes of the body, in the headers, or in the shape of HTTP itself.

Everything follows from the random generator that is handed in: a case can be made again from its seed and number.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.e2e.fuzz.corpus import Sample

_DEEP = 50_000
_LONG_CHARS = 200_000


@dataclass(slots=True)
class Request:
    """A request before it is written to the wire."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    declared_length: int | None = None
    """What content-length says; None: the truth."""
    is_chunked: bool = False
    is_cut: bool = False
    """Whether the client goes before it has sent everything: nobody owes it an answer."""

    def wire(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: fuzz", "connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.is_chunked:
            lines.append("transfer-encoding: chunked")
            half = len(self.body) // 2
            body = b"".join(
                b"%x\r\n%s\r\n" % (len(part), part) for part in (self.body[:half], self.body[half:]) if part
            )
            body += b"0\r\n\r\n"
        else:
            body = self.body
            length = len(body) if self.declared_length is None else self.declared_length
            if self.method not in {"GET", "DELETE"} or body:
                lines.append(f"content-length: {length}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def request_of(rng: Random, sample: Sample, samples: list[Sample], key: str) -> Request:
    """A request that is wrong in one to three ways; some are wrong in none."""
    body = b""
    if sample.body is not None:
        tree = copy.deepcopy(sample.body)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            tree = _change_value(rng, tree, samples)
        body = _written(rng, tree)
        if rng.random() < 0.3:
            body = rng.choice(_BYTES)(rng, body)
    request = Request(
        sample.method,
        sample.path,
        [("authorization", f"Bearer {key}"), ("content-type", "application/json")],
        body,
    )
    if rng.random() < 0.3:
        rng.choice(_HTTP)(rng, request, key)
    return request


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Raw(str):
    """JSON text that is written as it stands, whether or not it is JSON."""

    __slots__ = ()


def _odd_value(rng: Random) -> Any:
    return rng.choice(
        (
            lambda: rng.choice(
                (None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**30, 0.5, -0.0, 1e308)
            ),
            lambda: rng.choice(
                ("", " ", "a", "\x00", "\n\r\t", "٣", "\u202e", "𝕏" * 50, "%00", "../..", "' OR 1=1 --")
            ),
            lambda: rng.choice(([], {}, [[]], [None], [{}], {"": ""}, {"type": "text"}, ["a", 1, None])),
            lambda: Raw(
                rng.choice(
                    ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "+1", ".5", "1.", "0x1", "'a'")
                )
            ),
            lambda: Raw("1" * rng.choice((20, 400, 5_000, 100_000))),
            lambda: Raw("0." + "3" * rng.choice((20, 5_000, 100_000))),
            lambda: Raw(
                rng.choice(('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\x"', '"\\u12"', '"a\nb"'))
            ),
            lambda: "x" * rng.choice((300, 5_000, _LONG_CHARS)),
            lambda: "é" * rng.choice((300, 5_000, _LONG_CHARS)),
            lambda: [rng.choice((1, "a", {}, []))] * rng.choice((17, 600, 3_000, 20_000)),
            lambda: Raw(rng.choice(("[", '{"a":')) * rng.choice((41, 500, _DEEP))),
            lambda: Raw(_nested(rng.choice((10, 33, 41, 200, 5_000)), rng.choice(("[]", "{}")))),
        )
    )()


def _nested(depth: int, kind: str) -> str:
    return "[" * depth + "]" * depth if kind == "[]" else '{"a":' * depth + "1" + "}" * depth


def _change_value(rng: Random, tree: Any, samples: list[Sample]) -> Any:
    """Somewhere in the tree: another value, a key more or less, or a piece of another request."""
    places = list(_places(tree))
    if not places:
        return _odd_value(rng)
    holder, name = rng.choice(places)
    match rng.randrange(6):
        case 0 | 1:
            holder[name] = _odd_value(rng)
        case 2:
            del holder[name]
        case 3:
            other = rng.choice(samples).body
            pieces = list(_places(other)) if other else []
            if pieces:
                taken, key = rng.choice(pieces)
                holder[name] = copy.deepcopy(taken[key])
        case 4 if isinstance(holder, dict):
            holder[rng.choice(("x_unknown", "n", "stream", "stop", "tools", "input", "", "model\x00"))] = (
                _odd_value(rng)
            )
        case 4:
            holder.insert(0, _odd_value(rng))
        case _:
            holder[name] = [holder[name]] if rng.random() < 0.5 else {"value": holder[name]}
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in the tree."""
    found: list[tuple[Any, Any]] = []
    to_do = [tree]
    while to_do:
        one = to_do.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            to_do.append(one[key])
    return found


def _written(rng: Random, tree: Any) -> bytes:
    """JSON, now and then with a key that comes twice, with spaces, or with every character escaped."""
    text = _json(tree, ascii_only=rng.random() < 0.3)
    if isinstance(tree, dict) and tree and rng.random() < 0.1:
        name = rng.choice(list(tree))
        twice = f"{_json(name)}:{_json(_odd_value(rng))}"
        text = f"{{{twice},{text[1:]}"
    if rng.random() < 0.05:
        text = text.replace(",", " ,\n\t").replace(":", " : ")
    return text.encode("utf-8", "surrogatepass")


def _json(tree: Any, *, ascii_only: bool = False) -> str:
    if isinstance(tree, Raw):
        return str(tree)
    if isinstance(tree, dict):
        return (
            "{"
            + ",".join(
                f"{json.dumps(key)}:{_json(value, ascii_only=ascii_only)}" for key, value in tree.items()
            )
            + "}"
        )
    if isinstance(tree, list):
        return "[" + ",".join(_json(value, ascii_only=ascii_only) for value in tree) + "]"
    return json.dumps(tree, ensure_ascii=ascii_only)


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _flipped(rng: Random, body: bytes) -> bytes:
    changed = bytearray(body or b"{}")
    for _ in range(rng.choice((1, 2, 8))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _inserted(rng: Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    odd = rng.choice(
        (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\\", b'"', b"\xe2\x82")
    )
    return body[:at] + odd + body[at:]


_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flipped,
    _inserted,
    lambda rng, body: body[: rng.randrange(len(body) + 1)],
    lambda rng, body: body + rng.choice((b"x", b"}", body, b"\x00", b" " * 1000)),
    lambda rng, body: rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b" \n", b"/**/", b"data: ")) + body,
    lambda _, body: body.decode("utf-8", "replace").encode("utf-16"),
    lambda rng, _: rng.randbytes(rng.choice((0, 1, 30, 5_000))),
    lambda rng, _: rng.choice((b"", b"null", b"[]", b"0", b'""', b"true", b"{}", b"[1,2", b"{" * 300)),
    lambda _, body: body + b" " * (5 * 1024 * 1024),
)


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _header(rng: Random, request: Request, key: str) -> None:
    odd = rng.choice(
        (
            "",
            " ",
            "a" * 300,
            "a" * 20_000,
            "é",
            "\udcff",
            "\t",
            "a, b",
            "0",
            "-1",
            "9" * 40,
            "null",
            '"',
            "../",
        )
    )
    name = rng.choice(
        (
            *(
                "idempotency-key",
                "content-type",
                "accept",
                "anthropic-version",
                "anthropic-beta",
                "openai-organization",
            ),
            *(
                "raseed-account",
                "cookie",
                "x-api-key",
                "authorization",
                "x-request-id",
                "x-forwarded-for",
                "forwarded",
            ),
            *(
                "grpc-timeout",
                "te",
                "x-http-method-override",
                "x-envoy-original-path",
                "x-http-status",
                "origin",
            ),
            *(
                "content-encoding",
                "expect",
                "range",
                "if-none-match",
                "x-csrf-token",
                "grpc-encoding",
                "user-agent",
                "x-trace-bin",
                "grpc-accept-encoding",
            ),
        )
    )
    request.headers.append(
        (name, rng.choice((odd, f"Bearer {key}", "application/json", "100-continue", "identity", "1S")))
    )


def _content_type(rng: Random, request: Request, _key: str) -> None:
    kind = rng.choice(
        (
            *(
                "text/plain",
                "multipart/form-data; boundary=x",
                "application/x-www-form-urlencoded",
                "application/grpc",
            ),
            *(
                "application/grpc+proto",
                "application/json; charset=utf-16",
                "application/xml",
                "*/*",
                ";",
                "",
            ),
        )
    )
    request.headers = [each for each in request.headers if each[0] != "content-type"]
    if kind:
        request.headers.append(("content-type", kind))


def _path(rng: Random, request: Request, _key: str) -> None:
    path = request.path
    request.path = rng.choice(
        (
            path + "/",
            path.replace("/", "//"),
            path + "?" + "a=b&" * 2_000,
            path + "?model=x&body.data=QQ%3D%3D&limit=%00&from=%ff",
            path + "?limit=-1&page=9999999999999999999&cursor=%F0%9F%8C%8D&from=0000-00-00",
            path + "%2Fx",
            path + "%00",
            path + "/../" + path.rpartition("/")[2],
            path.upper(),
            path.rpartition("/")[0] + "/" + "%41" * 300,
            path + "#x",
            path + "\udcff",
        )
    )


def _credential(rng: Random, request: Request, key: str) -> None:
    request.headers = [each for each in request.headers if each[0] != "authorization"]
    odd = rng.choice((None, key[:-1], key + "x", "rsd_live_x", "", "a" * 10_000, "é", f"{key} {key}"))
    if odd is not None:
        request.headers.append(
            (
                rng.choice(("authorization", "x-api-key")),
                rng.choice(("Bearer ", "bearer", "Basic ", "")) + odd,
            )
        )


def _method(rng: Random, request: Request, _key: str) -> None:
    request.method = rng.choice(("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "post", "BREW"))


def _cut(rng: Random, request: Request, _key: str) -> None:
    request.is_cut = True
    request.declared_length = len(request.body) + rng.choice((1, 1_000, 3_000_000))


def _wrong_length(rng: Random, request: Request, _key: str) -> None:
    """Shorter than the body: what follows is no request."""
    request.declared_length = rng.randrange(len(request.body) + 1)


def _chunked(_rng: Random, request: Request, _key: str) -> None:
    request.is_chunked = True


_HTTP: tuple[Callable[[Random, Request, str], None], ...] = (
    *(
        _header,
        _header,
        _header,
        _content_type,
        _path,
        _path,
        _credential,
        _method,
        _cut,
        _wrong_length,
        _chunked,
        _chunked,
    ),
)
