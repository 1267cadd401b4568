"""Operators and their keys in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.admin.tables import operator_keys, operators
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.admin.operators import Operator, OperatorCaller, OperatorKey, check_may_disable
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import OperatorId


class SqlOperatorStore:
    """Implements `core.admin.operators.OperatorStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def add(self, operator: Operator, key: OperatorKey, actor: str) -> None:
        def work(connection: Connection) -> None:
            try:
                connection.execute(
                    insert(operators).values(
                        id=operator.id,
                        name=operator.name,
                        created_at=operator.created_at,
                        disabled_at=operator.disabled_at,
                    )
                )
            except IntegrityError as error:
                raise Conflict("There is an operator of this name already.") from error
            self._audit(connection, actor, "operator.create", operator.id, f"name={operator.name}")
            self._insert_key(connection, key, actor)

        await self._database.write(work)

    async def find(self, reference: str) -> Operator | None:
        query = select(operators).where(or_(operators.c.id == reference, operators.c.name == reference))
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _operator(row)

    async def list(self, after: str, limit: int) -> Sequence[tuple[Operator, Sequence[OperatorKey]]]:
        query = select(operators).order_by(operators.c.id.desc()).limit(limit)
        if after:
            query = query.where(operators.c.id < after)

        def work(connection: Connection) -> Sequence[tuple[Operator, Sequence[OperatorKey]]]:
            found = [_operator(row) for row in connection.execute(query)]
            keys: defaultdict[str, list[OperatorKey]] = defaultdict(list)
            of_these = operator_keys.c.operator_id.in_([operator.id for operator in found])
            for row in connection.execute(
                select(operator_keys).where(of_these).order_by(operator_keys.c.id.desc())
            ):
                keys[row.operator_id].append(_key(row))
            return [(operator, keys[operator.id]) for operator in found]

        return await self._database.read(work)

    async def key_with_operator(self, public_id: str) -> tuple[OperatorKey, Operator] | None:
        def work(connection: Connection) -> tuple[OperatorKey, Operator] | None:
            key = connection.execute(
                select(operator_keys).where(operator_keys.c.public_id == public_id)
            ).first()
            if key is None:
                return None
            operator = connection.execute(select(operators).where(operators.c.id == key.operator_id)).one()
            return _key(key), _operator(operator)

        return await self._database.read(work)

    async def replace_keys(self, key: OperatorKey, end_at: Microseconds, actor: str) -> None:
        ends = operator_keys.c.expires_at

        def work(connection: Connection) -> None:
            connection.execute(
                update(operator_keys)
                .where(operator_keys.c.operator_id == key.operator_id, or_(ends.is_(None), ends > end_at))
                .values(expires_at=end_at)
            )
            self._insert_key(connection, key, actor)

        await self._database.write(work)

    async def disable(self, operator_id: OperatorId, at: Microseconds, by: OperatorCaller) -> Operator | None:
        of_his = select(operator_keys).where(operator_keys.c.operator_id == operator_id)

        def work(connection: Connection) -> Operator | None:
            row = connection.execute(select(operators).where(operators.c.id == operator_id)).first()
            if row is None or row.disabled_at is not None:
                return None if row is None else _operator(row)
            keys = map(_key, connection.execute(of_his))
            check_may_disable(by, operator_id, {it for key in keys if key.is_valid(at) for it in key.scopes})
            connection.execute(update(operators).where(operators.c.id == operator_id).values(disabled_at=at))
            connection.execute(
                update(operator_keys)
                .where(operator_keys.c.operator_id == operator_id, operator_keys.c.revoked_at.is_(None))
                .values(revoked_at=at)
            )
            self._audit(connection, by.actor, "operator.disable", operator_id, "")
            return replace(_operator(row), disabled_at=at)

        return await self._database.write(work)

    def _insert_key(self, connection: Connection, key: OperatorKey, actor: str) -> None:
        scopes = " ".join(sorted(key.scopes))
        connection.execute(
            insert(operator_keys).values(
                id=key.id,
                operator_id=key.operator_id,
                public_id=key.public_id,
                digest=key.digest,
                pepper_version=key.pepper_version,
                last4=key.last4,
                scopes=scopes,
                created_at=key.created_at,
                expires_at=key.expires_at,
                revoked_at=key.revoked_at,
            )
        )
        self._audit(connection, actor, "operator.key", key.operator_id, f"{key.id} {scopes}")

    def _audit(self, connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
        record_audit(connection, self._database.clock.now(), actor, action, subject, detail)


def _operator(row: Row[Any]) -> Operator:
    return Operator(id=row.id, name=row.name, created_at=row.created_at, disabled_at=row.disabled_at)


def _key(row: Row[Any]) -> OperatorKey:
    return OperatorKey(
        id=row.id,
        operator_id=row.operator_id,
        public_id=row.public_id,
        digest=row.digest,
        pepper_version=row.pepper_version,
        last4=row.last4,
        scopes=frozenset(row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
