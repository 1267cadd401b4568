"""A stack whose every answer is written down, with a mail server and an API that it sends messages to."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import grpc
from tests.campaigns.books import Books, PostgresBooks, SqliteBooks
from tests.support.canaries import Canary, pages, secret_part
from tests.support.command_line import Outcome, run_cli
from tests.support.http import Http
from tests.support.postgres import PostgresServer
from tests.support.providers import MailServer, RefusingApi, mail_server, refusing_api
from tests.support.stack import Stack
from tests.support.stubs import blocking

from raseed.app.ports import free_ports

TIMEOUT_S = 20.0
NOT_WRITTEN_BY_US = (".onnx", ".so")
"""What of a stack's folder is a copy of what was installed."""

CONFIG = """\
[billing]
profile = "{profile}"

[triton]
enabled = {with_triton}

[scripted]
enabled = true
models = ["scripted"]
any_model = false

[messaging]
whatsapp = "{whatsapp}"
email = "smtp"
operators = ["ops@raseed.example"]

[whatsapp_meta]
phone_number_id = "106540352242922"
url = "{api}"

[whatsapp_http]
url = "{api}/v1/messages"

[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
username = "raseed"
sender = "Raseed <no-reply@raseed.example>"

[admin]
listen = "127.0.0.1:{operators_port}"

[log]
level = "debug"
"""


@dataclass(frozen=True)
class Heard:
    status: int
    headers: str
    json: Any

    @property
    def cookies(self) -> dict[str, str]:
        jar = SimpleCookie()
        for line in self.headers.splitlines():
            if line.lower().startswith("set-cookie: "):
                jar.load(line[12:])
        return {name: morsel.value for name, morsel in jar.items() if morsel.value}


@dataclass
class House:
    """A stack with its database, those whom it sends messages to, and what all of them have said."""

    stack: Stack
    books: Books
    mail: MailServer
    api: RefusingApi
    database_url: str
    """Empty: SQLite."""
    database_password: str
    canaries: dict[str, Canary]
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def plant(self, name: str, text: str, *, is_number: bool = False) -> str:
        assert name not in self.canaries
        self.canaries[name] = Canary(name, text, is_number)
        return text

    def key(self, name: str, credential: str) -> str:
        self.plant(name, secret_part(credential))
        return credential

    def send(self, method: str, path: str, body: object = None, *, heard: str = "", **headers: str) -> Any:
        """What came back, as JSON if it is some. It is searched: as the answer of this path or of `heard`, or as an error."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        with Http(self.stack.port).open(method, path, body, given) as reading:
            headers_text = str(reading._response.headers).encode()
            data = reading.read()
        kind = "answer" if reading.status < 400 else f"error {reading.status}"
        self.heard.append((f"{kind} {heard or f'{method} {path}'}", headers_text + data))
        with suppress(ValueError):
            return Heard(reading.status, headers_text.decode(), json.loads(data))
        return Heard(reading.status, headers_text.decode(), None)

    def call(self, stub: Any, method: str, request: Any, key: str, *, heard: str = "") -> Any:
        """Over gRPC. None: an error."""
        metadata = (("authorization", f"Bearer {key}"),) if key else ()
        place = heard or method
        with grpc.insecure_channel(self.stack.address) as channel:
            try:
                answer = getattr(blocking(stub, channel), method)(
                    request, metadata=metadata, timeout=TIMEOUT_S
                )
                parts = [answer] if hasattr(answer, "DESCRIPTOR") else list(answer)
            except grpc.RpcError as error:
                told = f"{error.details()} {error.trailing_metadata()!r}"
                self.heard.append((f"error {place}", told.encode()))
                return None
        self.heard += [(f"answer {place}", str(part).encode() + part.SerializeToString()) for part in parts]
        return parts[0]

    def cli(self, *arguments: str, heard: str = "", environ: Mapping[str, str] | None = None) -> Outcome:
        outcome = run_cli(self.stack.environ | dict(environ or {}), *arguments)
        place = f"command {heard or ' '.join(arguments[:2])}"
        self.heard.append((place, f"{outcome.out}\n{outcome.err}".encode()))
        return outcome

    @contextmanager
    def broken(self, table: str) -> Iterator[None]:
        """Nothing can be put into a table: what was to be put there comes back in the database's error."""
        if self.database_url:
            make = f"ALTER TABLE {table} ADD CONSTRAINT canary CHECK (false) NOT VALID"
            undo = f"ALTER TABLE {table} DROP CONSTRAINT canary"
        else:
            make = f"CREATE TRIGGER canary BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
            undo = "DROP TRIGGER canary"
        self._execute(make)
        try:
            yield
        finally:
            self._execute(undo)

    def _execute(self, statement: str) -> None:
        """Past the product."""
        if not self.database_url:
            with closing(sqlite3.connect(self.stack.files.database, timeout=TIMEOUT_S)) as connection:
                connection.execute(statement)
            return

        async def execute() -> None:
            connection = await asyncpg.connect(self.database_url)
            await connection.execute(statement)
            await connection.close()

        asyncio.run(execute())

    # ── where it is looked for ───────────────────────────────────────────────────────────────────────────────────

    def places(self) -> Iterator[tuple[str, bytes]]:
        yield from self.heard
        yield from self.files()
        yield from self.tables()
        yield from self.command_lines()
        yield from self.environments()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Everything below the stack's folder: logs, rendered configuration, the database with its log, secrets."""
        for file in sorted(self.stack.directory.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.suffix not in NOT_WRITTEN_BY_US:
                data = file.read_bytes()
                is_database = file.name.startswith("raseed.db")
                yield f"file {file.relative_to(self.stack.directory)}", pages(data) if is_database else data

    def tables(self) -> Iterator[tuple[str, bytes]]:
        """Every value of every row, as whoever has the database reads it."""
        if self.database_url:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        else:
            query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        for (table,) in self.books.rows(query):
            values = [value for row in self.books.rows(f"SELECT * FROM {table}") for value in row]
            yield (
                f"table {table}",
                b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values),
            )

    def command_lines(self) -> Iterator[tuple[str, bytes]]:
        """Every user of the machine can read them."""
        for pid in self.stack.processes():
            with suppress(OSError):
                yield "command line", Path(f"/proc/{pid}/cmdline").read_bytes()

    def environments(self) -> Iterator[tuple[str, bytes]]:
        """Of Envoy, Triton and the models: programs of others, which have to know nothing of ours."""
        parts = self.stack.run_file()["processes"]
        ours = {part["pid"] for name, part in parts.items() if name.startswith("core-")} | {self.stack.pid}
        for pid in set(self.stack.processes()) - ours:
            with suppress(OSError):
                program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
                yield f"environment of {program}", Path(f"/proc/{pid}/environ").read_bytes()


