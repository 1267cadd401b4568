"""Every setting: its name, unit, default and reason. Read from `raseed.toml` and from `RASEED_…` variables.

`[section] key = value` in the file is `RASEED_SECTION_KEY` in the environment, which wins. Three have short names:
RASEED_PORT (server.port), RASEED_HOME (where the state lies) and RASEED_CONFIG (which file is read).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from raseed.adapters.messaging.dialect import PRESETS, Dialect, DialectError
from raseed.adapters.payments.creem_signature import SECRET_CHARS_MIN, is_guessable, key_mode
from raseed.adapters.payments.myfatoorah_account import SECRET_BYTES_MIN, is_live_url
from raseed.app.listen import listen_problem
from raseed.app.settings_reader import (
    ConfigError,
    Secret,
    Values,
    file_values,
    listed,
    merge_environment,
    read_section,
    where,
)
from raseed.core.payments.model import Mode

__all__ = ["ConfigError", "Configuration", "Secret", "Settings", "load_configuration"]

CONFIG_FILE = "raseed.toml"
HOME_DIR = ".raseed"
ALIASES = {"RASEED_PORT": "RASEED_SERVER_PORT"}
NO_SETTINGS = {"RASEED_ADMIN_ADDRESS", "RASEED_ADMIN_KEY_FILE"}
"""Of the commands that talk to a platform elsewhere."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
_PHONE = re.compile(r"\+[0-9]{7,15}")


RedisUrl = Annotated[
    str,
    Meta(
        pattern=r"^(rediss?://([^@/\s]*@)?([^:/\s\[]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[0-9]+)?(\?\S*)?)?$"
    ),
]


_HOST = r"([^:/?#@,\s\[\]]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
DatabaseUrl = Annotated[
    str,
    Meta(pattern=rf"^(postgres(ql)?://([^@/?#\s]*@)?{_HOST}(,{_HOST})*(/[^@?#\s]*)?(\?[^@#\s]*)?)?$"),
]
"""Without anything that the driver would take apart in another way: what it says of that has parts of a password."""


CreemProduct = Annotated[
    str, Meta(pattern=r"^(topup|keys|(pack|plan):[a-z0-9_-]{1,64})=prod_[A-Za-z0-9]{1,64}$")
]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Server(_Section, frozen=True):
    """The public address."""

    host: str = "127.0.0.1"
    """Address to listen on. Loopback, so that nothing is public by accident."""
    port: Port = 8080
    """HTTP and gRPC, on the same port."""
    public_url: Annotated[str, Meta(pattern="^(https?://[^/?#@\\s]+)?$")] = ""
    """`https://…`, under which others reach this server: browsers come back there from payment pages, which take no address of this machine. Empty: the address above."""
    production: bool = False
    """Turns gRPC reflection off."""
    trusted_proxy_count: Annotated[int, Meta(ge=0, le=10)] = 0
    """Proxies of yours in front of Envoy, one behind the other: the caller's address is the one that the first of them wrote into `x-forwarded-for`. With 0 that header is not believed."""


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

    url: DatabaseUrl = ""
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
    redis_url: RedisUrl = ""
    """`redis://…` or `rediss://…` of a Redis or Valkey in which several workers count together; empty: each counts its own part of every limit. With a password in it, set RASEED_LIMITS_REDIS_URL."""
    redis_timeout_ms: Annotated[float, Meta(gt=0, le=1000)] = 50.0
    """Longest wait for its answer, in milliseconds; then a worker decides by itself. Usually it takes one."""


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
    """Codes and notices: which driver carries them, by channel. Each driver has a section of its own."""

    whatsapp: Literal["outbox", "whatsapp_meta", "whatsapp_http"] = "outbox"
    """`outbox`: they are written to `outbox.jsonl` in RASEED_HOME and sent to nobody."""
    email: Literal["outbox", "smtp"] = "outbox"
    """`outbox`, as above."""
    service: Annotated[str, Meta(min_length=1, max_length=64)] = "Raseed"
    """What this service is called in messages."""
    portal_url: str = ""
    """`https://…`: messages link to pages there. Empty: they have no links."""
    operators: tuple[str, ...] = ()
    """An e-mail address, a telephone number (`+…`), or both: where alerts for operators go."""
    timeout_s: Annotated[float, Meta(gt=0, le=30)] = 15.0
    """Longest time for a driver to hand one message over. Above 30 s, two channels would outlast a notice's lease."""
    connections: Annotated[int, Meta(ge=1, le=256)] = 16
    """Connections of one driver at a time: codes and notices that are on their way together."""


