// Small pieces that both pages are made of.

import { colour, sorted } from "./emotions.js";

// el("p", {class: "x"}, "text", child): text is text, never markup.
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) if (v !== null) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

// Set text only where it changed: a page that stands still costs nothing.
export function text(e, value) {
  if (e.textContent !== value) e.textContent = value;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

export function duration(s) {
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} days`;
}

// The same for an attribute.
export function mark(e, name, value) {
  if (e.getAttribute(name) !== value) e.setAttribute(name, value);
}

// Children by what they are made of: made anew only where `key` changed.
export function fill(e, key, make) {
  if (e.dataset.key === key) return;
  e.dataset.key = key;
  e.replaceChildren(...make());
}

// One row a label: its name, a bar, per cent.
export class Bars {
  constructor() {
    this.root = el("div", { class: "bars" });
    this.rows = new Map();
  }

  update(scores, chosen) {
    const labels = sorted(Object.keys(scores));
    if (labels.length !== this.rows.size || labels.some((l) => !this.rows.has(l))) this.build(labels);
    for (const label of labels) {
      const row = this.rows.get(label);
      row.fill.style.setProperty("--share", scores[label]);
      text(row.number, percent(scores[label]));
      row.root.classList.toggle("chosen", label === chosen);
    }
  }

  // Without a face the rows keep their room: on a wall, nothing jumps about.
  clear(labels) {
    this.update(Object.fromEntries(labels.map((l) => [l, 0])), null);
    for (const { number } of this.rows.values()) text(number, "–");
  }

  build(labels) {
    this.rows.clear();
    this.root.replaceChildren();
    for (const label of labels) {
      const fill = el("span", { class: "fill" });
      fill.style.setProperty("--colour", colour(label));
      const number = el("span", { class: "number" });
      const track = el("span", { class: "track", "aria-hidden": "true" }, fill);
      const root = el("div", { class: "bar" }, el("span", { class: "name" }, label), track, number);
      this.root.append(root);
      this.rows.set(label, { root, fill, number });
    }
  }
}

const FULL_MS = 20000;

// The socket to the command that served this page; comes back by itself.
export function live({ onText, onBinary, onState }) {
  let wait = 500;
  let over = false;
  let socket;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${location.pathname.replace(/[^/]*$/, "")}live`);
    socket.binaryType = "arraybuffer";
    let heard = false;
    socket.onmessage = ({ data }) => {
      if (!heard) {
        // A server that is full opens, says so and closes: only a word counts.
        heard = true;
        wait = 500;
        onState(true);
      }
      if (typeof data === "string") onText(JSON.parse(data));
      else onBinary(data);
    };
    socket.onclose = ({ code, reason }) => {
      const full = code === 1013; // "try again later"
      onState(false, full ? `${reason}; tried again every ${FULL_MS / 1000} s` : "");
      if (!over) setTimeout(open, full ? FULL_MS : wait);
      wait = Math.min(wait * 1.7, 8000);
    };
  };
  open();
  return {
    send: (message) => socket.readyState === WebSocket.OPEN && socket.send(message),
    end: () => {
      over = true;
      socket.close();
    },
  };
}

// The token was in the address; now a cookie has it, and the address need not show it.
export function hideToken() {
  const address = new URL(location);
  if (!address.searchParams.has("token")) return;
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

// What was chosen, over visits; in private browsing as long as the page.
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // private browsing
  }
}

export function remembered(name, allowed) {
  try {
    const value = localStorage.getItem(name);
    return allowed.includes(value) ? value : null;
  } catch {
    return null;
  }
}

// A button that goes from the system's colours to light to dark.
export function themes(button) {
  const names = ["auto", "light", "dark"];
  const set = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" }[name];
    button.setAttribute("aria-label", `Colours: ${name}. Change`);
    remember("theme", name);
    dispatchEvent(new Event("themechange"));
  };
  set(remembered("theme", names) ?? "auto");
  button.onclick = () => set(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % 3]);
}

// What a face is doing, in words; "?" where it cannot be told.
export function doing(state) {
  if (!state) return "";
  const degrees = (v, plus, minus) => {
    if (v == null) return "?";
    const whole = Math.abs(Math.round(v));
    return whole ? `${whole}° ${v > 0 ? plus : minus}` : "0°";
  };
  const share = (v) => (v == null ? "?" : percent(v));
  const words = [
    `head ${degrees(state.yaw, "right", "left")}, ${degrees(state.pitch, "up", "down")}, tilted ${degrees(state.roll, "right", "left")}`,
    `eyes ${share(state.eyes.left)} left, ${share(state.eyes.right)} right`,
    `mouth ${share(state.mouth)}`,
    `smile ${share(state.smile)}`,
  ];
  if (state.looking != null) words.push(state.looking ? "looking" : "looking away");
  return words.join("; ");
}
