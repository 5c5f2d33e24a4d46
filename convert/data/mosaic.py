"""FER2013 as mosaics: `labels.csv` beside lossless pictures of 48x48 tiles, 160 to a row."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from convert.data.dataset import EMOTIONS, Dataset, Faces, Indices
from convert.data.errors import DataError, MissingDataError
from convert.data.tables import header_of, one_of, rows_of, whole_number

TILE = 48  # pixels
TILES_PER_ROW = 160
COLUMNS = ("file", "tile", "name", "split", "label")
VOTES = tuple(f"votes_{emotion}" for emotion in EMOTIONS)
SPLITS = {"training": "train", "public_test": "public_test", "private_test": "private_test"}


def is_mosaic(path: Path) -> bool:
    """Return whether `path` is a folder (or its `labels.csv`) laid out as mosaics."""
    table = path / "labels.csv" if path.is_dir() else path
    return table.is_file() and set(COLUMNS) <= set(header_of(table))


def read_mosaic(path: Path) -> Dataset:
    """Read the mosaics whose `labels.csv` is `path` or lies in it.

    Raises:
        DataError: the table is broken (file, line and reason are named), or a mosaic is.
        MissingDataError: the table or a mosaic it names is not there.
    """
    table = path / "labels.csv" if path.is_dir() else path
    voted = set(VOTES) <= set(header_of(table))
    files: list[str] = []
    tiles: list[int] = []
    names: list[str] = []
    splits: list[str] = []
    labels: list[int] = []
    votes: list[list[int]] = []
    for line, row in rows_of(table, COLUMNS):
        labels.append(EMOTIONS.index(one_of(row["label"], "label", EMOTIONS, table, line)))
        splits.append(SPLITS[one_of(row["split"], "split", tuple(SPLITS), table, line)])
        tiles.append(whole_number(row["tile"], "tile", table, line))
        files.append(row["file"])
        names.append(row["name"])
        if voted:
            votes.append([whole_number(row[c], c, table, line) for c in VOTES])
    if not files:
        raise DataError(table, "no faces in it", line=1)
    for file in sorted(set(files)):
        if not (table.parent / file).is_file():
            raise MissingDataError(table.parent / file, f"named in {table.name} but not there")
    return Dataset(
        classes=EMOTIONS,
        names=tuple(names),
        splits=tuple(splits),
        size=(TILE, TILE),
        loader=_Tiles(table.parent, np.asarray(files, dtype=object), np.asarray(tiles)),
        labels=np.asarray(labels, dtype=np.int64),
        votes=np.asarray(votes, dtype=np.float32) if voted else None,
        source=str(path),
    )


class _Tiles:
    """Cuts tiles out of mosaics; each mosaic is decoded once, when first needed."""

    def __init__(self, folder: Path, files: np.ndarray, tiles: np.ndarray) -> None:
        self._folder = folder
        self._files = files
        self._tiles = tiles
        self._decoded: dict[str, Faces] = {}

    def _mosaic(self, file: str) -> Faces:
        if file not in self._decoded:
            grey = cv2.imread(str(self._folder / file), cv2.IMREAD_GRAYSCALE)
            if grey is None:
                raise DataError(self._folder / file, "not a picture that OpenCV can read")
            rows = grey.shape[0] // TILE
            if grey.shape[1] != TILE * TILES_PER_ROW:
                raise DataError(
                    self._folder / file,
                    f"width: got {grey.shape[1]}; allowed: {TILE * TILES_PER_ROW} pixels",
                )
            cut = grey[: rows * TILE].reshape(rows, TILE, TILES_PER_ROW, TILE).swapaxes(1, 2)
            self._decoded[file] = cut.reshape(-1, TILE, TILE).astype(np.uint8)
        return self._decoded[file]

    def __call__(self, indices: Indices) -> Faces:
        out = np.empty((len(indices), TILE, TILE), np.uint8)
        files = self._files[indices]
        for file in dict.fromkeys(files):
            mosaic = self._mosaic(file)
            here = np.flatnonzero(files == file)
            tiles = self._tiles[indices[here]]
            if tiles.size and tiles.max() >= len(mosaic):
                raise DataError(
                    self._folder / file, f"tile: got {tiles.max()}; it has {len(mosaic)} tiles"
                )
            out[here] = mosaic[tiles]
        return out
