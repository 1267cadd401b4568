"""`raseed keys`: make, list, change, rotate, limit and revoke API keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from raseed.accounts.v1 import accounts_pb2
from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output, fail
from raseed.adapters.cli.values import (
    Account,
    Json,
    Window,
    amount_of,
    cap_text,
    cap_value,
    expiry_of,
    moment_text,
)
from raseed.admin.v1 import admin_pb2 as pb
from raseed.admin.v1 import key_admin_pb2
from raseed.core.accounts.key_service import GRACE_S

LIFTED = {
    "model": "allowed_models",
    "address": "allowed_addresses",
    "rpm": "requests_per_minute",
    "tpm": "tokens_per_minute",
    "concurrency": "concurrency",
}
Key = Annotated[str, typer.Argument(metavar="ID", help="Key id.")]
Cap = Annotated[
    str | None,
    typer.Option(metavar="CREDITS", help="Most that it may spend in a window. Default: not limited."),
]

Models = Annotated[
    list[str] | None, typer.Option("--model", help="A model that it may ask for. Default: every one.")
]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", help="A network or address it may be used from. Default: anywhere."),
]
Expires = Annotated[
    str | None, typer.Option(metavar="WHEN", help="`never`, `30d` or a moment. Default: the profile's, 365d.")
]
Rpm = Annotated[int | None, typer.Option(help="Most requests a minute.")]
Tpm = Annotated[int | None, typer.Option(help="Most tokens a minute.")]
Concurrency = Annotated[int | None, typer.Option(help="Most answers at a time.")]


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
        mode: Annotated[str, typer.Option(help="live or test. Default: live.")] = "",
        expires: Expires = None,
        model: Models = None,
        address: Addresses = None,
        rpm: Rpm = None,
        tpm: Tpm = None,
        concurrency: Concurrency = None,
        cap: Cap = None,
        window: Window = "",
        as_json: Json = False,
    ) -> None:
        """Make an API key. It is shown once."""
        request = pb.CreateApiKeyRequest(
            account=account,
            name=name,
            scopes=scope or [],
            mode=mode,
            expires_at_us=None if expires is None else expiry_of(expires),
            allowed_models=model or [],
            allowed_addresses=address or [],
            requests_per_minute=rpm,
            tokens_per_minute=tpm,
            concurrency=concurrency,
            cap_microcredits=None if cap is None else amount_of(cap),
            cap_window=window,
        )

        async def command(admin: AdminCalls) -> None:
            made = await admin.call("CreateApiKey", request)
            Output(as_json=as_json).show({"id": made.id, "key": made.key}, lambda: [f"{made.id}  {made.key}"])

        run_command(open_admin, command)

    @keys.command("show")
    def keys_show(key_id: Key, as_json: Json = False) -> None:
        """Everything about an API key but its secret."""

        async def command(admin: AdminCalls) -> None:
            found = await admin.call("GetApiKey", key_admin_pb2.GetApiKeyRequest(id=key_id))
            value = {"account": found.account_id} | _whole_value(found.api_key)
            lines = [f"{name}: {_plain(content)}" for name, content in value.items() if content is not None]
            Output(as_json=as_json).show(value, lambda: lines)

        run_command(open_admin, command)

    @keys.command("rename")
    def keys_rename(
        key_id: Key, name: Annotated[str, typer.Argument(help="The new name.")], as_json: Json = False
    ) -> None:
        """Give an API key another name."""
        _update(open_admin, key_id, accounts_pb2.ApiKeySettings(name=name), ["name"], as_json=as_json)

    @keys.command("change")
    def keys_change(
        key_id: Key,
        scope: Annotated[list[str] | None, typer.Option(help="All that it may do.")] = None,
        expires: Expires = None,
        model: Models = None,
        address: Addresses = None,
        rpm: Rpm = None,
        tpm: Tpm = None,
        concurrency: Concurrency = None,
        lift: Annotated[
            list[str] | None,
            typer.Option(help="A bound to lift: model, address, rpm, tpm or concurrency."),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Change what an API key may be used for. Effective everywhere within 2 seconds."""
        settings = accounts_pb2.ApiKeySettings(
            scopes=scope or [],
            expires_at_us=None if expires is None else expiry_of(expires),
            allowed_models=model or [],
            allowed_addresses=address or [],
            requests_per_minute=rpm,
            tokens_per_minute=tpm,
            concurrency=concurrency,
        )
        given = {
            "scopes": scope,
            "expires_at_us": expires,
            "allowed_models": model,
            "allowed_addresses": address,
            "requests_per_minute": rpm,
            "tokens_per_minute": tpm,
            "concurrency": concurrency,
        }
        paths = [path for path, value in given.items() if value is not None]
        if unknown := set(lift or ()) - LIFTED.keys():
            fail(f"there is no bound {min(unknown)!r}; known: {', '.join(LIFTED)}")
        paths += [LIFTED[name] for name in lift or ()]
        _update(open_admin, key_id, settings, paths, as_json=as_json)

    @keys.command("rotate")
    def keys_rotate(
        key_id: Key,
        grace: Annotated[
            int, typer.Option(metavar="SECONDS", help="How long the old secret counts, up to 7 days.")
        ] = GRACE_S,
        as_json: Json = False,
    ) -> None:
        """Give an API key another secret. It is shown once."""

        async def command(admin: AdminCalls) -> None:
            made = await admin.call(
                "RotateApiKey", key_admin_pb2.RotateApiKeyRequest(id=key_id, grace_s=grace)
            )
            value = {"id": made.api_key.id, "key": made.key}
            Output(as_json=as_json).show(value, lambda: [f"{made.api_key.id}  {made.key}"])

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


