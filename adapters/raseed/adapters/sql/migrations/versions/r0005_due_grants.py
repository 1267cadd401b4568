"""An index of the grants that will expire, in the order in which they do: where the expiry job finds what is due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CONDITION = "status = 'active' AND expires_at IS NOT NULL"


def upgrade() -> None:
    op.create_index(
        "ix_grants_due",
        "grants",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text(CONDITION),
        postgresql_where=sa.text(CONDITION),
    )
