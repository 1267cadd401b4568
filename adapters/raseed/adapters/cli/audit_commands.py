"""`raseed audit`: read the audit log, and prove it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import FAILED, Output, fail
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import audit_pb2 as pb

ROWS_DEFAULT = 100
PAGE_MAX = 100


def add_audit_commands(audit: typer.Typer, open_admin: OpenAdmin) -> None:
    @audit.command("list")
    def audit_list(
        actor: Annotated[str, typer.Option(help="Who: an operator's id, or local-socket.")] = "",
        action: Annotated[str, typer.Option(help="What was done, as account.suspend.")] = "",
        subject: Annotated[str, typer.Option(help="Id of what it was done to.")] = "",
        begin: Annotated[str, typer.Option("--from", help="First day, or moment.")] = "",
        end: Annotated[str, typer.Option("--to", help="Last day, or the first moment after.")] = "",
        limit: Annotated[int, typer.Option(help="Most rows.", min=1)] = ROWS_DEFAULT,
        as_json: Json = False,
    ) -> None:
        """List who did what, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while len(found) < limit:
                request = pb.ListAuditRowsRequest(
                    actor=actor,
                    action=action,
                    subject=subject,
                    to=end,
                    page_size=min(PAGE_MAX, limit - len(found)),
                    page_token=token,
                )
                setattr(request, "from", begin)
                page = await admin.call("ListAuditRows", request)
                found += map(_row_value, page.rows)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_row_line(row) for row in found] or ["no rows"])

        run_command(open_admin, command)

    @audit.command("verify")
    def audit_verify(
        since_head: Annotated[
            str, typer.Option(metavar="HASH", help="A head of before: check what came after it.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """Prove that no row of the audit log was changed or taken away. Exit 1 names what is wrong."""

        async def command(admin: AdminCalls) -> None:
            checked = await admin.call("VerifyAuditLog", pb.VerifyAuditLogRequest(since_head=since_head))
            violations = [{"seq": each.seq, "detail": each.detail} for each in checked.violations]
            value = {
                "ok": not violations,
                "rows": checked.row_count,
                "unsealed": checked.unsealed_count,
                "erased": checked.erased_count,
                "chain_head": checked.chain_head,
                "violations": violations,
            }
            Output(as_json=as_json).show(value, lambda: _verify_lines(value))
            if violations:
                fail(f"the audit log is broken: {violations[0]['detail']}", FAILED)

        run_command(open_admin, command)


def _row_value(row: pb.AuditRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": moment_text(row.at_us),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail if row.HasField("detail") else None,
        "sealed": row.sealed,
    }


def _row_line(row: dict[str, Any]) -> str:
    detail = "(erased)" if row["detail"] is None else row["detail"]
    return f"{row['at']}  {row['actor']}  {row['action']}  {row['subject']}  {detail}"


def _verify_lines(value: dict[str, Any]) -> list[str]:
    if value["ok"]:
        return [
            f"ok: {value['rows']} rows, {value['erased']} of them without their detail",
            f"{value['unsealed']} are not yet sealed; the last link is {value['chain_head']}",
        ]
    return [f"row {each['seq']}: {each['detail']}" for each in value["violations"]]