def fresh() -> str:
    return secrets.token_hex(24)


@contextmanager
def house(directory: Path, server: PostgresServer | None) -> Iterator[House]:
    """On PostgreSQL without a model, or on SQLite with Triton. Its stack runs; it ends with the block."""
    profile = directory / "both-ways.toml"
    shipped = files("raseed.adapters.policy") / "profiles" / "resayil.toml"
    profile.write_text(
        shipped.read_text(encoding="utf-8")
        .replace('["whatsapp_otp"]', '["whatsapp_otp", "email_code"]')
        .replace("[grants.welcome]", "[grants.welcome]\nby_email = true"),
        encoding="utf-8",
    )
    canaries: dict[str, Canary] = {}

    def planted(name: str) -> str:
        canaries[name] = Canary(name, fresh())
        return canaries[name].text

    environ = {
        "RASEED_SMTP_PASSWORD": planted("SMTP password"),
        "RASEED_WHATSAPP_META_TOKEN": planted("Meta's token"),
        "RASEED_WHATSAPP_META_APP_SECRET": planted("Meta's app secret"),
        "RASEED_WHATSAPP_META_VERIFY_TOKEN": planted("Meta's verify token"),
        "RASEED_WHATSAPP_HTTP_TOKEN": planted("HTTP driver's token"),
        "RASEED_MYFATOORAH_TOKEN": planted("MyFatoorah's token"),
        "RASEED_MYFATOORAH_WEBHOOK_SECRET": planted("MyFatoorah's webhook secret"),
        "RASEED_CREEM_API_KEY": "creem_test_" + planted("Creem's key"),
        "RASEED_CREEM_WEBHOOK_SECRET": planted("Creem's webhook secret"),
        "RASEED_LIMITS_REDIS_URL": f"redis://:{planted('Redis password')}@127.0.0.1:1/0",  # nobody is there
        "RASEED_LIMITS_ENABLED": "true",
    }
    password = planted("database password")
    url = asyncio.run(server.create_database()) if server is not None else ""
    if url:
        environ["RASEED_DATABASE_URL"] = url.replace("@", f":{password}@", 1)
    with mail_server() as mail, refusing_api() as api:
        # They tell every credential back, too.
        environ |= {"RASEED_MYFATOORAH_URL": api.url, "RASEED_CREEM_URL": api.url}
        config = CONFIG.format(
            profile=profile,
            with_triton="true" if server is None else "false",
            whatsapp="whatsapp_meta" if server is None else "whatsapp_http",
            api=api.url,
            smtp_port=mail.port,
            operators_port=free_ports(1)[0],
        )
        stack = Stack(directory / "stack", config, environ=environ)
        books: Books = PostgresBooks(url) if url else SqliteBooks(stack.files.database)
        try:
            stack.start()
            yield House(stack, books, mail, api, url, password, canaries)
            stack.stop()
        finally:
            stack.leave_nothing()
            books.close()
            if server is not None:
                asyncio.run(server.drop_database(url))
