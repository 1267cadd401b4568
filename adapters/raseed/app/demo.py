"""`raseed up --demo`: emulated payment providers beside the stack, so that a newcomer buys without an account anywhere.

The emulators are what the tests use, and lie in the checkout alone. No money moves: the stack is given their addresses and
secrets made for this one start, in mode `test`, and messages go to a file.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raseed.app.layout import Home
from raseed.app.ports import free_ports, is_taken
from raseed.app.process import ProcessSpec, StartFailed
from raseed.app.settings.configuration import Configuration
from raseed.app.stack import for_others

EMULATORS = Path("tests") / "emulators" / "__main__.py"
LOOPBACK = "127.0.0.1"
PROVIDERS = ("myfatoorah", "creem")
CREDENTIALS_VARIABLE = "RASEED_EMULATOR_CREDENTIALS"
"""What the emulators are to take for their own, as JSON. Not on the command line, which everybody may read."""
CREEM_TOPUP = "prod_EmulatedTopup"
"""What the emulated shop sells for a dollar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    environ: Mapping[str, str]
    """With which the stack is to be started."""
    process: ProcessSpec
    ports: Mapping[str, int]
    """Of the emulators, by provider."""

    async def answers(self) -> bool:
        """Whether every emulator listens."""
        return all(is_taken(LOOPBACK, port) for port in self.ports.values())

    def lines(self, configuration: Configuration) -> list[str]:
        """What is said of it beside the greeting."""
        return [
            "DEMO: payment providers are emulated on this machine, and no money moves.",
            "What is bought here is credited all the same, in this RASEED_HOME.",
            "",
            *(f"  {name:12}http://{LOOPBACK}:{port}" for name, port in self.ports.items()),
            f"  codes       {Home(configuration.home).outbox}",
            "",
            'Buy credit: docs/payments.md, "Try it".',
        ]


def prepare_demo(configuration: Configuration, environ: Mapping[str, str], checkout: Path | None) -> Demo:
    """Nothing is started yet. Raises StartFailed where a demo could not be told from the real thing, or has no emulators."""
    settings = configuration.settings
    if checkout is None:
        raise StartFailed(
            "the demo needs the checkout: the emulated providers lie in its folder tests/emulators"
        )
    if settings.server.production:
        raise StartFailed("no demo with [server] production = true: play money would buy real credit")
    for name in PROVIDERS:
        if getattr(settings, name).mode == "live":
            raise StartFailed(f'no demo with [{name}] mode = "live": play money would buy real credit')
    ports = dict(zip(PROVIDERS, free_ports(len(PROVIDERS)), strict=True))
    given = {
        "myfatoorah": {"token": _secret(), "secret": _secret()},
        "creem": {"api_key": f"creem_test_{_secret()}", "secret": _secret()},
    }
    host = LOOPBACK if settings.server.host in ("0.0.0.0", "::") else settings.server.host  # noqa: S104 - compared
    argv = [sys.executable, "-m", "tests.emulators", "--webhooks", f"http://{host}:{settings.server.port}"]
    for name, port in ports.items():
        argv += ["--port", f"{name}={port}"]
    process = ProcessSpec(
        name="emulators",
        argv=argv,
        environment={**for_others(environ), CREDENTIALS_VARIABLE: json.dumps(given)},
        log=Home(configuration.home).logs / "emulators.log",
        cwd=checkout,
    )
    products = {"RASEED_CREEM_PRODUCTS": f"topup={CREEM_TOPUP}"} if _sells_topups(configuration) else {}
    return Demo(environ={**environ, **_settings(given, ports), **products}, process=process, ports=ports)


def find_checkout() -> Path | None:
    """The checkout that this program runs from; None: it was installed from a wheel."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / EMULATORS).is_file() else None


def _settings(given: Mapping[str, Mapping[str, str]], ports: Mapping[str, int]) -> dict[str, str]:
    """Over whatever is configured: a demo pays and writes to nobody."""
    myfatoorah, creem = given["myfatoorah"], given["creem"]
    return {
        "RASEED_MYFATOORAH_MODE": "test",
        "RASEED_MYFATOORAH_TOKEN": myfatoorah["token"],
        "RASEED_MYFATOORAH_WEBHOOK_SECRET": myfatoorah["secret"],
        "RASEED_MYFATOORAH_URL": f"http://{LOOPBACK}:{ports['myfatoorah']}",
        "RASEED_CREEM_MODE": "test",
        "RASEED_CREEM_API_KEY": creem["api_key"],
        "RASEED_CREEM_WEBHOOK_SECRET": creem["secret"],
        "RASEED_CREEM_URL": f"http://{LOOPBACK}:{ports['creem']}",
        "RASEED_MESSAGING_WHATSAPP": "outbox",
        "RASEED_MESSAGING_EMAIL": "outbox",
    }


def _sells_topups(configuration: Configuration) -> bool:
    """Whether top-ups are sold through Creem. Raises StartFailed."""
    from raseed.adapters.policy.loader import PolicyError, load_policy
    from raseed.core.billing.holds import HoldPolicy

    try:
        topup = load_policy(configuration.settings.billing.profile, HoldPolicy()).topup
    except PolicyError as error:
        raise StartFailed(str(error)) from error
    return topup is not None and topup.provider == "creem"


def _secret() -> str:
    return secrets.token_hex(16)
