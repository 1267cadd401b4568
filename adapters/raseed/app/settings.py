"""Every setting: its name, unit, default and reason. Read from `raseed.toml` and from `RASEED_…` variables.

`[section] key = value` in the file is `RASEED_SECTION_KEY` in the environment, which wins. Three have short names:
RASEED_PORT (server.port), RASEED_HOME (where the state lies) and RASEED_CONFIG (which file is read).
"""

from __future__ import annotations

import re
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from raseed.app.listen import listen_problem

CONFIG_FILE = "raseed.toml"
HOME_DIR = ".raseed"
ALIASES = {"RASEED_PORT": "RASEED_SERVER_PORT"}
NO_SETTINGS = {"RASEED_ADMIN_ADDRESS", "RASEED_ADMIN_KEY_FILE"}
"""Of the commands that talk to a platform elsewhere."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Server(_Section, frozen=True):
    """The public address."""

    host: str = "127.0.0.1"
    """Address to listen on. Loopback, so that nothing is public by accident."""
    port: Port = 8080
    """HTTP and gRPC, on the same port."""
    production: bool = False
    """Turns gRPC reflection off."""


class Admin(_Section, frozen=True):
    """The operators' listener, beside the admin socket."""

    listen: str = ""
    """address:port, for example `127.0.0.1:9443`, where operators' services are offered to those with an admin key; empty: nowhere."""
    allow_remote: bool = False
    """Whether it may be an address that others can reach. Its traffic is not encrypted: put TLS or a private network before it."""


class Core(_Section, frozen=True):
    """The core worker."""

    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes. SQLite serves one; more need `database.url`."""
    request_timeout_s: Annotated[float, Meta(gt=0)] = 600.0
    """Longest time for one request, queueing included: what the official SDKs wait by default."""
    drain_s: Seconds = 5.0
    """At shutdown, how long running requests may go on before they are stopped and charged."""
    slots: Count = 256
    """Answers that one backend generates at a time, one for each choice of a run; the engine batches fewer and queues the rest in order."""
    queue_max: Count = 1024
    """Requests waiting for a slot; more are refused at once, because they would wait longer than clients do."""
    queue_wait_s: Seconds = 10.0
    """Longest wait for a slot."""
    uvloop: bool = True
    """The faster event loop."""


class Database(_Section, frozen=True):
    """Where the ledger lies."""

    url: str = ""
    """`postgresql://…` of a PostgreSQL database; empty: SQLite. With a password in it, set RASEED_DATABASE_URL."""
    path: str = ""
    """SQLite file; empty: `raseed.db` in RASEED_HOME. Must be on a local disk."""


class Billing(_Section, frozen=True):
    """Prices and holds."""

    profile: str = "resayil"
    """A shipped profile's name, or the path of a .toml file."""
    hold_wait_s: Seconds = 2.0
    """Longest wait for the account's own open requests to release credit, before a 402."""
    chunk_tokens: Count = 512
    """Answer tokens that a hold covers at first, and by each extension."""


class Limits(_Section, frozen=True):
    """Rate limits of accounts and keys; how many is the profile's to say."""

    enabled: bool = True
    """False turns rates, requests at a time and their headers off, for load tests. Money is guarded all the same."""


class Wire(_Section, frozen=True):
    """Choices in the JSON that clients see."""

    stream_usage: Literal["requested", "always"] = "requested"
    """Whether streams end with a usage chunk only when `stream_options.include_usage` asks for it."""
    usage_credits: bool = False
    """Whether `usage` of an answer also says `credits`, what it cost, and `credits_remaining`."""


class Triton(_Section, frozen=True):
    """The local model server."""

    enabled: bool = True
    """Whether local models are served."""
    address: str = ""
    """host:port of a Triton that runs elsewhere; empty: `raseed up` starts the bundled one."""
    python_env: str = ""
    """Virtual environment in which models run; empty: `.venv-triton` beside this installation's environment."""
    slots: Count = 32
    """Answers that one model generates at a time."""


