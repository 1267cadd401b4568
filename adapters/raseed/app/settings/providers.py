"""Cloud providers and their models: `[[providers]]` and `[[targets]]` of `raseed.toml`, and keys from the environment.

The key of the provider `openai` is RASEED_PROVIDER_OPENAI_API_KEY, or in the file that RASEED_PROVIDER_OPENAI_API_KEY_FILE
names; a `-` in a name is `_` there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from raseed.app.settings.reader import Secret, secret_file

TABLES = ("providers", "targets")
TARGETS_MAX = 1_000
_VARIABLE = re.compile(r"RASEED_PROVIDER_(?P<name>[A-Z0-9_]+?)_API_KEY(?P<file>_FILE)?")
_SET_BY_US = {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"}

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}$")]
Ability = Literal[
    "tools",
    "tool_choice",
    "json_object",
    "json_schema",
    "logprobs",
    "logit_bias",
    "penalties",
    "images",
    "audio",
    "files",
]
"""Of `core.inference.model.Capability`, beside answering messages."""
Model = Annotated[str, Meta(min_length=1, max_length=256)]


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Accounts at cloud providers, one table for each ([docs/providers.md](providers.md)). Their keys are
    `RASEED_PROVIDER_<NAME>_API_KEY`, or in the file that the same with `_FILE` names.
    """

    name: Name
    """Of yours: it stands in usage events, logs and the variable with the key."""
    kind: str
    """Which provider it is, or whose API it speaks."""
    url: str = ""
    """Base address; empty: the provider's own."""
    allow_private: bool = False
    """Whether it may be a machine of your own network, or this one; then also without TLS."""
    connections: Annotated[int, Meta(ge=1, le=10_000)] = 256
    """At a time, of each worker. A request that waits for one longer than `connect_timeout_s` goes to another target."""
    connect_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Longest time for a connection: name, route and TLS. Far places need one second."""
    first_event_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 120.0
    """Longest silence before the first event of an answer. Models that think say nothing for a minute."""
    idle_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """Longest silence within an answer."""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Models of providers under names that you sell, one table for each. Several of one name share its requests."""

    model: Model
    """The name that is sold. Its price is the profile's."""
    provider: str
    """The name of one of `[[providers]]`, or `triton` for a local model."""
    upstream_model: str = ""
    """What the provider calls it; empty: the same."""
    context_length: Annotated[int, Meta(ge=1, le=100_000_000)] = 128_000
    """Tokens of prompt and answer together."""
    max_output_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] = 16_384
    """Longest answer: sent upstream when a request names no lower one."""
    capabilities: tuple[Ability, ...] | None = None
    """What it can beyond text; absent: what is usual at the provider."""
    priority: Annotated[int, Meta(ge=0, le=1_000)] = 0
    """Targets of a lower one are asked first; the others when those refuse."""
    weight: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """Among those of one priority: which part of the requests comes here first."""
    concurrency: Annotated[int, Meta(ge=1, le=100_000)] = 64
    """Answers at a time, of each worker."""
    extra_body: dict[str, Any] = {}
    """Members that every request gets, for example `{ service_tier = "default" }`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    accounts: tuple[Provider, ...] = ()
    targets: tuple[Target, ...] = ()
    keys: Mapping[str, Secret]
    """By the provider's name."""


NO_PROVIDERS = Providers(keys={})


def read_providers(
    file: Path | None, environ: Mapping[str, str], cwd: Path, problems: list[str]
) -> Providers:
    """What cannot be used is added to `problems`, with its place."""
    tables = _Tables(file, problems)
    accounts = tables.read("providers", Provider)
    targets = tables.read("targets", Target)
    keys = _keys([account.name for account in accounts], environ, cwd, problems)
    found = Providers(accounts=tuple(accounts), targets=tuple(targets), keys=keys)
    problems += _contradictions(found)
    return found


