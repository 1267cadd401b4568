"""Which addresses a connection of ours may go to, where somebody configures a URL.

A name is resolved once for each connection, every address that it has is checked, and the connection goes to one that
was checked: a name that changes its mind meanwhile changes nothing.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",  # link-local: AWS, Google, Azure and others keep credentials of the machine there
            "fe80::/10",
            "fd00:ec2::/32",  # AWS's metadata by IPv6
            "100.100.100.200/32",  # Alibaba's
            "168.63.129.16/32",  # Azure's host
            "192.0.0.0/24",  # Oracle's among them
            "::/128",
        ),
    )
)
_PRIVATE = tuple(
    map(
        ip_network,
        (
            *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
            *("::1/128", "fc00::/7"),
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def may_connect(address: str, *, allow_private: bool) -> bool:
    """Public addresses; with `allow_private` also those of the operator's own networks and of this machine.

    An IPv4 address within an IPv6 one counts as what it is.
    """
    try:
        found = _inner(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if any(found in network for network in _NEVER) or found.is_multicast:
        return False
    if any(found in network for network in _PRIVATE):
        return allow_private
    return found.is_global and not found.is_reserved


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def url_problem(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with a configured URL, in a few words without the URL; None: nothing that shows before it is used."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "begins with https:// (or http://, to a machine of yours) and has a host"
    if parts.username is not None or parts.password is not None:
        return "has no credential in it: keys have settings of their own"
    if parts.query or parts.fragment:
        return "has neither ? nor #"
    if parts.scheme == "http" and not allow_private:
        return "sends keys in clear: it begins with https://, unless allow_private says that the network is yours"
    if _is_literal(host) and not may_connect(host, allow_private=allow_private):
        return "is an address that is never connected to" if allow_private else "is no public address"
    return None


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class CheckedResolver(AbstractResolver):
    """Answers with those addresses alone that may be connected to. Raises OSError when none is left."""

    def __init__(self, *, allow_private: bool, inner: AbstractResolver | None = None) -> None:
        self._allow_private = allow_private
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        good = [each for each in found if may_connect(each["host"], allow_private=self._allow_private)]
        if not good:
            raise OSError("the name has no address that may be connected to")
        return good

    async def close(self) -> None:
        await self._inner.close()
