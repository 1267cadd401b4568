"""What a tier allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raseed.core.accounts.model import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLimits:
    """For one account, all its keys together. None: no limit."""

    rpm: int | None = None
    """Requests a minute."""
    rpd: int | None = None
    """Requests a day, which is any 24 hours."""
    tpm: int | None = None
    """Tokens a minute, of prompts and answers together."""
    concurrency: int | None = None
    """Answers at a time."""
    max_output_tokens: int | None = None
    """Longest answer, all its choices each."""
    models: frozenset[str] | None = None
    """Ids that may be asked for; None: every one that is sold."""
    keys: int | None = None
    """API keys that are neither revoked nor expired."""
    priority: int = 1
    """Weight of the account among those whose requests wait for the same backend."""


UNLIMITED = TierLimits()
Tiers = Mapping[Tier, TierLimits]
"""A row for every tier."""
