"""Usage reports and the call history as JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.core.billing.usage import (
    GroupBy,
    Tokens,
    UsageCall,
    UsageGroup,
    UsageReport,
    other_than_tokens,
    tokens_of,
)
from raseed.core.errors import RaseedError
from raseed.core.money import credits_text

JSON_LINES = "application/jsonl"
CSV = "text/csv; charset=utf-8"

GROUP_COLUMNS = (
    "requests",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "total_tokens",
    "credits",
)
CALL_COLUMNS = (
    "id",
    "created_at",
    "key_id",
    "model",
    "status",
    "finish_reason",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "total_tokens",
    "credits",
    "latency_ms",
    "first_token_ms",
)

_encode = msgspec.json.Encoder().encode
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Group(msgspec.Struct, frozen=True):
    day: str | msgspec.UnsetType
    model: str | msgspec.UnsetType
    key_id: str | msgspec.UnsetType | None
    key_name: str | msgspec.UnsetType
    member: str | msgspec.UnsetType
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    total_tokens: int
    credits: msgspec.Raw
    other: dict[str, int] | msgspec.UnsetType


class _Report(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    group_by: str
    from_: str
    to: str
    time_zone: str
    data: list[_Group]
    next_cursor: str | None


class _Call(msgspec.Struct, frozen=True):
    id: str
    created_at: str
    key_id: str | None
    model: str
    status: str
    finish_reason: str | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    total_tokens: int
    credits: msgspec.Raw
    latency_ms: int
    first_token_ms: int | None
    other: dict[str, int] | msgspec.UnsetType
    absorbed: msgspec.Raw | msgspec.UnsetType


class _Calls(msgspec.Struct, frozen=True):
    data: list[_Call]
    next_cursor: str | None


def encode_report(report: UsageReport, group_by: GroupBy, time_zone: str, next_cursor: str) -> bytes:
    """One page. `from` and `to` are the hours that were counted, `to` being the first moment after them."""
    return _encode(
        _Report(
            group_by=group_by.value,
            from_=rfc3339_text(report.span.begin),
            to=rfc3339_text(report.span.end),
            time_zone=time_zone,
            data=[_group(group, group_by) for group in report.groups],
            next_cursor=next_cursor or None,
        )
    )


def encode_calls(calls: Sequence[UsageCall], next_cursor: str) -> bytes:
    """One page."""
    return _encode(_Calls(data=[_call(call) for call in calls], next_cursor=next_cursor or None))


def calls_as_lines(calls: Sequence[UsageCall]) -> bytes:
    """A JSON object on each line."""
    return b"".join(_encode(_call(call)) + b"\n" for call in calls)


def report_csv_head(group_by: GroupBy) -> bytes:
    return _csv([(*_CSV_NAMES[group_by], *GROUP_COLUMNS)])


def report_csv(groups: Sequence[UsageGroup], group_by: GroupBy) -> bytes:
    return _csv(
        (
            *([_cell(group.name), _cell(group.label)] if group_by is GroupBy.KEY else [_cell(group.name)]),
            group.sum.request_count,
            *_counts(tokens_of(group.sum.measured)),
            credits_text(group.sum.cost_microcredits),
        )
        for group in groups
    )


def calls_csv_head() -> bytes:
    return _csv([CALL_COLUMNS])


def calls_csv(calls: Sequence[UsageCall]) -> bytes:
    return _csv(
        (
            call.id,
            rfc3339_text(call.at),
            call.api_key_id or "",
            _cell(call.model),
            call.outcome,
            call.finish_reason or "",
            *_counts(tokens_of(call.measured)),
            credits_text(call.cost_microcredits),
            call.latency_ms,
            "" if call.first_token_ms is None else call.first_token_ms,
        )
        for call in calls
    )


def csv_failure(error: RaseedError) -> bytes:
    """The last line of an export that broke off: its first cell is no value of the column."""
    return _csv([("#error", error.message)])


def lines_failure(error: RaseedError) -> bytes:
    return _encode({"error": {"message": error.message, "type": error.openai_type}}) + b"\n"


_CSV_NAMES: dict[GroupBy, tuple[str, ...]] = {
    GroupBy.DAY: ("day",),
    GroupBy.MODEL: ("model",),
    GroupBy.KEY: ("key_id", "key_name"),
    GroupBy.MEMBER: ("member",),
}


def _group(group: UsageGroup, group_by: GroupBy) -> _Group:
    tokens = tokens_of(group.sum.measured)
    other = {meter.value: quantity for meter, quantity in other_than_tokens(group.sum.measured)}
    is_key = group_by is GroupBy.KEY
    return _Group(
        day=group.name if group_by is GroupBy.DAY else msgspec.UNSET,
        model=group.name if group_by is GroupBy.MODEL else msgspec.UNSET,
        key_id=(group.name or None) if is_key else msgspec.UNSET,
        key_name=group.label if is_key else msgspec.UNSET,
        member=group.name if group_by is GroupBy.MEMBER else msgspec.UNSET,
        requests=group.sum.request_count,
        prompt_tokens=tokens.prompt,
        cached_tokens=tokens.cached,
        completion_tokens=tokens.completion,
        reasoning_tokens=tokens.reasoning,
        total_tokens=tokens.total,
        credits=credits_json(group.sum.cost_microcredits),
        other=other or msgspec.UNSET,
    )


def _call(call: UsageCall) -> _Call:
    tokens = tokens_of(call.measured)
    other = {meter.value: quantity for meter, quantity in other_than_tokens(call.measured)}
    return _Call(
        id=call.id,
        created_at=rfc3339_text(call.at),
        key_id=call.api_key_id,
        model=call.model,
        status=call.outcome,
        finish_reason=call.finish_reason,
        prompt_tokens=tokens.prompt,
        cached_tokens=tokens.cached,
        completion_tokens=tokens.completion,
        reasoning_tokens=tokens.reasoning,
        total_tokens=tokens.total,
        credits=credits_json(call.cost_microcredits),
        latency_ms=call.latency_ms,
        first_token_ms=call.first_token_ms,
        other=other or msgspec.UNSET,
        absorbed=credits_json(call.absorbed_microcredits) if call.absorbed_microcredits else msgspec.UNSET,
    )


def _counts(tokens: Tokens) -> tuple[int, ...]:
    return tokens.prompt, tokens.cached, tokens.completion, tokens.reasoning, tokens.total


def _cell(text: str) -> str:
    """A text that somebody chose. Spreadsheets run what begins like a formula, so such a text begins with a quote."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
