"""What goes ahead of an answer: one place for the headers of every REST answer and the metadata of native ones."""

from __future__ import annotations

from raseed.adapters.rpc.call import Call
from raseed.adapters.rpc.idempotency import replay_headers
from raseed.adapters.wire.limits import Headers, anthropic_headers, openai_headers
from raseed.core.clock import SystemClock

_clock = SystemClock()


def limit_headers(call: Call) -> Headers:
    """Nothing for a caller without limits, and for a call that nobody was let into."""
    if call.standing is None:
        return ()
    write = anthropic_headers if call.reads_anthropic else openai_headers
    return write(call.standing(), _clock.now())


def response_headers(call: Call) -> Headers:
    """Before the first message of a REST answer. Behind Envoy there may be nothing to say: it puts its request id on
    every answer, and headers of ours travel apart from the message, for a tenth of what a whole request costs.
    """
    headers = limit_headers(call) + replay_headers(call)
    if call.has_edge_id:
        return headers
    if call.reads_anthropic:
        return (("request-id", call.request_id), *headers)
    return (
        ("x-request-id", call.request_id),
        ("openai-processing-ms", str(call.elapsed_ms())),
        *headers,
    )
