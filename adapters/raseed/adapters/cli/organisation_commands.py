"""`raseed orgs`: organisations and their members."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, Window, amount_of, cap_text, cap_value, moment_text
from raseed.admin.v1 import organisations_pb2 as pb

Organisation = Annotated[str, typer.Argument(metavar="ID", help="Id of the organisation's account.")]
Person = Annotated[str, typer.Argument(help="Account id, e-mail address or telephone number of the person.")]


def add_organisation_commands(orgs: typer.Typer, open_admin: OpenAdmin) -> None:
    @orgs.command("create")
    def orgs_create(
        name: Annotated[str, typer.Argument(help="Its name, which invitations show.")],
        owner: Annotated[str, typer.Option(help="Account id, e-mail address or telephone number.")],
        tier: Annotated[str, typer.Option(help="Default: the owner's, for as long as he has it.")] = "",
        as_json: Json = False,
    ) -> None:
        """Open an organisation for a person of any tier."""
        request = pb.CreateOrganisationRequest(name=name, owner=owner, tier=tier)

        async def command(admin: AdminCalls) -> None:
            value = _value((await admin.call("CreateOrganisation", request)).organisation)
            Output(as_json=as_json).show(value, lambda: [_line(value)])

        run_command(open_admin, command)

    @orgs.command("list")
    def orgs_list(as_json: Json = False) -> None:
        """List organisations, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListOrganisations", pb.ListOrganisationsRequest(page_token=token))
                found += map(_value, page.organisations)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_line(each) for each in found] or ["none yet"])

        run_command(open_admin, command)

    @orgs.command("members")
    def orgs_members(organisation: Organisation, as_json: Json = False) -> None:
        """List the members of an organisation."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                request = pb.ListOrganisationMembersRequest(organisation=organisation, page_token=token)
                page = await admin.call("ListOrganisationMembers", request)
                found += map(_member_value, page.members)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_member_line(each) for each in found])

        run_command(open_admin, command)

    @orgs.command("set")
    def orgs_set(
        organisation: Organisation,
        person: Person,
        role: Annotated[str, typer.Argument(help="owner, admin, billing or member.")],
        as_json: Json = False,
    ) -> None:
        """Make a person a member without an invitation, or give a member another role."""
        request = pb.SetOrganisationMemberRequest(organisation=organisation, person=person, role=role)

        async def command(admin: AdminCalls) -> None:
            value = _member_value((await admin.call("SetOrganisationMember", request)).member)
            Output(as_json=as_json).show(value, lambda: [_member_line(value)])

        run_command(open_admin, command)

    @orgs.command("cap")
    def orgs_cap(
        organisation: Organisation,
        person: Person,
        limit: Annotated[str, typer.Argument(metavar="CREDITS", help="Most in a window, or `none`.")],
        window: Window = "",
        as_json: Json = False,
    ) -> None:
        """Limit what a member may spend, or lift the limit. What he spent in the window before counts."""
        amount = None if limit == "none" else amount_of(limit)
        request = pb.SetOrganisationMemberCapRequest(
            organisation=organisation, person=person, cap_microcredits=amount, cap_window=window
        )

        async def command(admin: AdminCalls) -> None:
            value = _member_value((await admin.call("SetOrganisationMemberCap", request)).member)
            Output(as_json=as_json).show(value, lambda: [_member_line(value)])

        run_command(open_admin, command)

    @orgs.command("remove")
    def orgs_remove(
        organisation: Organisation,
        person: Person,
        keep_keys: Annotated[
            bool, typer.Option("--keep-keys", help="Leave the keys that he made valid.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Remove a member, and revoke the keys that he made for the organisation."""
        request = pb.RemoveOrganisationMemberRequest(
            organisation=organisation, person=person, keep_keys=keep_keys
        )

        async def command(admin: AdminCalls) -> None:
            value = _member_value((await admin.call("RemoveOrganisationMember", request)).member)
            Output(as_json=as_json).show(value, lambda: [f"{_member_line(value)}  removed"])

        run_command(open_admin, command)


def _value(organisation: pb.Organisation) -> dict[str, Any]:
    return {
        "id": organisation.id,
        "name": organisation.name,
        "tier": organisation.tier,
        "status": organisation.status,
        "created_at": moment_text(organisation.created_at_us),
    }


def _line(value: dict[str, Any]) -> str:
    status = "" if value["status"] == "active" else f"  {value['status']}"
    return f"{value['id']}  {value['name']}  {value['tier']}{status}"


def _member_value(member: pb.OrganisationMember) -> dict[str, Any]:
    return {
        "person_id": member.person_id,
        "email": member.email or None,
        "phone": member.phone or None,
        "role": member.role,
        "added_by": member.added_by,
        "joined_at": moment_text(member.joined_at_us),
        "cap": cap_value(member.spend_cap) if member.HasField("spend_cap") else None,
    }


def _member_line(value: dict[str, Any]) -> str:
    parts = [value["person_id"], value["email"] or value["phone"], value["role"]]
    if value["cap"] is not None:
        parts.append(cap_text(value["cap"]))
    return "  ".join(parts)
