// The form of the preview page: one control a setting, and what would be written to the file.

import { el, percent, text } from "./parts.js";

const SECTIONS = {
  camera: "Camera",
  detect: "Finding faces",
  classify: "Scoring faces",
  state: "What a face is doing",
  smooth: "Smoothing",
};
const SEND_MS = 250; // after the last movement of a slider

// What a face is held against: key of the limit, name, verdict when it falls short.
const MEASURES = [
  ["detect.min_face", "height", "too small", (v) => percent(v)],
  ["detect.threshold", "detection", "doubtful", (v) => v.toFixed(2)],
  ["classify.min_face_px", "size", "too small", (v) => `${v} px`],
  ["classify.min_brightness", "brightness", "too dark", (v) => String(v)],
  ["classify.min_sharpness", "sharpness", "too blurred", (v) => v.toFixed(3)],
  ["classify.max_yaw", "turned aside", "turned away", (v) => `${v.toFixed(0)}°`],
  ["classify.max_pitch", "raised or bowed", "turned away", (v) => `${v.toFixed(0)}°`],
  ["classify.max_bowed", "bowed", "turned away", (v) => `${v.toFixed(0)}°`],
];

export class Settings {
  constructor(form, send) {
    this.form = form;
    this.send = send;
    this.values = {};
    this.controls = new Map();
    this.waiting = new Map(); // key: timer
    this.save = document.getElementById("save");
    this.reset = document.getElementById("reset");
    this.answer = document.getElementById("answer");
    this.save.onclick = () => send("save", {});
    this.reset.onclick = () => send("reset", {});
    form.onsubmit = (e) => e.preventDefault();
  }

  show({ settings, changes, file, detector, model }) {
    Object.assign(this, { detector, model });
    if (!this.controls.size) this.build(settings);
    for (const { key, value } of settings) {
      this.values[key] = value;
      const control = this.controls.get(key);
      control.root.classList.toggle("changed", key in changes);
      // Not under the fingers of whoever is moving it.
      if (!this.waiting.has(key)) {
        text(control.error, "");
        for (const input of control.inputs) if (document.activeElement !== input || input.value !== String(value)) input.value = value;
      }
    }
    this.pending(changes, file);
  }

  pending(changes, file) {
    const keys = Object.keys(changes);
    const lines = [];
    for (const section of new Set(keys.map((k) => k.split(".")[0]))) {
      lines.push(`[${section}]`);
      for (const k of keys) {
        if (k.startsWith(section + ".")) lines.push(`${k.split(".")[1]} = ${JSON.stringify(changes[k])}`);
      }
    }
    text(document.getElementById("lines"), lines.join("\n"));
    const where = file ? `Not yet in ${file}:` : "There is no configuration file to write to; copy this into one:";
    text(document.getElementById("changed"), keys.length ? where : "Nothing was changed.");
    this.save.disabled = !keys.length || !file;
    text(this.save, file ? `Write to ${file}` : "Write to the configuration");
    this.reset.disabled = !keys.length;
  }

  answered({ verb, error, text: words, keys }) {
    const at = keys?.length === 1 && error ? this.controls.get(keys[0]) : null;
    if (at) text(at.error, error);
    this.answer.classList.toggle("bad", Boolean(error) && !at);
    text(this.answer, at ? "" : (error ?? words ?? (verb === "reset" ? "As configured again." : "")));
  }

  // The limits that hold now, by key.
  limits() {
    return this.values;
  }

  measured(face) {
    return MEASURES.filter(([key]) => key in face.measures)
      .filter(([key]) => key !== "detect.threshold" || this.detector !== "haar")
      .map(([key, name, verdict, show]) => {
        const [value, limit] = [face.measures[key], this.values[key] ?? 0];
        const most = key.includes(".max_");
        return {
          key,
          name,
          verdict,
          value: show(value),
          limit: `at ${most ? "most" : "least"} ${show(limit)}`,
          good: most ? value <= limit : value >= limit,
        };
      });
  }

  build(settings) {
    const groups = new Map();
    for (const s of settings) {
      const section = s.key.split(".")[0];
      if (!groups.has(section)) {
        const group = el("fieldset", {}, el("legend", {}, SECTIONS[section] ?? section));
        groups.set(section, group);
        this.form.append(group);
      }
      groups.get(section).append(this.control(s));
    }
  }

  control({ key, choices, low, high, step, meaning, allowed }) {
    const id = key.replace(".", "-");
    const inputs = [];
    if (choices) {
      const options = choices.map((c) => el("option", { value: c }, String(c)));
      inputs.push(el("select", { id, "aria-describedby": `${id}-meaning ${id}-error` }, ...options));
    } else {
      inputs.push(
        el("input", { id, type: "number", step: "any", "aria-describedby": `${id}-meaning ${id}-error` }),
        el("input", { type: "range", min: low, max: high, step, class: "control", "aria-label": `${key}, slider` }),
      );
    }
    const error = el("p", { class: "error", id: `${id}-error`, role: "status" });
    const root = el(
      "div",
      { class: "setting" },
      el("label", { for: id }, ...breakable(key)),
      ...inputs,
      el("p", { class: "meaning", id: `${id}-meaning` }, `${meaning}; ${allowed}`),
      error,
    );
    const read = (input) => (choices ? choices.find((c) => String(c) === input.value) : input.valueAsNumber);
    for (const input of inputs) {
      input.oninput = () => {
        const value = read(input);
        for (const other of inputs) if (other !== input) other.value = input.value;
        clearTimeout(this.waiting.get(key));
        if (value === undefined || Number.isNaN(value)) return;
        const timer = setTimeout(() => {
          this.waiting.delete(key);
          text(error, "");
          this.send("set", { [key]: value });
        }, SEND_MS);
        this.waiting.set(key, timer);
      };
    }
    this.controls.set(key, { root, inputs, error });
    return root;
  }
}

// A key that may break behind its dots and underscores, not within a word.
function breakable(key) {
  return key.split(/(?<=[._])/).flatMap((part) => [part, el("wbr")]);
}
