"""raseed.admin.v1 messages of accounts ↔ core types."""

from __future__ import annotations

from raseed.admin.v1 import admin_pb2 as pb
from raseed.core.accounts.model import Account
from raseed.core.admin.standing import Standing
from raseed.core.billing.model import BalanceView, GrantView


def from_core_account(
    account: Account,
    balance: BalanceView | None,
    debt_limit_microcredits: int,
    standing: Standing | None = None,
) -> pb.AdminAccount:
    message = pb.AdminAccount(
        id=account.id,
        email=account.email or "",
        phone=account.phone_e164 or "",
        tier=account.tier.value,
        status=account.status.value,
        kind=account.kind.value,
        balance_microcredits=balance.spendable_microcredits if balance else 0,
        held_microcredits=balance.held_microcredits if balance else 0,
        grants=map(_grant, balance.grants if balance else ()),
        tier_expires_at_us=account.tier_expires_at,
        debt_microcredits=balance.debt_microcredits if balance else 0,
        debt_limit_microcredits=debt_limit_microcredits,
        own_debt_limit_microcredits=balance.own_debt_limit_microcredits if balance else None,
        created_at_us=account.created_at,
    )
    if standing is not None:
        message.status_reason = standing.reason
        message.second_of = standing.second_of or ""
        message.owned_organisations.extend(standing.owns)
        if standing.since is not None:
            message.status_since_us = standing.since
        if standing.forfeit_microcredits is not None and not standing.is_forfeit_due:
            message.forfeited_microcredits = standing.forfeit_microcredits
    return message


def _grant(grant: GrantView) -> pb.AdminGrant:
    return pb.AdminGrant(
        id=grant.id,
        source=grant.source.value,
        amount_microcredits=grant.amount_microcredits,
        remaining_microcredits=grant.remaining_microcredits,
        held_microcredits=grant.held_microcredits,
        expires_at_us=grant.expires_at,
    )
