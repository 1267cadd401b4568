"""What a caller may do: scopes, and roles as named sets of them. The only place that says what a role may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """One thing that a key or a session may do. Which one an RPC needs stands in `adapters/rpc/access.py`."""

    INFERENCE = "inference"
    """Generate, and count tokens: whatever uses a model."""
    MODELS_READ = "models:read"
    USAGE_READ = "usage:read"
    """Usage reports, call history, exports."""
    BILLING_READ = "billing:read"
    """Balance, grants, packs, top-ups, price estimates."""
    BILLING_WRITE = "billing:write"
    """Buy credit and change subscriptions."""
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    """Make, change, rotate and revoke API keys."""
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    """Change contact, language and preferences; export, close and erase."""
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    """Invite and remove members, and change their roles."""
    METERING_WRITE = "metering:write"
    """Place, extend, settle and release holds of its account, for work that other services do."""


class Role(StrEnum):
    """What a member is in an organisation."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    MEMBER = "member"


KEY_DEFAULT: frozenset[Scope] = frozenset(
    {Scope.INFERENCE, Scope.MODELS_READ, Scope.USAGE_READ, Scope.BILLING_READ}
)
"""Of a key that was made without naming any: use the models, see what it costs. No key makes keys unless it was told."""

OF_OPERATORS: frozenset[Scope] = frozenset({Scope.METERING_WRITE})
"""What only operators put into a key: with it the prices and quantities of a charge are whatever the caller says."""

OWN_ACCOUNT: frozenset[Scope] = frozenset(Scope) - OF_OPERATORS
"""Of a person's session in the account that is his own."""

SCOPES_OF: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.OWNER: OWN_ACCOUNT,
        Role.ADMIN: OWN_ACCOUNT - {Scope.ACCOUNT_WRITE},
        Role.BILLING: frozenset(
            {Scope.MODELS_READ, Scope.USAGE_READ, Scope.BILLING_READ, Scope.BILLING_WRITE, Scope.ACCOUNT_READ}
        ),
        # Of keys and usage a member sees his own: `Caller.keys_of`.
        Role.MEMBER: frozenset(
            {
                Scope.INFERENCE,
                Scope.MODELS_READ,
                Scope.USAGE_READ,
                Scope.KEYS_READ,
                Scope.KEYS_WRITE,
                Scope.ACCOUNT_READ,
            }
        ),
    }
)

KEY_SCOPES_OF: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {**SCOPES_OF, Role.MEMBER: frozenset({Scope.INFERENCE, Scope.MODELS_READ})}
)
"""What a key may do that somebody of this role made. A key reads the usage of the whole account, which members do not."""

KEPT_SCOPES_OF: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        role: scopes | OF_OPERATORS if role in {Role.OWNER, Role.ADMIN} else scopes
        for role, scopes in KEY_SCOPES_OF.items()
    }
)
"""What a key of theirs may have and keep: also what an operator put into it."""
