"""Through a real Envoy, the platform against the bare handler: requests, chunks, time to the first token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median

from tests.bench.bare import Answer
from tests.bench.bench import Bench, Loaded, load
from tests.bench.figures import Budget, Row
from tests.bench.load import Outcome, Plan
from tests.bench.stacks import Target

PROMPT = "The quick brown fox jumps over the lazy dog."
ANSWER_TOKENS = 8
CONCURRENCIES = (16, 64, 256)
UNARY_RATIO_MIN = 0.5
CHUNKS_RATIO_MIN = 0.7
TTFT_P50_MS_MAX = 5.0
TTFT_P99_MS_MAX = 20.0
JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"
PIECE_BY_PIECE_MS = 5.0
"""A pace at which no pieces are joined, to see what the messages of a stream are."""
SAMPLES_MAX = 5


async def unary(bench: Bench) -> list[Row]:
    """A request that is authenticated, held for, answered by the scripted model, and charged."""
    body = json.dumps(
        {
            "model": "scripted",
            "max_tokens": ANSWER_TOKENS,
            "messages": [{"role": "user", "content": PROMPT}],
        }
    )

    def same(ours: Target) -> Answer:
        return Answer(content_type=JSON, messages=[ours.ask(body).decode()])

    rows: list[Row] = []
    async with bench.sides(same) as (ours, theirs):
        for connections in CONCURRENCIES:
            bench.say(f"governed unary, {connections} connections")

            async def one(target: Target, connections: int = connections) -> Loaded:
                return await load(
                    target,
                    Plan(
                        port=target.port,
                        key=target.key,
                        body=body,
                        connections=connections,
                        duration_s=bench.seconds,
                    ),
                )

            pairs = await bench.alternate(lambda: one(ours), lambda: one(theirs))
            rows.append(
                Row(
                    what=f"governed unary, {connections} connections",
                    values=[a.outcome.per_s / b.outcome.per_s for a, b in pairs],
                    budget=Budget("≥", UNARY_RATIO_MIN),
                    note=rates_note(pairs, "requests/s") + costs_note(pairs),
                    detail=detail(pairs),
                )
            )
    return rows


async def chunks(bench: Bench) -> list[Row]:
    """Streams as fast as they go, and many paced ones.

    Where pieces come faster than they can be sent, the platform joins them; so there it is pieces that are counted,
    and what the bare handler sends is one piece in each message. At a pace, events are counted.
    """
    return [
        await _chunks(bench, "as fast as they go", streams=16, tokens=512, pace_ms=0),
        await _chunks(bench, "256 × 20 a second", streams=256, tokens=40, pace_ms=50),
        await _chunks(bench, "256 × 100 a second", streams=256, tokens=200, pace_ms=10),
    ]


async def _chunks(bench: Bench, name: str, *, streams: int, tokens: int, pace_ms: float) -> Row:
    body = stream_body(tokens, pace_ms)
    bench.say(f"streamed chunks, {name}")

    def same(ours: Target) -> Answer:
        return as_streamed(ours, stream_body(tokens, pace_ms or PIECE_BY_PIECE_MS), tokens, pace_ms)

    async with bench.sides(same) as (ours, theirs):

        async def one(target: Target) -> Loaded:
            plan = Plan(
                port=target.port,
                key=target.key,
                body=body,
                connections=streams,
                ramp_s=tokens * pace_ms / 1000,
                duration_s=bench.seconds,
            )
            return await load(target, plan)

        pairs = await bench.alternate(lambda: one(ours), lambda: one(theirs))

    def per_s(outcome: Outcome) -> float:
        return outcome.events_per_s if pace_ms else outcome.per_s * tokens

    rates = [median(per_s(side.outcome) for side in sides) for sides in zip(*pairs, strict=True)]
    events = median(a.outcome.events / a.outcome.completed for a, _ in pairs)
    note = f"{rates[0]:,.0f} : {rates[1]:,.0f} {'events' if pace_ms else 'pieces'}/s"
    note += f", {events:.0f} of {tokens + 3} events a stream" + costs_note(pairs, tokens, "a piece")
    return Row(
        what=f"streamed chunks, {name}",
        values=[per_s(a.outcome) / per_s(b.outcome) for a, b in pairs],
        budget=Budget("≥", CHUNKS_RATIO_MIN),
        note=note,
        detail=detail(pairs),
    )


async def first_token(bench: Bench) -> list[Row]:
    """Sixteen streams, each begun when its predecessor ends."""
    pace_ms, tokens = 20.0, 20
    body = stream_body(tokens, pace_ms)
    bench.say("time to the first token, 16 streams")
    async with bench.sides(lambda ours: as_streamed(ours, body, tokens, pace_ms)) as (ours, theirs):

        async def one(target: Target) -> Loaded:
            plan = Plan(
                port=target.port,
                key=target.key,
                body=body,
                connections=16,
                ramp_s=tokens * pace_ms / 1000,
                duration_s=2 * bench.seconds,
            )
            return await load(target, plan)

        pairs = await bench.alternate(lambda: one(ours), lambda: one(theirs))
    rows = []
    for name, position, limit in (("p50", 0, TTFT_P50_MS_MAX), ("p99", 2, TTFT_P99_MS_MAX)):
        both = [(a.outcome.first_token_ms[position], b.outcome.first_token_ms[position]) for a, b in pairs]
        rows.append(
            Row(
                what=f"added time to first token, 16 streams, {name}",
                values=[a - b for a, b in both],
                unit="ms",
                budget=Budget("≤", limit, "ms"),
                note=f"{median(a for a, _ in both):.1f} : {median(b for _, b in both):.1f} ms, "
                f"of which the model takes {pace_ms:.0f}",
                detail=detail(pairs),
            )
        )
    return rows


def stream_body(tokens: int, pace_ms: float) -> str:
    script = f"#script tokens={tokens} pace_ms={pace_ms}"
    return json.dumps(
        {
            "model": "scripted",
            "stream": True,
            "max_tokens": tokens,
            "messages": [{"role": "user", "content": script}],
        }
    )


def as_streamed(ours: Target, body: str, tokens: int, pace_ms: float) -> Answer:
    """The messages that the platform streams: the role goes out with the first piece, the end in one message."""
    for _ in range(SAMPLES_MAX):
        events = [f"{event}\n\n" for event in ours.ask(body).decode().split("\n\n") if event]
        if len(events) == tokens + 3:
            break
    else:
        raise RuntimeError("the machine is too busy: no stream came piece by piece")
    role, first, *pieces, finish, done = events
    messages = [role + first, *pieces, finish + done]
    return Answer(content_type=EVENT_STREAM, messages=messages, pace_s=pace_ms / 1000)


def rates_note(pairs: Sequence[tuple[Loaded, Loaded]], unit: str) -> str:
    ours, theirs = ([side.outcome.per_s for side in sides] for sides in zip(*pairs, strict=True))
    return f"{median(ours):,.0f} : {median(theirs):,.0f} {unit}"


def costs_note(pairs: Sequence[tuple[Loaded, Loaded]], parts: int = 1, of: str = "a request") -> str:
    ours, theirs = (median(side.cpu_us / parts for side in sides) for sides in zip(*pairs, strict=True))
    return f", {ours:,.0f} : {theirs:,.0f} µs of processor {of}"


def detail(pairs: Sequence[tuple[Loaded, Loaded]]) -> dict[str, object]:
    def side(loaded: Loaded) -> dict[str, object]:
        outcome = loaded.outcome
        return {
            "requests_per_s": outcome.per_s,
            "events_per_s": outcome.events_per_s,
            "latency_ms": outcome.latency_ms,
            "first_byte_ms": outcome.first_byte_ms,
            "first_token_ms": outcome.first_token_ms,
            "cpu_us_per_request": loaded.cpu_us,
            "load_generator_cpu_s": outcome.cpu_s,
        }

    return {"rounds": [{"platform": side(a), "bare": side(b)} for a, b in pairs]}
