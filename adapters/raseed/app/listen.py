"""Where the operators' listener is: one IP address and port, of this machine unless others are meant."""

from __future__ import annotations

from ipaddress import ip_address


def listen_address(listen: str) -> tuple[str, int] | None:
    """Address and port of `127.0.0.1:9443` or `[::1]:9443`; None of an empty text. Raises ValueError.

    >>> listen_address("[::1]:9443")
    ('::1', 9443)
    """
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    address = ip_address(host.removeprefix("[").removesuffix("]"))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise ValueError(f"{port!r} is no port")
    return str(address), int(port)


def listen_problem(listen: str, *, allow_remote: bool) -> str:
    """Why this cannot be listened on; empty if it can."""
    try:
        found = listen_address(listen)
    except ValueError:
        return f"admin.listen is an IP address and a port, for example 127.0.0.1:9443, got {listen!r}"
    if found is None or allow_remote or ip_address(found[0]).is_loopback:
        return ""
    return f"admin.listen {listen} is not a loopback address; if that is meant, set admin.allow_remote"