class _Tables:
    """The arrays of tables of a file."""

    def __init__(self, file: Path | None, problems: list[str]) -> None:
        self._file = file
        self._problems = problems
        self._text = file.read_text(encoding="utf-8") if file is not None else ""
        try:
            self._parsed = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError:  # told by whoever reads the sections
            self._parsed = {}

    def read(self, table: str, kind: type[Any]) -> list[Any]:
        entries = self._parsed.get(table, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._problems.append(
                f"{self._where(table, 0)}: {table} is written as [[{table}]], once for each"
            )
            return []
        if len(entries) > TARGETS_MAX:
            self._problems.append(f"{self._where(table, 0)}: more than {TARGETS_MAX} of [[{table}]]")
            return []
        good = []
        for index, entry in enumerate(entries):
            if secret := sorted(key for key in entry if key in {"api_key", "key", "token"}):
                self._problems.append(
                    f"{self._where(table, index)}: {secret[0]} is secret: set "
                    f"{variable_of(str(entry.get('name', 'NAME')))}, or the same with _FILE"
                )
                continue
            try:
                good.append(msgspec.convert(entry, kind))
            except msgspec.ValidationError as error:
                self._problems.append(f"{self._where(table, index)}: {table}: {error}")
        return good

    def _where(self, table: str, index: int) -> str:
        assert self._file is not None
        heads = re.finditer(rf"^[ \t]*\[*[ \t]*{table}\b", self._text, re.MULTILINE)
        found = [self._text.count("\n", 0, match.start()) + 1 for match in heads]
        return f"{self._file.name}:{found[index] if index < len(found) else 1}"


def variable_of(provider: str) -> str:
    return f"RASEED_PROVIDER_{provider.upper().replace('-', '_')}_API_KEY"


def _keys(names: list[str], environ: Mapping[str, str], cwd: Path, problems: list[str]) -> dict[str, Secret]:
    by_variable = {variable_of(name): name for name in names}
    keys: dict[str, Secret] = {}
    for variable, value in environ.items():
        match = _VARIABLE.fullmatch(variable)
        if match is None:
            continue
        name = by_variable.get(variable.removesuffix("_FILE"))
        if name is None:
            problems.append(f"{variable}: there is no [[providers]] of this name")
            continue
        text: str | None = value
        if match["file"]:
            if variable.removesuffix("_FILE") in environ:
                problems.append(f"{variable}: {variable.removesuffix('_FILE')} is set too; one is enough")
                continue
            text = secret_file(cwd / value)
            if text is None:
                problems.append(f"{variable}: the file {value} cannot be read")
                continue
        assert text is not None
        key = text.strip()
        if not key.isascii() or not key.isprintable():
            problems.append(f"{variable}: a key has visible ASCII characters alone")
            continue
        keys[name] = Secret(key)
    return keys


def _contradictions(found: Providers) -> Iterator[str]:
    names = [account.name for account in found.accounts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"[[providers]]: {name} is named twice"
    for account in found.accounts:
        yield from (
            f"[[providers]] {account.name}: {problem}" for problem in _account_problems(account, found)
        )
    seen: set[tuple[str, str, str]] = set()
    for target in found.targets:
        place = f"[[targets]] {target.model}"
        if target.provider not in {*names, LOCAL}:
            yield f"{place}: there is no provider {target.provider}; known: {', '.join([*names, LOCAL])}"
        if fixed := sorted(_SET_BY_US & set(target.extra_body)):
            yield f"{place}: extra_body.{fixed[0]} is for each request to say"
        identity = (target.model, target.provider, target.upstream_model or target.model)
        if identity in seen:
            yield f"{place}: is at {target.provider} twice under one name"
        seen.add(identity)


LOCAL = "triton"
"""The provider of targets that are models of this installation."""


def _account_problems(account: Provider, found: Providers) -> Iterator[str]:
    # Not at the top: every command reads the settings, and few of those who run one have providers.
    from raseed.adapters.addresses import url_problem
    from raseed.adapters.providers.registry import KINDS

    kind = KINDS.get(account.kind)
    if account.name == LOCAL:
        yield f"the name {LOCAL} is for local models"
    if kind is None:
        yield f"there is no kind {account.kind}; known: {', '.join(KINDS)}"
        return
    url = account.url or kind.url
    if not url:
        yield f"a provider of kind {account.kind} needs its url"
    elif problem := url_problem(url, allow_private=account.allow_private):
        yield f"its url {problem}"
    if kind.needs_key and not found.keys.get(account.name):
        yield f"its key is missing: set {variable_of(account.name)}, or the same with _FILE"
