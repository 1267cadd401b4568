"""The use cases of notices: what an account wants to be told, and what providers report of what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.errors import RequestInvalid
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import NOTICE_TYPES, NoticeKind
from raseed.core.messaging.outbox import Delivery, Outbox
from raseed.core.messaging.ports import Language

REPORTS_MAX = 1_000
"""Reports of one request of a provider."""
UNKNOWN_WAIT_S = 1.0
"""A failure may be reported before it is written down that the notice was sent: then it is looked for once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    kind: NoticeKind
    is_wanted: bool
    is_essential: bool
    """Sent in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    notices: tuple[Preference, ...]
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    provider_id: str
    delivery: Delivery
    is_undeliverable: bool = False
    """Of a failure: this person cannot be reached on that channel."""


class PreferenceStore(Protocol):
    async def preferences(self, account_id: AccountId) -> tuple[Mapping[str, bool], Language | None]:
        """What the account has said, by kind, and its language. Raises NotFound."""
        ...

    async def set_preferences(
        self,
        account_id: AccountId,
        wanted: Mapping[NoticeKind, bool],
        language: Language | None,
        *,
        sets_language: bool,
        actor: str,
    ) -> None:
        """With its audit row. Raises NotFound. Safe to repeat."""
        ...


class NoticeService:
    def __init__(self, outbox: Outbox, preferences: PreferenceStore, language: Language) -> None:
        self._outbox = outbox
        self._preferences = preferences
        self._language = language
        """Of accounts that did not choose one."""

    async def preferences(self, account_id: AccountId) -> Preferences:
        """Raises NotFound."""
        said, language = await self._preferences.preferences(account_id)
        notices = tuple(
            Preference(
                kind=kind,
                is_wanted=type_.is_essential or said.get(kind, True),
                is_essential=type_.is_essential,
            )
            for kind, type_ in NOTICE_TYPES.items()
            if not type_.is_for_operators
        )
        return Preferences(notices=notices, language=language or self._language)

    async def update(
        self, account_id: AccountId, wanted: Mapping[str, bool], language: str | None, actor: str
    ) -> Preferences:
        """`language` None: it stays; empty: the profile's. Raises RequestInvalid, NotFound; then nothing is changed."""
        changes = {_changeable(name, is_wanted): is_wanted for name, is_wanted in wanted.items()}
        if language and language not in set(Language):
            raise RequestInvalid(
                f"Unknown language {language!r}; known: {', '.join(Language)}.", param="language"
            )
        await self._preferences.set_preferences(
            account_id,
            changes,
            Language(language) if language else None,
            sets_language=language is not None,
            actor=actor,
        )
        return await self.preferences(account_id)

    async def record(self, reports: Sequence[DeliveryReport]) -> None:
        """What a provider reports of messages that it accepted. Codes are stored nowhere, so most ids are unknown."""
        late = [report for report in reports[:REPORTS_MAX] if not await self._record(report)]
        failures = [report for report in late if report.delivery is Delivery.FAILED]
        if failures:
            await asyncio.sleep(UNKNOWN_WAIT_S)
            for report in failures:
                await self._record(report)

    async def _record(self, report: DeliveryReport) -> bool:
        return await self._outbox.record_delivery(
            report.provider_id, report.delivery, is_undeliverable=report.is_undeliverable
        )


def _changeable(name: str, is_wanted: bool) -> NoticeKind:
    """Raises RequestInvalid."""
    known = [kind for kind, type_ in NOTICE_TYPES.items() if not type_.is_for_operators]
    if name not in known:
        raise RequestInvalid(f"Unknown notice {name!r}; known: {', '.join(known)}.", param="wanted")
    kind = NoticeKind(name)
    if NOTICE_TYPES[kind].is_essential and not is_wanted:
        raise RequestInvalid(f"The notice {name!r} cannot be switched off.", param="wanted")
    return kind
