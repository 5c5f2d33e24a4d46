// The page of `emotion-edge dashboard`.

import { Card } from "./card.js";
import { Device, SEVERITY } from "./device.js";
import { glyph, ORDER } from "./emotions.js";
import { inOrder, ORDERS, settle } from "./order.js";
import { duration, el, fill, hideToken, live, mark, remember, remembered, text, themes } from "./parts.js";
import { COLUMNS, Row } from "./row.js";
import { Steps } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const DRAW_MS = 1000; // the timelines and times move on
const CARDS_MOST = 24; // devices that are shown as cards unless one says otherwise
const ALERTS_MOST = 6; // shown at the top; the others are counted

const places = new Map(); // by device's name, in no order
let offset = 0; // s: the server's clock beyond this one's
let keep = 600; // s of timeline
let view = null; // "cards" or "table"
let order = ORDERS.name;
let connected = true;
let apart = ""; // why not, where that is known
let words = ""; // what is wrong with the broker
let lost = false; // whether what is shown is old
let opened = null; // the card in the dialog
let sorted = []; // places, as they stand on the page
let stale = true; // whether that order may have to change

const now = () => Date.now() / 1000 + offset;

// Where a device stands on the page. Its inside is there only while it is near the screen: what
// cannot be seen costs nothing, and a broker may have hundreds.
class Place {
  constructor(name) {
    this.device = new Device(name);
    this.steps = new Steps();
    this.inside = null;
    this.near = false;
    this.root = null;
  }

  // A root for the view that is shown now.
  settle() {
    if (this.root) observer.unobserve(this.root);
    this.inside = null;
    this.near = false;
    this.root = el(view === "table" ? "tr" : "li", {
      class: view === "table" ? "device" : "card device",
      "data-device": this.device.name,
    });
    this.look();
    observer.observe(this.root);
  }

  look() {
    const d = this.device;
    mark(this.root, "data-status", d.status);
    this.root.classList.toggle("alarmed", d.alerts.length > 0);
  }

  show() {
    if (!this.inside) {
      this.inside = view === "table" ? new Row(this.device, open) : new Card(this.device, this.steps);
      this.root.replaceChildren(...(this.inside.cells ?? [this.inside.root]));
      this.root.style.minHeight = this.root.style.height = "";
    }
    this.update();
  }

  // Far from the screen: an empty box of the same height.
  hide() {
    if (!this.inside || this.root.contains(document.activeElement)) return;
    if (this.root.querySelector("details[open]")) return;
    const height = this.root.offsetHeight;
    if (height) this.root.style[view === "table" ? "height" : "minHeight"] = `${height}px`;
    this.inside = null;
    this.root.replaceChildren();
  }

  // One device that cannot be shown must not take the others with it.
  update() {
    this.look();
    if (!this.inside || !this.near) return;
    try {
      this.inside.update(now());
      this.inside.draw(now(), keep);
    } catch (e) {
      console.error(this.device.name, e);
      this.root.classList.add("broken");
      this.root.title = `cannot be shown: ${e.message}`;
    }
  }

  tick() {
    if (!this.inside || !this.near) return;
    this.inside.tick(now());
    this.inside.draw(now(), keep);
  }
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const place = places.get(target.dataset.device);
      if (place?.root !== target) continue;
      place.near = isIntersecting;
      if (isIntersecting) place.show();
      else place.hide();
    }
  },
  { rootMargin: "400px" },
);

function heard(message) {
  offset = message.now - Date.now() / 1000;
  keep = message.keep_s;
  words = message.trouble;
  lost = message.lost;
  text($("title"), message.title);
  $("pages").hidden = !message.history;
  const gone = message.all
    ? [...places.keys()].filter((name) => !Object.hasOwn(message.devices, name))
    : message.gone;
  for (const name of gone) {
    const place = places.get(name);
    if (!place) continue;
    observer.unobserve(place.root);
    place.root.remove();
    places.delete(name);
    stale = true;
  }
  for (const [name, part] of Object.entries(message.devices)) {
    let place = places.get(name);
    if (!place) places.set(name, (place = new Place(name)));
    const before = order.key(place.device);
    try {
      place.device.merge(part);
      place.steps.add(part.steps, message.all, now() - keep);
    } catch (e) {
      console.error(name, e);
    }
    stale ||= !place.root || order.key(place.device) !== before;
    if (place.root) place.update();
    if (opened?.device.name === name) opened.update(now());
  }
  arrange();
  trouble();
}

function trouble() {
  const old = `No connection to emotion-edge dashboard${apart ? ` (${apart})` : ""}. What is shown is old.`;
  const said = connected ? words : old;
  text($("trouble"), said);
  $("trouble").hidden = !said;
  document.body.classList.toggle("old", !connected || lost);
}

