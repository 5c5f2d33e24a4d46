"""`python -m benchmarks.cost`: instructions a frame, beside the recorded ones; `--record` them."""

from __future__ import annotations

import argparse
import json

from benchmarks.cost import BASELINE, baseline, instructions_a_frame, machine_class, missing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("--record", action="store_true", help="make this the baseline")
    parser.add_argument("--detectors", nargs="*", default=["haar", "face"])
    args = parser.parse_args()
    if why := missing():
        raise SystemExit(why)
    recorded = baseline() if BASELINE.is_file() else {"instructions_a_frame": {}}
    found = {name: round(instructions_a_frame(name)) for name in args.detectors}
    for name, count in found.items():
        before = recorded["instructions_a_frame"].get(name)
        change = f", {count / before - 1:+.1%} of the baseline" if before else ""
        print(f"{name}: {count / 1e6:.2f} million instructions a frame{change}")
    if args.record:
        kept = {"machine": machine_class(), "instructions_a_frame": found}
        BASELINE.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
