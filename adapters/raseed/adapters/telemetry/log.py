"""Structured logs: one JSON object a line, credentials and rows blotted out before anything is written."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRETS = re.compile(r"(rsd_[a-z]{3,8}_[0-9A-Za-z]{4})[0-9A-Za-z_]*|((?i:bearer) )\S+")
_VALUES = re.compile(
    r"(\[parameters: |DETAIL:  |invalid input for query argument \$\d+[^:\n]*: |invalid input (?:syntax|value) for [^:\n]*: )"
    r".*?(?=\n(?:HINT: |CONTEXT: |\[SQL: |\(Background |\n)|\Z)",
    re.DOTALL,
)
"""What SQLAlchemy, asyncpg and PostgreSQL tell of values that could not be written: addresses and names."""
LEVELS = ("debug", "info", "warning", "error")


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redacted(value)
    return event


def redacted(text: str) -> str:
    """The text without credentials and values of rows: a key keeps its first characters, a bearer token nothing.

    >>> redacted("key rsd_live_k3J9xQ2mWc7d_abc and Bearer xyz")
    'key rsd_live_k3J9… and Bearer …'
    >>> redacted("rsd_inv_7d1e55")
    'rsd_inv_7d1e…'
    >>> redacted("invalid input for query argument $2: 'ada@example.com' (expected int)")
    'invalid input for query argument $2: …'
    >>> redacted("[parameters: ('ada@example.com',)]")
    '[parameters: …'
    """
    return _VALUES.sub(r"\1…", _SECRETS.sub(lambda match: f"{match[1] or match[2]}…", text))


def configure_log(level: str, stream: TextIO = sys.stderr) -> None:
    """Once for each process, before the first line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )


log: Any = structlog.get_logger()