// Which view, and the devices in their order; only what has to move moves.
function arrange() {
  const chosen = $("view").value;
  const wanted = chosen !== "auto" ? chosen : places.size > CARDS_MOST ? "table" : "cards";
  const other = wanted !== view;
  view = wanted;
  if (other) {
    $("devices").replaceChildren();
    $("rows").replaceChildren();
  }
  $("devices").hidden = view === "table";
  $("table").hidden = view !== "table" || !places.size;
  if (other || stale) place(other);
  stale = false;
  const totals = { online: 0, faces: 0, trouble: 0, shown: 0 };
  const [find, show] = [$("find").value.trim().toLowerCase(), $("show").value];
  for (const { device, root } of sorted) {
    const hidden = !fits(device, find, show);
    if (root.hidden !== hidden) root.hidden = hidden;
    totals.shown += hidden ? 0 : 1;
    totals.online += device.online ? 1 : 0;
    totals.faces += device.count;
    totals.trouble += device.severity >= SEVERITY.warning ? 1 : 0;
  }
  $("nobody").hidden = totals.shown > 0;
  text($("nobody"), places.size ? "No device is like that." : "No device has spoken yet.");
  const away = places.size - totals.online;
  const faces = `${totals.faces} ${totals.faces === 1 ? "face" : "faces"}`;
  text($("counts"), `${totals.online} online, ${away} offline, ${totals.trouble} with trouble, ${faces}`);
  alerts();
}

function place(anew) {
  const chosen = $("order").value;
  order = ORDERS[chosen !== "auto" ? chosen : view === "table" ? "trouble" : "name"];
  sorted = inOrder(order, [...places.values()]);
  for (const p of sorted) if (anew || !p.root) p.settle();
  settle(view === "table" ? $("rows") : $("devices"), sorted.map((p) => p.root));
  $("devices").classList.toggle("few", places.size <= 2);
  $("devices").classList.toggle("many", places.size > 12);
}

function fits(device, find, show) {
  const here = [device.name, ...device.tags.map((t) => `#${t}`)];
  if (!here.some((s) => s.toLowerCase().includes(find))) return false;
  if (show === "faces") return device.count > 0;
  return show === "all" || device.severity >= SEVERITY.paused;
}

function alerts() {
  const all = sorted.flatMap(({ device }) => device.alerts.map((a) => ({ name: device.name, ...a })));
  const shown = all.slice(0, ALERTS_MOST);
  $("alerts").classList.toggle("several", all.length > 2);
  fill($("alerts"), JSON.stringify([shown, all.length]), () => {
    const rows = shown.map((a) =>
      el(
        "p",
        { class: "alert" },
        glyph(a.emotion),
        el("strong", {}, `${a.name}: ${a.emotion}`),
        " ",
        el("span", {}, `alert${a.alert ? ` ${a.alert}` : ""}, grade ${a.grade || "unknown"}, for `, el("span", { "data-since": a.since, "aria-hidden": "true" })),
      ),
    );
    if (all.length > shown.length) rows.push(el("p", { class: "alert" }, `+${all.length - shown.length} more alerts`));
    return rows;
  });
  clocks();
}

function clocks() {
  for (const e of $("alerts").querySelectorAll("[data-since]")) {
    text(e, duration(Math.max(0, now() - Number(e.dataset.since))));
  }
}

// One device's card over the table.
function open(name) {
  const place = places.get(name);
  if (!place) return;
  opened = new Card(place.device, place.steps);
  $("one").replaceChildren(opened.root);
  opened.update(now());
  $("dialog").showModal();
  opened.draw(now(), keep);
}

function draw() {
  for (const place of places.values()) place.tick();
  if (opened) {
    opened.tick(now());
    opened.draw(now(), keep);
  }
}

for (const id of ["view", "order"]) {
  $(id).value = remembered(id, ["auto", ...[...$(id).options].map((o) => o.value)]) ?? "auto";
  $(id).onchange = () => {
    remember(id, $(id).value);
    stale = true;
    arrange();
  };
}
$("find").oninput = $("show").onchange = () => arrange();
$("close").onclick = () => $("dialog").close();
$("dialog").onclose = () => (opened = null);
$("dialog").onclick = (e) => e.target === $("dialog") && $("dialog").close();
$("head").append(...COLUMNS.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)));
for (const label of ORDER) $("legend").append(el("li", {}, glyph(label), label));

hideToken();
themes($("theme"));
addEventListener("themechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
setInterval(() => {
  draw();
  clocks();
}, DRAW_MS);

live({
  onText: heard,
  onBinary: () => {},
  onState: (up, why) => {
    connected = up;
    apart = why;
    trouble();
  },
});
