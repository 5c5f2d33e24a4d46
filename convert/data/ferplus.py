"""FER+ (Barsoum et al. 2016): ten raters' votes for each face of FER2013, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.data.dataset import EMOTIONS
from convert.data.errors import DataError
from convert.data.tables import rows_of, whole_number

VOTES_FILE = "fer2013new.csv"
COLUMN_OF = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}
USAGE = "Usage"
NOT_A_FACE = "NF"


def read_votes(path: Path, usages: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the votes for the seven emotions (N, 7), and which rows show a face at all (N,).

    Votes for contempt and unknown are left out. A row that most raters called no face is marked.

    Args:
        path: `fer2013new.csv`.
        usages: FER2013's `Usage` of each row, to see that the two tables belong together.

    Raises:
        DataError: the table is broken or does not match; file, line and reason are named.
        MissingDataError: it is not there.
    """
    votes: list[list[int]] = []
    faces: list[bool] = []
    needed = (USAGE, *COLUMN_OF.values(), NOT_A_FACE)
    for line, row in rows_of(path, needed):
        i = len(votes)
        if i < len(usages) and row[USAGE] != usages[i]:
            reason = f"Usage: got {row[USAGE]!r}; allowed: {usages[i]!r}, as in FER2013's table"
            raise DataError(path, reason, line=line)
        counts = [whole_number(row[COLUMN_OF[e]], COLUMN_OF[e], path, line) for e in EMOTIONS]
        nobody = whole_number(row[NOT_A_FACE], NOT_A_FACE, path, line)
        votes.append(counts)
        faces.append(nobody * 2 <= 10)  # ten raters
    if len(votes) != len(usages):
        raise DataError(path, f"got {len(votes)} rows; allowed: {len(usages)}, as FER2013's table")
    return np.asarray(votes, np.float32).reshape(-1, len(EMOTIONS)), np.asarray(faces, bool)
