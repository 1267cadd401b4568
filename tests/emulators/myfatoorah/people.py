"""Pages for people: where a newcomer pays or declines, and the list of orders. No card is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web
from tests.emulators.myfatoorah.book import METHODS, Attempt
from tests.emulators.server import PEOPLE

if TYPE_CHECKING:
    from tests.emulators.myfatoorah.emulator import MyFatoorah

PATH = f"{PEOPLE}pay"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .6rem 1.4rem; margin: .3rem .3rem .3rem 0 }}
.note {{ color: #555; font-size: .9rem }}
</style>
<h1>{title}</h1>
{content}
<p class="note">An emulator of MyFatoorah, on this machine: no money moves.</p>
</html>"""


def routes(emulator: MyFatoorah) -> Iterator[web.RouteDef]:
    async def show(request: web.Request) -> web.Response:
        invoice = emulator.book.invoice(request.match_info["invoice"])
        if invoice is None:
            raise web.HTTPNotFound
        amount = escape(f"{invoice.value} {invoice.currency}")
        if not emulator.book.is_open(invoice):
            return _html(f"Invoice {invoice.id}", f"<p>{amount}: {escape(invoice.status)}, or expired.</p>")
        offered = [invoice.method] if invoice.method else METHODS
        buttons = "".join(
            f'<form method="post"><input type="hidden" name="method" value="{method.code}">'
            f'<button name="action" value="pay">Pay with {escape(method.name_en)}</button>'
            f'<button name="action" value="decline">Decline</button></form>'
            for method in offered
        )
        return _html(f"Pay {amount}", f"<p>Invoice {invoice.id}</p>{buttons}")

    async def act(request: web.Request) -> web.Response:
        invoice = emulator.book.invoice(request.match_info["invoice"])
        if invoice is None:
            raise web.HTTPNotFound
        form = await request.post()
        if not emulator.book.is_open(invoice):
            raise web.HTTPConflict(text="This invoice is closed.")
        code = str(form.get("method") or "")
        attempt: Attempt = (
            emulator.pay(invoice, code) if form.get("action") == "pay" else emulator.decline(invoice, code)
        )
        url = emulator.return_url(invoice, attempt)
        if url:
            raise web.HTTPSeeOther(url)
        return _html(f"Invoice {invoice.id}", f"<p>{escape(invoice.status)}.</p>")

    async def orders(request: web.Request) -> web.Response:
        return web.json_response({"orders": list(emulator.orders())})

    yield web.get(PATH + "/{invoice}", show)
    yield web.post(PATH + "/{invoice}", act)
    yield web.get(f"{PEOPLE}orders", orders)


def _html(title: str, content: str) -> web.Response:
    return web.Response(text=_PAGE.format(title=escape(title), content=content), content_type="text/html")
