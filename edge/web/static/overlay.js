// Boxes, landmarks, labels and score bars over the picture, in the screen's own pixels.

import { colour, ink, reason, sorted } from "./emotions.js";
import { percent } from "./parts.js";

const FONT = "600 14px system-ui, 'DejaVu Sans', sans-serif";
const SMALL = "12px system-ui, 'DejaVu Sans', sans-serif";
const BARS = { width: 148, row: 17, name: 62, gap: 8 };
const AXES = [["right", "#d55e00"], ["up", "#009e73"], ["ahead", "#56b4e9"]];
const LID = 8; // pixels: height of the bar of an eye
const ROOMY = 560; // pixels: on a narrower picture, bars would cover faces

export function draw(canvas, picture, head, limits) {
  const outer = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(outer.width * ratio);
  canvas.height = Math.round(outer.height * ratio);
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  // `object-fit: contain`: the picture's own place inside its element.
  const scale = Math.min(outer.width / head.width, outer.height / head.height);
  const place = {
    x: (outer.width - head.width * scale) / 2,
    y: (outer.height - head.height * scale) / 2,
    width: head.width * scale,
    height: head.height * scale,
  };
  floor(c, place, limits["detect.min_face"]);
  for (const face of head.faces) one(c, place, face);
}

// How small a face may be, as a bracket in the corner: what one holds against the picture.
function floor(c, place, share) {
  if (!share) return;
  const side = share * place.height;
  const x = place.x + 10;
  const y = place.y + 10;
  c.strokeStyle = "#ffffff";
  c.lineWidth = 1.5;
  c.setLineDash([4, 3]);
  c.strokeRect(x, y, side * 0.8, side);
  c.setLineDash([]);
  c.font = SMALL;
  outlined(c, "smallest face", x + side * 0.8 + 6, y + 12, "#ffffff");
}

function one(c, place, face) {
  const [bx, by, bw, bh] = face.box;
  const x = place.x + bx * place.width;
  const y = place.y + by * place.height;
  const w = bw * place.width;
  const h = bh * place.height;
  const unsure = face.emotion === "unknown";
  const paint = colour(face.emotion);
  c.lineWidth = 5;
  c.strokeStyle = "rgb(0 0 0 / 60%)";
  c.strokeRect(x, y, w, h);
  c.lineWidth = 2.5;
  c.strokeStyle = paint;
  c.setLineDash(unsure || face.unseen_s > 0.6 ? [8, 6] : []);
  c.strokeRect(x, y, w, h);
  c.setLineDash([]);
  c.fillStyle = paint;
  for (const [lx, ly] of face.landmarks) {
    c.beginPath();
    c.arc(place.x + lx * place.width, place.y + ly * place.height, 2.5, 0, 7);
    c.fill();
  }
  if (face.state) doing(c, face.state, x, y, w, h);
  const why = face.reason ? reason(face.reason) : "looking";
  const words = unsure ? `unknown: ${why}` : `${face.emotion} ${percent(face.confidence)}`;
  label(c, place, `${face.track.slice(0, 4)}  ${words}`, x, y, face.emotion);
  extras(c, place, face, x, y + h + (face.state ? LID + 6 : 0)); // below the eyes
  bars(c, place, face, x, y, w);
}

// Where the head points, as three axes at the face's middle (right, up, towards the camera), and how
// far the eyes are open, as a bar each below the box: the one to the picture's left is the right eye.
function doing(c, state, x, y, w, h) {
  const axes = pose(state);
  if (axes) {
    const reach = 0.4 * w;
    AXES.forEach(([name, paint]) => {
      const [dx, dy] = axes[name];
      c.strokeStyle = paint;
      c.lineWidth = 3;
      c.beginPath();
      c.moveTo(x + w / 2, y + h / 2);
      c.lineTo(x + w / 2 + reach * dx, y + h / 2 + reach * dy);
      c.stroke();
    });
  }
  const width = 0.4 * w;
  [[state.eyes.right, x + 0.05 * w], [state.eyes.left, x + 0.55 * w]].forEach(([open, left]) => {
    const top = y + h + 5;
    c.fillStyle = "rgb(0 0 0 / 62%)";
    c.fillRect(left, top, width, LID);
    if (open == null) return outlined(c, "?", left + width / 2 - 3, top + LID, "#ffffff");
    c.fillStyle = "#ffffff";
    c.fillRect(left, top, width * open, LID);
  });
}

// The ends of the axes in the picture, y downwards, for unit lengths; null: not known.
export function pose({ yaw, pitch, roll }) {
  if (yaw == null || pitch == null || roll == null) return null;
  const [a, b, r] = [yaw, pitch, roll].map((v) => (v * Math.PI) / 180);
  // Roll about where the face looks, then up, then aside (`turned_pose` in edge/geometry.py); x to
  // the right, y up, z to us.
  const turned = ([px, py, pz]) => {
    const [x1, y1] = [px * Math.cos(r) + py * Math.sin(r), py * Math.cos(r) - px * Math.sin(r)];
    const [y2, z2] = [y1 * Math.cos(b) + pz * Math.sin(b), pz * Math.cos(b) - y1 * Math.sin(b)];
    return [x1 * Math.cos(a) + z2 * Math.sin(a), -y2];
  };
  return { right: turned([1, 0, 0]), up: turned([0, 1, 0]), ahead: turned([0, 0, 1]) };
}

// What additional classifiers say, under the box.
function extras(c, place, face, x, bottom) {
  c.font = SMALL;
  Object.entries(face.attributes ?? {}).forEach(([name, [label, share]], i) => {
    const y = Math.min(bottom + 16 * (i + 1), place.y + place.height - 4);
    outlined(c, `${name}: ${label} ${percent(share)}`, Math.max(x, place.x + 2), y, "#ffffff");
  });
}

function label(c, place, words, x, y, emotion) {
  c.font = FONT;
  const width = c.measureText(words).width + 12;
  const left = Math.max(place.x, Math.min(x, place.x + place.width - width));
  const top = Math.max(place.y, y - 24);
  c.fillStyle = colour(emotion);
  c.fillRect(left - 1, top, width, 22);
  c.fillStyle = ink(emotion);
  c.fillText(words, left + 5, top + 16);
}

// Beside the face, where there is room; the panel below has them in any case.
function bars(c, place, face, x, y, w) {
  const labels = sorted(Object.keys(face.scores)).slice(0, 12);
  const height = labels.length * BARS.row + 10;
  let left = x + w + BARS.gap;
  if (left + BARS.width > place.x + place.width) left = x - BARS.gap - BARS.width;
  if (place.width < ROOMY || !labels.length || left < place.x || height > place.height) return;
  const top = Math.max(place.y, Math.min(y, place.y + place.height - height));
  c.fillStyle = "rgb(0 0 0 / 62%)";
  c.fillRect(left, top, BARS.width, height);
  c.font = SMALL;
  labels.forEach((name, i) => {
    const row = top + 5 + i * BARS.row;
    c.fillStyle = "#ffffff";
    c.fillText(name, left + 6, row + 12, BARS.name - 8);
    const room = BARS.width - BARS.name - 8;
    c.fillStyle = "rgb(255 255 255 / 25%)";
    c.fillRect(left + BARS.name, row + 3, room, 10);
    c.fillStyle = colour(name);
    c.fillRect(left + BARS.name, row + 3, room * face.scores[name], 10);
  });
}

function outlined(c, words, x, y, paint) {
  c.lineWidth = 3;
  c.strokeStyle = "rgb(0 0 0 / 80%)";
  c.strokeText(words, x, y);
  c.fillStyle = paint;
  c.fillText(words, x, y);
}
