"""What an error of PostgreSQL says about what became of the transaction."""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError

CHANGED_MEANWHILE = "RL001"
"""Raised by `ledger_book`: an account is not as it was when the batch was decided."""
ROW_MISSING = "RL002"
"""Raised by `ledger_book`: a grant or hold that the batch changes is not there to be changed. A bug of ours."""

_CONFLICTS = frozenset(
    {
        CHANGED_MEANWHILE,
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # waited for a lock as long as `lock_timeout` allows
        "23505",  # somebody else used the same id a moment before: read it and decide again
        "0A000",  # a cached plan became invalid when a newer version migrated the schema
    }
)
_INPUT_CLASSES = frozenset({"22", "23"})
_CONNECTION_CLASSES = frozenset({"08"})
_TROUBLE_CLASSES = frozenset({"53", "57", "58", "XX"})
_FATAL = frozenset({"FATAL", "PANIC"})


def is_conflict(error: BaseException) -> bool:
    """Nothing was written, and the same commands may well succeed when they are decided on what is stored now."""
    return _sqlstate(error) in _CONFLICTS or isinstance(error, asyncpg.OutdatedSchemaCacheError)


def is_connection_lost(error: BaseException) -> bool:
    """The server, or the way to it, is gone. A COMMIT that was under way may or may not have happened.

    Also when the server says goodbye with an error: a backend that is told to end while it commits ends after that.
    """
    original = _original(error)
    if isinstance(original, (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        return True
    state = _sqlstate(original)
    return state is not None and (
        state[:2] in _CONNECTION_CLASSES or getattr(original, "severity_en", None) in _FATAL
    )


def is_input(error: BaseException) -> bool:
    """The rows themselves are at fault: sent again alone, they will be refused again, and others will not."""
    state = _sqlstate(error)
    return state is not None and (state[:2] in _INPUT_CLASSES or state == ROW_MISSING)


def is_trouble(error: BaseException) -> bool:
    """The server is well enough to say that it cannot: out of space or memory, stopping, or too slow (timeout)."""
    state = _sqlstate(error)
    return state is not None and state[:2] in _TROUBLE_CLASSES


def is_of_the_server(error: BaseException) -> bool:
    """Any error that the driver reports, as against one of our own code."""
    return is_connection_lost(error) or _sqlstate(error) is not None


def _sqlstate(error: BaseException) -> str | None:
    state = getattr(_original(error), "sqlstate", None)
    return state if isinstance(state, str) else None


def _original(error: BaseException) -> BaseException:
    """The driver's error under SQLAlchemy's two wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
