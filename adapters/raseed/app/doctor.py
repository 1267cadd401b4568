"""`raseed doctor`: looks at everything that a stack needs, changes nothing, and says what to do about what is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import asyncpg
from sqlalchemy.exc import DatabaseError

from raseed.adapters.envoy.binary import EnvoyUnusableError, find_envoy
from raseed.adapters.policy.loader import PolicyError
from raseed.adapters.sql.inspection import Inspection, inspect_postgres, inspect_sqlite
from raseed.adapters.sql.schema import HEAD
from raseed.adapters.triton.bundle import TritonBundleError, find_wheel, probe_python
from raseed.app.bootstrap import read_policy
from raseed.app.layout import Home
from raseed.app.listen import listen_address
from raseed.app.payments import public_url
from raseed.app.ports import is_taken
from raseed.app.settings.configuration import Configuration, Settings, load_configuration
from raseed.app.settings.reader import ConfigError
from raseed.app.stack import triton_python_env
from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.payments.products import products_of, unsellable

CLOCK_SKEW_MAX_US = 1_000_000
"""Between this machine and the database's: leases, expiries and sessions are told by clocks."""
CLOCK_PAST_US = 1_767_225_600_000_000
"""The beginning of 2026: a clock before it was never set."""


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    check: str
    status: Status
    detail: str
    remedy: str = ""


def _ok(check: str, detail: str) -> Finding:
    return Finding(check=check, status=Status.OK, detail=detail)


def _warning(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check=check, status=Status.WARNING, detail=detail, remedy=remedy)


def _failed(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check=check, status=Status.FAILED, detail=detail, remedy=remedy)


async def examine(environ: Mapping[str, str], cwd: Path, *, is_running: bool) -> AsyncIterator[Finding]:
    """One finding after the other. `is_running`: whether a stack of this home answers."""
    try:
        configuration = load_configuration(environ, cwd)
    except ConfigError as error:
        for problem in error.problems:
            yield _failed("configuration", problem, "correct it; docs/configuration.md lists every setting")
        return
    settings = configuration.settings
    shown = configuration.file or "no file, defaults and environment"
    yield _ok("configuration", str(shown))
    for finding in _profile(settings):
        yield finding
    for finding in _home(Home(configuration.home)):
        yield finding
    for finding in _ports(settings, is_running=is_running):
        yield finding
    async for finding in _database(configuration):
        yield finding
    for finding in _programs(configuration):
        yield finding
    for finding in _payments(settings):
        yield finding
    for finding in _operation(settings):
        yield finding


def _profile(settings: Settings) -> Iterator[Finding]:
    try:
        policy = read_policy(settings)
    except PolicyError as error:
        for problem in str(error).splitlines():
            yield _failed(
                "profile", problem, "correct the profile; raseed prices check PROFILE names its mistakes"
            )
        return
    yield _ok("profile", f"{policy.profile}, days in {policy.time_zone}")
    if time.time_ns() // 1000 < CLOCK_PAST_US:
        yield _failed("clock", "this machine's clock is in the past", "set it, and keep it by NTP")


