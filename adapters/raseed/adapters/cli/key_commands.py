"""`raseed keys`: make, list, limit and revoke API keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.accounts.v1 import accounts_pb2
from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Account, Json, amount_of, moment_text
from raseed.admin.v1 import admin_pb2 as pb
from raseed.core.money import credits_number

Key = Annotated[str, typer.Argument(metavar="ID", help="Key id.")]
Cap = Annotated[
    str | None,
    typer.Option(metavar="CREDITS", help="Most that it may spend in a window. Default: not limited."),
]
Window = Annotated[
    str, typer.Option(help="Of the cap: lifetime, day, week or month, in UTC. Default: lifetime.")
]


def add_key_commands(keys: typer.Typer, open_admin: OpenAdmin) -> None:
    @keys.command("create")
    def keys_create(
        account: Account,
        name: Annotated[str, typer.Option(help="A name to recognise it by.")] = "",
        scope: Annotated[
            list[str] | None,
            typer.Option(
                help="What it may do; give it once for each. "
                "Default: inference, models:read, usage:read, billing:read."
            ),
        ] = None,
        cap: Cap = None,
        window: Window = "",
        as_json: Json = False,
    ) -> None:
        """Make an API key. It is shown once."""
        request = pb.CreateApiKeyRequest(
            account=account,
            name=name,
            scopes=scope or [],
            cap_microcredits=None if cap is None else amount_of(cap),
            cap_window=window,
        )

        async def command(admin: AdminCalls) -> None:
            made = await admin.call("CreateApiKey", request)
            Output(as_json=as_json).show({"id": made.id, "key": made.key}, lambda: [f"{made.id}  {made.key}"])

        run_command(open_admin, command)

    @keys.command("list")
    def keys_list(account: Account, as_json: Json = False) -> None:
        """List an account's API keys with their caps, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call(
                    "ListApiKeys", pb.ListApiKeysRequest(account=account, page_token=token)
                )
                found += [_key_value(key) for key in page.api_keys]
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_key_line(key) for key in found] or ["no keys"])

        run_command(open_admin, command)

    @keys.command("cap")
    def keys_cap(
        key_id: Key,
        limit: Annotated[str, typer.Argument(metavar="CREDITS", help="Most in a window, or `none`.")],
        window: Window = "",
        as_json: Json = False,
    ) -> None:
        """Limit what an API key may spend, or lift the limit. What it spent in the window before counts."""
        amount = None if limit == "none" else amount_of(limit)
        request = pb.SetSpendCapRequest(id=key_id, cap_microcredits=amount, cap_window=window)

        async def command(admin: AdminCalls) -> None:
            value = _key_value((await admin.call("SetSpendCap", request)).api_key)
            Output(as_json=as_json).show(value, lambda: [_key_line(value)])

        run_command(open_admin, command)

    @keys.command("revoke")
    def keys_revoke(key_id: Key, as_json: Json = False) -> None:
        """Revoke an API key; it is refused everywhere within 2 seconds."""

        async def command(admin: AdminCalls) -> None:
            gone = await admin.call("RevokeApiKey", pb.RevokeApiKeyRequest(id=key_id))
            at = moment_text(gone.revoked_at_us)
            Output(as_json=as_json).show({"id": gone.id, "revoked_at": at}, lambda: [f"{gone.id} revoked"])

        run_command(open_admin, command)


def _key_value(key: accounts_pb2.ApiKey) -> dict[str, Any]:
    cap = key.spend_cap
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "revoked_at": moment_text(key.revoked_at_us) if key.HasField("revoked_at_us") else None,
        "cap": {
            "limit": credits_number(cap.limit_microcredits),
            "window": cap.window,
            "charged": credits_number(cap.charged_microcredits),
            "held": credits_number(cap.held_microcredits),
        }
        if key.HasField("spend_cap")
        else None,
    }


def _key_line(key: dict[str, Any]) -> str:
    cap = key["cap"]
    parts = [key["id"], key["hint"], key["name"], "revoked" if key["revoked_at"] else ""]
    if cap is not None:
        parts.append(f"{cap['charged']} charged and {cap['held']} held of {cap['limit']} ({cap['window']})")
    return "  ".join(part for part in parts if part)
