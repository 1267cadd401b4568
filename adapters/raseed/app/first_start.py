"""What a new installation gets: the owner's account, its welcome grant, and the first API key."""

from __future__ import annotations

from raseed.app.bootstrap import Platform
from raseed.app.layout import Home, write_private
from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By
from raseed.core.accounts.model import OwnLimit, OwnLimits, Tier
from raseed.core.accounts.scopes import KEY_DEFAULT, Scope
from raseed.core.errors import NotFound
from raseed.core.money import MICROCREDITS_PER_CREDIT

OWNER = "owner@localhost"
ACTOR = "first-start"
FIRST_KEY = KeySpec(
    name="first key", scopes=KEY_DEFAULT | {Scope.ACCOUNT_READ, Scope.KEYS_READ}, expires_at=None
)
OWNER_MICROCREDITS = 1_000 * MICROCREDITS_PER_CREDIT
OWNER_LIMITS: OwnLimits = (
    (OwnLimit.RPM, None),
    (OwnLimit.RPD, None),
    (OwnLimit.TPM, None),
    (OwnLimit.CONCURRENCY, 256),
)
"""Under every profile: whoever tries the platform out is not stopped by what it sells to others. As many requests at a
time as a backend has slots."""


async def ensure_owner(platform: Platform, home: Home) -> None:
    """Creates what is missing and leaves alone what is there, so a start that was interrupted is completed."""
    try:
        account = await platform.accounts.find(OWNER)
    except NotFound:
        account = await platform.accounts.open_account(
            email=OWNER, phone="", tier=Tier.ENTERPRISE, actor=ACTOR, own_limits=OWNER_LIMITS
        )
    if platform.policy.welcome is not None:
        await platform.admin.give_welcome(account.id, ACTOR)
    else:
        # The printed curl must work under every profile, also one that gives strangers nothing.
        await platform.admin.grant(
            account.id, OWNER_MICROCREDITS, reason="first start", request_id=ACTOR, actor=ACTOR
        )
    if not await platform.keys.list_keys(account.id, after="", limit=1):
        made = await platform.keys.create(By(actor=ACTOR), account.id, FIRST_KEY)
        write_private(home.first_key, made.text + "\n")