def _update(
    open_admin: OpenAdmin,
    key_id: str,
    settings: accounts_pb2.ApiKeySettings,
    paths: list[str],
    *,
    as_json: bool,
) -> None:
    request = key_admin_pb2.UpdateApiKeyRequest(
        id=key_id, settings=settings, update_mask=FieldMask(paths=paths)
    )

    async def command(admin: AdminCalls) -> None:
        value = _key_value((await admin.call("UpdateApiKey", request)).api_key)
        Output(as_json=as_json).show(value, lambda: [_key_line(value)])

    run_command(open_admin, command)


def _whole_value(key: accounts_pb2.ApiKey) -> dict[str, Any]:
    def moment(field: str) -> str | None:
        return moment_text(getattr(key, field)) if key.HasField(field) else None

    limits = ("requests_per_minute", "tokens_per_minute", "concurrency")
    return _key_value(key) | {
        "mode": key.mode,
        "scopes": list(key.scopes),
        "created_at": moment_text(key.created_at_us),
        "expires_at": moment("expires_at_us"),
        "last_used_on": (moment("last_used_at_us") or "")[:10] or None,
        "allowed_models": list(key.allowed_models.models) if key.HasField("allowed_models") else None,
        "allowed_addresses": list(key.allowed_addresses.networks)
        if key.HasField("allowed_addresses")
        else None,
        **{name: getattr(key, name) if key.HasField(name) else None for name in limits},
        "parent_id": key.parent_id or None,
        "created_by": key.created_by or None,
        "old_secret_ends_at": moment("old_secret_ends_at_us"),
    }


def _plain(content: object) -> str:
    return " ".join(map(str, content)) if isinstance(content, list) else str(content)


def _key_value(key: accounts_pb2.ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "revoked_at": moment_text(key.revoked_at_us) if key.HasField("revoked_at_us") else None,
        "cap": cap_value(key.spend_cap) if key.HasField("spend_cap") else None,
    }


def _key_line(key: dict[str, Any]) -> str:
    cap = key["cap"]
    parts = [key["id"], key["hint"], key["name"], "revoked" if key["revoked_at"] else ""]
    if cap is not None:
        parts.append(cap_text(cap))
    return "  ".join(part for part in parts if part)