def _home(home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        yield _ok("home", f"{home.root} will be made by the first start")
        return
    folders = [home.root, home.secrets]
    files = [home.first_key, home.run_file, *(home.secrets.glob("*") if home.secrets.is_dir() else ())]
    open_to_others = [path for path in folders + files if path.exists() and path.stat().st_mode & 0o077]
    if not os.access(home.root, os.R_OK | os.W_OK | os.X_OK):
        yield _failed(
            "home", f"{home.root} cannot be written", "run as its owner, or choose another RASEED_HOME"
        )
    elif open_to_others:
        for path in open_to_others:
            mode = "700" if path.is_dir() else "600"
            yield _failed("home", f"{path} is open to other users", f"chmod {mode} {path}")
    else:
        yield _ok("home", f"{home.root}, for its owner alone")


def _ports(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    server = settings.server
    wanted = {
        "server.port": (server.host, server.port),
        "admin.listen": listen_address(settings.admin.listen),
    }
    for name, address in wanted.items():
        if address is None:
            continue
        shown = f"{name} {address[0]}:{address[1]}"
        if not is_taken(*address):
            if is_running:
                yield _failed("ports", f"{shown} is not served by the running stack", "see logs/envoy.log")
            else:
                yield _ok("ports", f"{shown} is free")
        elif is_running:
            yield _ok("ports", f"{shown} is served")
        else:
            yield _failed(
                "ports", f"{shown} is taken by another program", f"stop it, or choose another {name}"
            )


async def _database(configuration: Configuration) -> AsyncIterator[Finding]:
    database = configuration.settings.database
    path = Path(database.path or Home(configuration.home).database)
    try:
        found = await inspect_postgres(database.url) if database.url else inspect_sqlite(path)
    except (OSError, DatabaseError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The texts of drivers may show the address, and with it a password.
        yield _failed(
            "database", f"it cannot be reached: {type(error).__name__}", "check [database] and the server"
        )
        return
    if found is None:
        yield _ok("database", f"{path} will be made by the first start")
        return
    for finding in _schema(found):
        yield finding


def _schema(found: Inspection) -> Iterator[Finding]:
    if not found.revision:
        yield _ok("database", "reachable; its tables will be made by the first start")
    elif found.is_current:
        yield _ok("database", f"reachable, schema {found.revision}")
    elif found.revision < HEAD:
        yield _warning(
            "database", f"schema {found.revision}, older than {HEAD}", "the next start upgrades it"
        )
    else:
        yield _failed(
            "database", f"schema {found.revision}, newer than {HEAD}", "run the version that wrote it"
        )
    for violation in found.violations:
        yield _failed("ledger", violation, "stop serving, keep a backup, and run: raseed ledger verify")
    if found.is_current and not found.violations:
        yield _ok("ledger", "balances follow from grants and open holds")
    skew_us = abs(found.server_time_us - time.time_ns() // 1000)
    if skew_us > CLOCK_SKEW_MAX_US:
        yield _failed(
            "clock",
            f"the database's clock differs by {skew_us / 1e6:.1f} s",
            "keep both machines' clocks by NTP",
        )


def _programs(configuration: Configuration) -> Iterator[Finding]:
    settings = configuration.settings
    try:
        yield _ok("envoy", str(find_envoy()))
    except EnvoyUnusableError as error:
        yield _failed("envoy", str(error), "make run installs it")
    if not settings.triton.enabled:
        yield _ok("triton", "off")
    elif settings.triton.address:
        yield _ok("triton", f"elsewhere, at {settings.triton.address}")
    else:
        try:
            find_wheel()
            probe_python(triton_python_env(configuration))
            yield _ok("triton", "bundled")
        except TritonBundleError as error:
            yield _failed("triton", str(error), "make run installs it; or set triton.enabled = false")


def _payments(settings: Settings) -> Iterator[Finding]:
    try:
        policy = read_policy(settings)
    except PolicyError:
        return  # told by `_profile`
    yield from _myfatoorah(settings, policy)
    yield from _creem(settings, policy)
    takes_money = [
        name
        for name, credential, mode in (
            ("MyFatoorah", settings.myfatoorah.token, settings.myfatoorah.mode),
            ("Creem", settings.creem.api_key, settings.creem.mode),
        )
        if credential and mode == "live"
    ]
    if takes_money and not settings.server.public_url.startswith("https://"):
        yield _warning(
            "payments",
            f"{' and '.join(takes_money)} would send buyers back to {public_url(settings)}",
            "set server.public_url to the https:// address under which browsers reach this server",
        )
    if settings.myfatoorah.token and settings.myfatoorah.mode == "live" and not settings.seller.name:
        yield _warning(
            "receipts",
            f"receipts name no seller but {settings.messaging.service!r}",
            "set seller.name and seller.address",
        )


def _myfatoorah(settings: Settings, policy: Policy) -> Iterator[Finding]:
    given = settings.myfatoorah
    if not given.token:
        if any(products_of(policy, PaymentProvider.MYFATOORAH)):
            yield _warning(
                "payments",
                f"profile {policy.profile} sells through MyFatoorah, which has no token",
                "set RASEED_MYFATOORAH_TOKEN",
            )
        return
    if not given.webhook_secret:
        yield _warning(
            "payments",
            "MyFatoorah's webhook has no secret: what is paid is found by the schedule, minutes later",
            "add the webhook /webhooks/myfatoorah in its portal and set RASEED_MYFATOORAH_WEBHOOK_SECRET",
        )
    elif given.mode == "test" and settings.server.production:
        yield _warning(
            "payments",
            "MyFatoorah, mode test: credit for money that does not move",
            'set myfatoorah.mode = "live"',
        )
    else:
        yield _ok("payments", f"MyFatoorah, mode {given.mode}, {given.country}, API {given.api}")


def _creem(settings: Settings, policy: Policy) -> Iterator[Finding]:
    creem = settings.creem
    if not creem.api_key:
        if any(products_of(policy, PaymentProvider.CREEM)):
            yield _warning(
                "payments",
                f"profile {policy.profile} sells through Creem, which has no key",
                "set RASEED_CREEM_API_KEY",
            )
        return
    unnamed = unsellable(policy, PaymentProvider.CREEM)
    if not creem.webhook_secret:
        yield _warning(
            "payments",
            "Creem's webhook has no secret: what is paid is found by the schedule, minutes later",
            "add the webhook /webhooks/creem in Creem's dashboard and set RASEED_CREEM_WEBHOOK_SECRET",
        )
    elif unnamed:
        yield _warning(
            "payments",
            f"no product of Creem's for {', '.join(unnamed)}: it cannot be bought",
            "name them in creem.products",
        )
    elif creem.mode == "test" and settings.server.production:
        yield _warning(
            "payments", "Creem, mode test: credit for money that does not move", 'set creem.mode = "live"'
        )
    else:
        yield _ok("payments", f"Creem, mode {creem.mode}")


def _operation(settings: Settings) -> Iterator[Finding]:
    silent = [name for name in ("whatsapp", "email") if getattr(settings.messaging, name) == "outbox"]
    if silent:
        yield _warning(
            "messaging",
            f"{' and '.join(silent)}: codes and notices go to outbox.jsonl and to nobody",
            "choose drivers in [messaging] before customers sign up",
        )
    else:
        yield _ok(
            "messaging", f"whatsapp by {settings.messaging.whatsapp}, e-mail by {settings.messaging.email}"
        )
    if settings.scripted.enabled and settings.server.production:
        yield _warning("backends", "the scripted backend answers and charges", "set scripted.enabled = false")
    if not settings.limits.enabled:
        yield _warning("limits", "every rate limit is off", "set limits.enabled = true")
    if settings.admin.listen and settings.admin.allow_remote:
        yield _warning(
            "admin", f"{settings.admin.listen} is not encrypted", "put TLS or a private network before it"
        )
