"""API keys of before get the scopes for what they could do before: scopes were no more than what came on top of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BEFORE = "account:read billing:read inference keys:read models:read usage:read"


def upgrade() -> None:
    # Workers of the version before go on reading what is added here as scopes that they do not know.
    update = sa.text("UPDATE api_keys SET scopes = trim(:before || ' ' || scopes)")
    op.execute(update.bindparams(before=BEFORE))
