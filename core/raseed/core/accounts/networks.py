"""What an IP address is a part of, as far as limits are concerned: its subscriber and its network."""

from __future__ import annotations

import ipaddress


def subscriber_of(address: str) -> str:
    """The IPv4 address, or the IPv6 /64: nobody is given less, and each of its 2⁶⁴ addresses is his.

    >>> subscriber_of("203.0.113.9"), subscriber_of("2001:db8:1:2::3")
    ('203.0.113.9/32', '2001:db8:1:2::/64')
    """
    return _network(address, 32, 64)


def network_of(address: str) -> str:
    """The IPv4 /24 or IPv6 /48 of an address.

    >>> network_of("203.0.113.9"), network_of("2001:db8:1:2::3"), network_of("::ffff:203.0.113.9")
    ('203.0.113.0/24', '2001:db8:1::/48', '203.0.113.0/24')
    """
    return _network(address, 24, 48)


def _network(address: str, bits_v4: int, bits_v6: int) -> str:
    """Whatever is no address is a network of its own."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = bits_v4 if parsed.version == 4 else bits_v6
    return str(ipaddress.ip_network((parsed, bits), strict=False))
