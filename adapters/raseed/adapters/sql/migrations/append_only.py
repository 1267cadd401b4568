"""Triggers that keep booked rows as they are, on both databases. Revisions call this; it must not change its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alembic import op

# Every name put into these statements is a literal of a revision, checked here; none is input.


def refuse_changes(table: str, *, columns: Sequence[str], once: Sequence[str] = ()) -> None:
    """Refuse DELETE, and UPDATE of `columns`. The `once` columns may be set while they are NULL and then never again."""
    names = [table, *columns, *once]
    assert all(name.isidentifier() for name in names), names
    sealed = " OR ".join(f"OLD.{column} IS NOT NULL" for column in once)
    if op.get_context().dialect.name == "sqlite":
        _sqlite(table, "delete", "DELETE", "")
        _sqlite(table, "update", f"UPDATE OF {', '.join(columns)}", "")
        if once:
            _sqlite(table, "reseal", f"UPDATE OF {', '.join(once)}", f"WHEN {sealed}")
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    _postgresql(table, "delete", "DELETE", "")
    _postgresql(table, "update", f"UPDATE OF {', '.join(columns)}", "")
    if once:
        _postgresql(table, "reseal", f"UPDATE OF {', '.join(once)}", f"WHEN ({sealed})")


def refuse_second_value(table: str, column: str) -> None:
    """As a `once` column of `refuse_changes`, for one that came later to a table which that has been called for."""
    assert table.isidentifier(), table
    assert column.isidentifier(), column
    event, when = f"UPDATE OF {column}", f"OLD.{column} IS NOT NULL"
    if op.get_context().dialect.name == "sqlite":
        _sqlite(table, f"second_{column}", event, f"WHEN {when}")
    else:
        _postgresql(table, f"second_{column}", event, f"WHEN ({when})")


def _sqlite(table: str, name: str, event: str, when: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{name} BEFORE {event} ON {table} {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _postgresql(table: str, name: str, event: str, when: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{name} BEFORE {event} ON {table} FOR EACH ROW {when} "
        f"EXECUTE FUNCTION {table}_append_only()"
    )


def refuse_updates(table: str, *, columns: Sequence[str]) -> None:
    """Refuse UPDATE of `columns` alone: rows may be deleted."""
    assert all(name.isidentifier() for name in (table, *columns)), (table, columns)
    event = f"UPDATE OF {', '.join(columns)}"
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is never changed'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_unchanged() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is never changed'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE {event} ON {table} FOR EACH ROW "
        f"EXECUTE FUNCTION {table}_unchanged()"
    )


def refuse_replacing(table: str, *keys: Sequence[str]) -> None:
    """Refuse an INSERT with a key that a row has. SQLite alone needs it: its `INSERT OR REPLACE` deletes that row without
    asking the triggers of DELETE. A key with a NULL is none, as in an index.
    """
    assert all(name.isidentifier() for name in (table, *(name for key in keys for name in key))), (
        table,
        keys,
    )
    if op.get_context().dialect.name != "sqlite":
        return
    taken = (" AND ".join(f"{name} = NEW.{name}" for name in key) for key in keys)
    _sqlite(table, "replace", "INSERT", f"WHEN {_any_row(table, taken)}")


def refuse_taking(table: str, key: str, column: str) -> None:
    """Refuse an UPDATE that gives a row the value of `column` that another one has: `UPDATE OR REPLACE` would delete that
    one. SQLite alone, as `refuse_replacing`. `key` tells rows apart.
    """
    assert all(name.isidentifier() for name in (table, key, column)), (table, key, column)
    if op.get_context().dialect.name != "sqlite":
        return
    taken = (f"{column} = NEW.{column} AND {key} <> NEW.{key}",)
    _sqlite(table, f"taking_{column}", f"UPDATE OF {column}", f"WHEN {_any_row(table, taken)}")


def _any_row(table: str, conditions: Iterable[str]) -> str:
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} WHERE {condition})"  # noqa: S608 - see above
        for condition in conditions
    )
