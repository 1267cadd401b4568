"""The operators' commands: put together; what they do is in a file for each group, but for the ledger's."""

from __future__ import annotations

from typing import Any

import typer

from raseed.adapters.cli.account_commands import add_account_commands
from raseed.adapters.cli.account_data_commands import add_account_data_commands
from raseed.adapters.cli.audit_commands import add_audit_commands
from raseed.adapters.cli.catalogue_commands import add_catalogue_commands
from raseed.adapters.cli.code_commands import add_code_commands
from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.credit_commands import add_credit_commands
from raseed.adapters.cli.key_commands import add_key_commands
from raseed.adapters.cli.limit_commands import add_limit_commands
from raseed.adapters.cli.model_commands import add_model_commands
from raseed.adapters.cli.notice_commands import add_notice_commands
from raseed.adapters.cli.operator_commands import add_operator_commands
from raseed.adapters.cli.organisation_commands import add_organisation_commands
from raseed.adapters.cli.output import FAILED, Output, fail
from raseed.adapters.cli.payment_commands import add_payment_commands
from raseed.adapters.cli.receipt_commands import add_receipt_commands
from raseed.adapters.cli.subscription_commands import add_subscription_commands
from raseed.adapters.cli.values import Json
from raseed.admin.v1 import admin_pb2 as pb
from raseed.core.money import credits_number


def add_commands(app: typer.Typer, open_admin: OpenAdmin) -> None:
    accounts = _group(app, "accounts", "Accounts.")
    keys = _group(app, "keys", "API keys.")
    credit = _group(app, "credits", "Credits.")
    ledger = _group(app, "ledger", "The ledger.")

    add_account_commands(accounts, open_admin)
    add_account_data_commands(accounts, open_admin)
    add_key_commands(keys, open_admin)
    add_audit_commands(_group(app, "audit", "The audit log."), open_admin)
    add_credit_commands(app, credit, open_admin)
    add_code_commands(_group(app, "codes", "Redemption codes."), open_admin)

    payments = _group(app, "payments", "Payments and receipts.")
    add_payment_commands(payments, open_admin)
    add_receipt_commands(payments, open_admin)
    add_notice_commands(_group(app, "notices", "Notices to accounts."), open_admin)
    add_catalogue_commands(app, _group(app, "prices", "Prices."), open_admin)
    add_subscription_commands(
        _group(app, "plans", "What is sold by the period."),
        _group(app, "subscriptions", "Plans of accounts."),
        open_admin,
    )
    add_limit_commands(_group(app, "limits", "What single accounts may do."), open_admin)
    add_organisation_commands(_group(app, "orgs", "Organisations and their members."), open_admin)
    models = _group(app, "models", "Models, and what is in memory.")
    add_model_commands(
        models,
        _group(models, "alias", "Names of customers, and the versions that answer to them."),
        open_admin,
    )
    add_operator_commands(_group(app, "operators", "Operators and admin keys."), open_admin)

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
                "sealed": checked.sealed_count,
                "chain_head": checked.chain_head,
                "violations": violations,
            }
            Output(as_json=as_json).show(value, lambda: _verify_lines(value))
            if violations:
                fail(
                    f"the ledger is broken: {', '.join(sorted({v['invariant'] for v in violations}))}", FAILED
                )

        run_command(open_admin, command)

    @ledger.command("replay")
    def ledger_replay(as_json: Json = False) -> None:
        """Rebuild every balance from the ledger's entries and compare, on the live database. Exit 1 names what differs."""

        async def command(admin: AdminCalls) -> None:
            replayed = await admin.call("ReplayLedger", pb.ReplayLedgerRequest())
            value = {
                "ok": not replayed.differences,
                "accounts": replayed.account_count,
                "grants": replayed.grant_count,
                "open_holds": replayed.open_hold_count,
                "entries": replayed.entry_count,
                "complete": replayed.complete,
                "differences": [
                    {
                        "figure": each.figure,
                        "id": each.id,
                        "stored": credits_number(each.stored_microcredits)
                        if each.HasField("stored_microcredits")
                        else None,
                        "rebuilt": credits_number(each.rebuilt_microcredits),
                    }
                    for each in replayed.differences
                ],
            }
            Output(as_json=as_json).show(value, lambda: _replay_lines(value))
            if replayed.differences:
                figures = ", ".join(sorted({each.figure for each in replayed.differences}))
                fail(f"balances do not follow from the ledger: {figures}", FAILED)

        run_command(open_admin, command)


def _group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    group = typer.Typer(help=about, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


def _verify_lines(value: dict[str, Any]) -> list[str]:
    if value["ok"]:
        return [
            f"ok: {value['invariants']} invariants hold over {value['entries']} entries",
            f"{value['sealed']} transactions are sealed, the last as {value['chain_head']}",
        ]
    return [f"{violation['invariant']}: {violation['detail']}" for violation in value["violations"]]


def _replay_lines(value: dict[str, Any]) -> list[str]:
    if value["ok"]:
        stored = (
            f"{value['accounts']} accounts, {value['grants']} grants and {value['open_holds']} open holds"
        )
        return [f"ok: the balances of {stored} follow from {value['entries']} entries"]
    lines = [
        f"{each['figure']} of {each['id']}: stored {each['stored']}, rebuilt {each['rebuilt']}"
        for each in value["differences"]
    ]
    return lines if value["complete"] else [*lines, "and more"]
