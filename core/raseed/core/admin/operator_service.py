"""The use cases about operators: who they are, which keys they have, and whose key a call shows."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from raseed.core.accounts.keys import ADMIN_MODE, Peppers, new_key, parse_key
from raseed.core.admin.operators import (
    Operator,
    OperatorCaller,
    OperatorKey,
    OperatorScope,
    OperatorStore,
    check_may_rotate,
)
from raseed.core.clock import DAY, HOUR, Clock, Microseconds
from raseed.core.errors import Conflict, NotFound, PermissionDenied, RequestInvalid, Unauthenticated
from raseed.core.ids import OperatorId, OperatorKeyId, new_id

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
GRACE_HOURS_MAX = 168
"""A week: for a key that is written into many places."""
EXPIRY_DAYS_MAX = 3_650

_WRONG_KEY = "Incorrect admin key provided. Check that you use the whole key and that it was not revoked."


class OperatorAuthenticator:
    """Turns an admin key into an `OperatorCaller`. Asks the database each time: calls are rare, and a key that was
    revoked is refused at once, by every worker.
    """

    def __init__(self, store: OperatorStore, peppers: Peppers, clock: Clock) -> None:
        self._store = store
        self._peppers = peppers
        self._clock = clock

    async def authenticate(self, credential: str) -> OperatorCaller:
        """Raises Unauthenticated."""
        parsed = parse_key(credential, modes=(ADMIN_MODE,))
        if parsed is None:
            raise Unauthenticated(_WRONG_KEY)
        found = await self._store.key_with_operator(parsed.public_id)
        if found is None:
            # The same work as for a known key, so that time does not tell which ids exist.
            self._peppers.matches(parsed.secret, self._peppers.current, bytes(32))
            raise Unauthenticated(_WRONG_KEY)
        key, operator = found
        if not self._peppers.matches(parsed.secret, key.pepper_version, key.digest):
            raise Unauthenticated(_WRONG_KEY)
        if operator.disabled_at is not None or not key.is_valid(self._clock.now()):
            raise Unauthenticated(_WRONG_KEY)
        return OperatorCaller(actor=operator.id, scopes=key.scopes)


class OperatorService:
    """Nobody gives what he does not have: a key has at most the scopes of who makes it."""

    def __init__(self, store: OperatorStore, peppers: Peppers, clock: Clock) -> None:
        self._store = store
        self._peppers = peppers
        self._clock = clock

    async def create(
        self, name: str, scopes: Collection[str], *, expires_days: int, by: OperatorCaller
    ) -> tuple[Operator, OperatorKey, str]:
        """A new operator, its first key, and the key's text, which is known only here and now.

        `expires_days` 0: never. Raises RequestInvalid, Conflict, PermissionDenied.
        """
        if not NAME.fullmatch(name):
            raise RequestInvalid(
                "An operator's name has 1 to 64 characters: small letters, digits and . _ @ + - within.",
                param="name",
            )
        now = self._clock.now()
        operator = Operator(id=OperatorId(new_id("op")), name=name, created_at=now, disabled_at=None)
        key, text = self._new_key(operator.id, scopes, expires_days, by)
        await self._store.add(operator, key, by.actor)
        return operator, key, text

    async def list(self, after: str, limit: int) -> Sequence[tuple[Operator, Sequence[OperatorKey]]]:
        return await self._store.list(after, limit)

    async def rotate(
        self,
        reference: str,
        scopes: Collection[str],
        *,
        grace_hours: int,
        expires_days: int,
        by: OperatorCaller,
    ) -> tuple[Operator, OperatorKey, str]:
        """A new key in place of those that there are, which end after the grace.

        Raises NotFound, Conflict for an operator that is disabled, RequestInvalid, PermissionDenied: also for a key of
        somebody else, if it is not the admin socket that asks.
        """
        if not 0 <= grace_hours <= GRACE_HOURS_MAX:
            raise RequestInvalid(f"The grace is 0 to {GRACE_HOURS_MAX} hours.", param="grace_hours")
        operator = await self._find(reference)
        check_may_rotate(by, operator.id)
        if operator.disabled_at is not None:
            raise Conflict("This operator is disabled.", metadata={"operator": operator.id})
        key, text = self._new_key(operator.id, scopes, expires_days, by)
        end_at = Microseconds(key.created_at + grace_hours * HOUR)
        await self._store.replace_keys(key, end_at, by.actor)
        return operator, key, text

    async def disable(self, reference: str, *, by: OperatorCaller) -> Operator:
        """For good, with all keys. Raises NotFound, PermissionDenied for one who may do more. Safe to repeat."""
        operator = await self._find(reference)
        disabled = await self._store.disable(operator.id, self._clock.now(), by)
        if disabled is None:
            raise NotFound(f"There is no operator {reference!r}.")
        return disabled

    async def _find(self, reference: str) -> Operator:
        operator = await self._store.find(reference)
        if operator is None:
            raise NotFound(f"There is no operator {reference!r}.", metadata={"operator": reference})
        return operator

    def _new_key(
        self, operator_id: OperatorId, scopes: Collection[str], expires_days: int, by: OperatorCaller
    ) -> tuple[OperatorKey, str]:
        unknown = sorted(set(scopes) - set(OperatorScope))
        if unknown or not scopes:
            wrong = f"Unknown scope {unknown[0]!r}" if unknown else "Give at least one scope"
            raise RequestInvalid(f"{wrong}; known: {', '.join(OperatorScope)}.", param="scopes")
        beyond = sorted(set(scopes) - by.scopes)
        if beyond:
            raise PermissionDenied(
                f"Your own key lacks the scope `{beyond[0]}`, so you cannot give it.",
                metadata={"scope": beyond[0]},
            )
        if not 0 <= expires_days <= EXPIRY_DAYS_MAX:
            raise RequestInvalid(
                f"A key ends after 1 to {EXPIRY_DAYS_MAX} days, or never (0).", param="expires_days"
            )
        made, version, now = new_key(ADMIN_MODE), self._peppers.current, self._clock.now()
        key = OperatorKey(
            id=OperatorKeyId(new_id("opkey")),
            operator_id=operator_id,
            public_id=made.public_id,
            digest=self._peppers.digest(made.secret, version),
            pepper_version=version,
            last4=made.last4,
            scopes=frozenset(scopes),
            created_at=now,
            expires_at=Microseconds(now + expires_days * DAY) if expires_days else None,
            revoked_at=None,
        )
        return key, made.text
