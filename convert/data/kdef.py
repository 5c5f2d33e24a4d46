"""KDEF (Lundqvist et al. 1998): who, how and from where in the file name, as `AF01ANS.JPG`.

Session A or B, F or M, the actor's number, two letters for the emotion, and the angle: S from the
front, HL and HR half left and right, FL and FR full profile.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from convert.data.dataset import EMOTIONS, Dataset, Skipped
from convert.data.errors import DataError, MissingDataError
from convert.data.pictures import SIZE, SUFFIXES, Cut, Pictures, readable

NAME = re.compile(r"([AB])([FM])(\d{2})(AF|AN|DI|HA|NE|SA|SU)(S|HL|HR|FL|FR)", re.IGNORECASE)
EMOTION_OF = {
    "AF": "fear",
    "AN": "angry",
    "DI": "disgust",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprise",
}
SEX_OF = {"F": "female", "M": "male"}
ANGLE_OF = {
    "S": "front",
    "HL": "half left",
    "HR": "half right",
    "FL": "full left",
    "FR": "full right",
}
# Actors, not pictures, are split: a face the network has seen is no test of it.
TEST_ACTORS = frozenset(range(29, 36))  # of 35 of each sex


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def is_kdef(path: Path) -> bool:
    """Return whether most pictures below `path` are named as KDEF's."""
    if not path.is_dir():
        return False
    files = _files(path)
    return bool(files) and 2 * sum(NAME.fullmatch(p.stem) is not None for p in files) > len(files)


def read_kdef(path: Path, size: tuple[int, int] = SIZE, cut: Cut | None = None) -> Dataset:
    """Read KDEF's pictures; sex and angle become attributes, the last seven actors the test.

    The pictures are portraits of 562x762: their middle square is taken, resized to `size`, or what
    `cut` finds in them. Pictures that cannot be read or are not named so are skipped and listed.

    Raises:
        DataError: no picture is named as KDEF names them.
        MissingDataError: the folder is not there.
    """
    if not path.is_dir():
        raise MissingDataError(path, "no such folder")
    files = _files(path)
    found = [(p, m) for p in files if (m := NAME.fullmatch(p.stem.upper()))]
    if not found:
        raise DataError(path, "no picture is named as KDEF's are, such as AF01ANS.JPG")
    named = {p for p, _ in found}
    strange = [Skipped(str(p), "not named as KDEF's are") for p in files if p not in named]
    good, broken = readable([p for p, _ in found], size, cut)
    kept = [found[i] for i in good]
    return Dataset(
        classes=EMOTIONS,
        names=tuple(str(p.relative_to(path)) for p, _ in kept),
        splits=tuple("test" if int(m[3]) in TEST_ACTORS else "train" for _, m in kept),
        size=size,
        loader=Pictures([p for p, _ in kept], size, cut),
        labels=np.array([EMOTIONS.index(EMOTION_OF[m[4]]) for _, m in kept], np.int64),
        groups=tuple(m[2] + m[3] for _, m in kept),
        attributes={
            "sex": tuple(SEX_OF[m[2]] for _, m in kept),
            "angle": tuple(ANGLE_OF[m[5]] for _, m in kept),
        },
        skipped=(*strange, *broken),
        source=str(path),
    )
