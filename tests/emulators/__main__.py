"""Emulated providers as servers of their own, until they are interrupted: python -m tests.emulators

Prints one line of JSON: for each emulator its address and what a platform needs to talk to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from tests.emulators.creem.emulator import CreemEmulator
from tests.emulators.myfatoorah.emulator import MyFatoorah
from tests.emulators.server import Emulator, alive
from tests.emulators.whatsapp.meta import MetaWhatsApp

CREDENTIALS_VARIABLE = "RASEED_EMULATOR_CREDENTIALS"
"""JSON of what each emulator takes for its own, `{"creem": {"api_key": …, "secret": …}, …}`: then only these are started, and
it is not printed."""


def emulators(
    webhooks: str, given: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[Emulator, dict[str, Any]]]:
    """Each with what it prints of itself. `webhooks`: the address of the platform that events are sent to."""
    myfatoorah = MyFatoorah(allows_localhost=True, has_auto_refund=True, **given.get("myfatoorah", {}))  # type: ignore[arg-type]
    creem = CreemEmulator(**given.get("creem", {}))  # type: ignore[arg-type]
    whatsapp = MetaWhatsApp(is_reporting=True)
    if webhooks:
        for emulator in (myfatoorah, creem, whatsapp):
            emulator.served.courier.url = f"{webhooks}/webhooks/{emulator.name}"
    return {
        "myfatoorah": (
            myfatoorah,
            {"token": myfatoorah.token, "webhook_secret": myfatoorah.secret},
        ),
        "creem": (creem, {"api_key": creem.api_key, "webhook_secret": creem.secret}),
        "whatsapp": (
            whatsapp,
            {
                "token": whatsapp.token,
                "app_secret": whatsapp.app_secret,
                "phone_number_id": whatsapp.phone_number_id,
            },
        ),
    }


async def run(
    host: str, webhooks: str, ports: Mapping[str, int], given: Mapping[str, Mapping[str, str]]
) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    async with AsyncExitStack() as stack:
        told = {}
        for name, (emulator, shown) in emulators(webhooks, given).items():
            if given and name not in given:
                continue
            url = await stack.enter_async_context(alive(emulator, host, ports.get(name, 0)))
            told[name] = {"url": url} if name in given else {"url": url, **shown}
        print(json.dumps(told), flush=True)
        await ending.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--webhooks", default="", help="address of the platform, for example http://127.0.0.1:8080"
    )
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="NAME=PORT",
        help="of one emulator; any free one otherwise",
    )
    given = parser.parse_args()
    ports = {name: int(port) for name, port in (each.split("=", 1) for each in given.port)}
    credentials = json.loads(os.environ.get(CREDENTIALS_VARIABLE, "{}"))
    asyncio.run(run(given.host, given.webhooks.rstrip("/"), ports, credentials))


if __name__ == "__main__":
    main()
