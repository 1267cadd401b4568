"""The operators' commands: accounts, keys, credits, balance, models, ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import FAILED, MISUSED, Output, fail
from raseed.admin.v1 import admin_pb2 as pb
from raseed.core.money import credits_number, microcredits_of

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Account = Annotated[str, typer.Argument(help="Account id, e-mail address or telephone number.")]


def add_commands(app: typer.Typer, open_admin: OpenAdmin) -> None:
    accounts = _group(app, "accounts", "Accounts.")
    keys = _group(app, "keys", "API keys.")
    credit = _group(app, "credits", "Credits.")
    models = _group(app, "models", "Model backends.")
    ledger = _group(app, "ledger", "The ledger.")

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
        request = pb.CreateAccountRequest(
            email=email,
            phone=phone,
            tier=tier,
            credits_microcredits=_amount(credit),
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
    def accounts_list(as_json: Json = False) -> None:
        """List all accounts, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListAccounts", pb.ListAccountsRequest(page_token=token))
                found += [_account_value(account) for account in page.accounts]
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(
                found,
                lambda: [
                    f"{a['id']}  {a['email'] or a['phone']}  {a['tier']}  {a['balance']}" for a in found
                ],
            )

        run_command(open_admin, command)

    @keys.command("create")
    def keys_create(
        account: Account,
        name: Annotated[str, typer.Option(help="A name to recognise it by.")] = "",
        as_json: Json = False,
    ) -> None:
        """Make an API key. It is shown once."""

        async def command(admin: AdminCalls) -> None:
            made = await admin.call("CreateApiKey", pb.CreateApiKeyRequest(account=account, name=name))
            Output(as_json=as_json).show({"id": made.id, "key": made.key}, lambda: [f"{made.id}  {made.key}"])

        run_command(open_admin, command)

    @keys.command("revoke")
    def keys_revoke(
        key_id: Annotated[str, typer.Argument(metavar="ID", help="Key id.")], as_json: Json = False
    ) -> None:
        """Revoke an API key; it is refused everywhere within 2 seconds."""

        async def command(admin: AdminCalls) -> None:
            gone = await admin.call("RevokeApiKey", pb.RevokeApiKeyRequest(id=key_id))
            at = _moment(gone.revoked_at_us)
            Output(as_json=as_json).show({"id": gone.id, "revoked_at": at}, lambda: [f"{gone.id} revoked"])

        run_command(open_admin, command)

    @credit.command("grant")
    def credits_grant(
        account: Account,
        amount: Annotated[str, typer.Argument(metavar="N", help="Credits, up to six decimals.")],
        reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
        request_id: Annotated[str, typer.Option(help="The same id grants once.")] = "",
        as_json: Json = False,
    ) -> None:
        """Give credits to an account."""
        request = pb.GrantCreditsRequest(
            account=account, amount_microcredits=_amount(amount), reason=reason, request_id=request_id
        )

        async def command(admin: AdminCalls) -> None:
            granted = await admin.call("GrantCredits", request)
            balance = credits_number(granted.balance_microcredits)
            Output(as_json=as_json).show(
                {"grant_id": granted.grant_id, "balance": balance},
                lambda: [f"{granted.grant_id}  balance {balance}"],
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

    @models.command("ps")
    def models_ps(as_json: Json = False) -> None:
        """Show each model and whether it answers."""

        async def command(admin: AdminCalls) -> None:
            backends = (await admin.call("ListBackends", pb.ListBackendsRequest())).backends
            rows = [
                {
                    "model": backend.model,
                    "backend": backend.backend,
                    "ready": backend.ready,
                    "in_flight": backend.in_flight_count,
                }
                for backend in backends
            ]
            Output(as_json=as_json).show(
                rows,
                lambda: [
                    f"{row['model']}  {row['backend']}  {'ready' if row['ready'] else 'not ready'}"
                    f"  {row['in_flight']} in flight"
                    for row in rows
                ],
            )

        run_command(open_admin, command)

    @ledger.command("verify")
    def ledger_verify(as_json: Json = False) -> None:
        """Prove the ledger's invariants on the live database. Exit 1 names the broken one."""

        async def command(admin: AdminCalls) -> None:
            checked = await admin.call("VerifyLedger", pb.VerifyLedgerRequest())
            violations = [{"invariant": v.invariant, "detail": v.detail} for v in checked.violations]
            value = {
                "ok": not violations,
                "invariants": checked.invariant_count,
                "entries": checked.entry_count,
                "violations": violations,
            }
            Output(as_json=as_json).show(value, lambda: _verify_lines(value))
            if violations:
                fail(
                    f"the ledger is broken: {', '.join(sorted({v['invariant'] for v in violations}))}", FAILED
                )

        run_command(open_admin, command)


def _group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    group = typer.Typer(help=about, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


def _amount(text: str) -> int:
    try:
        return microcredits_of(text)
    except ValueError as error:
        fail(str(error), MISUSED)


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def _account_value(account: pb.AdminAccount) -> dict[str, Any]:
    return {
        "id": account.id,
        "email": account.email or None,
        "phone": account.phone or None,
        "tier": account.tier,
        "status": account.status,
        "balance": credits_number(account.balance_microcredits),
    }


def _balance_value(account: pb.AdminAccount) -> dict[str, Any]:
    return {
        "tier": account.tier,
        "status": account.status,
        "expires_at": _moment(account.tier_expires_at_us) if account.HasField("tier_expires_at_us") else None,
        "credits": {
            "balance": credits_number(account.balance_microcredits),
            "currency": "credits",
            "held": credits_number(account.held_microcredits),
        },
        "grants": [
            {
                "id": grant.id,
                "source": grant.source,
                "amount": credits_number(grant.amount_microcredits),
                "remaining": credits_number(grant.remaining_microcredits),
                "held": credits_number(grant.held_microcredits),
                "expires_at": _moment(grant.expires_at_us) if grant.HasField("expires_at_us") else None,
            }
            for grant in account.grants
        ],
    }


def _balance_lines(value: dict[str, Any]) -> list[str]:
    head = f"{value['credits']['balance']} credits, {value['credits']['held']} held, tier {value['tier']}"
    return [head] + [
        f"  {grant['id']}  {grant['source']}  {grant['remaining']} of {grant['amount']}"
        f"  expires {grant['expires_at'] or 'never'}"
        for grant in value["grants"]
    ]


def _verify_lines(value: dict[str, Any]) -> list[str]:
    if value["ok"]:
        return [f"ok: {value['invariants']} invariants hold over {value['entries']} entries"]
    return [f"{violation['invariant']}: {violation['detail']}" for violation in value["violations"]]
