"""`raseed codes`: redemption codes, each worth credit to whoever comes with it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, amount_of, moment_text
from raseed.admin.v1 import codes_pb2 as pb
from raseed.core.money import credits_number

Codes = Annotated[str, typer.Argument(metavar="BATCH|CODE", help="Batch id, code id, or a code as typed.")]


def add_code_commands(codes: typer.Typer, open_admin: OpenAdmin) -> None:
    @codes.command("create")
    def codes_create(
        credits: Annotated[
            str, typer.Option("--credits", metavar="N", help="Of each use, up to six decimals.")
        ],
        count: Annotated[int, typer.Option(help="Codes.", min=1)] = 1,
        uses: Annotated[int, typer.Option(help="Accounts that may redeem the same code.", min=1)] = 1,
        expires_days: Annotated[int, typer.Option(help="Days until the codes end; 0: never.", min=0)] = 0,
        credit_days: Annotated[
            int, typer.Option(help="Days after which the credit expires; 0: never.", min=0)
        ] = 0,
        prefix: Annotated[str, typer.Option(help="2 to 12 capital letters and digits.")] = "",
        note: Annotated[str, typer.Option(help="What they are for; operators see it.")] = "",
        as_json: Json = False,
    ) -> None:
        """Make a batch of codes. They are shown once."""
        request = pb.CreateCodeBatchRequest(
            credit_microcredits=amount_of(credits),
            code_count=count,
            uses_per_code=uses,
            expires_days=expires_days,
            credit_days=credit_days,
            prefix=prefix,
            note=note,
        )

        async def command(admin: AdminCalls) -> None:
            made = await admin.call("CreateCodeBatch", request)
            Output(as_json=as_json).show(
                {**_batch_value(made.batch), "codes": list(made.codes)},
                lambda: [_batch_line(_batch_value(made.batch)), *made.codes],
            )

        run_command(open_admin, command)

    @codes.command("list")
    def codes_list(
        batch: Annotated[
            str, typer.Argument(metavar="[BATCH|CODE]", help="Of this batch; or the code as typed.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """List batches, newest first; or the codes of one, without their texts."""

        async def command(admin: AdminCalls) -> None:
            values = await (_codes_of(admin, batch) if batch else _batches(admin))
            line = _code_line if batch else _batch_line
            Output(as_json=as_json).show(values, lambda: [line(value) for value in values] or ["no codes"])

        run_command(open_admin, command)

    @codes.command("revoke")
    def codes_revoke(codes: Codes, as_json: Json = False) -> None:
        """Revoke a batch, or one code. What was redeemed stays."""

        async def command(admin: AdminCalls) -> None:
            answer = await admin.call("RevokeCodes", pb.RevokeCodesRequest(codes=codes))
            is_batch = answer.WhichOneof("revoked") == "batch"
            value = _batch_value(answer.batch) if is_batch else _code_value(answer.code)
            line = _batch_line if is_batch else _code_line
            Output(as_json=as_json).show(value, lambda: [line(value)])

        run_command(open_admin, command)


async def _batches(admin: AdminCalls) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await admin.call("ListCodeBatches", pb.ListCodeBatchesRequest(page_token=token))
        found += map(_batch_value, page.batches)
        token = page.next_page_token
        if not token:
            return found


async def _codes_of(admin: AdminCalls, batch: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await admin.call("ListCodes", pb.ListCodesRequest(codes=batch, page_token=token))
        found += map(_code_value, page.codes)
        token = page.next_page_token
        if not token:
            return found


def _batch_value(batch: pb.CodeBatch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "prefix": batch.prefix,
        "credits": credits_number(batch.credit_microcredits),
        "count": batch.code_count,
        "uses_per_code": batch.uses_per_code,
        "used": batch.use_count,
        "expires_at": _moment(batch, "expires_at_us"),
        "credit_days": batch.credit_days,
        "note": batch.note,
        "created_by": batch.created_by,
        "created_at": moment_text(batch.created_at_us),
        "revoked_at": _moment(batch, "revoked_at_us"),
    }


def _batch_line(batch: dict[str, Any]) -> str:
    uses = f" × {batch['uses_per_code']}" if batch["uses_per_code"] > 1 else ""
    ends = f"  ends {batch['expires_at']}" if batch["expires_at"] else ""
    ends = f"  revoked {batch['revoked_at']}" if batch["revoked_at"] else ends
    note = f"  {batch['note']}" if batch["note"] else ""
    return (
        f"{batch['id']}  {batch['prefix']}  {batch['count']}{uses} of {batch['credits']} credits"
        f"  {batch['used']} used{ends}{note}"
    )


def _code_value(code: pb.RedemptionCode) -> dict[str, Any]:
    return {
        "id": code.id,
        "batch": code.batch_id,
        "used": code.use_count,
        "revoked_at": _moment(code, "revoked_at_us"),
        "accounts": list(code.accounts),
    }


def _code_line(code: dict[str, Any]) -> str:
    revoked = f"  revoked {code['revoked_at']}" if code["revoked_at"] else ""
    return f"{code['id']}  {code['used']} used{revoked}{''.join(f'  {each}' for each in code['accounts'])}"


def _moment(message: pb.CodeBatch | pb.RedemptionCode, field: str) -> str | None:
    return moment_text(getattr(message, field)) if message.HasField(field) else None
