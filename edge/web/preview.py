"""The page for whoever mounts the camera: what it sees, and settings that act at once."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.build import build
from edge.camera import open_camera
from edge.errors import EdgeError
from edge.health import HealthMonitor
from edge.loop import run as run_loop
from edge.model.manifest import find_model, load_manifest
from edge.pipeline import Pipeline
from edge.stages import Clock, Control
from edge.web.frame_stream import FrameStream
from edge.web.preview_pipeline import Bystander, RotatedCamera, Wish, Wishes, private
from edge.web.savefile import save
from edge.web.server import Hub, Viewer
from edge.web.tuning import Tuning

log = logging.getLogger(__name__)

TICK_S = 0.25  # s between two looks at the time that is left
STATUS_EVERY = 2  # ticks between two words on how things are
MORE_S = 600.0  # s that the page's button adds


class PreviewHub(Hub):
    """The browsers; each is sent a picture when it has shown the last one."""

    def __init__(self, clock: Clock, ends: float, stop: Callable[[], None]) -> None:
        """Call `stop` at the time `ends`."""
        super().__init__()
        self._clock = clock
        self._stop = stop
        self._ticks = 0
        self.ends = ends
        self.bystander = Bystander()
        self.wishes: Wishes | None = None
        self.granted: Callable[[], str] = str  # what the camera is and gives
        self.settings = ""  # JSON for the page; set before the server starts, then by `told`
        self.wanted = False  # somebody waits for a picture; read by the loop's thread

    def joined(self, socket: Viewer) -> None:
        """Say what there is to set."""
        socket.send(self.settings)
        socket.send(self._status())

    def heard(self, socket: Viewer, message: str) -> None:
        """Take `next` (a picture), or a wish as JSON."""
        if message == "next":
            socket.ready = self.wanted = True
            return
        try:
            verb, changes = msgspec.json.decode(message, type=tuple[str, dict[str, object]])
        except msgspec.MsgspecError:
            return  # not from our page
        if verb == "stop":
            self._stop()
        elif verb == "more":
            self.ends = max(self.ends, self._clock.now() + MORE_S)
            self.tell(self._status())
        elif verb in ("set", "reset", "save") and self.wishes is not None:
            self.wishes.put(Wish(verb, changes))

    def tick(self) -> None:
        """Say how things are; end when the time is up."""
        self._ticks += 1
        if self._clock.now() >= self.ends:
            self._stop()
        elif self._ticks % STATUS_EVERY == 0 and self.sockets:
            self.tell(self._status())

    def show(self, payload: bytes) -> None:
        """Send a picture to those who wait."""
        for socket in [s for s in self.sockets if s.ready]:
            socket.ready = False
            socket.send(payload)
        self.wanted = False

    def told(self, settings: str, answer: str) -> None:
        """Send settings, and what became of a wish."""
        self.settings = settings
        self.tell(settings)
        self.tell(answer)

    def _status(self) -> str:
        health = self.bystander.health_now
        status = {
            "kind": "status",
            "left_s": round(max(self.ends - self._clock.now(), 0.0), 1),
            "status": self.bystander.status,
            "line": self.bystander.line,
            "camera": self.granted(),
            "health": msgspec.to_builtins(health) if health else None,
        }
        return json.dumps(status)


class Preview:
    """Runs the pipeline in the caller's thread; the hub's is another."""

    def __init__(
        self,
        tuning: Tuning,
        path: Path | None,
        hub: PreviewHub,
        clock: Clock,
        control: Control,
        rng: random.Random,
        rate: float,
    ) -> None:
        """Open the camera.

        Args:
            tuning: the configuration.
            path: its file; None: there is none, nothing is saved.
            hub: shows what is seen.
            clock: the real one.
            control: ends it.
            rng: of track ids.
            rate: most pictures a second.

        Raises:
            EdgeError: there is no such camera.
        """
        self._tuning = tuning
        self._path = path
        self._hub = hub
        self._clock = clock
        self._control = control
        self._rng = rng
        self._rate = rate
        config = private(tuning.config)
        straight = msgspec.structs.replace(config.camera, rotate=0)
        self.camera = RotatedCamera(open_camera(straight, clock, rng), config)
        self._wishes = Wishes()
        hub.wishes = self._wishes
        hub.granted = lambda: self.camera.stats().description
        hub.settings = self._settings()

    def run(self, pipeline: Pipeline) -> None:
        """Look until stopped, or until the camera ends.

        Raises:
            NoInputError: the first frame cannot be had.
        """
        health = HealthMonitor(
            self.camera, pipeline.publisher, self._clock, 1.0, on_status=self._hub.bystander.said
        )

        def grant_wishes() -> None:
            for wish in self._wishes.take():
                self._grant(wish, pipeline)

        run_loop(pipeline, self._clock, self._control, health, grant_wishes)

    def load(self) -> Pipeline:
        """Return a pipeline as configured now.

        Raises:
            EdgeError: something needed is missing or wrong.
        """
        config = private(self._tuning.config)
        spec = load_manifest(find_model(config.classify.model)).input
        stream = FrameStream(
            spec,
            config.classify.upright,
            self._rate,
            lambda: self._hub.wanted,
            lambda payload: self._hub.call(self._hub.show, payload),
        )
        return build(
            config,
            self._clock,
            self._control,
            self._rng,
            boot_id="preview",
            camera=self.camera,
            publisher=lambda *_: self._hub.bystander,
            observers=[stream],
        )

    def _grant(self, wish: Wish, pipeline: Pipeline) -> None:
        """Do as wished, or say why not."""
        answer: dict[str, object] = {"kind": "answer", "verb": wish.verb}
        try:
            if wish.verb == "save":
                answer["text"] = self._saved()
            else:
                afresh = wish.verb == "reset"
                config, changes = self._tuning.tried(wish.changes, afresh=afresh)
                pipeline.configure(private(config))
                self.camera.rotate = config.camera.rotate
                self._tuning.keep(config, changes)
                answer["keys"] = sorted(wish.changes)
        except EdgeError as e:
            answer["error"] = str(e)
            answer["keys"] = sorted(wish.changes)
        self._hub.call(self._hub.told, self._settings(), json.dumps(answer))

    def _saved(self) -> str:
        changes = self._tuning.changes
        if self._path is None or not changes:
            return "Nothing to save."
        backup = save(self._path, changes)
        self._tuning.changes = {}
        log.info("%s: set %s; before: %s", self._path, ", ".join(sorted(changes)), backup)
        return f"Written to {self._path}. What it was before is in {backup.name}."

    def _settings(self) -> str:
        config = self._tuning.config
        return json.dumps(
            {
                "kind": "settings",
                "settings": self._tuning.describe(),
                "changes": self._tuning.changes,
                "file": str(self._path) if self._path else None,
                "detector": config.detect.name,
                "model": config.classify.model,
            }
        )
