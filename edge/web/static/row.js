// One device on the dashboard, as a row of the table.

import { glyph, reason } from "./emotions.js";
import { el, fill, percent, text } from "./parts.js";

export const COLUMNS = [
  ["device", "c-d"],
  ["status", "c-s"],
  ["now", "c-n"],
  ["faces", "number"],
  ["sure", "number wide"],
  ["since", "c-w wide"],
  ["frames/s", "number wide"],
  ["trouble", "wide"],
];

export class Row {
  constructor(device, open) {
    this.device = device;
    this.name = el("button", { class: "name", type: "button" }, device.name);
    this.name.onclick = () => open(device.name);
    this.tags = el("span", { class: "tags faint" });
    this.brief = el("span", { class: "brief" }); // where there is no room for a column
    this.mark = el("span", { "aria-hidden": "true" });
    this.words = el("span");
    this.status = el("div", { class: "status" }, this.mark, this.words);
    this.icon = el("span");
    this.word = el("span");
    this.count = el("span");
    this.sure = el("span");
    this.when = el("span", { class: "faint" });
    this.fps = el("span");
    this.trouble = el("span", { class: "bad" });
    const cells = [
      [this.name, this.tags, this.brief],
      [this.status],
      [this.icon, this.word],
      [this.count],
      [this.sure],
      [this.when],
      [this.fps],
      [this.trouble],
    ];
    this.cells = cells.map((inside, i) => {
      const attributes = { class: COLUMNS[i][1], scope: i ? null : "row" };
      return el(i ? "td" : "th", attributes, ...inside);
    });
  }

  update(now) {
    const d = this.device;
    const [face] = d.seen;
    text(this.tags, d.tags.map((t) => `#${t}`).join(" "));
    text(this.mark, d.mark);
    text(this.words, ` ${d.words}`);
    fill(this.icon, d.emotion, () => (d.emotion === "off" ? [] : [glyph(d.emotion)]));
    text(this.word, d.emotion === "off" ? "" : d.emotionWords);
    text(this.count, d.count > 0 ? String(d.count) : "");
    text(this.sure, face && face.emotion !== "unknown" ? percent(face.confidence) : "");
    text(this.fps, d.health?.fps != null && d.status === "running" ? d.health.fps.toFixed(1) : "");
    const words = d.alerts.map((a) => `alert: ${a.alert || a.emotion}`).concat(d.problems);
    if (face?.reason && d.judges) words.push(reason(face.reason));
    text(this.trouble, words.join(", "));
    this.said = words.join(", ");
    for (const e of [this.trouble, this.brief]) e.classList.toggle("bad", d.severity > 0);
    this.tick(now);
  }

  tick(now) {
    const d = this.device;
    text(this.when, d.since(now));
    text(this.brief, this.said || (d.emotion === "off" ? `${d.words} ${d.since(now)}` : ""));
  }

  draw() {}
}
