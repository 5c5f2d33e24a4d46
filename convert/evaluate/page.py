"""One self-contained HTML page: text, tables and pictures, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em;
  color: #1c1c1c; background: #fff }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ddd }
.scroll { overflow-x: auto } /* on a phone a wide table moves, not the page */
table { border-collapse: collapse; margin: 0.5em 0 }
td, th { padding: 0.15em 0.8em; text-align: right; border-bottom: 1px solid #eee }
td:first-child, th:first-child { text-align: left }
figure { display: inline-block; margin: 0.4em; text-align: center; vertical-align: top }
figcaption { font-size: 0.75em; max-width: 11em; color: #555; overflow-wrap: anywhere }
figure, .wide { max-width: 100%; height: auto }
h1 { overflow-wrap: anywhere }
"""


class Page:
    """Collects parts; `str()` is the page."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = [f"<h1>{html.escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{html.escape(text)}</p>")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table; floats to four decimals."""
        head = "".join(f"<th>{html.escape(h)}</th>" for h in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell(c))}</td>" for c in row) + "</tr>"
            for row in rows
        )
        self._parts.append(f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>')

    def picture(self, png: bytes, caption: str = "") -> None:
        """Add one picture."""
        data = base64.b64encode(png).decode()
        words = html.escape(caption)
        self._parts.append(
            f'<figure><img class="wide" alt="{words}" src="data:image/png;base64,{data}">'
            f"<figcaption>{words}</figcaption></figure>"
        )

    def __str__(self) -> str:
        body = "\n".join(self._parts)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self._title)}</title><style>{STYLE}</style></head>"
            f"<body>\n{body}\n</body></html>\n"
        )


def cell(value: object) -> str:
    """Return a value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if value == value else "-"
    if isinstance(value, list | tuple):
        interval = len(value) == 2 and all(isinstance(v, float) for v in value)
        return (" to " if interval else ", ").join(cell(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k} {cell(v)}" for k, v in value.items())
    return str(value)
