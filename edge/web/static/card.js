// One device on the dashboard, as a card.

import { CONDITIONS, URGENT } from "./device.js";
import { glyph, reason } from "./emotions.js";
import { Bars, doing, duration, el, fill, mark, percent, text } from "./parts.js";
import { Timeline } from "./timeline.js";

function audience(a) {
  if (!a) return "";
  return `audience this hour: ${a.seen} seen, ${a.looked} looked, ${duration(a.dwell_s)} here, ${duration(a.attention_s)} looking`;
}

const OTHERS = 5; // rows beside the first face
const EVENTS = new Map([
  ["face_appeared", (e) => `a face appeared: ${e.emotion}`],
  ["emotion_changed", (e) => `${e.previous || "?"} → ${e.emotion}`],
  ["face_left", () => "a face left"],
  ["alert_began", (e) => `alert${e.alert ? ` ${e.alert}` : ""}: ${e.emotion}, ${e.grade}`],
  ["alert_ended", (e) => `alert${e.alert ? ` ${e.alert}` : ""} ended`],
  ["attention_began", () => "looks"],
  ["attention_ended", () => "no longer looks"],
]);
for (const [kind, words] of CONDITIONS) {
  if (kind === "attention") continue;
  EVENTS.set(kind, () => words);
  EVENTS.set(`${kind}_ended`, () => `${words}: over`);
}

// What additional classifiers say of a face.
const attributes = (face) =>
  (face?.attributes ?? []).map(([name, label, share]) => `, ${name}: ${label} ${percent(share)}`).join("");

export class Card {
  // `steps` belong to the timeline; they are the device's, for it outlives its card.
  constructor(device, steps) {
    this.device = device;
    this.status = el("span", { class: "status" });
    this.icon = el("span", { class: "icon" });
    this.word = el("span", { class: "word" });
    this.more = el("span", { class: "more" });
    this.sub = el("p", { class: "sub faint" });
    this.doing = el("p", { class: "doing faint" });
    this.conditions = el("ul", { class: "conditions" });
    this.audience = el("p", { class: "audience faint" });
    this.bars = new Bars();
    this.others = el("ul", { class: "others" });
    this.timeline = new Timeline(steps);
    this.health = el("ul", { class: "health" });
    this.log = el("ol", { class: "log" });
    this.root = el(
      "div",
      { class: "inside" },
      el("div", { class: "head" }, el("h2", {}, device.name), this.status),
      el(
        "div",
        { class: "now" },
        this.icon,
        el("div", {}, el("p", {}, this.word, this.more), this.sub),
      ),
      this.conditions,
      this.doing,
      this.audience,
      this.bars.root,
      this.others,
      this.timeline.canvas,
      this.health,
      el("details", {}, el("summary", {}, "last events"), this.log),
    );
  }

  update(now) {
    const d = this.device;
    text(this.status, `${d.mark} ${d.words}`);
    const [face] = d.seen;
    fill(this.icon, d.emotion, () => [glyph(d.emotion)]);
    text(this.word, d.emotionWords);
    text(this.more, d.count > 1 ? `+${d.count - 1}` : "");
    mark(this.more, "title", d.count > 1 ? `${d.count} faces` : "");
    text(this.doing, doing(face?.state));
    this.doing.hidden = !face?.state;
    this.inNow(face);
    text(this.audience, audience(d.audience));
    this.audience.hidden = !d.audience;
    this.timeline.canvas.hidden = !d.judges; // its lanes are emotions
    const scored = face?.scores && Object.keys(face.scores).length > 0;
    this.bars.root.classList.toggle("blank", !scored);
    if (scored) this.bars.update(face.scores, face.emotion);
    else this.bars.clear(d.info?.labels ?? []);
    this.rest(d.seen.slice(1, 1 + OTHERS), d.count);
    this.wellbeing(d);
    this.events(d.log);
    this.tick(now);
  }

  // What the first face is in now, and its sums.
  inNow(face) {
    const on = face?.conditions ?? [];
    const sums = face?.sums;
    const words = on.map((c) => [CONDITIONS.get(c) ?? c, URGENT.has(c)]);
    if (sums?.looked_s >= 1) words.push([`looked ${duration(sums.looked_s)}`, false]);
    for (const [one, n] of [["blink", sums?.blinks], ["yawn", sums?.yawns]])
      if (n) words.push([`${n} ${one}${n === 1 ? "" : "s"}`, false]);
    if (sums?.perclos != null) words.push([`PERCLOS ${percent(sums.perclos)}`, false]);
    fill(this.conditions, JSON.stringify(words), () =>
      words.map(([word, urgent]) => el("li", { class: urgent ? "bad" : "faint" }, word)),
    );
    this.conditions.hidden = !words.length;
  }

  // Words that go on by themselves.
  tick(now) {
    const d = this.device;
    const [face] = d.seen;
    const why = face?.reason && d.judges ? `${reason(face.reason)}, ` : "";
    const sure = face && face.emotion !== "unknown" ? `${percent(face.confidence)}, ` : "";
    text(this.sub, `${why}${sure}${d.since(now)}${attributes(face)}`);
  }

  rest(faces, count) {
    const rows = faces.map((f) => {
      const why = f.reason ? ` (${reason(f.reason)})` : "";
      const words = f.emotion === "unknown" ? why : ` ${percent(f.confidence)}${why}`;
      return [f.emotion, words + attributes(f)];
    });
    const beyond = count - 1 - rows.length;
    fill(this.others, JSON.stringify([rows, beyond]), () => {
      const items = rows.map(([label, words]) => el("li", {}, glyph(label), label + words));
      if (beyond > 0) items.push(el("li", {}, `+${beyond} more`));
      return items;
    });
    this.others.hidden = !rows.length && beyond <= 0;
  }

  wellbeing(d) {
    const h = d.health;
    const good = [];
    if (h && d.status !== "offline") {
      if (h.of_faces.length) good.push(`faces: ${h.of_faces.map(reason).join(", ")}`);
      if (h.fps != null && d.status === "running") {
        good.push(`${h.fps.toFixed(h.fps < 10 ? 1 : 0)} frames/s`, `${percent(h.busy)} of a core`);
      }
      if (h.temperature_c != null) good.push(`${Math.round(h.temperature_c)} °C`);
      if (h.memory_mb != null) good.push(`${Math.round(h.memory_mb)} MB`);
      good.push(`up ${duration(h.uptime_s)}`);
    }
    if (d.tags.length) good.push(d.tags.map((t) => `#${t}`).join(" "));
    if (d.info) good.push([`v${d.info.version}`, d.info.model].filter(Boolean).join(", "));
    fill(this.health, JSON.stringify([d.problems, good]), () => [
      ...d.problems.map((words) => el("li", { class: "bad" }, `⚠ ${words}`)),
      ...good.map((words) => el("li", {}, words)),
    ]);
  }

  events(log) {
    fill(this.log, JSON.stringify(log), () =>
      log.toReversed().map((e) => {
        const when = new Date(1000 * e.at).toLocaleTimeString();
        const late = e.replayed ? " (sent late)" : "";
        const words = (EVENTS.get(e.type) ?? (() => e.type))(e);
        return el("li", {}, el("time", {}, when), ` ${words}${late}`);
      }),
    );
  }

  draw(now, keep) {
    this.timeline.draw(now, keep);
  }
}
