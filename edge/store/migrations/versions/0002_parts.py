"""Batches of a part of the devices: digests of different parts run beside each other."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a batch is of; those that wait, and those of recorders not yet upgraded, do not say.

    A default would have to be right for them; so both columns may be empty.
    """
    op.add_column("batches", sa.Column("part", sa.Integer()))
    op.add_column("batches", sa.Column("events", sa.Integer()))
