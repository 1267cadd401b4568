"""What came in of a payment, which an operator may have accepted though it is not what was ordered; and until when a
subscription is paid without a gap.

Both are empty in rows from before, and in those that workers of the version before go on to write: then it is what was
ordered, and there is no gap.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.add_column("payments", sa.Column("received_minor", BIGINT))
    op.add_column("subscriptions", sa.Column("covered_until", BIGINT))
