// A device as the page knows it, and what is to be said of it.

import { reason } from "./emotions.js";
import { duration } from "./parts.js";

const STATUS = new Map([
  ["running", ["●", "online"]],
  ["online", ["●", "online"]],
  ["paused", ["❚❚", "paused"]],
  ["camera_lost", ["⚠", "camera lost"]],
  ["stopped", ["■", "stopped"]],
  ["offline", ["○", "offline"]],
]);
// Conditions of a face in words, the most urgent first; those that a driver is warned of.
export const CONDITIONS = new Map([
  ["eyes_closed", "eyes closed"],
  ["drowsy", "drowsy"],
  ["distracted", "distracted"],
  ["yawn", "yawns"],
  ["attention", "looks"],
]);
export const URGENT = new Set(["eyes_closed", "drowsy", "distracted"]);
const LATE_S = 10; // events that wait longer than a moment are worth a word

// How much it matters; what is worst comes first.
export const SEVERITY = { fine: 0, paused: 1, warning: 2, away: 3, alert: 4 };

export class Device {
  constructor(name) {
    this.name = name;
    this.status = "offline";
    this.online = null;
    this.heard = 0;
    this.offline_at = 0;
    this.last_word = "";
    this.invalid = 0;
    this.state_at = 0;
    this.faces = [];
    this.face_count = 0;
    this.health = null;
    this.info = null;
    this.alerts = [];
    this.log = [];
    this.tags = [];
  }

  // What did not change is not sent again.
  merge(part) {
    const { steps: _steps, ...rest } = part;
    Object.assign(this, rest);
    this.problems = problems(this);
    this.severity = severity(this);
  }

  get seen() {
    return this.status === "running" ? this.faces : [];
  }

  get count() {
    return this.status === "running" ? this.face_count : 0;
  }

  get mark() {
    return STATUS.get(this.status)?.[0] ?? "?";
  }

  get words() {
    return STATUS.get(this.status)?.[1] ?? this.status;
  }

  // Whether emotions are judged there at all: profile "driver" has none.
  get judges() {
    return this.info?.model !== "" && this.seen[0]?.reason !== "emotion_off";
  }

  // Of the first face; "none": nobody is there; "off": nothing is known of now; "seen": somebody is
  // there, and no emotion is judged.
  get emotion() {
    if (this.seen.length) return this.judges ? this.seen[0].emotion : "seen";
    return this.online && this.status === "running" ? "none" : "off";
  }

  get emotionWords() {
    if (this.emotion === "seen") return doingWords(this.seen[0]);
    if (this.seen.length) return this.seen[0].emotion;
    return this.emotion === "none" ? "nobody" : this.words;
  }

  // How long it is so, or, where no emotion is judged, how long somebody is there; by the device's
  // clock for one that went before this page's command listened.
  since(now) {
    if (this.seen.length) {
      const [face] = this.seen;
      const time = duration(face.since_s + Math.max(0, now - this.state_at));
      return this.judges ? `for ${time}` : `here for ${time}`;
    }
    if (this.status === "offline" || this.status === "stopped") {
      const at = this.offline_at || Date.parse(this.last_word) / 1000;
      if (!at) return "never heard";
      return `since ${moment(at, now)} (${duration(Math.max(0, now - at))})`;
    }
    if (this.heard) return `heard ${duration(Math.max(0, now - this.heard))} ago`;
    return "not heard since this page's command began";
  }
}

// What a face is in or does, in a word or two.
function doingWords(face) {
  for (const [name, words] of CONDITIONS) if (face.conditions?.includes(name)) return words;
  return face.state?.looking === false ? "looks away" : "somebody";
}

// A time of today, else a date with it.
function moment(at, now) {
  const then = new Date(1000 * at);
  const time = { hour: "2-digit", minute: "2-digit" };
  const today = then.toDateString() === new Date(1000 * now).toDateString();
  return then.toLocaleString([], today ? time : { day: "numeric", month: "short", ...time });
}

// What needs somebody, in words; what is said of a face is none of it.
function problems(d) {
  const bad = [];
  if (d.status === "camera_lost") bad.push("camera lost");
  const h = d.health;
  if (h && d.status !== "offline") {
    bad.push(...h.problems.filter((r) => r !== d.status && r !== "paused").map(reason));
    if (h.outbox_oldest_s >= LATE_S) bad.push(`${h.outbox_depth} events waiting`);
    if (h.outbox_lost > 0) bad.push(`${h.outbox_lost} events lost`);
  }
  if (d.invalid) bad.push(`${d.invalid} messages not understood`);
  return bad;
}

function severity(d) {
  if (d.alerts.length) return SEVERITY.alert;
  if (d.status === "offline" || d.status === "camera_lost" || !d.online) return SEVERITY.away;
  if (d.problems.length || d.status === "stopped") return SEVERITY.warning;
  return d.status === "paused" ? SEVERITY.paused : SEVERITY.fine;
}
