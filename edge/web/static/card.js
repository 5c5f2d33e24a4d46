// One device on the dashboard.

import { glyph, reason } from "./emotions.js";
import { Bars, duration, el, percent, text } from "./parts.js";
import { Timeline } from "./timeline.js";

const STATUS = {
  running: ["●", "online"],
  online: ["●", "online"],
  paused: ["❚❚", "paused"],
  camera_lost: ["⚠", "camera lost"],
  stopped: ["■", "stopped"],
  offline: ["○", "offline"],
};
const MORE_FACES = 5; // rows beside the first face
const LATE_S = 10; // events that wait longer than a moment are worth a word
// Of a face, not of the device: no trouble to send somebody for.
const OF_FACES = ["too_small", "blurred", "low_light", "low_confidence", "not_scored", "no_face"];
const EVENTS = {
  face_appeared: (e) => `a face appeared: ${e.emotion}`,
  emotion_changed: (e) => `${e.previous ?? "?"} → ${e.emotion}`,
  face_left: () => "a face left",
  alert_began: (e) => `alert: ${e.emotion}, ${e.grade ?? ""}`,
  alert_ended: () => "alert ended",
};

export class Card {
  constructor(name) {
    this.emotion = null;
    this.status = el("span", { class: "status" });
    this.icon = el("span", { class: "icon" });
    this.word = el("span", { class: "word" });
    this.sub = el("p", { class: "sub faint" });
    this.bars = new Bars();
    this.others = el("ul", { class: "others" });
    this.timeline = new Timeline();
    this.health = el("ul", { class: "health" });
    this.log = el("ol", { class: "log" });
    this.root = el(
      "li",
      { class: "card device", "data-device": name },
      el("div", { class: "head" }, el("h2", {}, name), this.status),
      el("div", { class: "now" }, this.icon, el("div", {}, this.word, this.sub)),
      this.bars.root,
      this.others,
      this.timeline.canvas,
      this.health,
      el("details", {}, el("summary", {}, "last events"), this.log),
    );
    this.faces = 0;
    this.online = false;
    this.trouble = false;
    this.alerts = [];
    this.device = null;
    this.visible = true; // until the observer says so
  }

  update(device, now, keep, all) {
    // What did not change is not sent again.
    device = this.device = { faces: [], face_count: 0, alerts: [], log: [], ...this.device, ...device };
    this.timeline.add(device.steps, all, now - keep);
    this.online = device.online === true;
    const seen = device.status === "running" ? device.faces : [];
    this.faces = device.status === "running" ? device.face_count : 0;
    this.alerts = device.alerts;
    const [mark, word] = STATUS[device.status] ?? ["?", device.status];
    text(this.status, `${mark} ${word}`);
    this.root.dataset.status = device.status;
    this.root.classList.toggle("alarmed", device.alerts.length > 0);
    this.main(device, seen);
    this.rest(seen.slice(1));
    this.wellbeing(device);
    this.events(device.log);
    this.tick(now);
  }

  main(device, seen) {
    const [face] = seen;
    const emotion = face ? face.emotion : this.online && device.status === "running" ? "none" : "off";
    if (emotion !== this.emotion) {
      this.emotion = emotion;
      this.icon.replaceChildren(glyph(emotion));
    }
    const words = { none: "nobody", off: STATUS[device.status]?.[1] ?? device.status };
    text(this.word, words[emotion] ?? emotion);
    const scored = face && Object.keys(face.scores).length > 0;
    this.bars.root.classList.toggle("blank", !scored);
    if (scored) this.bars.update(face.scores, face.emotion);
    else this.bars.clear(device.info?.labels ?? []);
  }

  // Words that go on by themselves.
  tick(now) {
    const device = this.device;
    const [face] = device.status === "running" ? device.faces : [];
    if (face) {
      const why = face.reason ? `${reason(face.reason)}, ` : "";
      const sure = face.emotion === "unknown" ? "" : `${percent(face.confidence)}, `;
      text(this.sub, `${why}${sure}for ${duration(face.since_s + Math.max(0, now - device.state_at))}`);
    } else if (device.heard) {
      text(this.sub, `last heard ${duration(Math.max(0, now - device.heard))} ago`);
    } else {
      text(this.sub, "not heard since this page's command began");
    }
  }

  rest(faces) {
    const rows = faces.slice(0, MORE_FACES).map((f) => {
      const why = f.reason ? ` (${reason(f.reason)})` : "";
      const sure = f.emotion === "unknown" ? "" : ` ${percent(f.confidence)}`;
      return el("li", {}, glyph(f.emotion), `${f.emotion}${sure}${why}`);
    });
    const more = this.faces - 1 - rows.length;
    if (more > 0) rows.push(el("li", {}, `and ${more} more`));
    this.others.replaceChildren(...rows);
    this.others.hidden = !rows.length;
  }

  wellbeing(device) {
    const h = device.health;
    const bad = [];
    const good = [];
    if (h && device.status !== "offline") {
      bad.push(...h.reasons.filter((r) => !OF_FACES.includes(r)).map(reason));
      const faces = h.reasons.filter((r) => OF_FACES.includes(r)).map(reason);
      if (faces.length) good.push(`faces: ${faces.join(", ")}`);
      if (h.outbox_oldest_s >= LATE_S) bad.push(`${h.outbox_depth} events waiting`);
      if (h.outbox_lost > 0) bad.push(`${h.outbox_lost} events lost`);
      if (h.fps != null) good.push(`${h.fps.toFixed(h.fps < 10 ? 1 : 0)} frames/s`);
      good.push(`${percent(h.busy)} of a core`);
      if (h.temperature_c != null) good.push(`${Math.round(h.temperature_c)} °C`);
      if (h.memory_mb != null) good.push(`${Math.round(h.memory_mb)} MB`);
      good.push(`up ${duration(h.uptime_s)}`);
    }
    if (device.invalid) bad.push(`${device.invalid} messages not understood`);
    this.trouble =
      device.status !== "running" || !this.online || bad.length > 0 || device.alerts.length > 0;
    const rows = [
      ...bad.map((words) => el("li", { class: "bad" }, `⚠ ${words}`)),
      ...good.map((words) => el("li", {}, words)),
    ];
    if (device.info) rows.push(el("li", {}, `v${device.info.version}, ${device.info.model}`));
    this.health.replaceChildren(...rows);
  }

  events(log) {
    this.log.replaceChildren(
      ...log.toReversed().map((e) => {
        const when = new Date(1000 * e.at).toLocaleTimeString();
        const late = e.replayed ? " (sent late)" : "";
        return el("li", {}, el("time", {}, when), ` ${(EVENTS[e.type] ?? (() => e.type))(e)}${late}`);
      }),
    );
  }

  draw(now, keep) {
    this.timeline.draw(now, keep);
  }
}
