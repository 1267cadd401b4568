"""What a telephone would show: the page on which a newcomer reads his code."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from aiohttp import web
from tests.emulators.server import PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that was accepted."""

    id: str
    to: str
    text: str


def messages_route(sent: list[Sent]) -> web.RouteDef:
    async def show(request: web.Request) -> web.Response:
        items = "".join(
            f'<li><b>{escape(each.to)}</b><p dir="auto" style="white-space: pre-wrap">{escape(each.text)}</p></li>'
            for each in reversed(sent)
        )
        text = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">'
            f"<title>WhatsApp, emulated</title><h1>Messages</h1><ol reversed>{items}</ol></html>"
        )
        return web.Response(text=text, content_type="text/html")

    return web.get(f"{PEOPLE}messages", show)
