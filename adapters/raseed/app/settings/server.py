"""The server, its database, its backends and what it says of itself."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from raseed.app.settings.section import Count, Port, Seconds, Section

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


class Server(Section, frozen=True):
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


class Admin(Section, frozen=True):
    """The operators' listener, beside the admin socket."""

    listen: str = ""
    """address:port, for example `127.0.0.1:9443`, where operators' services are offered to those with an admin key; empty: nowhere."""
    allow_remote: bool = False
    """Whether it may be an address that others can reach. Its traffic is not encrypted: put TLS or a private network before it."""


class Core(Section, frozen=True):
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
    breaker_failures: Annotated[int, Meta(ge=0)] = 5
    """Failures of a model in a row after which requests for it are refused for some seconds, until one that is let through is answered; 0: never."""
    uvloop: bool = True
    """The faster event loop."""


class Database(Section, frozen=True):
    """Where the ledger lies."""

    url: DatabaseUrl = ""
    """`postgresql://…` of a PostgreSQL database; empty: SQLite. With a password in it, set RASEED_DATABASE_URL."""
    path: str = ""
    """SQLite file; empty: `raseed.db` in RASEED_HOME. Must be on a local disk."""


class Billing(Section, frozen=True):
    """Prices and holds."""

    profile: str = "resayil"
    """A shipped profile's name, or the path of a .toml file."""
    hold_wait_s: Seconds = 2.0
    """Longest wait for the account's own open requests to release credit, before a 402."""
    chunk_tokens: Count = 512
    """Answer tokens that a hold covers at first, and by each extension."""


class Limits(Section, frozen=True):
    """Rate limits of accounts and keys; how many is the profile's to say."""

    enabled: bool = True
    """False turns rates, requests at a time and their headers off, for load tests. Money is guarded all the same."""
    redis_url: RedisUrl = ""
    """`redis://…` or `rediss://…` of a Redis or Valkey in which several workers count together; empty: each counts its own part of every limit. With a password in it, set RASEED_LIMITS_REDIS_URL."""
    redis_timeout_ms: Annotated[float, Meta(gt=0, le=1000)] = 50.0
    """Longest wait for its answer, in milliseconds; then a worker decides by itself. Usually it takes one."""


class Wire(Section, frozen=True):
    """Choices in the JSON that clients see."""

    stream_usage: Literal["requested", "always"] = "requested"
    """Whether streams end with a usage chunk only when `stream_options.include_usage` asks for it."""
    usage_credits: bool = False
    """Whether `usage` of an answer also says `credits`, what it cost, and `credits_remaining`."""


class Triton(Section, frozen=True):
    """The local model server."""

    enabled: bool = True
    """Whether local models are served."""
    address: str = ""
    """host:port of a Triton that runs elsewhere; empty: `raseed up` starts the bundled one."""
    python_env: str = ""
    """Virtual environment in which models run; empty: `.venv-triton` beside this installation's environment."""
    slots: Count = 32
    """Answers that one model generates at a time."""


class Models(Section, frozen=True):
    """Local models that operators push (docs/models.md), beside those of this installation."""

    memory_mib: Annotated[int, Meta(ge=0)] = 0
    """Memory for all of them together, in MiB; 0: half of the machine's. Others give way to one that does not fit beside them."""
    disk_mib: Count = 20_480
    """Disk for their files, in MiB, uploads that are not whole included."""
    keep_alive_s: Annotated[float, Meta(ge=-1)] = 300.0
    """How long one that nobody uses stays in memory, unless it says otherwise; -1: until its room is needed."""
    load_wait_s: Seconds = 30.0
    """Longest wait of a request for its model; then 503 with an estimate of when it is there."""
    waiters_max: Count = 256
    """Requests that may wait for one model; each is some tens of KiB."""
    loads: Count = 2
    """Loads at a time: each has a disk and a core to itself."""
    turn_s: Seconds = 2.0
    """How long one stays at least, so that loading it was worth the while when there is too little memory for all."""


class Scripted(Section, frozen=True):
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


class Log(Section, frozen=True):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """`debug` writes a line for each call."""