class WhatsappMeta(_Section, frozen=True):
    """The driver `whatsapp_meta`: Meta's WhatsApp Cloud API. Templates as in docs/messaging.md."""

    phone_number_id: Annotated[str, Meta(pattern="^[0-9]*$")] = ""
    """Meta's id of the sending number."""
    token: Secret = Secret()
    """Access token of a system user. Only in the environment."""
    app_secret: Secret = Secret()
    """Of the app: signs what Meta reports to `/webhooks/whatsapp`. Without it, reports are refused. Only in the environment."""
    verify_token: Secret = Secret()
    """Letters and digits, chosen by you and given to Meta with the address of the webhook. Only in the environment."""
    url: Annotated[str, Meta(pattern="^https?://")] = "https://graph.facebook.com"
    """Where the API is."""
    api_version: Annotated[str, Meta(pattern="^v[0-9]+\\.[0-9]+$")] = "v24.0"
    """Each is served for about two years."""
    template_prefix: Annotated[str, Meta(pattern="^[a-z0-9_]*$")] = ""
    """Before the names of the templates that Meta approved."""


class WhatsappHttp(_Section, frozen=True):
    """The driver `whatsapp_http`: any service that takes a message as JSON. What is empty is as in the preset."""

    preset: Literal["resayil-token", "wassenger", "resayil-app"] = "resayil-token"
    """Whose dialect."""
    token: Secret = Secret()
    """`{token}` in the header. Only in the environment."""
    url: str = ""
    """Where messages are posted."""
    header_name: str = ""
    """The header with the credential."""
    header_template: str = ""
    """Its value, with `{token}`."""
    body_template: str = ""
    """JSON, with `{to}` (`+96550123456`), `{digits}` (without the plus), `{text}`, `{language}` and `{template}` within its strings."""
    success_path: str = ""
    """A field of the answer that says whether it was accepted, with dots: `data.ok`. `-`: the status alone says it."""
    success_value: str = ""
    """What that field has then, as JSON: `true`, `"queued"`."""
    id_path: str = ""
    """The field with the message's id. `-`: there is none."""
    undeliverable: str = ""
    """Words in an answer of 4xx which say that nobody can be reached there."""


class Smtp(_Section, frozen=True):
    """The driver `smtp`: e-mail."""

    host: str = ""
    """The mail server."""
    port: Port = 587
    """587 for `starttls`, 465 for `tls`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` is for a server on this machine: text and password go as they are."""
    username: str = ""
    """Empty: no authentication."""
    password: Secret = Secret()
    """Only in the environment."""
    sender: str = ""
    """`Raseed <no-reply@example.com>`."""


_NEEDED = {
    "whatsapp_meta": ("phone_number_id", "token"),
    "whatsapp_http": ("token",),
    "smtp": ("host", "sender"),
}
"""What a driver cannot do without."""


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
    sends_from_network_per_hour: Count = 60
    """Codes for one IPv4 /24 or IPv6 /48. Devices on which the number or address was proven before have as many again."""
    sends_from_network_per_day: Count = 200
    """Also for one network, in any 24 hours: a tenth of `sends_per_day`."""
    sends_to_neighbours_per_10_minutes: Count = 20
    """Codes to numbers with the same first seven digits: who is paid for messages owns a run of them."""
    sends_per_day: Count = 2_000
    """Codes of everybody by one channel in a day (UTC), a hard stop with an alarm: the second step of WhatsApp's tiers. The last fifth is for devices on which the number or address was proven before."""
    failures_of_one_per_day: Annotated[int, Meta(ge=5, le=100)] = 10
    """Wrong guesses for one number or address, over all its codes, before none is accepted for an hour."""
    failures_from_network_per_hour: Count = 30
    """Wrong guesses from one IPv4 /24 or IPv6 /48. A single address has three left when its network has none; known devices are not counted."""
    session_life_s: Annotated[float, Meta(ge=60, le=2_592_000)] = 86_400.0
    """Longest life of a session, however much it is used."""
    session_idle_s: Annotated[float, Meta(ge=60, le=2_592_000)] = 3_600.0
    """Longest time without any request."""
    origins: tuple[str, ...] = ()
    """Where pages of ours are served from, `https://example.com`: those may change something with a session's cookie. The address that this server listens on always may."""


