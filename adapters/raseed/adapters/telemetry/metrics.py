"""The product's metrics. Names end in their unit; labels have few values, never an id."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RPC_SECONDS = Histogram(
    "raseed_rpc_seconds",
    "Time from the arrival of a call to its end, by method and final status.",
    ["method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)

CODES = Counter(
    "raseed_codes_total",
    "One-time codes by what became of them: sent, refused (by a limit), right, wrong (or too old, or guessed at too often).",
    ["outcome"],
)

MESSAGES = Counter(
    "raseed_messages_total",
    "Messages that were handed to a driver, by channel and what it said: accepted, undeliverable, busy, misconfigured, "
    "broken.",
    ["channel", "outcome"],
)

TARGET_REQUESTS = Counter(
    "raseed_target_requests_total",
    "Times that a target of a model was asked, by what came of it: answered, invalid (the request), left (by whoever asked), "
    "unreachable, busy, broken, misconfigured, unknown (it may have generated), lost (after output).",
    ["target", "outcome"],
)

REDEMPTIONS = Counter(
    "raseed_redemptions_total",
    "Redemption codes that were entered, by what became of it: redeemed, again (by the same account), expired, revoked, "
    "used_up, unknown (a guess), throttled (too many guesses).",
    ["outcome"],
)

PAYMENT_EVENTS = Counter(
    "raseed_payment_events_total",
    "What payment providers told us, by what became of it: kept, repeated, not_configured, unsigned, wrong_mode, unreadable.",
    ["provider", "outcome"],
)

PAYMENT_EVENT_FAILURES = Counter(
    "raseed_payment_event_failures_total",
    "Tries to act on what a payment provider told us that failed, by the state of the event then: new (tried again), dead, "
    "ignored.",
    ["provider", "state"],
)

PAYMENT_LOOK_FAILURES = Counter(
    "raseed_payment_look_failures_total",
    "Looks at payments by the schedule that failed, by the kind of error; each is tried again.",
    ["error"],
)

PAYMENT_DIFFERENCES = Counter(
    "raseed_payment_differences_total",
    "What differed in daily comparisons between a payment provider, payments and the ledger. Alert on any.",
    ["provider"],
)

MESSAGE_REPORTS = Counter(
    "raseed_message_reports_total",
    "What WhatsApp reported of messages that it had accepted, codes among them: sent, delivered, read, failed.",
    ["delivery"],
)

MODEL_LOAD_SECONDS = Histogram(
    "raseed_model_load_seconds",
    "Loads of pushed local models, by how they ended: ready, failed.",
    ["outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)

MODEL_MEMORY_BYTES = Gauge(
    "raseed_model_memory_bytes", "Memory of pushed local models that are loaded, or on their way."
)
