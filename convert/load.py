"""Loads a float model safely and knows how a face enters it: the reference that int8 must match."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.crops import Faces, to_input
from convert.labels import DATA, output_names
from convert.model_options import RANGES, USUAL, ModelOptions, range_of
from convert.own_scaling import own_scaling, takes_luma
from convert.probabilities import softmax, with_probabilities
from convert.quiet import quiet
from convert.safety import check_model_file
from convert.train.record import MODEL, labels_beside
from edge.errors import ConfigError, UnavailableError
from edge.model.manifest import InputSpec, sha256_of

MAX_WHY = 300  # characters of Keras' words: they may hold the whole configuration
BATCH = 256  # faces; larger gains nothing on a CPU


@dataclass(frozen=True, slots=True)
class Known:
    """What a published model file does not say about itself."""

    name: str
    task: str
    labels: tuple[str, ...]
    luma: str  # a key of RANGES
    margin: float = 0.0  # of its training's crops beyond a detector's box, fraction of the box


# Published by oarriaga/face_classification (MIT), trained as Arriaga et al. 2017 describe.
KNOWN = {
    "fer2013_mini_XCEPTION": Known(
        "fer2013_mini_XCEPTION",
        "emotion",
        ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
        "-1..1",
    ),
    # The authors' demo adds 30 pixels to a Haar box left and right, 60 above and below
    # (src/video_emotion_gender_demo.py); 0.35 by `python -m benchmarks.attributes`.
    "gender_mini_XCEPTION": Known(
        "gender_mini_XCEPTION", "attribute", ("woman", "man"), "-1..1", margin=0.35
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class FloatModel:
    """A Keras model or SavedModel with its labels and input.

    Attributes:
        path: the file or folder it came from.
        network: the Keras model, or the loaded SavedModel.
        keras: whether `network` is a Keras model.
        labels: C names in the order of the outputs.
        task: `emotion` or `attribute`.
        input: how luma becomes input; margin included.
        labels_from: who named the labels, see `convert.labels`.
        logits: the outputs of `network` are logits; `predict` turns them into probabilities.
    """

    path: Path
    network: Any
    keras: bool
    labels: tuple[str, ...]
    task: str
    input: InputSpec
    labels_from: str = DATA
    logits: bool = False

    @property
    def name(self) -> str:
        """The file's name without its suffix; the folder's where that says more."""
        path = self.path.resolve()
        return path.parent.name if path.name == MODEL else path.stem

    def predict(self, faces: Faces) -> NDArray[np.float32]:
        """Return probabilities, (n, C), of faces of any size, (n, height, width) uint8 luma."""
        out = np.empty((len(faces), len(self.labels)), np.float32)
        for i in range(0, len(faces), BATCH):
            x = to_input(faces[i : i + BATCH], self.input)
            out[i : i + BATCH] = self.run(x)
        return out

    def compiled(self, x: NDArray[np.float32]) -> Callable[[], object]:
        """Return a call that scores `x` again and again, compiled where TensorFlow is."""
        if not self.keras:
            signature, tensor = self.network.signatures["serving_default"], _tensor(x)
            return lambda: signature(tensor)
        import keras

        if keras.backend.backend() != "tensorflow":
            return lambda: self.network.predict_on_batch(x)
        import tensorflow as tf

        network, tensor = self.network, _tensor(x)
        function = tf.function(lambda t: network(t, training=False))
        return lambda: function(tensor)

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs, (n, C), for inputs (n, height, width, channels)."""
        if self.keras:
            out = self.network.predict(x, batch_size=BATCH, verbose=0)
        else:
            outputs = self.network.signatures["serving_default"](_tensor(x))
            out = next(iter(outputs.values()))
        scores = np.asarray(out, np.float32)
        return softmax(scores) if self.logits else scores


def _tensor(x: NDArray[np.float32]) -> Any:
    import tensorflow as tf

    return tf.constant(x)


def load_float(path: Path, how: ModelOptions = USUAL, classes: tuple[str, ...] = ()) -> FloatModel:
    """Load a `.keras`, `.h5`, `.hdf5` or SavedModel without running code from it.

    A Keras model that ends in logits gets a softmax, so that its outputs are probabilities.

    Args:
        path: the model.
        how: what the file leaves unsaid.
        classes: of the data, used as labels where nothing else names the outputs.

    Raises:
        NoInputError: there is no such file.
        ConfigError: the file is damaged, would run code, or does not fit labels or luma.
        UnavailableError: Keras or its backend is not installed.
    """
    saved_model = path.is_dir()
    if saved_model:
        use_tensorflow()  # reading its graph needs it
    check_model_file(path)
    network = _load_saved_model(path) if saved_model else load_keras(path)
    shapes = _saved_model_shapes(path, network) if saved_model else _keras_shapes(path, network)
    (height, width, channels), outputs = shapes
    if not saved_model:
        network = _single(network)
    known = None if saved_model else KNOWN.get(path.name.split(".")[0])
    names = output_names(
        path,
        outputs,
        given=how.labels,
        recorded=None if saved_model else labels_beside(path),
        published=None if known is None else known.labels,
        classes=classes,
    )
    mean, scale = _mean_scale(path, network, how, known, keras=not saved_model)
    spec = InputSpec(
        width=width,
        height=height,
        channels=1 if channels == 1 else 3,
        mean=mean,
        scale=scale,
        margin=how.margin if how.margin is not None else (known.margin if known else 0.0),
    )
    task = known.task if known else ("emotion" if "neutral" in names.labels else "attribute")
    model = FloatModel(path, network, not saved_model, names.labels, task, spec, names.origin)
    return with_probabilities(model)