class Organisations(_Section, frozen=True):
    """Organisations and invitations to them. Who may open one is said by the profile."""

    invitation_life_s: Annotated[float, Meta(ge=3_600, le=2_592_000)] = 604_800.0
    """How long an invitation may be accepted. A week: for those who read their messages once in it."""
    invitations_per_day: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Of one organisation. Each is a message that you pay for, to somebody who may not want it."""
    invitations_to_one_per_day: Annotated[int, Meta(ge=1, le=1_000)] = 5
    """To one person, however the address is spelled, from all organisations together. Nobody is invited by a channel that has sent half of `[sign_in] sends_per_day`."""
    members_max: Annotated[int, Meta(ge=1, le=100_000)] = 500
    """Of one organisation, those that are invited included."""
    owned_max: Annotated[int, Meta(ge=1, le=1_000)] = 5
    """Organisations that one person may own when he opens another. Operators may open more for him."""


class Myfatoorah(_Section, frozen=True):
    """Payments through MyFatoorah: KNET, cards and wallets. Without a token nothing is sold through it."""

    mode: Literal["test", "live"] = "test"
    """No money moves in `test`, and what is bought there is credited all the same."""
    country: Literal["KWT", "BHR", "JOR", "OMN", "ARE", "SAU", "QAT", "EGY"] = "KWT"
    """Of the account: it decides where the live API is, and in which currency refunds are counted."""
    api: Literal["v2", "v3"] = "v2"
    """Version that makes orders. `v3` makes none twice, and leaves the way to pay to MyFatoorah's page."""
    token: Secret = Secret()
    """API key of its portal, one for each country and mode. Only in the environment."""
    webhook_secret: Secret = Secret()
    """Of the portal's webhook settings; while it is changed, the new and the old one with a comma between. Without it events are refused (503), and payments are seen by the schedule alone. Only in the environment."""
    page_life_s: Annotated[float, Meta(ge=1_800, le=3_600)] = 3_600.0
    """How long a page can be paid on. Shorter ones end while a bank's code is on its way; longer ones keep orders open that nobody wants."""
    timeout_s: Annotated[float, Meta(gt=0, le=20)] = 15.0
    """Longest time for one answer. Whoever buys waits for two at most, an event for two or three."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 8
    """At a time, of each worker."""
    url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Instead of `https://apitest.myfatoorah.com`: for tests, and in mode `test` only."""


class Creem(_Section, frozen=True):
    """Payments through Creem, which sells in its own name. Without a key nothing is sold through it."""

    mode: Literal["test", "live"] = "test"
    """Which of its two shops: no money moves in `test`, and what is bought there is credited all the same."""
    api_key: Secret = Secret()
    """`creem_test_…` for `test`, `creem_…` for `live`. Only in the environment."""
    webhook_secret: Secret = Secret()
    """Of the webhook at `/webhooks/creem`; while it is changed, the new and the old one with a comma between. Only in the environment."""
    products: tuple[CreemProduct, ...] = ()
    """Which of the shop's products is what, over what the profile says: `topup=prod_…` (one step of a top-up), `pack:ID=prod_…`, `plan:ID=prod_…`, `keys=prod_…`."""
    timeout_s: Annotated[float, Meta(gt=0, le=30)] = 15.0
    """Longest time for one answer. Whoever buys waits for one, and an event for three at most."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 8
    """At a time, of each worker."""
    url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Instead of Creem's own address: for tests, and in mode `test` only."""


Line = Annotated[str, Meta(max_length=128)]
"""Of a document."""


class Seller(_Section, frozen=True):
    """Who sells, as it stands on receipts. A change holds for documents that are issued after it."""

    name: Line = ""
    """Legal name; empty: `messaging.service`."""
    name_ar: Line = ""
    """The same in Arabic; empty: as in English."""
    address: Annotated[tuple[Line, ...], Meta(max_length=6)] = ()
    """Its lines, up to six."""
    address_ar: Annotated[tuple[Line, ...], Meta(max_length=6)] = ()
    """The same in Arabic; empty: as in English."""
    tax_number: Annotated[str, Meta(max_length=64)] = ""
    """Empty: there is none. Not shown where a provider sells in its own name."""
    email: Line = ""
    """For questions about a receipt."""


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


