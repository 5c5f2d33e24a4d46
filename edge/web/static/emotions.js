// What every page says of an emotion: its colour, its face, its words. Colours are those of Okabe
// and Ito, told apart by colour-blind eyes too; a face or a word always stands beside them.

// Maps, not objects: a label from the broker may be called "constructor".
const COLOURS = new Map([
  ["angry", "#d55e00"],
  ["disgust", "#009e73"],
  ["fear", "#cc79a7"],
  ["happy", "#f0e442"],
  ["sad", "#0072b2"],
  ["surprise", "#56b4e9"],
  ["neutral", "#c8c8c8"],
]);
const OTHERS = ["#e69f00", "#8c6bb1", "#66a61e", "#a6761d"]; // labels of other models
const GREY = "#969696";

export const ORDER = ["happy", "surprise", "neutral", "sad", "fear", "disgust", "angry"];

const REASONS = new Map([
  ["too_small", "too small"],
  ["blurred", "too blurred"],
  ["turned_away", "turned away"],
  ["covered", "covered"],
  ["yawning", "yawning"],
  ["low_light", "too dark"],
  ["low_confidence", "not sure"],
  ["no_face", "no face"],
  ["picture", "a picture"],
  ["not_scored", "not scored"],
  ["camera_lost", "camera lost"],
  ["lost", "ended without a word"],
  ["broker_away", "broker away"],
  ["outbox_memory", "outbox in memory only"],
  ["throttled", "processor throttled"],
]);

export function reason(code) {
  return REASONS.get(code) ?? String(code).replaceAll("_", " ");
}

export function colour(label) {
  if (COLOURS.has(label)) return COLOURS.get(label);
  if (label === "unknown" || label === "none" || label === "seen") return GREY;
  let sum = 0;
  for (const c of label) sum = (sum * 31 + c.codePointAt(0)) >>> 0;
  return OTHERS[sum % OTHERS.length];
}

// Text on that colour: black has a contrast of at least 5 on all but the blue.
export function ink(label) {
  return label === "sad" ? "#ffffff" : "#101010";
}

// Labels in a fixed order: known ones first, whatever order the model has.
export function sorted(labels) {
  const place = (l) => (ORDER.includes(l) ? ORDER.indexOf(l) : ORDER.length);
  return [...labels].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

const EYES = [["circle", { cx: 34, cy: 42, r: 5.5 }], ["circle", { cx: 66, cy: 42, r: 5.5 }]];
const WIDE = [
  ["circle", { cx: 33, cy: 44, r: 9, class: "white" }],
  ["circle", { cx: 67, cy: 44, r: 9, class: "white" }],
  ["circle", { cx: 33, cy: 44, r: 4 }],
  ["circle", { cx: 67, cy: 44, r: 4 }],
];
const line = (d) => ["path", { d, class: "line" }];
const FEATURES = new Map(Object.entries({
  happy: [...EYES, ["path", { d: "M26 57 Q50 66 74 57 Q68 82 50 82 Q32 82 26 57 Z" }]],
  sad: [...EYES, line("M24 35 L41 27 M76 35 L59 27"), line("M32 76 Q50 58 68 76")],
  angry: [...EYES, line("M22 24 L43 35 M78 24 L57 35"), line("M31 74 Q50 62 69 74")],
  fear: [...WIDE, line("M22 29 Q30 20 41 23 M78 29 Q70 20 59 23"), line("M29 75 q7 -9 14 0 t14 0 t14 0")],
  surprise: [...EYES, line("M24 27 Q33 19 42 26 M76 27 Q67 19 58 26"), ["ellipse", { cx: 50, cy: 71, rx: 11, ry: 14 }]],
  disgust: [line("M25 35 L41 43 L26 49 M75 35 L59 43 L74 49"), line("M29 70 Q39 62 49 70 T70 66"), ["path", { d: "M53 71 Q64 66 67 69 Q66 83 59 83 Q53 81 53 71 Z" }]],
  neutral: [...EYES, line("M32 69 L68 69")],
  seen: EYES, // no emotion is judged
}));

const SVG = "http://www.w3.org/2000/svg";

function node(name, attributes) {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

// A drawn face; the word must stand beside it, so it is hidden from screen readers.
export function glyph(label) {
  const svg = node("svg", { viewBox: "0 0 100 100", class: "glyph", "aria-hidden": "true" });
  const known = FEATURES.has(label);
  const round = node("circle", { cx: 50, cy: 50, r: 46, class: known ? "head" : "head empty" });
  svg.append(round);
  if (known) {
    round.style.fill = colour(label);
    svg.style.color = ink(label);
    for (const [name, attributes] of FEATURES.get(label)) svg.append(node(name, attributes));
  } else if (label !== "none" && label !== "off") {
    const text = node("text", { x: 50, y: 70, "text-anchor": "middle", "font-size": 58 });
    text.textContent = label === "unknown" ? "?" : ([...label][0] ?? "?").toUpperCase();
    if (label !== "unknown") {
      round.setAttribute("class", "head");
      round.style.fill = colour(label);
      svg.style.color = ink(label);
    }
    svg.append(text);
  } else if (label === "off") {
    svg.append(node("path", { d: "M18 18 L82 82", class: "line" }));
  }
  return svg;
}
