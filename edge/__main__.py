"""`python -m edge` is `emotion-edge`."""

from edge.cli import enter

enter()
