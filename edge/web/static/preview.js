// The page of `emotion-edge preview`.

import { glyph, reason } from "./emotions.js";
import { Bars, doing, duration, el, hideToken, live, percent, text, themes } from "./parts.js";
import { draw } from "./overlay.js";
import { Settings } from "./settings.js";

const $ = (id) => document.getElementById(id);
const PANEL_MS = 200; // between two updates of the faces' figures: more cannot be read

hideToken();
themes($("theme"));

const settings = new Settings($("form"), (verb, changes) => socket.send(JSON.stringify([verb, changes])));
const cards = new Map(); // by track
let last = null; // head of the newest picture
let status = null;
let ends = null; // ms of performance.now()
let panelAt = 0;
let noFaceSince = null;

const socket = live({
  onText: heard,
  onBinary: pictured,
  onState: (up, why) => {
    if (up) socket.send("next");
    else {
      blank();
      text($("notice"), `No connection to emotion-edge preview${why ? ` (${why})` : ""}.`);
    }
  },
});

$("more").onclick = () => socket.send(JSON.stringify(["more", {}]));
$("stop").onclick = () => socket.send(JSON.stringify(["stop", {}]));

function heard(message) {
  if (message.kind === "stopped") over();
  else if (message.kind === "settings") settings.show(message);
  else if (message.kind === "answer") settings.answered(message);
  else if (message.kind === "status") {
    status = message;
    ends = performance.now() + 1000 * message.left_s;
    if (status.status !== "running") blank();
    facts();
    notice();
  }
}

async function pictured(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const jpeg = new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" });
  try {
    const bitmap = await createImageBitmap(jpeg);
    const canvas = $("picture");
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
  } finally {
    requestAnimationFrame(() => socket.send("next"));
  }
  last = head;
  noFaceSince = head.faces.length ? null : noFaceSince ?? performance.now();
  draw($("overlay"), $("picture"), head, settings.limits());
  if (performance.now() - panelAt >= PANEL_MS) {
    panelAt = performance.now();
    faces(head);
    facts();
    notice();
  }
}

// What was seen last is not what is there now.
function blank() {
  if (!last) return;
  last = noFaceSince = null;
  for (const id of ["picture", "overlay"]) {
    const canvas = $(id);
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }
  text($("count"), "");
  cards.clear();
  $("faces").replaceChildren(el("p", { class: "card faint" }, "No picture."));
}

addEventListener("resize", () => last && draw($("overlay"), $("picture"), last, settings.limits()));

function faces(head) {
  text($("count"), head.faces.length ? `(${head.faces.length})` : "");
  const seen = new Set();
  for (const face of head.faces) {
    seen.add(face.track);
    let card = cards.get(face.track);
    if (!card) cards.set(face.track, (card = new FaceCard()));
    card.update(face, head);
  }
  for (const [track, card] of cards) {
    if (!seen.has(track)) {
      card.root.remove();
      cards.delete(track);
    }
  }
  const wanted = head.faces.map((f) => cards.get(f.track).root);
  if (!wanted.length) wanted.push(nobody);
  const there = [...$("faces").children];
  if (wanted.length !== there.length || wanted.some((e, i) => e !== there[i])) {
    $("faces").replaceChildren(...wanted);
  }
}

const nobody = el("p", { class: "card faint" }, "Nobody is seen.");

class FaceCard {
  constructor() {
    this.emotion = null;
    this.icon = el("span");
    this.word = el("span");
    this.track = el("span", { class: "faint" });
    this.doing = el("p", { class: "doing faint" });
    this.bars = new Bars();
    this.measures = el("div", { class: "measures" });
    this.rows = new Map();
    this.root = el(
      "article",
      { class: "card face" },
      el("h3", {}, this.icon, this.word, this.track),
      this.doing,
      this.bars.root,
      this.measures,
    );
  }

  update(face, head) {
    if (face.emotion !== this.emotion) {
      this.emotion = face.emotion;
      this.icon.replaceChildren(glyph(face.emotion));
    }
    const why = face.reason ? ` (${reason(face.reason)})` : "";
    const sure = face.emotion === "unknown" ? "" : ` ${percent(face.confidence)}`;
    const also = Object.entries(face.attributes ?? {}).map(
      ([name, [label, share]]) => `, ${name}: ${label} ${percent(share)}`,
    );
    text(this.word, `${face.emotion}${sure}${why}${also.join("")}`);
    text(this.track, `face ${face.track.slice(0, 4)}, ${duration(face.since_s)}`);
    text(this.doing, doing(face.state));
    this.doing.hidden = !face.state;
    this.bars.update(face.scores, face.emotion);
    for (const m of settings.measured(face, head)) this.measure(m);
  }

  measure({ key, name, value, limit, good, verdict }) {
    let row = this.rows.get(key);
    if (!row) {
      row = {
        value: el("span", { class: "value" }),
        verdict: el("span", { class: "verdict" }),
      };
      row.root = el("div", { class: "measure" }, el("span", {}, name), row.value, row.verdict);
      this.rows.set(key, row);
      this.measures.append(row.root);
    }
    text(row.value, value);
    text(row.verdict, good ? `✓ ${limit}` : `✗ ${verdict}, ${limit}`);
    row.root.classList.toggle("bad", !good);
  }
}

function facts() {
  const h = status?.health;
  const rows = [["camera", status?.camera]];
  if (last) rows.push(["picture", `${last.width}×${last.height}`]);
  if (last) {
    const dark = last.brightness < 40;
    rows.push(["brightness", `${Math.round(last.brightness)} of 255${dark ? ", dark" : ""}`, dark]);
  }
  if (h) {
    rows.push(["frames", `${h.fps.toFixed(1)}/s`]);
    rows.push(["processor", `${percent(h.busy)} of a core`]);
    rows.push(["latency", `${Math.round(h.latency_ms)} ms`]);
    if (h.temperature_c != null) rows.push(["temperature", `${Math.round(h.temperature_c)} °C`]);
    if (h.throttled) rows.push(["processor", "throttled: power supply or heat", true]);
  }
  rows.push(["detector", settings.detector], ["model", settings.model]);
  const list = $("facts");
  while (list.children.length > rows.length) list.lastChild.remove();
  rows.forEach(([name, value, bad], i) => {
    const row = list.children[i] || list.appendChild(el("div", {}, el("dt"), el("dd")));
    text(row.firstChild, name);
    text(row.lastChild, String(value ?? ""));
    row.lastChild.classList.toggle("bad", Boolean(bad));
  });
}

function notice() {
  let words = "";
  if (status && status.status !== "running") words = `No picture: ${status.line}.`;
  else if (noFaceSince !== null && performance.now() - noFaceSince > 3000) {
    words =
      "No face. " +
      (last.brightness < 40 ? "The picture is dark: more light on the faces. " : "") +
      "Faces must look towards the camera, upright, and be high enough: see detect.min_face.";
  }
  text($("notice"), words);
}

setInterval(() => {
  if (ends === null) return;
  const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
  text($("left"), `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
}, 250);

function over() {
  socket.end();
  for (const id of ["picture", "overlay"]) $(id).width = 1;
  document.querySelector(".banner").hidden = true;
  document.querySelector("main").hidden = true;
  $("over").hidden = false;
  document.title = "Preview ended";
}
