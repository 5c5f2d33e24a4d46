// What a device saw over the last minutes: a lane for each emotion, so that place says it as well
// as colour. Drawn on a canvas in the screen's own pixels.

import { colour, ORDER } from "./emotions.js";
import { duration, el, percent } from "./parts.js";

const LANE = 0.7; // root font sizes: height of a lane
const NAME = 3.7; // width of their names
const AXIS = 1.1; // height of the axis
const ALWAYS = [...ORDER, "unknown"];

// What there was: [from, emotions, status], times rising. A device has it whether it is shown or not.
export class Steps {
  constructor() {
    this.all = [];
  }

  // `all`: these are all there are. Else only those newer than what is known: a page that has just
  // come may be sent a step twice.
  add(steps, all, oldest) {
    if (all) this.all = [];
    const last = this.all.length ? this.all.at(-1)[0] : -Infinity;
    this.all.push(...steps.filter(([t]) => t > last));
    while (this.all.length > 1 && this.all[1][0] < oldest) this.all.shift();
  }
}

export class Timeline {
  constructor(steps) {
    this.steps = steps;
    this.canvas = el("canvas", { class: "timeline", role: "img", "aria-label": "timeline" });
    this.summary = "";
  }

  lanes() {
    const others = new Set(this.steps.all.flatMap(([, emotions]) => emotions));
    for (const label of ALWAYS) others.delete(label);
    return [...ALWAYS, ...[...others].sort()];
  }

  draw(now, keep) {
    const lanes = this.lanes();
    const canvas = this.canvas;
    const width = canvas.clientWidth;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const lane = Math.round(LANE * rem);
    const name = Math.round(NAME * rem);
    const height = lanes.length * lane + Math.round(AXIS * rem);
    if (!width) return; // not shown
    const ratio = devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const style = getComputedStyle(canvas);
    const of = (name) => style.getPropertyValue(name);
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    c.font = `${0.64 * rem}px system-ui, 'DejaVu Sans', sans-serif`;
    const x = (t) => name + ((t - (now - keep)) / keep) * (width - name);
    lanes.forEach((label, i) => {
      c.fillStyle = of("--track");
      c.fillRect(name, i * lane + 1, width - name, lane - 2);
      c.fillStyle = of("--faint");
      c.fillText(label, 0, i * lane + lane - 2, name - 6);
    });
    const spent = new Map();
    this.steps.all.forEach(([from, emotions, status], i) => {
      const to = this.steps.all[i + 1]?.[0] ?? now;
      const left = Math.max(x(from), name);
      const right = Math.min(x(to), width);
      if (right <= left) return;
      for (const label of emotions) {
        const top = lanes.indexOf(label) * lane + 1;
        const wide = Math.max(right - left, 1.5);
        c.fillStyle = colour(label);
        c.fillRect(left, top, wide, lane - 2);
        c.strokeStyle = of("--edge");
        c.lineWidth = 1;
        if (wide > 3) c.strokeRect(left + 0.5, top + 0.5, wide - 1, lane - 3);
        spent.set(label, (spent.get(label) ?? 0) + (to - Math.max(from, now - keep)));
      }
      if (status !== "running" && status !== "online") {
        hatch(c, left, 0, right - left, lanes.length * lane, of("--edge"));
      }
    });
    c.fillStyle = of("--faint");
    axis(c, now, keep, x, lanes.length * lane + 0.8 * rem, width, (width - name) / (3.3 * rem));
    this.describe(spent, keep);
  }

  // The same in words, for those who cannot see it.
  describe(spent, keep) {
    const parts = [...spent]
      .sort((a, b) => b[1] - a[1])
      .map(([label, s]) => `${label} ${percent(s / keep)}`);
    const words = `Last ${duration(keep)}: ${parts.join(", ") || "nobody"}`;
    if (words !== this.summary) this.canvas.setAttribute("aria-label", (this.summary = words));
  }
}

// Not looking: hatched, across all lanes.
function hatch(c, left, top, width, height, paint) {
  c.save();
  c.beginPath();
  c.rect(left, top, width, height);
  c.clip();
  c.strokeStyle = paint;
  c.globalAlpha = 0.6;
  c.lineWidth = 1;
  c.beginPath();
  // On a fixed grid, so that it does not crawl as time goes on.
  for (let at = Math.floor((left - height) / 7) * 7; at < left + width; at += 7) {
    c.moveTo(at, top + height);
    c.lineTo(at + height, top);
  }
  c.stroke();
  c.restore();
}

// As many marks as there is room for.
function axis(c, now, keep, x, bottom, width, most) {
  const every = [10, 30, 60, 120, 300, 600, 1200, 1800].find((s) => keep / s <= most) ?? 3600;
  c.textAlign = "center";
  for (let ago = every; ago < keep - every / 3; ago += every) {
    c.fillText(every < 60 ? `−${ago} s` : `−${ago / 60} min`, x(now - ago), bottom);
  }
  c.textAlign = "right";
  c.fillText("now", width, bottom);
}
