"""What operators do with redemption codes: make batches of them, look at them, and revoke them."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.accounts.keys import Peppers
from raseed.core.clock import DAY, Clock, Microseconds
from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import CodeBatchId, RedemptionCodeId, new_id
from raseed.core.money import AMOUNT_MAX
from raseed.core.payments.code_text import PREFIX, new_code, read_code
from raseed.core.payments.redeeming import digest_of, digests_of
from raseed.core.payments.redemption import CodeBatch, CodeStore, CodeUse, StoredCode
from raseed.core.texts import is_storable

CODES_MAX = 1_000
"""Of one batch: its codes are one answer, of some thirty kilobytes. Who needs more makes more batches."""
USES_MAX = 1_000_000
"""Of one code: a promotion that a town is told of."""
DAYS_MAX = 3_650
"""Until codes expire, and the credit that they gave."""
NOTE_CHARS_MAX = 200
DEFAULT_PREFIX = "RSD"
BATCH_PREFIX = "batch_"
CODE_PREFIX = "code_"


class CodeAdmin:
    def __init__(self, store: CodeStore, peppers: Peppers, clock: Clock) -> None:
        self._store = store
        self._peppers = peppers
        self._clock = clock

    async def create(
        self,
        *,
        credit_microcredits: int,
        code_count: int,
        uses_per_code: int,
        expires_days: int,
        credit_days: int,
        prefix: str,
        note: str,
        actor: str,
    ) -> tuple[CodeBatch, list[str]]:
        """A batch, and the texts of its codes, which are known only here and now. Of days, 0 is never.

        Raises RequestInvalid. Not safe to repeat: if the answer was lost, revoke the batch and make another one.
        """
        _check("code_count", code_count, 1, CODES_MAX)
        _check("uses_per_code", uses_per_code, 1, USES_MAX)
        _check("expires_days", expires_days, 0, DAYS_MAX)
        _check("credit_days", credit_days, 0, DAYS_MAX)
        # What a batch may cost in all is bounded as any single amount is.
        _check("credit_microcredits", credit_microcredits, 1, AMOUNT_MAX // (code_count * uses_per_code))
        prefix = prefix or DEFAULT_PREFIX
        if not PREFIX.fullmatch(prefix):
            raise RequestInvalid("A prefix has 2 to 12 capital letters and digits.", param="prefix")
        if len(note) > NOTE_CHARS_MAX or not is_storable(note):
            raise RequestInvalid(f"A note has at most {NOTE_CHARS_MAX} characters.", param="note")
        now = self._clock.now()
        batch = CodeBatch(
            id=CodeBatchId(new_id("batch")),
            prefix=prefix,
            credit_microcredits=credit_microcredits,
            code_count=code_count,
            uses_per_code=uses_per_code,
            expires_at=Microseconds(now + expires_days * DAY) if expires_days else None,
            credit_life_us=credit_days * DAY or None,
            note=note,
            created_by=actor,
            created_at=now,
        )
        version = self._peppers.current
        codes = [new_code(prefix) for _ in range(code_count)]
        ids = sorted(new_id("code") for _ in codes)  # of one millisecond, in which chance alone orders them
        stored = [
            StoredCode(
                id=RedemptionCodeId(code_id),
                digest=digest_of(self._peppers, code.canonical, version),
                pepper_version=version,
            )
            for code_id, code in zip(ids, codes, strict=True)
        ]
        await self._store.add(batch, stored)
        return batch, [code.text for code in codes]

    async def batches(self, after: str, limit: int) -> Sequence[CodeBatch]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        return await self._store.batches(after, limit)

    async def codes(self, reference: str, after: str, limit: int) -> Sequence[CodeUse]:
        """Those of a batch, by its id; or one, by its text: what a customer who writes to us has in hand."""
        if reference.startswith(BATCH_PREFIX):
            return await self._store.codes(CodeBatchId(reference), after, limit)
        return [] if after else [await self._typed(reference)]

    async def revoke(self, reference: str, *, actor: str) -> CodeBatch | CodeUse:
        """A batch or a code by its id, or a code by its text. What was redeemed stays. Raises NotFound. Safe to repeat."""
        if reference.startswith(BATCH_PREFIX):
            batch = await self._store.revoke_batch(CodeBatchId(reference), actor)
            if batch is None:
                raise NotFound(f"There is no batch {reference}.")
            return batch
        if reference.startswith(CODE_PREFIX):
            code_id = RedemptionCodeId(reference)
        else:
            code_id = (await self._typed(reference)).id
        code = await self._store.revoke_code(code_id, actor)
        if code is None:
            raise NotFound("There is no such code.")
        return code

    async def _typed(self, text: str) -> CodeUse:
        """Raises NotFound, which does not repeat what was typed."""
        canonical = read_code(text)
        found = await self._store.find(digests_of(self._peppers, canonical)) if canonical else None
        if found is None:
            raise NotFound("There is no such code.")
        return found


def _check(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise RequestInvalid(f"{name} is {least} to {most} here.", param=name)
