"""Transfer learning: a well-known backbone, with weights from a file, under a new classifier."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from convert.arch.blocks import luma_to_unit, unit_to_channels

BACKBONES = ("vgg16", "resnet50", "efficientnet_b0")

# Mean luma of ImageNet for the two backbones trained in Caffe's convention: blue, green, red
# means subtracted, no scaling (Keras applications, `preprocess_input`).
CAFFE_MEANS = (103.939, 116.779, 123.68)
# Of ImageNet's red, green and blue (Keras, applications/efficientnet.py, IMAGENET_STDDEV_RGB).
STDDEVS = (0.229, 0.224, 0.225)


def build(
    name: str, size: tuple[int, int], classes: int, *, weights: Path | None, seed: int = 1
) -> Any:
    """Return the network: (n, height, width, 1) luma 0..255 to (n, classes) probabilities.

    Luma is repeated to the three channels of the backbone, in the range that it was trained on.

    Raises:
        ValueError: the name is not known.
        OSError: the weights file cannot be read or does not fit.
    """
    import keras
    from keras import applications, layers

    makers = {
        "vgg16": applications.VGG16,
        "resnet50": applications.ResNet50,
        "efficientnet_b0": applications.EfficientNetB0,
    }
    if name not in makers:
        raise ValueError(f"backbone: got {name!r}; allowed: {', '.join(BACKBONES)}")
    backbone = makers[name](include_top=False, weights=None, input_shape=(*size, 3))
    if weights is not None:
        try:
            backbone.load_weights(weights)
        except (OSError, ValueError, KeyError) as e:
            reason = str(e).splitlines()[0] if str(e) else type(e).__name__
            raise OSError(f"{weights}: not weights of {name} without its top: {reason}") from e
    inputs = keras.Input((*size, 1), name="luma_0_255")
    unit = luma_to_unit(inputs)
    if name == "efficientnet_b0":
        x = backbone(unit_to_channels(unit, *_for_efficientnet(backbone)))
    else:
        x = backbone(unit_to_channels(unit, CAFFE_MEANS))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3, seed=seed)(x)
    x = layers.Dense(classes, dtype="float32")(x)
    outputs = layers.Softmax(dtype="float32", name="scores")(x)
    return keras.Model(inputs, outputs, name=name)


def _for_efficientnet(backbone: Any) -> tuple[list[float], list[float]]:
    """Return means and scales of luma 0..255 before a backbone that Keras built without weights.

    Built for ImageNet's by name, it divides by the root of `STDDEVS` after its normalisation, which
    its published weights expect; built without weights it does not. Done to x / 255 before the
    normalisation, which takes away `mean`, the same is mean + (x / 255 - mean) / root.
    """
    normalisation = next(x for x in backbone.layers if type(x).__name__ == "Normalization")
    means = [float(m) for m in normalisation.get_weights()[0].ravel()]
    roots = [math.sqrt(s) for s in STDDEVS]
    return [255 * m * (1 - r) for m, r in zip(means, roots, strict=True)], [1 / r for r in roots]
