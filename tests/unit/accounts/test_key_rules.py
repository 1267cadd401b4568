"""Bounds of keys: what lies within what, for all of them; and what is no bound at all."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.core.accounts.key_bounds import (
    EVERYTHING,
    Bounds,
    KeyLimits,
    KeyMode,
    Network,
    excess,
    is_allowed_from,
    meet,
    parse_network,
)
from raseed.core.accounts.key_rules import (
    KeyPatch,
    KeySpec,
    asked_bounds,
    check_patch,
    check_spec,
    follow,
    outer_bounds,
    patched,
)
from raseed.core.accounts.model import ApiKey, Caller, Tier
from raseed.core.accounts.scopes import OF_OPERATORS, SCOPES_OF, Role, Scope
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.clock import Microseconds
from raseed.core.errors import PermissionDenied, RequestInvalid
from raseed.core.ids import AccountId, ApiKeyId

ADDRESSES = ("192.0.2.1", "192.0.2.200", "198.51.100.7", "2001:db8::1", "2001:db8:1::1")
NETWORKS: list[Network] = [
    ip_network(text)
    for text in ("192.0.2.0/24", "192.0.2.0/25", "0.0.0.0/0", "2001:db8::/32", "2001:db8:1::/48")
]
MODELS = ("a", "b", "c")
NOW = Microseconds(1_000)

numbers = st.none() | st.integers(1, 4)
bounds_of = st.builds(
    Bounds,
    scopes=st.frozensets(st.sampled_from(list(Scope))),
    mode=st.sampled_from(list(KeyMode)),
    models=st.none() | st.frozensets(st.sampled_from(MODELS)),
    networks=st.none() | st.lists(st.sampled_from(NETWORKS), max_size=3).map(tuple),
    expires_at=st.none() | st.integers(NOW + 1, NOW + 5).map(Microseconds),
    limits=st.builds(KeyLimits, requests_per_minute=numbers, tokens_per_minute=numbers, concurrency=numbers),
)


def reach(bounds: Bounds) -> set[object]:
    """Everything that a key with these bounds can do, one by one: the meaning of bounds, without their rules."""
    found: set[object] = set(bounds.scopes)
    found |= {model for model in MODELS if bounds.models is None or model in bounds.models}
    found |= {
        address
        for address in ADDRESSES
        if bounds.networks is None or is_allowed_from(bounds.networks, address)
    }
    ends = bounds.expires_at
    found |= {("at", at) for at in range(NOW, NOW + 8) if ends is None or at < ends}
    for name in KeyLimits.__slots__:
        most = getattr(bounds.limits, name)
        found |= {(name, number) for number in range(7) if most is None or number <= most}
    return found | ({"live"} if bounds.mode is KeyMode.LIVE else set())


@given(bounds_of, bounds_of)
def test_what_lies_within_can_do_no_more(inner: Bounds, outer: Bounds) -> None:
    if excess(inner, outer) is None:
        assert reach(inner) <= reach(outer)
    assert excess(inner, inner) is None
    assert excess(inner, replace(EVERYTHING)) is None


@given(bounds_of, bounds_of)
def test_a_meet_is_what_both_can_do(one: Bounds, other: Bounds) -> None:
    both = meet(one, other)
    assert reach(both) == reach(one) & reach(other)
    assert excess(both, one) is None
    assert excess(both, other) is None


@given(bounds_of, bounds_of)
def test_a_child_follows_its_parent_wherever_that_goes(child: Bounds, parent: Bounds) -> None:
    followed = follow(key_of(child), key_of(parent))
    assert reach(followed.bounds) <= reach(parent)
    assert reach(followed.bounds) <= reach(child)
    revoked = replace(key_of(parent), revoked_at=NOW)
    assert follow(key_of(child), revoked).revoked_at == NOW


specs = st.builds(
    KeySpec,
    mode=st.none() | st.sampled_from(list(KeyMode)),
    scopes=st.frozensets(st.sampled_from(list(Scope))),
    allowed_models=st.none() | st.frozensets(st.sampled_from(MODELS), min_size=1),
    allowed_networks=st.none() | st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=3).map(tuple),
    limits=st.builds(KeyLimits, requests_per_minute=numbers, tokens_per_minute=numbers, concurrency=numbers),
)


@given(specs, bounds_of, st.none() | st.integers(1, 9))
def test_whatever_is_asked_a_new_key_reaches_no_further_than_its_maker(
    spec: KeySpec, outer: Bounds, life: int | None
) -> None:
    try:
        bounds = asked_bounds(spec, outer, NOW, life)
    except PermissionDenied:
        return
    assert reach(bounds) <= reach(outer)
    assert not spec.scopes or bounds.scopes == spec.scopes


@given(bounds_of, bounds_of, bounds_of, st.sampled_from(list(Role)))
def test_whoever_changes_a_key_cannot_give_it_more_than_he_and_its_maker_have(
    before: Bounds, asked: Bounds, parent: Bounds, role: Role
) -> None:
    caller = Caller(account_id=AccountId("a"), tier=Tier.FREE, scopes=SCOPES_OF[role])
    outer = outer_bounds(caller, key_of(before), key_of(parent))
    if excess(asked, outer) is None:
        assert reach(asked) <= reach(parent)
        assert asked.scopes <= SCOPES_OF[role] | (before.scopes & OF_OPERATORS)
    itself = replace(caller, api_key_id=ApiKeyId("key"))
    assert outer_bounds(itself, key_of(before), None) == before


def test_a_patch_leaves_alone_what_it_does_not_speak_of() -> None:
    key = key_of(EVERYTHING)
    assert patched(key, KeyPatch()) == key
    assert patched(key, KeyPatch(concurrency=3, name="x")) == replace(
        key, name="x", limits=KeyLimits(concurrency=3)
    )


@pytest.mark.parametrize(
    "spec",
    [
        KeySpec(name="x" * 65),
        KeySpec(name="a\nb"),
        KeySpec(scopes=frozenset({"everything"})),
        KeySpec(allowed_models=frozenset()),
        KeySpec(allowed_models=frozenset({""})),
        KeySpec(allowed_networks=()),
        KeySpec(allowed_networks=tuple(NETWORKS) * 20),
        KeySpec(expires_at=NOW),
        KeySpec(limits=KeyLimits(concurrency=0)),
        KeySpec(cap=SpendCap(-1)),
    ],
)
def test_what_makes_no_sense_is_refused(spec: KeySpec) -> None:
    with pytest.raises(RequestInvalid):
        check_spec(spec, NOW)
    patch: dict[str, Any] = {
        name: value
        for name in ("name", "scopes", "allowed_models", "allowed_networks", "expires_at", "cap")
        if (value := getattr(spec, name)) != getattr(KeySpec(), name)
    }
    with pytest.raises(RequestInvalid):
        check_patch(KeyPatch(**patch, concurrency=spec.limits.concurrency), NOW)


@given(specs, specs)
def test_specs_are_told_apart_by_a_text_that_does_not_depend_on_the_process(
    one: KeySpec, other: KeySpec
) -> None:
    assert (one.text == other.text) == (
        replace(one, allowed_networks=in_order(one)) == replace(other, allowed_networks=in_order(other))
    )
    assert str(sorted(one.scopes)) in one.text


def in_order(spec: KeySpec) -> tuple[Network, ...] | None:
    return None if spec.allowed_networks is None else tuple(sorted(spec.allowed_networks, key=str))


@pytest.mark.parametrize("text", ["192.0.2.1/24", "nonsense", "", "::ffff:192.0.2.0/120", "192.0.2.0/33"])
def test_a_network_is_written_as_one(text: str) -> None:
    with pytest.raises(ValueError):
        parse_network(text)


def key_of(bounds: Bounds) -> ApiKey:
    key = ApiKey(
        id=ApiKeyId("key"),
        account_id=AccountId("a"),
        public_id="p",
        digest=b"",
        pepper_version=1,
        name="k",
        last4="",
        created_at=Microseconds(0),
        expires_at=None,
        revoked_at=None,
    )
    return key.within(bounds)
