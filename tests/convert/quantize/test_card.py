from __future__ import annotations

from typing import cast

import msgspec

from convert.quantize.card import card
from edge.model.manifest import InputSpec, Manifest

MANIFEST = Manifest(
    name="own",
    task="emotion",
    labels=["happy", "sad"],
    input=InputSpec(width=48, height=48),
    quantisation="int8",
    sha256="0" * 64,
    metrics={
        "data": "faces",
        "split": "test",
        "faces": 10,
        "agreement": 0.9,
        "float": {"accuracy": 0.8, "recall": {"happy": 1.0, "sad": 0.6}},
        "quantised": {"accuracy": 0.7, "recall": {"happy": 1.0, "sad": None}},
    },
    provenance={
        "source": "model.keras",
        "temperature": 0.7,
        "temperature_fitted_on": "truth of 50 held-out training faces",
        "training": {
            "architecture": "edge",
            "seed": 3,
            "recipe": {"epochs": 5, "votes": 1.0},
            "data": {"train": 90, "validation": 5, "identical_to_test": 2},
        },
    },
)


def test_a_card_says_what_it_can_what_it_saw_and_what_it_is_not_for() -> None:
    text = card(MANIFEST, data_name="fer2013", notes="Made for a test.")
    assert text.startswith("# own\n")
    assert "Made for a test." in text
    assert "| accuracy | 0.8000 | 0.7000 |" in text
    assert "| recall of sad | 0.6000 | - |" in text
    assert "| temperature folded in | 0.7, fitted to truth of 50 held-out training faces |" in text
    assert "`edge`, 5 epochs on 90 faces with raters' votes as targets, 5 held out" in text
    assert "FER+ (Barsoum et al. 2016, MIT)" in text
    assert "## What it must not be used for" in text


def test_a_card_does_not_claim_to_know_other_data() -> None:
    text = card(MANIFEST, data_name="our-visitors")
    assert "FER2013" not in text
    assert "whoever made this model must say whose faces it saw" in text


def test_a_card_names_what_a_model_learnt_from() -> None:
    record = dict(cast("dict[str, object]", MANIFEST.provenance["training"]))
    record["recipe"] = {"epochs": 5, "votes": 0.0, "teacher": 0.7}
    record["begun_from"] = {"name": "a/model.keras", "sha256": "0" * 64}
    record["teachers"] = [{"name": "b/model.keras", "sha256": "1" * 64}]
    data = cast("dict[str, object]", record["data"])
    record["data"] = {
        **data,
        "unlabelled": 30,
        "unlabelled_from": [{"name": "ours"}, {"name": "more.npz"}],
    }
    changed = msgspec.structs.replace(
        MANIFEST, provenance={**MANIFEST.provenance, "training": record, "flip": True}
    )
    text = card(changed, data_name="faces")
    assert "5 epochs from a/model.keras on 90 faces with labels" in text
    assert "The scores of b/model.keras are 70% of the targets." in text
    assert "Of 30 faces more, without a label (ours, more.npz; their sources" in text
    assert "without a label" not in card(MANIFEST, data_name="faces")
    assert "| scores | the mean over a face and its mirror image |" in text
    assert "mirror" not in card(MANIFEST, data_name="faces")


def test_a_card_counts_the_faces_that_were_left_out() -> None:
    text = card(MANIFEST, data_name="own")
    assert "; 2 training faces that are identical to a test face were left out. Seed 3." in text
    record = dict(cast("dict[str, object]", MANIFEST.provenance["training"]))
    record["data"] = {"identical_to_test": 2, "identical_to_validation": 4, "held_out_by": "person"}
    manifest = msgspec.structs.replace(
        MANIFEST, provenance={**MANIFEST.provenance, "training": record}
    )
    words = "identical to a test face were left out, and 4 to a validation face. Seed 3."
    assert words in card(manifest, data_name="own")
    assert "held out to choose by, of people it did not learn from; 2 training faces" in card(
        manifest, data_name="own"
    )


def test_a_card_lists_the_trainings_that_were_averaged() -> None:
    one = cast("dict[str, object]", MANIFEST.provenance["training"])
    record = {"averaged": [{**one, "seed": 11}, {**one, "seed": 12}]}
    changed = msgspec.structs.replace(MANIFEST, provenance={"training": record})
    text = card(changed, data_name="faces")
    assert "The mean of the weights of trainings" in text
    assert text.count("\n- Architecture `edge`, 5 epochs on 90 faces") == 2
    assert "Seed 11." in text and "Seed 12." in text
