// The dashboard's history: the server has made the page; this changes device and keeps it fresh.

import { hideToken, themes } from "./parts.js";

const FRESH_MS = 300_000; // an hour's sums change slowly

const device = document.getElementById("device");
device.onchange = () => {
  const query = new URLSearchParams({ days: device.dataset.days });
  if (device.value) query.set("device", device.value);
  location.search = query;
};

// The same page anew; what is opened stays open.
async function refresh() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return; // what is shown stays: it says when it was made
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const opened = [...document.querySelectorAll("details[open] summary")].map((e) => e.textContent);
  for (const part of ["main", "footer", "#trouble"]) {
    document.querySelector(part).replaceWith(fresh.querySelector(part));
  }
  for (const e of document.querySelectorAll("summary")) {
    e.parentElement.open = opened.includes(e.textContent);
  }
}

hideToken();
themes(document.getElementById("theme"));
setInterval(() => document.hidden || refresh(), FRESH_MS);
