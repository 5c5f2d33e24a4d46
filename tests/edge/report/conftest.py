"""The histories of `tests.edge.store`, and what is written into them."""

from tests.edge.store.conftest import address, server, store

__all__ = ["address", "server", "store"]
