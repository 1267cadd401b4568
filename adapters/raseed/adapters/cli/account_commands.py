"""`raseed accounts`: open, find, suspend, reinstate and close accounts; their tiers, approvals and notes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import MISUSED, Output, fail
from raseed.adapters.cli.values import Account, Json, Reason, amount_of, moment_of, moment_text
from raseed.admin.v1 import account_admin_pb2 as pb
from raseed.admin.v1 import admin_pb2
from raseed.core.money import credits_number

TellReason = Annotated[
    str, typer.Option("--reason", help="Why; its holder is told, and it is kept in the audit log.")
]


def add_account_commands(accounts: typer.Typer, open_admin: OpenAdmin) -> None:
    @accounts.command("create")
    def accounts_create(
        email: Annotated[str, typer.Option(help="E-mail address.")] = "",
        phone: Annotated[str, typer.Option(help="Telephone number, +96550123456.")] = "",
        tier: Annotated[str, typer.Option(help="free, starter, basic, pro or enterprise.")] = "",
        credit: Annotated[str, typer.Option("--credits", help="Credits to give at once.")] = "0",
        no_welcome: Annotated[
            bool, typer.Option("--no-welcome", help="Leave the welcome grant out.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Create an account."""
        request = admin_pb2.CreateAccountRequest(
            email=email,
            phone=phone,
            tier=tier,
            credits_microcredits=amount_of(credit),
            no_welcome=no_welcome,
        )

        async def command(admin: AdminCalls) -> None:
            account = (await admin.call("CreateAccount", request)).account
            value = {
                "id": account.id,
                "tier": account.tier,
                "balance": credits_number(account.balance_microcredits),
            }
            Output(as_json=as_json).show(
                value, lambda: [f"{account.id}  tier {account.tier}  balance {value['balance']}"]
            )

        run_command(open_admin, command)

    @accounts.command("list")
    def accounts_list(
        query: Annotated[
            str,
            typer.Option(
                help="An id, a key or its hint, or a part of an e-mail address or telephone number."
            ),
        ] = "",
        status: Annotated[str, typer.Option(help="active, suspended or closed.")] = "",
        tier: Annotated[str, typer.Option(help="free, starter, basic, pro or enterprise.")] = "",
        as_json: Json = False,
    ) -> None:
        """List accounts, newest first: all, or those that are searched for."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                request = admin_pb2.ListAccountsRequest(
                    query=query, status=status, tier=tier, page_token=token
                )
                page = await admin.call("ListAccounts", request)
                found += map(_value, page.accounts)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_line(each) for each in found])

        run_command(open_admin, command)

    @accounts.command("show")
    def accounts_show(account: Account, as_json: Json = False) -> None:
        """Show an account, how it stands, and what was noted about it."""

        async def command(admin: AdminCalls) -> None:
            found = (await admin.call("GetAccount", admin_pb2.GetAccountRequest(account=account))).account
            notes: list[dict[str, str]] = []
            token = ""
            while True:
                page = await admin.call(
                    "ListAccountNotes", pb.ListAccountNotesRequest(account=found.id, page_token=token)
                )
                notes += map(_note_value, page.notes)
                token = page.next_page_token
                if not token:
                    break
            value = {**_whole_value(found), "notes": notes}
            Output(as_json=as_json).show(
                value, lambda: [*_whole_lines(value), *(_note_line(note) for note in notes)]
            )

        run_command(open_admin, command)

    @accounts.command("suspend")
    def accounts_suspend(account: Account, reason: TellReason, as_json: Json = False) -> None:
        """Refuse an account everywhere within 2 seconds; what runs is finished. Its holder is told why."""
        change_account(
            open_admin,
            "SuspendAccount",
            pb.SuspendAccountRequest(account=account, reason=reason),
            as_json=as_json,
        )

    @accounts.command("reinstate")
    def accounts_reinstate(account: Account, reason: Reason, as_json: Json = False) -> None:
        """End a suspension."""
        request = pb.ReinstateAccountRequest(account=account, reason=reason)
        change_account(open_admin, "ReinstateAccount", request, as_json=as_json)

    @accounts.command("close")
    def accounts_close(
        account: Account,
        reason: Reason,
        forfeit: Annotated[
            bool | None,
            typer.Option(
                "--forfeit/--keep",
                help="Whether credit that is left is taken back. Default: as the profile says.",
            ),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Close an account for good: keys are revoked, sessions and memberships end, what runs is finished."""
        request = pb.CloseAccountRequest(account=account, reason=reason, forfeit=forfeit)
        change_account(open_admin, "CloseAccount", request, as_json=as_json)

    @accounts.command("tier")
    def accounts_tier(
        account: Account,
        tier: Annotated[str, typer.Argument(help="free, starter, basic, pro or enterprise.")],
        reason: Reason,
        until: Annotated[
            str, typer.Option(metavar="MOMENT", help="When it ends, 2026-03-01T08:00:00Z. Default: never.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """Put an account on a tier."""
        request = pb.SetAccountTierRequest(
            account=account, tier=tier, reason=reason, expires_at_us=moment_of(until) if until else None
        )
        change_account(open_admin, "SetAccountTier", request, as_json=as_json)

    @accounts.command("debt-limit")
    def accounts_debt_limit(
        account: Account,
        limit: Annotated[
            str,
            typer.Argument(metavar="CREDITS", help="Most that it may owe; `default`: as the profile says."),
        ],
        reason: Reason,
        as_json: Json = False,
    ) -> None:
        """Limit what an account may owe, where the profile lets accounts owe."""
        amount = None if limit == "default" else amount_of(limit)
        request = admin_pb2.SetDebtLimitRequest(account=account, limit_microcredits=amount, reason=reason)

        async def command(admin: AdminCalls) -> None:
            changed = (await admin.call("SetDebtLimit", request)).account
            has_own = changed.HasField("own_debt_limit_microcredits")
            value = {
                "id": changed.id,
                "debt": credits_number(changed.debt_microcredits),
                "debt_limit": credits_number(changed.debt_limit_microcredits),
                "own_debt_limit": credits_number(changed.own_debt_limit_microcredits) if has_own else None,
            }
            Output(as_json=as_json).show(
                value, lambda: [f"{changed.id}  owes {value['debt']} of {value['debt_limit']}"]
            )

        run_command(open_admin, command)

    @accounts.command("contact")
    def accounts_contact(
        account: Account,
        reason: Reason,
        phone: Annotated[str, typer.Option(help="The new telephone number.")] = "",
        email: Annotated[str, typer.Option(help="The new e-mail address.")] = "",
        as_json: Json = False,
    ) -> None:
        """Give an account whose holder lost the number or address another one. Its sessions end."""
        if bool(phone) == bool(email):
            fail("give --phone or --email", MISUSED)
        request = pb.SetAccountContactRequest(account=account, phone=phone, email=email, reason=reason)
        change_account(open_admin, "SetAccountContact", request, as_json=as_json)

    @accounts.command("second")
    def accounts_second(
        account: Account,
        reason: Reason,
        of: Annotated[str, typer.Option(help="The other account of the same person.")] = "",
        none: Annotated[bool, typer.Option("--none", help="Take the approval back.")] = False,
        as_json: Json = False,
    ) -> None:
        """Approve that one person has two accounts."""
        if bool(of) == none:
            fail("give --of ACCOUNT, or --none", MISUSED)
        request = pb.ApproveSecondAccountRequest(account=account, second_of=of, reason=reason)
        change_account(open_admin, "ApproveSecondAccount", request, as_json=as_json)

    @accounts.command("note")
    def accounts_note(
        account: Account,
        text: Annotated[str, typer.Argument(help="What to note, for operators to read.")],
        as_json: Json = False,
    ) -> None:
        """Note something about an account."""

        async def command(admin: AdminCalls) -> None:
            request = pb.AddAccountNoteRequest(account=account, text=text)
            value = _note_value((await admin.call("AddAccountNote", request)).note)
            Output(as_json=as_json).show(value, lambda: [_note_line(value)])

        run_command(open_admin, command)


def change_account(open_admin: OpenAdmin, method: str, request: Any, *, as_json: bool) -> None:
    """Calls a method that answers the account as it is then."""

    async def command(admin: AdminCalls) -> None:
        value = _whole_value((await admin.call(method, request)).account)
        Output(as_json=as_json).show(value, lambda: _whole_lines(value))

    run_command(open_admin, command)


def _value(account: admin_pb2.AdminAccount) -> dict[str, Any]:
    return {
        "id": account.id,
        "kind": account.kind,
        "email": account.email or None,
        "phone": account.phone or None,
        "tier": account.tier,
        "status": account.status,
        "balance": credits_number(account.balance_microcredits),
    }


def _whole_value(account: admin_pb2.AdminAccount) -> dict[str, Any]:
    return {
        **_value(account),
        "created_at": moment_text(account.created_at_us),
        "tier_expires_at": _moment(account, "tier_expires_at_us"),
        "status_reason": account.status_reason or None,
        "status_since": _moment(account, "status_since_us"),
        "second_of": account.second_of or None,
        "forfeited": credits_number(account.forfeited_microcredits)
        if account.HasField("forfeited_microcredits")
        else None,
        "owns": list(account.owned_organisations),
    }


def _moment(account: admin_pb2.AdminAccount, field: str) -> str | None:
    return moment_text(getattr(account, field)) if account.HasField(field) else None


def _note_value(note: pb.AccountNote) -> dict[str, str]:
    return {"id": note.id, "at": moment_text(note.at_us), "actor": note.actor, "text": note.text}


def _line(account: dict[str, Any]) -> str:
    status = "" if account["status"] == "active" else f"  {account['status']}"
    reach = account["email"] or account["phone"] or account["kind"]
    return f"{account['id']}  {reach}  {account['tier']}  {account['balance']}{status}"


def _whole_lines(account: dict[str, Any]) -> list[str]:
    lines = [_line(account)]
    if account["tier_expires_at"]:
        lines.append(f"  tier until {account['tier_expires_at']}")
    if account["status_since"]:
        lines.append(f"  {account['status']} since {account['status_since']}: {account['status_reason']}")
    if account["second_of"]:
        lines.append(f"  second account beside {account['second_of']}")
    if account["forfeited"] is not None:
        lines.append(f"  forfeited {account['forfeited']}")
    if account["owns"]:
        lines.append(f"  owner of {', '.join(account['owns'])}")
    return lines


def _note_line(note: dict[str, str]) -> str:
    return f"  {note['at']}  {note['actor']}  {note['text']}"
