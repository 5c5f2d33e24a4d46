"""What can be wrong with data, said in one line and with the exit code of sysexits.h."""

from __future__ import annotations

from pathlib import Path

from edge.errors import EdgeError

EX_DATAERR = 65  # sysexits.h: the input data was wrong in some way
EX_NOINPUT = 66  # sysexits.h: an input file does not exist or cannot be read


class DataError(EdgeError):
    """A data set that cannot be used; `str()` names the file, the line if any, and the reason."""

    exit_code = EX_DATAERR

    def __init__(self, file: str | Path, reason: str, *, line: int | None = None) -> None:
        where = str(file) if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {reason}")
        self.file = str(file)
        self.line = line
        self.reason = reason


class MissingDataError(DataError):
    """A file or folder that is not there or cannot be read."""

    exit_code = EX_NOINPUT
