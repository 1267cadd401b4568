"""JSON of /api/organisations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.json_values import rfc3339_text
from raseed.adapters.wire.openai.body import WORDS
from raseed.adapters.wire.spend_caps import Cap, Spend, spend_json, to_core_cap
from raseed.core.accounts.identity import IdentifierKind
from raseed.core.accounts.organisations import Belonging, Invitation, Member, Organisation
from raseed.core.accounts.scopes import Role
from raseed.core.billing.spend_caps import Bucket, SpendCap
from raseed.core.errors import RequestInvalid

_encode = msgspec.json.Encoder().encode


class _NewOrganisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class _Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str | msgspec.UnsetType = msgspec.UNSET
    spend_cap: Cap | msgspec.UnsetType | None = msgspec.UNSET


class _NewInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    phone: str = ""
    email: str = ""
    language: str = ""


class _Organisation(msgspec.Struct, frozen=True):
    id: str
    name: str
    tier: str
    status: str
    created_at: str
    role: str | msgspec.UnsetType = msgspec.UNSET
    joined_at: str | msgspec.UnsetType = msgspec.UNSET
    spend_cap: Spend | msgspec.UnsetType | None = msgspec.UNSET


class _Member(msgspec.Struct, frozen=True):
    person_id: str
    email: str | None
    phone: str | None
    role: str
    added_by: str
    joined_at: str
    spend_cap: Spend | None


class _Invitation(msgspec.Struct, frozen=True):
    id: str
    phone: str | None
    email: str | None
    role: str
    invited_by: str
    created_at: str
    expires_at: str


class _Organisations(msgspec.Struct, frozen=True):
    data: list[_Organisation]
    next_cursor: str | None


class _Members(msgspec.Struct, frozen=True):
    data: list[_Member]
    next_cursor: str | None


class _Invitations(msgspec.Struct, frozen=True):
    data: list[_Invitation]
    next_cursor: str | None


_new_organisation = msgspec.json.Decoder(_NewOrganisation)
_acceptance = msgspec.json.Decoder(_Acceptance)
_change = msgspec.json.Decoder(_Change)
_new_invitation = msgspec.json.Decoder(_NewInvitation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody to invite."""

    phone: str
    email: str
    role: str
    language: str


def decode_new_organisation(body: bytes) -> str:
    """Its name. Raises RequestInvalid."""
    return read_body(body, _new_organisation, served_keys(("name",)), WORDS).name


def decode_acceptance(body: bytes) -> str:
    """The code. Raises RequestInvalid."""
    return read_body(body, _acceptance, served_keys(("code",)), WORDS).code


def decode_change(body: bytes) -> str | SpendCap | None:
    """Another role, or another spend cap, or none. Raises RequestInvalid."""
    given = read_body(body, _change, served_keys(_Change.__struct_fields__), WORDS)
    if (given.role is msgspec.UNSET) == (given.spend_cap is msgspec.UNSET):
        raise RequestInvalid("Say what is to change: role, or spend_cap.", param="role")
    if given.role is not msgspec.UNSET:
        return given.role
    return None if not isinstance(given.spend_cap, Cap) else to_core_cap(given.spend_cap)


def decode_invitation(body: bytes) -> Asked:
    """Raises RequestInvalid."""
    given = read_body(body, _new_invitation, served_keys(_NewInvitation.__struct_fields__), WORDS)
    return Asked(phone=given.phone, email=given.email, role=given.role, language=given.language)


def decode_flag(text: str, param: str) -> bool:
    """Of a query. Raises RequestInvalid."""
    if text not in {"", "true", "false"}:
        raise RequestInvalid(f"{param} is true or false.", param=param)
    return text == "true"


def encode_organisation(organisation: Organisation) -> bytes:
    return _encode(_organisation(organisation))


def encode_own_organisation(organisation: Organisation, role: Role | None, spend: Bucket | None) -> bytes:
    """With what the caller is in it, and what he may spend."""
    shown = _organisation(organisation, role=msgspec.UNSET if role is None else role.value)
    return _encode(msgspec.structs.replace(shown, spend_cap=spend_json(spend)))


def encode_belonging(belonging: Belonging) -> bytes:
    return _encode(_belonging(belonging))


def encode_belongings(belongings: Sequence[Belonging], next_cursor: str) -> bytes:
    return _encode(
        _Organisations(data=[_belonging(each) for each in belongings], next_cursor=next_cursor or None)
    )


def encode_member(member: Member) -> bytes:
    return _encode(_member(member))


def encode_members(members: Sequence[Member], next_cursor: str) -> bytes:
    return _encode(_Members(data=[_member(each) for each in members], next_cursor=next_cursor or None))


def encode_invitation(invitation: Invitation) -> bytes:
    return _encode(_invitation(invitation))


def encode_invitations(invitations: Sequence[Invitation], next_cursor: str) -> bytes:
    return _encode(
        _Invitations(data=[_invitation(each) for each in invitations], next_cursor=next_cursor or None)
    )


def encode_done() -> bytes:
    """Of what leaves nothing to show."""
    return b"{}"


def _organisation(
    organisation: Organisation,
    role: str | msgspec.UnsetType = msgspec.UNSET,
    joined_at: str | msgspec.UnsetType = msgspec.UNSET,
) -> _Organisation:
    account = organisation.account
    return _Organisation(
        id=account.id,
        name=organisation.name,
        tier=account.tier.value,
        status=account.status.value,
        created_at=rfc3339_text(account.created_at),
        role=role,
        joined_at=joined_at,
    )


def _belonging(belonging: Belonging) -> _Organisation:
    joined_at = rfc3339_text(belonging.joined_at)
    return _organisation(belonging.organisation, belonging.role.value, joined_at)


def _member(member: Member) -> _Member:
    return _Member(
        person_id=member.person_id,
        email=member.email,
        phone=member.phone_e164,
        role=member.role.value,
        added_by=member.added_by,
        joined_at=rfc3339_text(member.joined_at),
        spend_cap=spend_json(member.spend),
    )


def _invitation(invitation: Invitation) -> _Invitation:
    identifier = invitation.identifier
    return _Invitation(
        id=invitation.id,
        phone=identifier.value if identifier.kind is IdentifierKind.PHONE else None,
        email=identifier.value if identifier.kind is IdentifierKind.EMAIL else None,
        role=invitation.role.value,
        invited_by=invitation.invited_by,
        created_at=rfc3339_text(invitation.created_at),
        expires_at=rfc3339_text(invitation.expires_at),
    )