def known_labels(path: Path) -> tuple[str, ...] | None:
    """Return the labels of a published file, None when it is not one that is known."""
    known = KNOWN.get(path.name.split(".")[0])
    return None if known is None else known.labels


def model_digest(path: Path) -> str:
    """Return the SHA-256 of a model file, or of all files of a SavedModel in order of name."""
    if path.is_file():
        return sha256_of(path)
    parts = [
        f"{f.relative_to(path)} {sha256_of(f)}" for f in sorted(path.rglob("*")) if f.is_file()
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def use_tensorflow() -> None:
    """Make Keras run on TensorFlow, which the converter needs.

    Raises:
        UnavailableError: TensorFlow is missing, or Keras already runs on something else.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with quiet():
            import keras
            import tensorflow as tf
    except ImportError as e:
        raise UnavailableError(
            f"TensorFlow cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    if keras.backend.backend() != "tensorflow":
        raise UnavailableError(
            f"Keras already runs on {keras.backend.backend()}; allowed here: tensorflow"
        )
    threads = int(os.environ.get("TF_NUM_INTRAOP_THREADS", "0"))
    with contextlib.suppress(RuntimeError):  # it already runs with what it was given
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def load_keras(path: Path) -> Any:
    """Return the Keras model in a file that `check_model_file` has passed.

    Raises:
        ConfigError: Keras cannot load it.
        UnavailableError: Keras or its backend is not installed.
    """
    try:
        with quiet():
            import keras
    except ImportError as e:
        raise UnavailableError(
            f"Keras cannot be used ({e}); install it with: pip install 'emotion-edge[convert]'"
        ) from e
    try:
        with quiet():
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as e:  # Keras raises nearly everything for a file it cannot read
        first = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise ConfigError(f"{path}: Keras cannot load it: {first[:MAX_WHY]}") from e


def _load_saved_model(path: Path) -> Any:
    use_tensorflow()
    import tensorflow as tf

    try:
        with quiet():
            loaded = tf.saved_model.load(str(path))
    except Exception as e:  # likewise
        raise ConfigError(f"{path}: TensorFlow cannot load it: {e}") from e
    if "serving_default" not in loaded.signatures:
        raise ConfigError(f"{path}: no signature `serving_default`")
    return loaded


Shapes = tuple[tuple[int, int, int], int]


def _keras_shapes(path: Path, network: Any) -> Shapes:
    # A Sequential whose file names no input has neither, not even as an attribute.
    tensors = (getattr(network, "inputs", None) or [], getattr(network, "outputs", None) or [])
    return _one_in_one_out(path, *([tuple(t.shape) for t in side] for side in tensors))


def _single(network: Any) -> Any:
    """Return the network without lists of one around its input and output (`outputs=[y]`).

    A Sequential, which has no `input` before it was called, becomes a network like others.
    """
    import keras

    if (
        isinstance(network, keras.Sequential)
        or isinstance(network.input, list | tuple)
        or isinstance(network.output, list | tuple)
    ):
        return keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    return network


def _saved_model_shapes(path: Path, network: Any) -> Shapes:
    signature = network.signatures["serving_default"]
    inputs = [tuple(t.shape) for t in signature.structured_input_signature[1].values()]
    outputs = [tuple(t.shape) for t in signature.structured_outputs.values()]
    return _one_in_one_out(path, inputs, outputs)


def _one_in_one_out(path: Path, inputs: list[Any], outputs: list[Any]) -> Shapes:
    flat = [s for s in (*inputs, *outputs) if isinstance(s, tuple)]
    if len(inputs) != 1 or len(outputs) != 1 or len(flat) != 2:
        raise ConfigError(f"{path}: allowed: one input and one output")
    image, scores = flat
    if len(image) != 4 or image[3] not in (1, 3) or None in image[1:]:
        raise ConfigError(f"{path}: input {image}; allowed: (None, height, width, 1 or 3)")
    if len(scores) != 2 or scores[1] is None or scores[1] < 2:
        raise ConfigError(f"{path}: output {scores}; allowed: (None, classes), at least 2 classes")
    return (int(image[1]), int(image[2]), int(image[3])), int(scores[1])


def _mean_scale(
    path: Path, network: Any, how: ModelOptions, known: Known | None, *, keras: bool
) -> tuple[float, float]:
    if known is not None:
        return range_of(path, how, RANGES[known.luma])
    own = own_scaling(network) if keras else []
    if takes_luma(own):
        return range_of(path, how, RANGES["0..255"])
    if how.luma_range is not None:
        return RANGES[how.luma_range]
    begins = (
        f"begins with a {type(own[0]).__name__} layer that is not clearly for 0 to 255"
        if own
        else "does not begin with a Rescaling or Normalization layer"
    )
    raise ConfigError(
        f"{path}: {begins}; say what luma 0 to 255 becomes with --range, one of "
        f"{', '.join(sorted(RANGES))}"
    )
