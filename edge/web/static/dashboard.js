// The page of `emotion-edge dashboard`.

import { Card } from "./card.js";
import { glyph, ORDER } from "./emotions.js";
import { duration, el, hideToken, live, text, themes } from "./parts.js";

const $ = (id) => document.getElementById(id);
const DRAW_MS = 1000; // the timelines move on

const cards = new Map(); // by name
let offset = 0; // s: the server's clock beyond this one's
let keep = 600; // s of timeline
let wordsOfBroker = "";
let connected = true;

hideToken();
themes($("theme"));
addEventListener("themechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
$("find").oninput = $("show").onchange = arrange;
for (const label of ORDER) $("legend").append(el("li", {}, glyph(label), label));

live({
  onText: heard,
  onBinary: () => {},
  onState: (up) => {
    connected = up;
    trouble();
  },
});

// Hundreds of devices: only those on the screen are drawn.
const visible = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const card = cards.get(target.dataset.device);
      if (!card) continue;
      card.visible = isIntersecting;
      if (isIntersecting) card.draw(now(), keep);
    }
  },
  { rootMargin: "200px" },
);

const now = () => Date.now() / 1000 + offset;

function heard(message) {
  offset = message.now - Date.now() / 1000;
  keep = message.keep_s;
  wordsOfBroker = message.trouble;
  text($("title"), message.title);
  let moved = false;
  const gone = message.all
    ? [...cards.keys()].filter((name) => !Object.hasOwn(message.devices, name))
    : message.gone;
  for (const name of gone) {
    const root = cards.get(name)?.root;
    if (root) visible.unobserve(root);
    moved = cards.delete(name) || moved;
  }
  for (const [name, device] of Object.entries(message.devices)) {
    let card = cards.get(name);
    if (!card) {
      cards.set(name, (card = new Card(name)));
      visible.observe(card.root);
      moved = true;
    }
    card.update(device, now(), keep, message.all);
    if (card.visible) card.draw(now(), keep);
  }
  if (moved) place();
  arrange();
  trouble();
}

function trouble() {
  const words = connected
    ? wordsOfBroker
    : "No connection to emotion-edge dashboard. What is shown is old.";
  text($("trouble"), words);
  $("trouble").hidden = !words;
  document.body.classList.toggle("old", Boolean(words));
}

const names = () =>
  [...cards.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));

// By name, so that nothing jumps about on a wall.
function place() {
  $("devices").replaceChildren(...names().map((n) => cards.get(n).root));
  $("devices").classList.toggle("few", cards.size <= 2);
  $("devices").classList.toggle("many", cards.size > 12);
  $("nobody").hidden = cards.size > 0;
}

function arrange() {
  const find = $("find").value.trim().toLowerCase();
  const show = $("show").value;
  let online = 0;
  let faces = 0;
  for (const [name, card] of cards) {
    const fits =
      name.toLowerCase().includes(find) &&
      (show === "all" || (show === "faces" ? card.faces > 0 : card.trouble));
    card.root.hidden = !fits;
    online += card.online ? 1 : 0;
    faces += card.faces;
  }
  const away = cards.size - online;
  text($("counts"), `${online} online, ${away} offline, ${faces} ${faces === 1 ? "face" : "faces"}`);
  alerts();
}

function alerts() {
  const rows = names().flatMap((name) => cards.get(name).alerts.map((a) => ({ name, ...a })));
  $("alerts").replaceChildren(
    ...rows.map((a) =>
      el(
        "p",
        { class: "alert" },
        glyph(a.emotion),
        el("strong", {}, `${a.name}: ${a.emotion}`),
        ` alert, grade ${a.grade ?? "unknown"}, for ${duration(Math.max(0, now() - a.since))}`,
      ),
    ),
  );
}

function draw() {
  for (const card of cards.values()) if (card.visible) card.draw(now(), keep);
}

setInterval(() => {
  for (const card of cards.values()) card.tick(now());
  alerts();
  draw();
}, DRAW_MS);
