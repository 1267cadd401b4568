"""What a key may be used for, how far that may reach, and what lies within what. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from raseed.core.accounts.scopes import Scope
from raseed.core.clock import Microseconds

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_Number = TypeVar("_Number", bound=int)


class KeyMode(StrEnum):
    """For people and scanners to tell keys apart by. Both charge alike."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """An API key's own rate limits, below its account's. None: no own limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    """Answers at a time."""


NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a key reaches. The empty constructor is no bound but that of its scopes."""

    scopes: frozenset[str]
    mode: KeyMode = KeyMode.LIVE
    models: frozenset[str] | None = None
    """Ids that may be asked for. None: every one that the account may use."""
    networks: tuple[Network, ...] | None = None
    """Where its requests may come from. None: anywhere."""
    expires_at: Microseconds | None = None
    limits: KeyLimits = NO_LIMITS


EVERYTHING = Bounds(scopes=frozenset(Scope))


def excess(inner: Bounds, outer: Bounds) -> str | None:
    """The first thing in which `inner` reaches further than `outer`, by its field's name; None: it lies within."""
    if not inner.scopes <= outer.scopes:
        return "scopes"
    if inner.mode is KeyMode.LIVE and outer.mode is KeyMode.TEST:
        return "mode"
    if outer.models is not None and (inner.models is None or not inner.models <= outer.models):
        return "allowed_models"
    if outer.networks is not None and not _networks_within(inner.networks, outer.networks):
        return "allowed_addresses"
    if not _within(inner.expires_at, outer.expires_at):
        return "expires_at"
    for name in KeyLimits.__slots__:
        if not _within(getattr(inner.limits, name), getattr(outer.limits, name)):
            return name
    return None


def meet(one: Bounds, other: Bounds) -> Bounds:
    """What lies within both, and no less."""
    return Bounds(
        scopes=one.scopes & other.scopes,
        mode=KeyMode.TEST if KeyMode.TEST in (one.mode, other.mode) else KeyMode.LIVE,
        models=_models_in_both(one.models, other.models),
        networks=_networks_in_both(one.networks, other.networks),
        expires_at=_lesser(one.expires_at, other.expires_at),
        limits=KeyLimits(
            requests_per_minute=_lesser(one.limits.requests_per_minute, other.limits.requests_per_minute),
            tokens_per_minute=_lesser(one.limits.tokens_per_minute, other.limits.tokens_per_minute),
            concurrency=_lesser(one.limits.concurrency, other.limits.concurrency),
        ),
    )


def is_allowed_from(networks: Iterable[Network], address: str) -> bool:
    """Whether an address, as text, lies in any of the networks. An IPv4 address may be written as an IPv6 one."""
    try:
        found: Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def parse_network(text: str) -> Network:
    """`192.0.2.0/24`, `2001:db8::/32` or one address. Raises ValueError, also for bits behind the prefix."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError("write an IPv4 network as one")
    return network


def _within(inner: int | None, outer: int | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _lesser(one: _Number | None, other: _Number | None) -> _Number | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _models_in_both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _covers(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _networks_within(inner: tuple[Network, ...] | None, outer: tuple[Network, ...]) -> bool:
    """Each of the inner ones in one of the outer ones: two outer halves that together hold one do not count."""
    if inner is None:
        return False
    return all(any(_covers(around, network) for around in outer) for network in inner)


def _networks_in_both(
    one: tuple[Network, ...] | None, other: tuple[Network, ...] | None
) -> tuple[Network, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    inner = [mine for mine in one if any(_covers(theirs, mine) for theirs in other)]
    inner += [theirs for theirs in other if any(_covers(mine, theirs) for mine in one)]
    return tuple(dict.fromkeys(inner))
