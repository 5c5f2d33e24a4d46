"""`python -m benchmarks.state [PART...]`: does the daemon say what eyes, mouths and heads do?

sequences: real photographs composed into sequences, through the whole pipeline
awake: what is said of people who are awake
yawns: which emotions are announced of who yawns
price: processor time and memory, with and without `[state]`
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from benchmarks.common import data_folder, publish
from benchmarks.reaction.faces import rooms
from benchmarks.state import awake, price, yawns
from benchmarks.state.judged import FPS, NOISE, TOLD_S, WITHIN_S, Said, about, faults, run
from benchmarks.state.kept import Kept, judged_anew, load, save
from benchmarks.state.sequences import JAW_S, SIDES, sequences

Row = dict[str, Any]
UNCLEAR = Path(__file__).with_name("unclear.txt")
PARTS = ("sequences", "awake", "yawns", "price")
SEQUENCES = (
    ("source", "second face"),
    ("does", "what it does"),
    ("right", "right"),
    ("of", "of"),
    ("silent", "missed"),
    ("late", "at a wrong time"),
    ("unasked", "said unasked"),
    ("clear", "right, where two shut eyes are clear to see"),
    ("other", "right, other half"),
)
AWAKE = (
    ("what", "who"),
    ("profile", "profile"),
    ("minutes", "minutes"),
    ("eyes", "eyes told, share"),
    ("alerts", "events"),
    ("an_hour", "an hour"),
    ("which", "which"),
)
YAWNS = (
    ("what", "what"),
    ("car", "profile `car`"),
    ("defaults", "the defaults"),
    ("off", "with `classify.score_yawns`"),
)
PRICE = (
    ("faces", "faces"),
    ("what", "what runs"),
    ("ms", "CPU ms a frame"),
    ("ratio", "beside emotions alone"),
    ("core", "% of a core at 30 frames/s"),
    ("rss_mb", "resident MB"),
    ("more_mb", "MB more"),
)


def run_all(data: Path, most: int, profile: str, jobs: int) -> list[Kept]:
    """Run every sequence through the daemon."""
    backgrounds, every = rooms(data), sequences(data, most)
    behind = [backgrounds[n % len(backgrounds)] for n in range(len(every))]
    out = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for s, (samples, said) in zip(
            every, pool.map(run, every, behind, [profile] * len(every)), strict=True
        ):
            out.append(Kept(s.name, s.source, s.does, s.half, s.expected, samples, said))
            print(f"{len(out)} of {len(every)}: {s.source}, {s.does}", flush=True)
    return out


def table(every: list[Kept], said: Callable[[Kept], list[Said]]) -> tuple[list[Row], list[Row]]:
    """Return the table's rows, and what was said wrongly of which sequence."""
    not_clear = unclear()
    found: dict[tuple[str, str], list[Counter[str]]] = defaultdict(
        lambda: [Counter() for _ in range(SIDES)]
    )
    wrong: list[Row] = []
    for sequence in every:
        bad = faults(about(said(sequence)), sequence.expected)
        count = found[sequence.source, sequence.does][sequence.half]
        count["of"] += 1
        count["right"] += not bad
        if f"{sequence.source} | {sequence.name}" not in not_clear:
            count["clear of"] += 1
            count["clear"] += not bad
        count["silent"] += any(b.startswith("no ") for b in bad)
        count["late"] += any(b.endswith((" off", " late")) for b in bad)
        count["unasked"] += any(b.startswith("unasked") for b in bad)
        if bad:
            half = "judged" if sequence.half else "chosen by"
            wrong.append(
                {"name": sequence.name, "does": sequence.does, "half": half, "faults": bad}
            )
    rows = [
        {
            "source": source,
            "does": does,
            **{key: judged[key] for key in ("right", "of", "silent", "late", "unasked")},
            "clear": f"{judged['clear']} of {judged['clear of']}" if "shut" in does else "",
            "other": f"{other['right']} of {other['of']}",
        }
        for (source, does), (other, judged) in sorted(found.items())
    ]
    return rows, wrong


def unclear() -> set[str]:
    """Return which composed faces do not clearly show two shut eyes."""
    lines = UNCLEAR.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if not line.startswith("#")}


