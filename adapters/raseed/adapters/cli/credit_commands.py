"""The operators' commands about credits: grant, adjust, void, balance, usage."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Account, Json, Reason, amount_of, moment_text
from raseed.admin.v1 import admin_pb2 as pb
from raseed.billing.v1 import usage_pb2
from raseed.core.money import credits_number

RequestId = Annotated[str, typer.Option(help="The same id acts once.")]


class By(StrEnum):
    DAY = "day"
    MODEL = "model"
    KEY = "key"
    MEMBER = "member"


_GROUP_BY = {
    By.DAY: usage_pb2.USAGE_GROUP_BY_DAY,
    By.MODEL: usage_pb2.USAGE_GROUP_BY_MODEL,
    By.KEY: usage_pb2.USAGE_GROUP_BY_KEY,
    By.MEMBER: usage_pb2.USAGE_GROUP_BY_MEMBER,
}


def add_credit_commands(app: typer.Typer, credit: typer.Typer, open_admin: OpenAdmin) -> None:
    @credit.command("grant")
    def credits_grant(
        account: Account,
        amount: Annotated[str, typer.Argument(metavar="N", help="Credits, up to six decimals.")],
        reason: Reason,
        request_id: RequestId = "",
        source: Annotated[str, typer.Option(help="adjustment, topup or restore.")] = "",
        paid_minor: Annotated[
            int, typer.Option(help="What was paid for a topup, in fils or cents.", min=0)
        ] = 0,
        currency: Annotated[str, typer.Option(help="In which currency: KWD or USD.")] = "",
        as_json: Json = False,
    ) -> None:
        """Give credits to an account."""
        request = pb.GrantCreditsRequest(
            account=account,
            amount_microcredits=amount_of(amount),
            reason=reason,
            request_id=request_id,
            source=source,
            paid_minor=paid_minor,
            currency=currency,
        )

        async def command(admin: AdminCalls) -> None:
            granted = await admin.call("GrantCredits", request)
            balance = credits_number(granted.balance_microcredits)
            Output(as_json=as_json).show(
                {"grant_id": granted.grant_id, "balance": balance},
                lambda: [f"{granted.grant_id}  balance {balance}"],
            )

        run_command(open_admin, command)

    # Otherwise the amount -5 would be taken for an option.
    @credit.command("adjust", context_settings={"ignore_unknown_options": True})
    def credits_adjust(
        account: Account,
        amount: Annotated[str, typer.Argument(metavar="N", help="Credits; negative: taken back.")],
        reason: Reason,
        grant: Annotated[str, typer.Option(help="Take back from this grant; else from the newest.")] = "",
        request_id: RequestId = "",
        as_json: Json = False,
    ) -> None:
        """Correct a balance: up by a grant, down by taking back what no open request holds."""
        request = pb.AdjustCreditsRequest(
            account=account,
            amount_microcredits=amount_of(amount),
            grant_id=grant,
            reason=reason,
            request_id=request_id,
        )

        async def command(admin: AdminCalls) -> None:
            adjusted = await admin.call("AdjustCredits", request)
            changes = [
                {"grant_id": change.grant_id, "credits": credits_number(change.amount_microcredits)}
                for change in adjusted.changes
            ]
            balance = credits_number(adjusted.balance_microcredits)
            Output(as_json=as_json).show(
                {"changes": changes, "balance": balance},
                lambda: (
                    [f"{change['grant_id']}  {change['credits']}" for change in changes]
                    + [f"balance {balance}"]
                ),
            )

        run_command(open_admin, command)

    @credit.command("void")
    def credits_void(
        account: Account,
        grant: Annotated[str, typer.Argument(metavar="GRANT", help="Id of the grant.")],
        reason: Reason,
        request_id: RequestId = "",
        as_json: Json = False,
    ) -> None:
        """Take back what is left of a grant and not held by open requests."""
        request = pb.VoidGrantRequest(account=account, grant_id=grant, reason=reason, request_id=request_id)

        async def command(admin: AdminCalls) -> None:
            answer = await admin.call("VoidGrant", request)
            value = {
                "voided": credits_number(answer.voided_microcredits),
                "held": credits_number(answer.held_microcredits),
                "balance": credits_number(answer.balance_microcredits),
            }
            Output(as_json=as_json).show(
                value, lambda: [f"{value['voided']} voided, {value['held']} held  balance {value['balance']}"]
            )

        run_command(open_admin, command)

    @app.command("balance")
    def balance(account: Account, as_json: Json = False) -> None:
        """What an account has, grant by grant in the order in which they are spent."""

        async def command(admin: AdminCalls) -> None:
            found = (await admin.call("GetAccount", pb.GetAccountRequest(account=account))).account
            value = _balance_value(found)
            Output(as_json=as_json).show(value, lambda: _balance_lines(value))

        run_command(open_admin, command)

    @app.command("usage")
    def usage(
        account: Account,
        begin: Annotated[str, typer.Option("--from", help="First day, 2026-03-01; else this month.")] = "",
        end: Annotated[str, typer.Option("--to", help="Last day; else today.")] = "",
        group_by: Annotated[By, typer.Option(help="What to add up by.")] = By.DAY,
        as_json: Json = False,
    ) -> None:
        """What an account used and what it was charged."""
        asked: dict[str, Any] = {
            "account": account,
            "from": begin,
            "to": end,
            "group_by": _GROUP_BY[group_by],
        }

        async def command(admin: AdminCalls) -> None:
            rows: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("QueryUsage", pb.QueryUsageRequest(**asked, page_token=token))
                rows += [_usage_value(group, group_by) for group in page.groups]
                token = page.next_page_token
                if not token:
                    break
            value = {
                "group_by": group_by.value,
                "from": moment_text(page.from_us),
                "to": moment_text(page.to_us),
                "time_zone": page.time_zone,
                "usage": rows,
            }
            Output(as_json=as_json).show(value, lambda: _usage_lines(rows, group_by))

        run_command(open_admin, command)


def _usage_value(group: usage_pb2.UsageGroup, by: By) -> dict[str, Any]:
    named = {"key": group.name, "name": group.label} if by is By.KEY else {by.value: group.name}
    return named | {
        "requests": group.request_count,
        "prompt_tokens": group.prompt_token_count,
        "completion_tokens": group.completion_token_count,
        "credits": credits_number(group.cost_microcredits),
    }


def _usage_lines(rows: list[dict[str, Any]], by: By) -> list[str]:
    if not rows:
        return ["nothing was used"]
    return [
        f"{row[by.value] or 'without a key'}  {row['requests']} requests  {row['prompt_tokens']} + "
        f"{row['completion_tokens']} tokens  {row['credits']} credits"
        for row in rows
    ]


def _balance_value(account: pb.AdminAccount) -> dict[str, Any]:
    return {
        "tier": account.tier,
        "status": account.status,
        "expires_at": moment_text(account.tier_expires_at_us)
        if account.HasField("tier_expires_at_us")
        else None,
        "credits": {
            "balance": credits_number(account.balance_microcredits),
            "currency": "credits",
            "held": credits_number(account.held_microcredits),
        },
        "debt": credits_number(account.debt_microcredits),
        "debt_limit": credits_number(account.debt_limit_microcredits),
        "grants": [
            {
                "id": grant.id,
                "source": grant.source,
                "amount": credits_number(grant.amount_microcredits),
                "remaining": credits_number(grant.remaining_microcredits),
                "held": credits_number(grant.held_microcredits),
                "expires_at": moment_text(grant.expires_at_us) if grant.HasField("expires_at_us") else None,
            }
            for grant in account.grants
        ],
    }


def _balance_lines(value: dict[str, Any]) -> list[str]:
    head = f"{value['credits']['balance']} credits, {value['credits']['held']} held, tier {value['tier']}"
    if value["debt"] or value["debt_limit"]:
        head += f", owes {value['debt']} of {value['debt_limit']}"
    return [head] + [
        f"  {grant['id']}  {grant['source']}  {grant['remaining']} of {grant['amount']}"
        f"  expires {grant['expires_at'] or 'never'}"
        for grant in value["grants"]
    ]
