"""The loops that are compared. Each takes a JPEG and returns (face found, label shown)."""

from __future__ import annotations

import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import FPS

Step = Callable[[Any], tuple[bool, str | None]]
LABELS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def classic(data: Path, work: Path, *, tflite: bool) -> Step:
    """The loop of the well-known projects, among them the one that mini-Xception comes from.

    Full-size Haar with (1.3, 5), a margin of (20, 40) around the face, Keras `predict` for each
    face, the most frequent of the last ten labels.
    """
    cascade = cv2.CascadeClassifier(
        str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml")
    )
    infer = _float_tflite(work / "mini.tflite") if tflite else _keras(data)
    window: deque[str] = deque(maxlen=10)

    def step(jpeg: Any) -> tuple[bool, str | None]:
        picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # it keeps a colour copy to draw on
        faces = cascade.detectMultiScale(grey, 1.3, 5)
        shown = None
        for x, y, w, h in faces:
            crop = grey[max(y - 40, 0) : y + h + 40, max(x - 20, 0) : x + w + 20]
            face = cv2.resize(crop, (64, 64)).astype("float32") / 255.0
            scores = infer((face - 0.5)[None, :, :, None] * 2.0)
            window.append(LABELS[int(np.argmax(scores))])
            shown = statistics.mode(window)
        return len(faces) > 0, shown

    return step


def _keras(data: Path) -> Callable[[Any], Any]:
    import keras

    name = "fer2013_mini_XCEPTION.102-0.66.hdf5"
    model = keras.models.load_model(data / "keras" / name, compile=False)
    return lambda x: model.predict(x, verbose=0)


def _float_tflite(path: Path) -> Callable[[Any], Any]:
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(str(path), num_threads=1)
    net.allocate_tensors()
    into, out = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]

    def infer(x: Any) -> Any:
        net.set_tensor(into, x.astype(np.float32))
        net.invoke()
        return net.get_tensor(out)

    return infer


def convert(data: Path, work: Path) -> None:
    """Make the float TFLite file of the same network."""
    import keras
    import tensorflow as tf  # noqa: TID251  # TensorFlow is what is compared with

    name = "fer2013_mini_XCEPTION.102-0.66.hdf5"
    model = keras.models.load_model(data / "keras" / name, compile=False)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    (work / "mini.tflite").write_bytes(content)


def fer() -> Step:
    """PyPI's `fer` with its defaults."""
    try:
        from fer import FER
    except ImportError:
        from fer.fer import FER

    detector = FER()

    def step(jpeg: Any) -> tuple[bool, str | None]:
        faces = detector.detect_emotions(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        if not faces:
            return False, None
        emotions = faces[0]["emotions"]
        return True, max(emotions, key=emotions.get)

    return step


def deepface() -> Step:
    """PyPI's `deepface` with its default detector; downloads its weights at the first call."""
    from deepface import DeepFace

    def step(jpeg: Any) -> tuple[bool, str | None]:
        picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        try:
            faces = DeepFace.analyze(picture, actions=["emotion"], silent=True)
        except ValueError as e:
            if "could not be detected" in str(e):
                return False, None
            raise
        return True, str(faces[0]["dominant_emotion"])

    return step


def mediapipe() -> Step:
    """PyPI's `mediapipe`, its face detection alone: it has no emotions."""
    import mediapipe as mp

    detector = mp.solutions.face_detection.FaceDetection(min_detection_confidence=0.5)

    def step(jpeg: Any) -> tuple[bool, str | None]:
        picture = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return bool(detector.process(picture).detections), None

    return step


def yunet_alone(data: Path) -> Step:
    """YuNet in every frame and nothing else: which faces there are to be found."""
    from edge.config import Detect
    from edge.detect import open_detector

    detector = open_detector(Detect(name="yunet", model=yunet_path(data)))

    def step(jpeg: Any) -> tuple[bool, str | None]:
        return bool(detector.detect(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE))), None

    return step


def yunet_path(data: Path) -> str:
    return str(data / "detectors" / "face_detection_yunet_2026may.onnx")


class OurLoop:
    """The daemon's own pipeline on the bytes that a V4L2 camera hands over.

    A camera and an observer at once.
    """

    def __init__(
        self,
        data: Path,
        detector: str,
        frames: Sequence[Any],
        sets: Sequence[str] = (),
        *,
        fps: float = FPS,
    ) -> None:
        from edge.build import build
        from edge.configfile import load
        from edge.publish import open_publisher
        from edge.stages import Control
        from edge.tools.replay import ReplayClock

        model = [f"detect.model={yunet_path(data)}"] if detector == "yunet" else []
        self.config = load(
            None, {}, [f"detect.name={detector}", "output.stdout=off", *model, *sets]
        )
        self.faces = 0  # over all frames
        self._fps = fps
        self.seen: list[tuple[bool, str | None]] = []
        self.between: Callable[[int], None] = lambda _n: None
        first = frames[0]  # a JPEG, or luma as it is
        height, width = (first if first.ndim == 2 else cv2.imdecode(first, 0)).shape
        self._size = width, height
        self._frames, self._clock, self._control = frames, ReplayClock(), Control()
        rng = random.Random(0)
        self.pipeline = build(
            self.config,
            self._clock,
            self._control,
            rng,
            boot_id="versus",
            publisher=lambda identity: open_publisher(
                self.config, identity, self._clock, self._control, rng
            ),
            camera=self,
            observers=[self],
        )

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self) -> Iterator[Any]:
        from edge.camera.v4l2 import luma_of_raw
        from edge.messages import Frame

        for n, jpeg in enumerate(self._frames):
            luma = jpeg if jpeg.ndim == 2 else luma_of_raw(jpeg, "MJPG", *self._size)
            assert luma is not None
            self._clock.set(n / self._fps)
            yield Frame(n, n / self._fps, luma)
            self.between(n)

    def frame(self, _frame: Any, estimates: Sequence[Any], /) -> None:
        self.faces += len(estimates)
        self.seen.append((bool(estimates), estimates[0].emotion if estimates else None))

    def stats(self) -> Any:
        from edge.stages import CameraStats

        return CameraStats()

    def close(self) -> None:
        return

    def run(self) -> None:
        from edge.health import HealthMonitor
        from edge.loop import run

        health = HealthMonitor(self, self.pipeline.publisher, self._clock, 30.0)
        run(self.pipeline, self._clock, self._control, health)