def run_sequences(data: Path, most: int, profile: str, jobs: int, keep: Path | None) -> None:
    """Judge every sequence; write the table."""
    if keep is not None and keep.is_file():
        rows, wrong = table(load(keep), judged_anew)
    else:
        every = run_all(data, most, profile, jobs)
        if keep is not None:
            save(keep, every)
        rows, wrong = table(every, lambda kept: kept.said)
    publish(
        "state",
        "Do eyes, mouths and heads of real photographs lead to the right events?",
        SEQUENCES,
        rows,
        [
            f"Right: every event of lids, mouth and distraction that the script asks for, within "
            f"{WITHIN_S:g} s, told no more than {TOLD_S:g} s after it was so, and no other.",
            f"640x480, {FPS:g} frames/s, luma noise of {NOISE:g}, a swaying head; profile "
            f"{profile}; the daemon's detector, tracker, network and rules.",
            "eyes put in: the lids of the second photograph warped into the first face. face put "
            "in: its whole face in the first one's head. same person: two photographs of one.",
            "`closed_eyes` and `yawn` are of people and films that the network was not trained on; "
            "of YouTube's and LFW's people seven in eight were. Their lids are shut by "
            "MediaPipe's word, which calls squints shut, too.",
            f"Where two shut eyes are clear to see: without the {len(unclear())} of 86 composed "
            "faces in `benchmarks/state/unclear.txt`: narrow eyes, one eye, glasses, lettering, "
            "seams. All were looked at in a random order; what had been said was known of a few of "
            "the other half only.",
            "Rules were mended by the other half of the people and by the clips; levels are the "
            "defaults.",
        ],
        wrong=wrong,
    )


def run_awake(data: Path, minutes: int, profiles: list[str]) -> None:
    """Count what is said of people who are awake; write the table."""
    publish(
        "state-awake",
        "What is said of people who are awake",
        AWAKE,
        awake.rows(data, profiles, minutes),
        [
            f"Photographs: a minute each of people the network was not trained on, {awake.FPS:g} "
            "frames/s, swaying, with 10 to 30 blinks of 0.15 s a minute, their lids those of "
            "`closed_eyes`.",
            "Clips run there and back again, a quarter of that time each.",
        ],
    )


def run_yawns(data: Path, most: int, jobs: int) -> None:
    """Count the emotions that are announced of who yawns; write the table."""
    publish(
        "state-yawns",
        "Which emotions are announced of who yawns?",
        YAWNS,
        yawns.rows(data, most, jobs),
        [
            "Yawns: faces of films that the network was not trained on, put into photographed "
            f"heads; the mouth opens within {JAW_S:g} s.",
            "Right: what is shown for most of the time at the apex; the sequences of "
            "`benchmarks.reaction`. Their mouths are open as wide for as long as nobody shouts: "
            "they are photographs.",
        ],
    )


def run_price(frames: int, rounds: int) -> None:
    """Measure what it costs; write the table."""
    publish(
        "state-price",
        "What eyes, mouths and heads cost",
        PRICE,
        price.rows((1, 4), frames, rounds),
        [
            f"{frames} frames of 640x480 as JPEG, decoded in the loop; medians of {rounds} rounds, "
            "each contender in turn in a process of its own. Ratios are of one round.",
            "Four faces are four people, each in a quarter of the frame, all at their own size.",
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.state",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="all, where none is given")
    parser.add_argument("--most", type=int, default=24, help="pairs of photographs a source")
    parser.add_argument("--jobs", type=int, default=2, help="sequences at a time")
    parser.add_argument(
        "--keep", type=Path, help="keep what the network saw here, or judge what was kept anew"
    )
    parser.add_argument("--minutes", type=int, default=20, help="of clips, and of photographs")
    parser.add_argument("--profiles", nargs="+", default=["driver", "car"])
    parser.add_argument("--frames", type=int, default=600, help="of each measurement of the price")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"got {', '.join(sorted(unknown))}; allowed: {', '.join(PARTS)}")
    cv2.setNumThreads(1)
    parts = args.parts or PARTS
    if "sequences" in parts:
        run_sequences(data_folder(), args.most, args.profiles[0], args.jobs, args.keep)
    if "awake" in parts:
        run_awake(data_folder(), args.minutes, args.profiles)
    if "yawns" in parts:
        run_yawns(data_folder(), args.most, args.jobs)
    if "price" in parts:
        run_price(args.frames, args.rounds)


if __name__ == "__main__":
    main()
