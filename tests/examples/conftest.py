"""A real PostgreSQL, as the history's own tests have it."""

from tests.edge.store.conftest import server

__all__ = ["server"]