class Scripted(_Section, frozen=True):
    """A backend without a model, for tests and benchmarks."""

    enabled: bool = False
    """Never on a public address: its answers are charged."""
    models: tuple[str, ...] = ("scripted",)
    """Ids that are listed."""
    any_model: bool = True
    """Whether ids that are not listed are answered too."""
    answer: Literal["echo", "max_tokens"] = "echo"
    """What a message that is no script gets: its own words, or exactly `max_tokens` tokens."""
    pace_ms: Annotated[float, Meta(ge=0)] = 0.0
    """Time before each piece of an answer, in milliseconds."""


class Messaging(_Section, frozen=True):
    """Codes and notices: which driver carries them, by channel."""

    whatsapp: Literal["outbox"] = "outbox"
    """`outbox`: they are written to `outbox.jsonl` in RASEED_HOME and sent to nobody."""
    email: Literal["outbox"] = "outbox"
    """`outbox`, as above."""
    operators: tuple[str, ...] = ()
    """An e-mail address, a telephone number (`+…`), or both: where alerts for operators go."""


class SignIn(_Section, frozen=True):
    """One-time codes and sessions. The limits are for people; a number that is refused is told no more than to wait."""

    code_life_s: Annotated[float, Meta(ge=30, le=600)] = 300.0
    """How long a code is valid: long enough to change to another program and back. At most ten minutes (NIST 800-63B)."""
    code_attempts: Annotated[int, Meta(ge=1, le=10)] = 5
    """Guesses at one code."""
    resend_after_s: Seconds = 60.0
    """Least time between two codes to one number or address."""
    sends_to_one_per_hour: Count = 5
    """Codes to one number or address."""
    sends_to_one_per_day: Count = 10
    """Also to one number or address, in any 24 hours."""
    sends_from_address_per_10_minutes: Count = 5
    """Codes that one IP address asks for: a family or a small office behind one router."""
    sends_from_address_per_day: Count = 20
    """Also from one IP address, in any 24 hours."""
    sends_to_neighbours_per_10_minutes: Count = 20
    """Codes to numbers with the same first seven digits: who is paid for messages owns a run of them."""
    sends_per_day: Count = 2_000
    """Codes of everybody in a day (UTC), a hard stop with an alarm: the second step of WhatsApp's tiers."""
    failures_of_one_per_day: Annotated[int, Meta(ge=5, le=100)] = 10
    """Wrong guesses for one number or address, over all its codes, before none is accepted for an hour."""
    failures_from_network_per_hour: Count = 30
    """Wrong guesses from one IPv4 /24 or IPv6 /48."""
    session_life_s: Annotated[float, Meta(ge=60, le=2_592_000)] = 86_400.0
    """Longest life of a session, however much it is used."""
    session_idle_s: Annotated[float, Meta(ge=60, le=2_592_000)] = 3_600.0
    """Longest time without any request."""
    origins: tuple[str, ...] = ()
    """Where pages of ours are served from, `https://example.com`: those may change something with a session's cookie. The address that this server listens on always may."""


class Log(_Section, frozen=True):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """`debug` writes a line for each call."""


