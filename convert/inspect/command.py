"""`emotion-convert inspect`: what is in a data set, as a page one can look at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from convert.arguments import new_file, seed
from convert.data import open_dataset
from convert.evaluate.charts import classes_chart, face_png, histogram_chart
from convert.evaluate.page import Page
from convert.inspect.checks import BLANK_STD, BRIGHT, DARK, NEAR_BITS, TINY
from convert.inspect.survey import Survey, summary, survey
from convert.train.progress import Progress

SAMPLES = 8  # faces of each class
SHOWN = 12  # groups or faces of each kind of trouble


def add_parser(subparsers: Any) -> None:
    """Add `inspect` to the command line."""
    p = subparsers.add_parser(
        "inspect",
        help="look a data set over: counts, samples, duplicates, faces that show nothing",
        description="Count classes and splits, find duplicates, blank, dark, bright, tiny and "
        "corrupt pictures, and make a page with pictures of them.",
    )
    p.add_argument("data", type=Path, help="a data set: folder or table")
    p.add_argument("--html", type=new_file, metavar="FILE", help="write the page")
    p.add_argument("--json", action="store_true", help="print the counts as JSON, nothing else")
    p.add_argument("--seed", type=seed, default=1, help="of the samples (default %(default)s)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, and print or write what was asked for."""
    data = open_dataset(args.data)
    bar = Progress(len(data))
    found = survey(data, bar)
    bar.clear()
    counts = {"data": args.data.resolve().name, **summary(found)}
    if args.html:
        args.html.write_text(page(found, counts, args.seed), encoding="utf-8")
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(counts), indent=2).decode())
        sys.stdout.write("\n")
        return 0
    for split, classes in counts["splits"].items():
        print(f"{split}: " + ", ".join(f"{name} {n}" for name, n in classes.items()))
    for key in TROUBLES:
        print(f"{TROUBLES[key]}: {counts[key]}")
    for skipped in counts["skipped"]:
        print(f"skipped {skipped['file']}: {skipped['reason']}")
    return 0


TROUBLES = {
    "identical_groups": "groups of identical faces",
    "identical_surplus": "faces too many in them",
    "identical_across_splits": "of these groups, in more than one split",
    "identical_with_other_label": "of these groups, with different labels",
    "flipped_groups": "groups with mirror images of one another",
    "flipped_across_splits": "of these groups, in more than one split",
    "near_groups": "groups of near duplicates",
    "near_across_splits": "of these groups, in more than one split",
    "blank": "blank faces",
    "dark": "dark faces",
    "bright": "bright faces",
    "tiny": "tiny pictures",
}


def page(found: Survey, counts: dict[str, Any], seed: int) -> str:
    """Return the page; `counts` is `summary` with the data's name."""
    out = Page(f"{counts['data']}: {counts['faces']} faces")
    out.text(
        f"Faces of {counts['size']} pixels; raters' votes: {'yes' if counts['raters'] else 'no'}."
    )
    out.heading("Classes and splits")
    names = list(dict.fromkeys(n for c in counts["splits"].values() for n in c))
    rows = [
        (s, *(c.get(n, 0) for n in names), sum(c.values())) for s, c in counts["splits"].items()
    ]
    out.table(("split", *names, "all"), rows)
    out.picture(classes_chart(counts["splits"], names), "fraction of each class in every split")
    out.heading("What was found")
    out.table(("", "count"), [(text, counts[key]) for key, text in TROUBLES.items()])
    if found.data.skipped:
        out.heading("Pictures that could not be read")
        out.table(("file", "reason"), [(s.file, s.reason) for s in found.data.skipped[:200]])
    out.heading("Brightness")
    out.picture(histogram_chart(found.light.mean, (0, 255), "mean luma"))
    out.picture(histogram_chart(found.light.contrast, (0, 128), "contrast (standard deviation)"))
    _samples(out, found, seed)
    data = found.data
    _groups(out, found, "Identical faces with different labels", found.conflicts)
    across = found.identical.across(data.splits)
    _groups(out, found, "Identical faces in more than one split", across)
    _groups(out, found, "Identical faces", found.identical.groups)
    _groups(out, found, "Mirror images of one another", found.flipped.groups)
    title = f"Near duplicates: difference hashes within {NEAR_BITS} of 64 bits"
    _groups(out, found, title, found.near.groups)
    _faces(out, found, f"Blank: contrast below {BLANK_STD:g}", found.light.blank)
    _faces(out, found, f"Dark: mean luma below {DARK:g}", found.light.dark)
    _faces(out, found, f"Bright: mean luma above {BRIGHT:g}", found.light.bright)
    _faces(out, found, f"Tiny: a side below {TINY} pixels", found.tiny)
    return str(out)


def _samples(out: Page, found: Survey, seed: int) -> None:
    data = found.data
    if data.labels is None:
        return
    rng = np.random.default_rng(seed)
    out.heading("Samples")
    for c, name in enumerate(data.classes):
        chosen = rng.permutation(np.flatnonzero(data.labels == c))[:SAMPLES]
        out.text(name)
        for i in chosen:
            _picture(out, found, int(i))


def _picture(out: Page, found: Survey, i: int) -> None:
    data = found.data
    label = ""
    if data.labels is not None and data.labels[i] >= 0:
        label = f", {data.classes[data.labels[i]]}"
    face = data.faces(np.array([i]))[0]
    out.picture(face_png(face), f"{data.names[i]} ({data.splits[i]}{label})")


def _groups(out: Page, found: Survey, title: str, groups: Sequence[tuple[int, ...]]) -> None:
    if not groups:
        return
    out.heading(title)
    if len(groups) > SHOWN:
        out.text(f"{len(groups)} groups; the {SHOWN} largest:")
    for k, group in enumerate(groups[:SHOWN], 1):
        out.text(f"group {k}: {len(group)} faces")
        for i in group[:6]:
            _picture(out, found, i)


def _faces(out: Page, found: Survey, title: str, indices: Iterable[np.intp]) -> None:
    chosen = [int(i) for i in indices]
    if not chosen:
        return
    out.heading(title)
    if len(chosen) > 2 * SHOWN:
        out.text(f"{len(chosen)} faces; the first {2 * SHOWN}:")
    for i in chosen[: 2 * SHOWN]:
        _picture(out, found, i)
