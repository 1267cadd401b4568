"""The search for canaries can fail: a leak is found in whatever way it was written down."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from tests.support.canaries import PIECE, Canary, Found, pages, search

SECRET = Canary("a secret", "Xk29fTq1Lw8Zr5Bn7Vc3Hd6Js0Pm4Gy")
PROMPT = Canary("a prompt", 'say "أهلا" to\nmy brother Zaphod, on 5/7 & twice')
CODE = Canary("a code", "48213975", is_number=True)


def whole_and_cut(text: str) -> list[bytes]:
    return [text.encode(), text[3 : 3 + 2 * PIECE - 1].encode()]


WRITTEN = {
    "clear": lambda raw: raw,
    "hex": lambda raw: raw.hex().encode(),
    "HEX": lambda raw: raw.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64, one further": lambda raw: base64.b64encode(b"a" + raw),
    "base64, two further": lambda raw: base64.b64encode(b"ab" + raw + b"c"),
    "base64 of addresses": lambda raw: base64.urlsafe_b64encode(b"?" + raw),
    "address": lambda raw: quote(raw).encode(),
    "every byte of an address": lambda raw: "".join(f"%{byte:02x}" for byte in raw).encode(),
    "Python": lambda raw: repr(raw).encode(),
    "JSON": lambda raw: json.dumps(raw.decode(errors="ignore")).encode(),
    "JSON, every character": lambda raw: "".join(
        f"\\u{ord(c):04x}" for c in raw.decode(errors="ignore")
    ).encode(),
    "JSON in JSON": lambda raw: json.dumps({"body": json.dumps({"x": raw.decode(errors="ignore")})}).encode(),
    "an address in JSON": lambda raw: json.dumps({"path": "/?q=" + quote(raw)}).encode(),
    "base64 in JSON, slashes escaped": lambda raw: base64.b64encode(raw).replace(b"/", b"\\/"),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("canary", [SECRET, PROMPT], ids=["secret", "prompt"])
def test_a_leak_is_found_however_it_is_written(canary, written):
    for raw in whole_and_cut(canary.text):
        planted = b'{"event": "rpc", "detail": "' + written(raw) + b'"}\n'
        assert search([canary], [("a log", b"nothing\n"), ("another", planted)]) == {
            Found(canary.name, "another")
        }


def test_what_is_short_or_someone_elses_is_no_leak():
    hint = f"rsd_live_{SECRET.text[:4]}…{SECRET.text[-4:]}".encode()
    assert search([SECRET, PROMPT, CODE], [("a log", hint), ("empty", b"")]) == set()


def test_a_code_is_a_number_of_its_own():
    assert search([CODE], [("a time", b"1748213975"), ("another", b"482139750")]) == set()
    for leak in (
        b'"code":"48213975"',
        b"code=48213975",
        base64.b64encode(b"x48213975y"),
        b"48213975".hex().encode(),
    ):
        assert search([CODE], [("a log", leak)]) == {Found(CODE.name, "a log")}


def test_of_a_file_of_pages_nothing_is_lost():
    page = SECRET.text.encode().ljust(4096, b"\0")
    assert search([SECRET], [("db", pages(page * 3 + b"\1" * 4096))]) == {Found(SECRET.name, "db")}
    assert len(pages(page * 3)) < 100
