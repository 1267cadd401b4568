"""`raseed notices`: tell every account of new terms or prices, and see what could not be told."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import notices_pb2 as pb
from raseed.core.messaging.ports import Language


def add_notice_commands(notices: typer.Typer, open_admin: OpenAdmin) -> None:
    @notices.command("send")
    def notices_send(
        kind: Annotated[str, typer.Argument(help="terms_changed or price_changed.")],
        version: Annotated[str, typer.Option(help="Of the terms, or of a price list of the profile.")],
        begins_on: Annotated[
            str, typer.Option(help="Day on which it begins, 2026-05-01. Of prices the list says it.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """Tell every active account, once for each version. Nobody can switch these notices off."""
        request = pb.SendNoticeRequest(kind=kind, version=version, begins_on=begins_on)

        async def command(admin: AdminCalls) -> None:
            value = _broadcast((await admin.call("SendNotice", request)).broadcast)
            Output(as_json=as_json).show(value, lambda: [_line(value)])

        run_command(open_admin, command)

    @notices.command("list")
    def notices_list(as_json: Json = False) -> None:
        """List what every account was told, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListBroadcasts", pb.ListBroadcastsRequest(page_token=token))
                found += map(_broadcast, page.broadcasts)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_line(each) for each in found] or ["nothing yet"])

        run_command(open_admin, command)

    @notices.command("failed")
    def notices_failed(as_json: Json = False) -> None:
        """List notices to single accounts that could not be sent, newest first."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListFailedNotices", pb.ListFailedNoticesRequest(page_token=token))
                found += map(_failed, page.notices)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(
                found,
                lambda: (
                    [
                        f"{each['id']}  {each['kind']}  {each['account'] or 'operators'}  {each['error']}"
                        for each in found
                    ]
                    or ["none"]
                ),
            )

        run_command(open_admin, command)

    @notices.command("templates")
    def notices_templates(
        language: Annotated[Language, typer.Option(help="Of the texts.")] = Language.ENGLISH,
        service: Annotated[str, typer.Option(help="What messages call the service.")] = "Raseed",
        as_json: Json = False,
    ) -> None:
        """Print the templates to be registered at Meta for the driver whatsapp_meta."""
        from raseed.adapters.messaging.texts import UTILITY_TEMPLATES, read_texts

        texts = read_texts(service)
        found = [
            {"name": name, "language": language.value, "text": texts.numbered(name, language)}
            for name in UTILITY_TEMPLATES
        ]
        Output(as_json=as_json).show(
            found, lambda: [f"{each['name']} ({each['language']}): {each['text']}" for each in found]
        )

    @notices.command("retry")
    def notices_retry(
        notice: Annotated[str, typer.Argument(metavar="ID", help="Id of a failed notice.")],
        as_json: Json = False,
    ) -> None:
        """Try a failed notice again."""

        async def command(admin: AdminCalls) -> None:
            await admin.call("RetryNotice", pb.RetryNoticeRequest(id=notice))
            Output(as_json=as_json).show({"id": notice}, lambda: [f"{notice} is due now"])

        run_command(open_admin, command)


def _broadcast(broadcast: pb.Broadcast) -> dict[str, Any]:
    return {
        "id": broadcast.id,
        "kind": broadcast.kind,
        "version": broadcast.version,
        "begins_on": broadcast.begins_on,
        "actor": broadcast.actor,
        "created_at": moment_text(broadcast.created_at_us),
        "accounts": broadcast.account_count,
        "ended_at": moment_text(broadcast.ended_at_us) if broadcast.HasField("ended_at_us") else None,
    }


def _failed(notice: pb.FailedNotice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind,
        "account": notice.account or None,
        "cause": notice.cause,
        "attempts": notice.attempt_count,
        "error": notice.error,
        "created_at": moment_text(notice.created_at_us),
    }


def _line(broadcast: dict[str, Any]) -> str:
    state = "done" if broadcast["ended_at"] else "under way"
    what = f"{broadcast['kind']} {broadcast['version']} from {broadcast['begins_on']}"
    return f"{broadcast['id']}  {what}  {broadcast['accounts']} accounts, {state}"
