"""What the network says, in which units, and how the teachers' values become it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Output:
    """One value: `value = scale * output`, and so for its standard deviation."""

    name: str
    unit: Literal["deg", "share"]
    scale: float


OUTPUTS = (
    Output("yaw", "deg", 20.0),
    Output("pitch", "deg", 20.0),
    Output("roll", "deg", 20.0),
    Output("eye_left", "share", 0.25),
    Output("eye_right", "share", 0.25),
    Output("mouth", "share", 0.25),
    Output("smile", "share", 0.25),
)
"""Scales bring all to a like range, because int8 has one step for the whole output tensor."""

NAMES = tuple(o.name for o in OUTPUTS)
SCALES = np.array([o.scale for o in OUTPUTS], np.float32)
N = len(OUTPUTS)
YAW, PITCH, ROLL, EYE_LEFT, EYE_RIGHT, MOUTH, SMILE = range(N)
MIRRORED = (YAW, PITCH, ROLL, EYE_RIGHT, EYE_LEFT, MOUTH, SMILE)  # whose value a mirror image has
SIGNS = np.array([-1, 1, -1, 1, 1, 1, 1], np.float32)  # of these in a mirror image

# eyeBlink of wide open and of shut eyes: the 5th percentile of LFW's faces is 0.03 and its median
# 0.21; the 5th percentile of faces with shut eyes is 0.44, their median 0.67.
BLINK_OPEN, BLINK_SHUT = 0.1, 0.65


def openness(blink: NDArray[np.floating]) -> Floats:
    """Return how far an eye is open, 0 to 1, by MediaPipe's eyeBlink."""
    out: Floats = 1 - np.clip((blink - BLINK_OPEN) / (BLINK_SHUT - BLINK_OPEN), 0, 1)
    return out.astype(np.float32)


def targets(pose: NDArray[np.floating], shapes: NDArray[np.floating], names: list[str]) -> Floats:
    """Return the outputs (n, 7) in their units, by what the teachers say of n faces.

    Args:
        pose: (n, 3), yaw, pitch and roll in degrees.
        shapes: (n, k), expression values.
        names: of the k.
    """
    value = {name: shapes[:, k].astype(np.float32) for k, name in enumerate(names)}
    return np.column_stack(
        [
            pose.astype(np.float32),
            openness(value["eyeBlinkLeft"]),
            openness(value["eyeBlinkRight"]),
            np.clip(value["jawOpen"], 0, 1),
            np.clip((value["mouthSmileLeft"] + value["mouthSmileRight"]) / 2, 0, 1),
        ]
    ).astype(np.float32)


def mirrored(values: Floats) -> Floats:
    """Return the values (..., 7) of mirror images."""
    return values[..., MIRRORED] * SIGNS
