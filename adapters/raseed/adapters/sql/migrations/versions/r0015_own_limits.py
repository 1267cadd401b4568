"""Limits that an account has in place of its tier's; the owner of before has those of a new one."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OWNER = "owner@localhost"
OWNER_LIMITS = {"rpm": None, "rpd": None, "tpm": None, "concurrency": 256}


def upgrade() -> None:
    op.add_column("accounts", sa.Column("own_limits", sa.Text(), nullable=False, server_default=""))
    accounts = sa.table(
        "accounts", sa.column("email", sa.Text), sa.column("tier", sa.Text), sa.column("own_limits", sa.Text)
    )
    op.execute(
        accounts.update()
        .where(accounts.c.email == OWNER, accounts.c.tier == "enterprise")
        .values(own_limits=json.dumps(OWNER_LIMITS))
    )