def load_configuration(environ: Mapping[str, str], cwd: Path) -> Configuration:
    """Raises ConfigError with every problem, not only the first."""
    home = (cwd / (environ.get("RASEED_HOME") or HOME_DIR)).resolve()
    named = environ.get("RASEED_CONFIG")
    path = cwd / (named or CONFIG_FILE)
    if named and not path.is_file():
        raise ConfigError([f"RASEED_CONFIG: there is no file {named}"])
    file = path if path.is_file() else None
    problems: list[str] = []
    values = file_values(Settings, file, problems) if file is not None else {}
    given = {variable: text for variable, text in environ.items() if variable not in NO_SETTINGS}
    problems += merge_environment(Settings, values, given, ALIASES, cwd)
    sections: dict[str, Any] = {}
    for name, kind in get_type_hints(Settings).items():
        sections[name] = read_section(kind, name, values.get(name, {}), problems)
    if not problems:
        problems += _contradictions(Settings(**sections), values)
    if problems:
        raise ConfigError(problems)
    return Configuration(Settings(**sections), home, file)


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
    for address in settings.messaging.operators:
        if "@" not in address and not _PHONE.fullmatch(address):
            yield (
                where(values, "messaging", "operators")
                + f"messaging.operators: {address!r} is no e-mail address, and no telephone number like +96550123456"
            )
    for channel, driver in (("whatsapp", settings.messaging.whatsapp), ("email", settings.messaging.email)):
        needed = _NEEDED.get(driver, ())
        missing = [f"{driver}.{key}" for key in needed if not getattr(getattr(settings, driver), key)]
        if missing:
            yield f"{where(values, 'messaging', channel)}the driver {driver} needs {', '.join(missing)}"
    if (
        settings.messaging.email == "smtp"
        and settings.smtp.sender
        and "@" not in parseaddr(settings.smtp.sender)[1]
    ):
        yield f"{where(values, 'smtp', 'sender')}smtp.sender has no e-mail address in it"
    if settings.messaging.whatsapp == "whatsapp_http":
        try:
            chosen_dialect(settings.whatsapp_http)
        except DialectError as error:
            yield str(error)
    yield from _myfatoorah_contradictions(settings.myfatoorah, values)
    yield from _creem_contradictions(settings.creem, values)


def _myfatoorah_contradictions(myfatoorah: Myfatoorah, values: Values) -> Iterator[str]:
    mode = Mode(myfatoorah.mode)
    if myfatoorah.url and (mode is Mode.LIVE or is_live_url(myfatoorah.url)):
        yield f"{where(values, 'myfatoorah', 'url')}myfatoorah.url is for tests: money is paid at the country's own address only"
    if any(len(secret.encode()) < SECRET_BYTES_MIN for secret in listed(myfatoorah.webhook_secret)):
        yield (
            f"{where(values, 'myfatoorah', 'webhook_secret')}myfatoorah.webhook_secret: "
            f"each has at least {SECRET_BYTES_MIN} bytes"
        )


def _creem_contradictions(creem: Creem, values: Values) -> Iterator[str]:
    mode = Mode(creem.mode)
    if creem.api_key and key_mode(creem.api_key.text) is not mode:
        yield f"{where(values, 'creem', 'api_key')}creem.api_key is no key of Creem's for creem.mode = {creem.mode}"
    if mode is Mode.LIVE and creem.url:
        yield f"{where(values, 'creem', 'url')}creem.url is for tests: money is paid at Creem's own address only"
    secrets = listed(creem.webhook_secret)
    if secrets and is_guessable(secrets):
        yield (
            f"{where(values, 'creem', 'webhook_secret')}creem.webhook_secret: "
            f"each has at least {SECRET_CHARS_MIN} characters"
        )
    names = [product.partition("=")[0] for product in creem.products]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{where(values, 'creem', 'products')}creem.products: {name} is named twice"


def chosen_dialect(given: WhatsappHttp) -> Dialect:
    """The preset with what was set. Raises DialectError."""
    own = {field.name: getattr(given, field.name) for field in fields(Dialect)}
    return replace(PRESETS[given.preset], **{name: value for name, value in own.items() if value})
