"""`raseed limits`: what an account may do, and limits of its own in place of its tier's."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import MISUSED, Output, fail
from raseed.adapters.cli.values import Account, Json, Reason
from raseed.admin.v1 import limits_pb2 as pb
from raseed.core.accounts.model import OwnLimit

NO_LIMIT = "none"


def add_limit_commands(limits: typer.Typer, open_admin: OpenAdmin) -> None:
    @limits.command("show")
    def limits_show(account: Account, as_json: Json = False) -> None:
        """Show what an account may do, and which of it is its own."""
        _ask(open_admin, "GetAccountLimits", pb.GetAccountLimitsRequest(account=account), as_json=as_json)

    @limits.command("set")
    def limits_set(
        account: Account,
        own: Annotated[
            list[str],
            typer.Argument(
                metavar="NAME=VALUE...",
                help=f"Of {', '.join(OwnLimit)}; a number, or `{NO_LIMIT}`. In place of all that it has of its own.",
            ),
        ],
        reason: Reason,
        as_json: Json = False,
    ) -> None:
        """Give an account limits of its own; what is not named is as its tier has it. In force within 2 seconds."""
        request = pb.SetAccountLimitsRequest(account=account, limits=map(_limit, own), reason=reason)
        _ask(open_admin, "SetAccountLimits", request, as_json=as_json)

    @limits.command("clear")
    def limits_clear(account: Account, reason: Reason, as_json: Json = False) -> None:
        """Give an account the limits of its tier."""
        request = pb.SetAccountLimitsRequest(account=account, reason=reason)
        _ask(open_admin, "SetAccountLimits", request, as_json=as_json)


def _limit(text: str) -> pb.AccountLimit:
    name, _, value = text.partition("=")
    if value != NO_LIMIT and not (value.isascii() and value.isdigit()):
        fail(f"{text!r} is not NAME=VALUE, with a number or `{NO_LIMIT}`", MISUSED)
    return pb.AccountLimit(name=name, value=None if value == NO_LIMIT else int(value))


def _ask(open_admin: OpenAdmin, method: str, request: Any, *, as_json: bool) -> None:
    async def command(admin: AdminCalls) -> None:
        limits = (await admin.call(method, request)).limits
        value = {
            "id": limits.account_id,
            "tier": limits.tier,
            "limits": {
                limit.name: limit.value if limit.HasField("value") else None for limit in limits.limits
            },
            "own": [limit.name for limit in limits.limits if limit.is_own],
        }
        Output(as_json=as_json).show(value, lambda: _lines(value))

    run_command(open_admin, command)


def _lines(value: dict[str, Any]) -> list[str]:
    lines = [f"{value['id']}  tier {value['tier']}"]
    for name, limit in value["limits"].items():
        shown = NO_LIMIT if limit is None else f"{limit:,}"
        lines.append(f"  {name:17}  {shown}{'  its own' if name in value['own'] else ''}")
    return lines
