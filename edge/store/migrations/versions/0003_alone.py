"""Who is in view after an event, so that visits whose `face_left` never comes can end."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what events say of it from now on; of those that are there nothing is read again."""
    op.add_column("events", sa.Column("faces", sa.BigInteger()))
    op.create_table(
        "alone",
        sa.Column(
            "device_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("devices.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
    )
    ended = sa.text("ended IS NULL")
    op.create_index(
        "ix_visits_open",
        "visits",
        ["device_id"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