class Settings(_Section, frozen=True):
    server: Server = Server()
    admin: Admin = Admin()
    core: Core = Core()
    database: Database = Database()
    billing: Billing = Billing()
    limits: Limits = Limits()
    wire: Wire = Wire()
    triton: Triton = Triton()
    scripted: Scripted = Scripted()
    messaging: Messaging = Messaging()
    sign_in: SignIn = SignIn()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force, and where they and the state come from."""

    settings: Settings
    home: Path
    file: Path | None


class ConfigError(Exception):
    """The configuration cannot be used. One line for each problem, with file and line or the variable's name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_configuration(environ: Mapping[str, str], cwd: Path) -> Configuration:
    """Raises ConfigError with every problem, not only the first."""
    home = (cwd / (environ.get("RASEED_HOME") or HOME_DIR)).resolve()
    named = environ.get("RASEED_CONFIG")
    path = cwd / (named or CONFIG_FILE)
    if named and not path.is_file():
        raise ConfigError([f"RASEED_CONFIG: there is no file {named}"])
    file = path if path.is_file() else None
    problems: list[str] = []
    values = _from_file(file, problems) if file is not None else {}
    _merge_environment(values, environ, problems)
    sections: dict[str, Any] = {}
    for name, kind in get_type_hints(Settings).items():
        sections[name] = _section(kind, name, values.get(name, {}), problems)
    if not problems and sections["core"].workers > 1 and not sections["database"].url:
        problems.append(
            _where(values, "core", "workers")
            + "more than one worker needs PostgreSQL (database.url); SQLite serves one"
        )
    if not problems:
        admin = sections["admin"]
        if problem := listen_problem(admin.listen, allow_remote=admin.allow_remote):
            problems.append(_where(values, "admin", "listen") + problem)
    if problems:
        raise ConfigError(problems)
    return Configuration(Settings(**sections), home, file)


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    where: str
    is_text: bool
    """Whether it came from the environment, where numbers are text."""


def _from_file(file: Path, problems: list[str]) -> dict[str, dict[str, _Value]]:
    text = file.read_text(encoding="utf-8")
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{file.name}: {error}")
        return {}
    known = get_type_hints(Settings)
    values: dict[str, dict[str, _Value]] = {}
    for section, entries in parsed.items():
        name = re.escape(section)
        line = _line_of(text, rf"^\s*\[\s*{name}\s*\]|^\s*{name}\s*=")
        if section not in known or not isinstance(entries, dict):
            problems.append(f"{file.name}:{line}: unknown section [{section}]; known: {', '.join(known)}")
            continue
        values[section] = {
            key: _Value(value, f"{file.name}:{_line_of(text, _key_pattern(key), line)}", is_text=False)
            for key, value in entries.items()
        }
    return values


def _key_pattern(key: str) -> str:
    return rf"^\s*{re.escape(key)}\s*="


def _line_of(text: str, pattern: str, after: int = 1) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if number >= after and re.match(pattern, line):
            return number
    return after


def _merge_environment(
    values: dict[str, dict[str, _Value]], environ: Mapping[str, str], problems: list[str]
) -> None:
    names = {
        f"RASEED_{section}_{key}".upper(): (section, key)
        for section, kind in get_type_hints(Settings).items()
        for key in kind.__struct_fields__
    }
    sections = (*ALIASES, *(f"RASEED_{section.upper()}_" for section in get_type_hints(Settings)))
    for variable, text in environ.items():
        if not variable.startswith(sections) or variable in NO_SETTINGS:
            continue  # not a setting: clients may keep their key in RASEED_API_KEY, say
        place = names.get(ALIASES.get(variable, variable))
        if place is None:
            problems.append(f"{variable}: there is no such setting")
            continue
        section, key = place
        values.setdefault(section, {})[key] = _Value(text, variable, is_text=True)


def _section(kind: type[Any], name: str, entries: Mapping[str, _Value], problems: list[str]) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    good: dict[str, Any] = {}
    for key, entry in entries.items():
        if key not in hints:
            problems.append(f"{entry.where}: unknown key {name}.{key}; known: {', '.join(hints)}")
            continue
        raw = entry.value
        if entry.is_text and _is_list(hints[key]):
            raw = [part.strip() for part in raw.split(",") if part.strip()]
        try:
            good[key] = msgspec.convert(raw, hints[key], strict=not entry.is_text)
        except msgspec.ValidationError as error:
            problems.append(
                f"{entry.where}: {name}.{key}: {str(error).removesuffix(' - at `$`')}, got {entry.value!r}"
            )
    return kind(**good)


def _is_list(hint: Any) -> bool:
    if get_origin(hint) in (Annotated, Union, types.UnionType):
        return any(_is_list(part) for part in get_args(hint))
    return get_origin(hint) is tuple


def _where(values: Mapping[str, Mapping[str, _Value]], section: str, key: str) -> str:
    entry = values.get(section, {}).get(key)
    return f"{entry.where}: " if entry else ""
