"""Where a caller stands with its limits, as headers of REST answers and metadata of native ones."""

from __future__ import annotations

import math

from raseed.adapters.wire.json_values import rfc3339_text
from raseed.core.clock import SECOND, Microseconds
from raseed.core.limits.model import Standing, Window, duration_text

Headers = tuple[tuple[str, str], ...]


def openai_headers(standing: Standing, now: Microseconds) -> Headers:
    """`x-ratelimit-limit-requests` and its like, with the time until all is there again: `6m0s`, `1s`, `12ms`."""
    headers = _plain(standing.requests, now)
    for unit, window in (("requests", standing.requests), ("tokens", standing.tokens)):
        if window is not None:
            headers += (
                (f"x-ratelimit-limit-{unit}", str(window.limit)),
                (f"x-ratelimit-remaining-{unit}", str(window.remaining)),
                (f"x-ratelimit-reset-{unit}", duration_text(window.reset_us)),
            )
    return headers


def anthropic_headers(standing: Standing, now: Microseconds) -> Headers:
    """`anthropic-ratelimit-requests-limit` and its like, with the moment at which all is there again."""
    headers = _plain(standing.requests, now)
    for unit, window in (("requests", standing.requests), ("tokens", standing.tokens)):
        if window is not None:
            moment = Microseconds(math.ceil((now + window.reset_us) / SECOND) * SECOND)
            headers += (
                (f"anthropic-ratelimit-{unit}-limit", str(window.limit)),
                (f"anthropic-ratelimit-{unit}-remaining", str(window.remaining)),
                (f"anthropic-ratelimit-{unit}-reset", rfc3339_text(moment)),
            )
    return headers


def _plain(window: Window | None, now: Microseconds) -> Headers:
    """Of requests, with the moment in Unix seconds."""
    if window is None:
        return ()
    return (
        ("x-ratelimit-limit", str(window.limit)),
        ("x-ratelimit-remaining", str(window.remaining)),
        ("x-ratelimit-reset", str(math.ceil((now + window.reset_us) / SECOND))),
    )
