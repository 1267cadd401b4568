"""The rules of organisations: every pair of roles, each change of a member, and names."""

from __future__ import annotations

from itertools import product

import pytest

from raseed.core.accounts.organisations import check_change, manages, read_name
from raseed.core.accounts.scopes import KEY_SCOPES_OF, SCOPES_OF, Role, Scope
from raseed.core.errors import Conflict, PermissionDenied, RequestInvalid

OWNER, ADMIN, BILLING, MEMBER = Role.OWNER, Role.ADMIN, Role.BILLING, Role.MEMBER
MANAGED = {(OWNER, role) for role in Role} | {(ADMIN, BILLING), (ADMIN, MEMBER)}
"""Who manages whom. Everything else is refused."""


def test_owners_manage_everybody_and_admins_those_below():
    assert {pair for pair in product(Role, Role) if manages(*pair)} == MANAGED


@pytest.mark.parametrize(("by", "old", "new"), list(product(Role, Role, [*Role, None])))
def test_a_change_needs_who_manages_what_he_was_and_what_he_becomes(by: Role, old: Role, new: Role | None):
    def change() -> None:
        check_change(by, old, new, is_self=False, other_owners=1)

    if (by, old) in MANAGED and (new is None or (by, new) in MANAGED):
        change()
    else:
        with pytest.raises(PermissionDenied):
            change()


@pytest.mark.parametrize(("own", "new"), list(product(Role, [*Role, None])))
def test_nobody_raises_himself_and_everybody_may_leave(own: Role, new: Role | None):
    def change() -> None:
        check_change(own, own, new, is_self=True, other_owners=1)

    if new is None or own is OWNER:
        change()
    else:
        with pytest.raises(PermissionDenied):
            change()


@pytest.mark.parametrize("by", [OWNER, None])
@pytest.mark.parametrize("new", [ADMIN, BILLING, MEMBER, None])
@pytest.mark.parametrize("is_self", [True, False])
def test_the_last_owner_stays_whoever_asks(by: Role | None, new: Role | None, is_self: bool):
    with pytest.raises(Conflict):
        check_change(by, OWNER, new, is_self=is_self, other_owners=0)
    check_change(by, OWNER, OWNER, is_self=is_self, other_owners=0)


def test_a_key_has_no_scope_that_its_maker_lacks_and_a_members_key_reads_nothing_of_others():
    for role in Role:
        assert KEY_SCOPES_OF[role] <= SCOPES_OF[role]
    assert KEY_SCOPES_OF[MEMBER].isdisjoint({Scope.USAGE_READ, Scope.BILLING_READ, Scope.KEYS_READ})


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * 65,
        "Call me\x00",
        "evil.com",
        "see t.me/x",
        "a@b",
        "www evil",
        "Claim credits at free-credits-x.com",
        "t.me raseedwin",
        "Visit x.com",
        "evil。com",
        "evil．com",
        "evil｡com",
        "evil․com",
        "a＠b",
        "t．me／x",
        "موقع.كوم",
        "Call 1.1.1.1",
    ],
)
def test_a_name_is_no_address(name: str):
    with pytest.raises(RequestInvalid):
        read_name(name)


@pytest.mark.parametrize(
    "name",
    ["Gulf Shipping Co. K.S.C.", "A.B.C (K.S.C.P)", "No.5", "شركة الخليج ش.م.ك.", "St. Mary's", "Wait..."],
)
def test_a_name_has_initials(name: str):
    assert read_name(name) == name
