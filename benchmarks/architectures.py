"""`python -m benchmarks.architectures`: every architecture trained, quantised and compared.

For each data set and architecture: `emotion-convert train` to the end of its recipe, `quantize` to
int8, then one `compare` over all. Each is a process of its own; killed and called again with the
same options, it goes on in the middle of the training that it was in, and does nothing twice. With
`--limit` and `--epochs` it is tried in a minute a network; such a table says nothing of accuracy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import Signals
from typing import Any

from benchmarks.common import publish

# What each is trained with: the classic projects' own settings, and the usual ones for ours.
RECIPES = {
    "edge": None,
    "edge_wide": None,
    "mini_xception": "mini_xception_2017",
    "plain_cnn": "plain_cnn_2018",
    "vgg16": "transfer_2019",
    "resnet50": "transfer_2019",
    "efficientnet_b0": "transfer_2019",
}
# As Keras publishes the backbones without their tops; looked for in --weights.
WEIGHTS = {
    "vgg16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "efficientnet_b0": "efficientnetb0_notop.h5",
}
# The gate of `quantize` is open: the table is to show what int8 costs, not to hide it.
NO_GATE = (
    "--min-agreement", "0", "--max-shift", "1", "--max-moved", "1", "--max-accuracy-drop", "1",
    "--max-f1-drop", "1", "--max-recall-drop", "1",
)  # fmt: skip
COLUMNS = (
    ("data", "data"),
    ("name", "architecture"),
    ("begun", "begun from"),
    ("epochs", "epochs"),
    ("parameters", "parameters"),
    ("bytes", "bytes, int8"),
    ("multiply_adds", "multiply-adds"),
    ("latency_us", "µs a face"),
    ("float_accuracy", "accuracy, float"),
    ("accuracy", "accuracy"),
    ("macro_f1", "macro-F1"),
    ("ece", "calibration error"),
)


def main(argv: Sequence[str] | None = None) -> None:
    args = parser().parse_args(argv)
    unknown = sorted(set(args.only) - set(RECIPES))
    if unknown:
        raise SystemExit(f"--only: got {', '.join(unknown)}; allowed: {', '.join(RECIPES)}")
    names = [n for n in RECIPES if not args.only or n in args.only]
    if args.weights is not None:
        wanted = [args.weights / WEIGHTS[n] for n in names if n in WEIGHTS]
        gone = [path.name for path in wanted if not path.is_file()]
        if gone:
            raise SystemExit(f"--weights {args.weights}: has no {', '.join(gone)}")
    if args.publish and (args.limit or args.epochs or args.size or args.only):
        raise SystemExit("--publish: not with --limit, --epochs, --size or --only")
    if args.jobs < 1:
        raise SystemExit(f"--jobs: got {args.jobs}; allowed: 1 and above")
    work = [(name, data, folder_of(args.out, data)) for data in args.data for name in names]
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(lambda one: train(*one, args), work))
    if args.train_only:
        return
    for one in work:
        quantize(*one)
    rows = []
    for data in args.data:
        rows += compared(data, folder_of(args.out, data), names, args.rounds)
    (args.out / "table.json").write_text(json.dumps(rows, indent=2) + "\n")
    if args.publish:
        publish("architectures", "Architectures side by side", COLUMNS, rows, [NOTE])
    else:
        print("\t".join(head for _, head in COLUMNS))
        for row in rows:
            print("\t".join(str(row[key]) for key, _ in COLUMNS))


NOTE = (
    "`emotion-convert compare` on each test split against its labels; int8, temperatures folded "
    "in; one face on one thread."
)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    p.add_argument(
        "data", type=Path, nargs="+", help="data sets: FER2013, a folder of four classes"
    )
    p.add_argument("--out", type=Path, required=True, help="folder of trainings, models and table")
    p.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some architectures")
    p.add_argument("--weights", type=Path, metavar="DIR", help="ImageNet's, of the three backbones")
    p.add_argument(
        "--backend", default="tensorflow", help="of Keras in training; torch is quickest"
    )
    p.add_argument("--jobs", type=int, default=1, help="trainings at a time, on an accelerator")
    p.add_argument(
        "--train-only",
        action="store_true",
        help="on a machine without TensorFlow; the same command without it goes on elsewhere",
    )
    p.add_argument("--limit", type=int, metavar="FACES", help="train on so many, to try it out")
    p.add_argument("--epochs", type=int, help="instead of the recipe's, to try it out")
    p.add_argument("--size", metavar="WxH", help="instead of the recipe's, to try it out")
    p.add_argument("--rounds", type=int, default=50, help="of the timing")
    p.add_argument("--publish", action="store_true", help="write benchmarks/results too")
    return p


def folder_of(out: Path, data: Path) -> Path:
    """Return where the runs and models of a data set are."""
    return out / data.resolve().name


def train(name: str, data: Path, folder: Path, args: argparse.Namespace) -> None:
    """Train to the end of the recipe; a training that has ended stays."""
    run = folder / "runs" / name
    argv = ["train", str(data), "--out", str(run), "--arch", name, "--votes", "0"]
    recipe = RECIPES[name]
    if recipe is not None:
        argv += ["--recipe", recipe]
    if args.weights is not None and name in WEIGHTS:
        argv += ["--weights", str(args.weights / WEIGHTS[name])]
    for option in ("backend", "limit", "epochs", "size"):
        value = getattr(args, option)
        if value is not None:
            argv += [f"--{option}", str(value)]
    if args.epochs is not None:
        argv += ["--warmup", "0"]
    convert(*argv)


def quantize(name: str, data: Path, folder: Path) -> None:
    """Quantise what was trained; a model made from this very file stays."""
    run, model = folder / "runs" / name, folder / name
    source = json.loads((run / "train.json").read_text())["model_sha256"]
    if made_from(model) != source:
        convert("quantize", str(run / "model.keras"), "--data", str(data), "--out", str(model),
                "--truth", "labels", *NO_GATE)  # fmt: skip


def made_from(model: Path) -> str | None:
    """Return the SHA-256 of the Keras file that a model folder was made from, None without one."""
    if not (model / "manifest.json").is_file():
        return None
    manifest = json.loads((model / "manifest.json").read_text())
    found: str | None = manifest["provenance"].get("source_sha256")
    return found


def compared(data: Path, folder: Path, names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Return a row for each network, measured in turns."""
    models = [str(folder / name) for name in names]
    text = convert("compare", *models, "--data", str(data), "--json", "--rounds", str(rounds))
    rows = []
    for row, name in zip(json.loads(text)["models"], names, strict=True):
        record = json.loads((folder / "runs" / name / "train.json").read_text())
        manifest = json.loads((folder / name / "manifest.json").read_text())
        figures = row["against"]["labels"]
        rows.append(
            {
                "data": data.resolve().name,
                "name": name,
                "begun": (record["weights"] or {}).get("name", "random weights"),
                "epochs": record["recipe"]["epochs"],
                "parameters": record["parameters"],
                "bytes": row["bytes"],
                "multiply_adds": row["multiply_adds"],
                "latency_us": round(row["latency_us"]),
                "float_accuracy": manifest["metrics"]["float"]["accuracy"],
                "accuracy": figures["accuracy"],
                "macro_f1": figures["macro_f1"],
                "ece": figures["ece"],
            }
        )
    return rows


def convert(*argv: str) -> str:
    """Run `emotion-convert` and return what it printed.

    Raises:
        SystemExit: it failed or was killed; standard error says why.
    """
    print("emotion-convert " + " ".join(argv), file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "convert.cli", *argv], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode < 0:  # it said nothing; and the next training may take hours to end
        name = Signals(-done.returncode).name
        print(f"emotion-convert {argv[0]}: killed by {name}", file=sys.stderr, flush=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    main()
