"""Cookies of the sign-in: what a browser keeps where its scripts cannot read it.

Each name begins with `__Host-`: browsers take it only over TLS (or from this machine), for this host alone and for all
of its paths, so that no neighbouring site can plant one.
"""

from __future__ import annotations

from collections.abc import Mapping

from raseed.core.clock import DAY, SECOND

SESSION_COOKIE = "__Host-raseed_session"
CHALLENGE_COOKIE = "__Host-raseed_challenge"
DEVICE_COOKIE = "__Host-raseed_device"
DEVICE_LIFE_S = 180 * DAY // SECOND
"""How long a browser says that a number or address was proven on it."""

Header = tuple[str, str]


def cookie_of(metadata: Mapping[str, str], name: str) -> str:
    """Its value; empty if the request has no such cookie. Those of other programs on this host may be written as they
    like: `http.cookies` would give up at the first odd one.
    """
    for pair in metadata.get("cookie", "").split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return ""


def set_cookie(name: str, value: str, life_s: int) -> Header:
    return ("set-cookie", f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life_s}")


def drop_cookie(name: str) -> Header:
    return set_cookie(name, "", 0)
