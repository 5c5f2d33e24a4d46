"""Reading CSV tables so that what is wrong is said with file, line and reason."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from convert.data.errors import DataError, MissingDataError

# Bounds against nonsense. FER2013 keeps a face's 2,304 pixels, 9 kB, in one field of a line, and
# has 35,887 lines; IMDB-WIKI has 524,230 faces.
MAX_LINE = 2**20  # characters
MAX_COLUMNS = 1000
MAX_ROWS = 2_000_000
csv.field_size_limit(MAX_LINE)


def header_of(path: Path) -> tuple[str, ...]:
    """Return the column names in the first line, stripped; empty when there are none."""
    try:
        # Wrong bytes further down are for `rows_of` to report.
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as f:
            line = f.readline(MAX_LINE + 1)
            first = next(csv.reader([line]), []) if len(line) <= MAX_LINE else []
    except (OSError, csv.Error):
        return ()
    return tuple(c.strip() for c in first) if len(first) <= MAX_COLUMNS else ()


def _lines(f: TextIO, path: Path) -> Iterator[str]:
    """Yield lines of bounded length, a bounded number of them.

    Raises:
        DataError: a line or the table is longer.
    """
    for number in itertools.count(1):
        line = f.readline(MAX_LINE + 1)
        if not line:
            return
        if len(line) > MAX_LINE:
            raise DataError(path, f"longer than {MAX_LINE} characters", line=number)
        if number > MAX_ROWS:
            raise DataError(path, f"more than {MAX_ROWS} lines")
        yield line


def rows_of(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and row, whose values are stripped.

    Raises:
        DataError: not text, a needed column is missing, or a row has too few or too many values.
        MissingDataError: the file is not there.
    """
    if not path.is_file():
        raise MissingDataError(path, "no such file")
    with path.open(newline="", encoding="utf-8-sig") as f:
        rows = csv.reader(_lines(f, path), strict=True)
        try:
            header = [c.strip() for c in next(rows, [])]
            if len(header) > MAX_COLUMNS:
                reason = f"{len(header)} columns; allowed: up to {MAX_COLUMNS}"
                raise DataError(path, reason, line=1)
            missing = [c for c in needed if c not in header]
            if missing:
                raise DataError(path, f"column missing: {', '.join(missing)}", line=1)
            for row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    reason = f"got {len(row)} values; allowed: {len(header)}, as in the header"
                    raise DataError(path, reason, line=rows.line_num)
                yield rows.line_num, {k: v.strip() for k, v in zip(header, row, strict=True)}
        except UnicodeDecodeError as e:
            raise DataError(path, f"not UTF-8 text (byte {e.start})") from e
        except csv.Error as e:
            raise DataError(path, f"not a CSV table: {e}", line=rows.line_num) from e


def whole_number(text: str, what: str, path: Path, line: int, *, most: int | None = None) -> int:
    """Return `text` as a number from 0 to `most`.

    Raises:
        DataError: it is not one.
    """
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0 or (most is not None and value > most):
        allowed = "a whole number from 0" + ("" if most is None else f" to {most}")
        raise DataError(path, f"{what}: got {text!r}; allowed: {allowed}", line=line)
    return value


def one_of(text: str, what: str, allowed: Sequence[str], path: Path, line: int) -> str:
    """Return `text` if it is allowed.

    Raises:
        DataError: it is not.
    """
    if text not in allowed:
        reason = f"{what}: got {text!r}; allowed: {', '.join(allowed)}"
        raise DataError(path, reason, line=line)
    return text
