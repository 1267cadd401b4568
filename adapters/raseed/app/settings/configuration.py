"""Every setting: its name, unit, default and reason. Read from `raseed.toml` and from `RASEED_…` variables.

`[section] key = value` in the file is `RASEED_SECTION_KEY` in the environment, which wins. Three have short names:
RASEED_PORT (server.port), RASEED_HOME (where the state lies) and RASEED_CONFIG (which file is read).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from raseed.app.listen import listen_problem
from raseed.app.settings import messaging, payments
from raseed.app.settings.messaging import Messaging, Smtp, WhatsappHttp, WhatsappMeta
from raseed.app.settings.payments import Creem, Myfatoorah, Seller
from raseed.app.settings.people import Organisations, SignIn
from raseed.app.settings.providers import NO_PROVIDERS, TABLES, Providers, read_providers
from raseed.app.settings.reader import (
    ConfigError,
    Values,
    file_values,
    merge_environment,
    read_section,
    where,
)
from raseed.app.settings.section import Section
from raseed.app.settings.server import (
    Admin,
    Billing,
    Core,
    Database,
    Limits,
    Log,
    Models,
    Scripted,
    Server,
    Triton,
    Wire,
)

CONFIG_FILE = "raseed.toml"
HOME_DIR = ".raseed"
ALIASES = {"RASEED_PORT": "RASEED_SERVER_PORT"}
NO_SETTINGS = {"RASEED_ADMIN_ADDRESS", "RASEED_ADMIN_KEY_FILE"}
"""Of the commands that talk to a platform elsewhere."""


class Settings(Section, frozen=True):
    server: Server = Server()
    admin: Admin = Admin()
    core: Core = Core()
    database: Database = Database()
    billing: Billing = Billing()
    limits: Limits = Limits()
    wire: Wire = Wire()
    triton: Triton = Triton()
    models: Models = Models()
    scripted: Scripted = Scripted()
    messaging: Messaging = Messaging()
    whatsapp_meta: WhatsappMeta = WhatsappMeta()
    whatsapp_http: WhatsappHttp = WhatsappHttp()
    smtp: Smtp = Smtp()
    sign_in: SignIn = SignIn()
    organisations: Organisations = Organisations()
    myfatoorah: Myfatoorah = Myfatoorah()
    creem: Creem = Creem()
    seller: Seller = Seller()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force, and where they and the state come from."""

    settings: Settings
    home: Path
    file: Path | None
    providers: Providers = NO_PROVIDERS


def load_configuration(environ: Mapping[str, str], cwd: Path) -> Configuration:
    """Raises ConfigError with every problem, not only the first."""
    home = (cwd / (environ.get("RASEED_HOME") or HOME_DIR)).resolve()
    named = environ.get("RASEED_CONFIG")
    path = cwd / (named or CONFIG_FILE)
    if named and not path.is_file():
        raise ConfigError([f"RASEED_CONFIG: there is no file {named}"])
    file = path if path.is_file() else None
    problems: list[str] = []
    values = file_values(Settings, file, problems, TABLES) if file is not None else {}
    given = {variable: text for variable, text in environ.items() if variable not in NO_SETTINGS}
    problems += merge_environment(Settings, values, given, ALIASES, cwd)
    sections: dict[str, Any] = {}
    for name, kind in get_type_hints(Settings).items():
        sections[name] = read_section(kind, name, values.get(name, {}), problems)
    providers = read_providers(file, environ, cwd, problems)
    if not problems:
        problems += _contradictions(Settings(**sections), values)
    if problems:
        raise ConfigError(problems)
    return Configuration(Settings(**sections), home, file, providers)


def _contradictions(settings: Settings, values: Values) -> Iterator[str]:
    """Settings that are possible each for itself, and not together."""
    if settings.core.workers > 1 and not settings.database.url:
        yield (
            where(values, "core", "workers")
            + "more than one worker needs PostgreSQL (database.url); SQLite serves one"
        )
    admin = settings.admin
    if problem := listen_problem(admin.listen, allow_remote=admin.allow_remote):
        yield where(values, "admin", "listen") + problem
    yield from messaging.contradictions(
        settings.messaging, settings.whatsapp_meta, settings.whatsapp_http, settings.smtp, values
    )
    yield from payments.contradictions(settings.myfatoorah, settings.creem, values)
