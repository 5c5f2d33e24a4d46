"""The history: what devices said, kept in SQLite or PostgreSQL. Needs the extra [history].

Nothing of the daemon imports this. Times are UTC, hours are UTC hours, lengths of time in the
database are whole milliseconds, so that sums stay exact whatever is added and taken away.
"""

from edge.store.address import parse_address
from edge.store.database import Store, open_store

__all__ = ["Store", "open_store", "parse_address"]
