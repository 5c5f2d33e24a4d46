"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "devices",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("online", sa.Boolean()),
        sa.Column("status", sa.Text()),
        sa.Column("version", sa.Text()),
        sa.Column("contract", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("tags", JSON, nullable=False),
    )
    op.create_table(
        "batches",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("received", TIME, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "events",
        sa.Column("device_id", BIG, primary_key=True, autoincrement=False),
        sa.Column("track", sa.Text(), primary_key=True),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("batch", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("received", TIME, nullable=False),
        sa.Column("time_synced", sa.Boolean(), nullable=False),
        sa.Column("replayed", sa.Boolean(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("uptime_s", sa.Double(), nullable=False),
        sa.Column("emotion", sa.Text()),
        sa.Column("previous", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("duration_s", sa.Double()),
        sa.Column("attention_s", sa.Double()),
        sa.Column("lost_before", BIG, nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
    )
    op.create_index("ix_events_batch", "events", ["batch"])
    op.create_index("ix_events_time", "events", ["time"], postgresql_using="brin")
    op.create_table(
        "streams",
        device(),
        sa.Column("era", sa.Integer(), primary_key=True),
        sa.Column("first_seq", BIG, nullable=False),
        sa.Column("last_seq", BIG, nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("uptime_s", sa.Double(), nullable=False),
        sa.Column("time", TIME, nullable=False),
    )
    op.create_table(
        "gaps",
        device(),
        sa.Column("era", sa.Integer(), primary_key=True),
        sa.Column("first_seq", BIG, primary_key=True, autoincrement=False),
        sa.Column("last_seq", BIG, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("noticed", TIME, nullable=False),
    )
    op.create_table(
        "losses",
        device(),
        sa.Column("event_id", sa.Text(), primary_key=True),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("events", BIG, nullable=False),
    )
    op.create_table(
        "visits",
        device(),
        sa.Column("track", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("started", TIME, nullable=False),
        sa.Column("ended", TIME),
        sa.Column("last", TIME, nullable=False),
        sa.Column("dwell_ms", sa.BigInteger()),
        sa.Column("attention_ms", sa.BigInteger(), nullable=False),
        sa.Column("emotions", JSON, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("events", sa.Integer(), nullable=False),
    )
    op.create_index("ix_visits_started", "visits", ["started"])
    op.create_index("ix_visits_last", "visits", ["last"])
    op.create_table(
        "hours",
        device(),
        sa.Column("hour", TIME, primary_key=True),
        sa.Column("visitors", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("dwell_ms", sa.BigInteger(), nullable=False),
        sa.Column("looked", sa.Integer(), nullable=False),
        sa.Column("attention_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_hours_hour", "hours", ["hour"])
    op.create_table(
        "hour_dwells",
        device(),
        sa.Column("hour", TIME, primary_key=True),
        sa.Column("bucket", sa.Integer(), primary_key=True),
        sa.Column("visits", sa.Integer(), nullable=False),
    )
    op.create_table(
        "hour_emotions",
        device(),
        sa.Column("hour", TIME, primary_key=True),
        sa.Column("emotion", sa.Text(), primary_key=True),
        sa.Column("ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "hour_kinds",
        device(),
        sa.Column("hour", TIME, primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("events", sa.Integer(), nullable=False),
    )
    op.create_table(
        "availability",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("device_id", BIG, sa.ForeignKey("devices.id"), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("online", sa.Boolean()),
        sa.Column("status", sa.Text()),
        sa.Column("reasons", JSON, nullable=False),
    )
    op.create_index("ix_availability_device_time", "availability", ["device_id", "time"])
    op.create_table(
        "recorders",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("began", TIME, nullable=False),
        sa.Column("seen", TIME, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )


def device() -> sa.Column[int]:
    """Return the column that names the device in a key."""
    return sa.Column(
        "device_id", BIG, sa.ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
