"""`raseed accounts closing`, `export` and `erase`: what holders ask for about their data."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from raseed.adapters.cli.account_commands import change_account
from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.files import private_text_file
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Account, Json, Reason, moment_text
from raseed.admin.v1 import account_admin_pb2 as pb


def add_account_data_commands(accounts: typer.Typer, open_admin: OpenAdmin) -> None:
    @accounts.command("closing")
    def accounts_closing(as_json: Json = False) -> None:
        """List accounts whose holders asked for their closing, and closed ones whose holders asked to be forgotten."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call(
                    "ListClosingRequests", pb.ListClosingRequestsRequest(page_token=token)
                )
                found += [
                    {
                        "account": each.account,
                        "requested_at": moment_text(each.requested_at_us),
                        "reason": each.reason,
                        "erase": each.erase,
                    }
                    for each in page.closing_requests
                ]
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(
                found,
                lambda: (
                    [
                        f"{each['account']}  {each['requested_at']}{'  and erase' if each['erase'] else ''}  {each['reason']}"
                        for each in found
                    ]
                    or ["none"]
                ),
            )

        run_command(open_admin, command)

    @accounts.command("export")
    def accounts_export(
        account: Account,
        file: Annotated[Path, typer.Argument(help="Where to, as JSON lines; it must not exist.")],
        as_json: Json = False,
    ) -> None:
        """Write everything that is kept about an account but secrets, for its holder."""
        counts: Counter[str] = Counter()

        async def command(admin: AdminCalls) -> None:
            request = pb.ExportAccountRequest(account=account)
            with private_text_file(file) as out:
                while True:
                    page = await admin.call("ExportAccount", request)
                    for record in page.records:
                        out.write(record + "\n")
                        counts[json.loads(record)["record"]] += 1
                    request.page_token = page.next_page_token
                    if not page.next_page_token:
                        break
            Output(as_json=as_json).show(
                {"file": str(file), "records": dict(counts)},
                lambda: [f"{file}  " + ", ".join(f"{count} {name}" for name, count in counts.items())],
            )

        run_command(open_admin, command)

    @accounts.command("erase")
    def accounts_erase(
        account_id: Annotated[str, typer.Argument(metavar="ID", help="Account id, and nothing else.")],
        reason: Reason,
        as_json: Json = False,
    ) -> None:
        """Forget the holder of a closed account. The ledger stays, under an id that names nobody. Cannot be undone."""
        request = pb.EraseAccountRequest(account=account_id, reason=reason)
        change_account(open_admin, "EraseAccount", request, as_json=as_json)
