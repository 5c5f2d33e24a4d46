"""The temperature of a model, and whose faces it was fitted on."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from convert.load import FloatModel
from convert.quantize.calibrate import Material
from convert.quantize.options import Quantisation
from convert.quantize.signoff import Fit
from convert.quantize.temperature import LIMITS, fit_temperature
from convert.train.holdout import PERSON
from convert.train.prepare import prepare
from convert.train.record import Record
from edge.errors import ConfigError

log = logging.getLogger(__name__)

HOLDOUT = 0.05  # of the training faces, as `train` holds out unless told otherwise
FEW = 100  # faces: of so many of the public test, fer2013 gets 0.87 to 1.30 (95 % of 200 draws)


def holdout_of(record: Record, given: float | None) -> float:
    """Return the fraction of the training faces that training held out.

    Args:
        record: of the training.
        given: what `--holdout` says, or None.

    Raises:
        ConfigError: the two contradict each other.
    """
    if given is not None and record.holdout is not None and given != record.holdout:
        raise ConfigError(
            f"--holdout: got {given:g}; the model's record says that its training held out "
            f"{record.holdout:g}; allowed: that, or no --holdout"
        )
    return given or record.holdout or HOLDOUT


def origin_of(data: Dataset, record: Record, holdout: float | None) -> str:
    """Return what the faces are that training did not use, as far as anything says so.

    Args:
        data: as `quantize` reads it.
        record: of the training.
        holdout: what `--holdout` says that training held out, or None.
    """
    if "validation" in data.splits:
        return "validation faces"
    if _is_other_data(data, record):
        log.warning(
            "%s holds out other faces than the training did, which may have learnt from some of "
            "them: the temperature may be too low. Name the data that it was trained on",
            data.source,
        )
        return "training faces of other data than the model was trained on"
    if record.holdout is not None or holdout is not None:
        return "held-out training faces"
    return "training faces, of which no record says that they were held out"


def _is_other_data(data: Dataset, record: Record) -> bool:
    """Return whether faces that were learnt from may be among those held out of the data.

    Where faces are held out, each says itself whether it is, whatever else there is. People are
    counted: of more or fewer, others are.
    """
    about, recipe = record.kept.get("data"), record.kept.get("recipe")
    if record.holdout is None or not isinstance(about, dict) or not isinstance(recipe, dict):
        return False
    if about.get("held_out_by") != PERSON:
        return False
    if data.groups is None:
        return True
    try:
        _, _, counts = prepare(data, votes=float(recipe["votes"]), holdout=record.holdout)
    except (KeyError, TypeError, ValueError):  # without votes, say
        return True
    # `--limit` leaves faces out of training; fewer than were learnt from are another set.
    return about.get("validation") != counts.validation or about.get("train", 0) > counts.train


def fit_of(
    wanted: Quantisation,
    model: FloatModel,
    seen: Material,
    columns: NDArray[np.intp] | None,
    whose: str,
) -> Fit:
    """Return the temperature that was asked for, or the one that fits the held-out faces.

    Args:
        wanted: the options.
        model: at temperature 1.
        seen: the faces.
        columns: which label each of the data's classes is, None when none of them is one.
        whose: what the faces are, for the card.
    """
    if wanted.temperature is not None:
        return Fit(wanted.temperature)
    if not model.keras:
        log.info("temperature 1: that of a SavedModel cannot be folded into its weights")
        return Fit(1.0)
    if columns is None:
        log.info("temperature 1: the data says nothing about this model's labels")
        return Fit(1.0)
    targets_of_class = seen.targets
    if wanted.calibrate_to == "truth":
        targets_of_class = np.eye(seen.targets.shape[1], dtype=np.float32)[seen.truth]
        targets_of_class[seen.truth < 0] = 0
    targets = np.zeros((len(targets_of_class), len(model.labels)), np.float32)
    targets[:, columns] = targets_of_class
    with_target = targets.sum(axis=1) > 0
    if not with_target.any():
        log.info("temperature 1: no held-out face to fit it on")
        return Fit(1.0)
    faces = seen.held_out[with_target]
    views = [faces, faces[:, :, ::-1]] if wanted.flip else [faces]
    found = fit_temperature([model.predict(v) for v in views], targets[with_target])
    if len(faces) < FEW:
        log.warning(
            "temperature %g: fitted on %d faces only, so it stays near 1; more held-out faces, or "
            "--temperature, make the scores truer",
            found,
            len(faces),
        )
    if not LIMITS[0] * 1.01 < found < LIMITS[1] / 1.01:
        log.warning(
            "temperature %g is at its limit (%g to %g): something else is wrong, such as labels, "
            "--range or faces that the model was trained on",
            found,
            *LIMITS,
        )
    return Fit(found, fitted_on=f"{wanted.calibrate_to} of {len(faces)} {whose}")
