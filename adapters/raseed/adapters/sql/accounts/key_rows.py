"""API keys between their rows and the core."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

from sqlalchemy import Row

from raseed.core.accounts.key_bounds import KeyLimits, KeyMode
from raseed.core.accounts.model import ApiKey, PastSecret
from raseed.core.billing.spend_caps import Bucket


def row_of_key(key: ApiKey) -> dict[str, Any]:
    """Without the request that made it, which is written once."""
    models, networks, past = key.allowed_models, key.allowed_networks, key.past
    return {
        "id": key.id,
        "account_id": key.account_id,
        "public_id": key.public_id,
        "digest": key.digest,
        "pepper_version": key.pepper_version,
        "name": key.name,
        "last4": key.last4,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "scopes": " ".join(sorted(key.scopes)),
        "mode": key.mode.value,
        "parent_id": key.parent_id,
        "created_by": key.created_by,
        "allowed_models": None if models is None else json.dumps(sorted(models), ensure_ascii=False),
        "allowed_networks": None if networks is None else " ".join(map(str, networks)),
        "requests_per_minute": key.limits.requests_per_minute,
        "tokens_per_minute": key.limits.tokens_per_minute,
        "concurrency": key.limits.concurrency,
        "past_digest": None if past is None else past.digest,
        "past_pepper_version": None if past is None else past.pepper_version,
        "past_ends_at": None if past is None else past.ends_at,
        "rotated_by": key.rotated_by,
        "last_used_at": key.last_used_at,
    }


def key_of_row(row: Row[Any], spend: Bucket | None = None) -> ApiKey:
    networks = row.allowed_networks
    return ApiKey(
        id=row.id,
        account_id=row.account_id,
        public_id=row.public_id,
        digest=row.digest,
        pepper_version=row.pepper_version,
        name=row.name,
        last4=row.last4,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        scopes=frozenset(row.scopes.split()),
        mode=KeyMode(row.mode),
        allowed_models=None if row.allowed_models is None else frozenset(json.loads(row.allowed_models)),
        allowed_networks=None if networks is None else tuple(map(ip_network, networks.split())),
        limits=KeyLimits(
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            concurrency=row.concurrency,
        ),
        parent_id=row.parent_id,
        created_by=row.created_by,
        past=None
        if row.past_digest is None
        else PastSecret(
            digest=row.past_digest, pepper_version=row.past_pepper_version, ends_at=row.past_ends_at
        ),
        rotated_by=row.rotated_by,
        last_used_at=row.last_used_at,
        spend=spend,
    )
