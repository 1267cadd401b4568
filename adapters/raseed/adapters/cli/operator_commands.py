"""`raseed operators`: who runs the platform, and with which keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import operators_pb2 as pb
from raseed.core.admin.operators import OperatorScope

Operator = Annotated[str, typer.Argument(help="Operator id or name.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help=f"What the key may do; repeat for more: {', '.join(OperatorScope)}."),
]
Expires = Annotated[int, typer.Option("--expires-days", help="Days after which the key ends; 0: never.")]


def add_operator_commands(operators: typer.Typer, open_admin: OpenAdmin) -> None:
    @operators.command("create")
    def operators_create(
        name: Annotated[str, typer.Argument(help="A name that no other operator has.")],
        scope: Scopes = None,
        expires_days: Expires = 0,
        as_json: Json = False,
    ) -> None:
        """Add an operator with its first admin key. The key is shown once."""
        request = pb.CreateOperatorRequest(name=name, scopes=scope or [], expires_days=expires_days)

        async def command(admin: AdminCalls) -> None:
            _show_key(await admin.call("CreateOperator", request), as_json=as_json)

        run_command(open_admin, command)

    @operators.command("list")
    def operators_list(as_json: Json = False) -> None:
        """List operators and their keys, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListOperators", pb.ListOperatorsRequest(page_token=token))
                found += map(_value, page.operators)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(
                found, lambda: [line for each in found for line in _lines(each)] or ["no operators"]
            )

        run_command(open_admin, command)

    @operators.command("key")
    def operators_key(
        operator: Operator,
        scope: Scopes = None,
        grace_hours: Annotated[
            int, typer.Option(help="Hours for which the keys of before stay valid; 0: they end at once.")
        ] = 0,
        expires_days: Expires = 0,
        as_json: Json = False,
    ) -> None:
        """Make a new admin key in place of those that an operator has. It is shown once."""
        request = pb.RotateOperatorKeyRequest(
            operator=operator, scopes=scope or [], grace_hours=grace_hours, expires_days=expires_days
        )

        async def command(admin: AdminCalls) -> None:
            _show_key(await admin.call("RotateOperatorKey", request), as_json=as_json)

        run_command(open_admin, command)

    @operators.command("disable")
    def operators_disable(operator: Operator, as_json: Json = False) -> None:
        """Disable an operator and all its keys, at once and for good."""

        async def command(admin: AdminCalls) -> None:
            gone = (
                await admin.call("DisableOperator", pb.DisableOperatorRequest(operator=operator))
            ).operator
            value = {"id": gone.id, "name": gone.name, "disabled_at": moment_text(gone.disabled_at_us)}
            Output(as_json=as_json).show(value, lambda: [f"{gone.id}  {gone.name}  disabled"])

        run_command(open_admin, command)


def _show_key(made: pb.CreateOperatorResponse | pb.RotateOperatorKeyResponse, *, as_json: bool) -> None:
    value = {"id": made.operator.id, "name": made.operator.name, "key": made.key}
    Output(as_json=as_json).show(value, lambda: [f"{made.operator.id}  {made.operator.name}  {made.key}"])


def _value(operator: pb.Operator) -> dict[str, Any]:
    return {
        "id": operator.id,
        "name": operator.name,
        "disabled_at": _moment(operator, "disabled_at_us"),
        "keys": [
            {
                "id": key.id,
                "hint": key.hint,
                "scopes": list(key.scopes),
                "created_at": moment_text(key.created_at_us),
                "expires_at": _moment(key, "expires_at_us"),
                "revoked_at": _moment(key, "revoked_at_us"),
            }
            for key in operator.keys
        ],
    }


def _moment(message: pb.Operator | pb.OperatorKey, field: str) -> str | None:
    return moment_text(getattr(message, field)) if message.HasField(field) else None


def _lines(operator: dict[str, Any]) -> list[str]:
    lines = [f"{operator['id']}  {operator['name']}{'  disabled' if operator['disabled_at'] else ''}"]
    for key in operator["keys"]:
        ends = f"  revoked {key['revoked_at']}" if key["revoked_at"] else ""
        ends = ends or (f"  ends {key['expires_at']}" if key["expires_at"] else "")
        lines.append(f"  {key['hint']}  {' '.join(key['scopes'])}{ends}")
    return lines
