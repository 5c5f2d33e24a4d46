// The order in which devices stand on the page.

const collator = new Intl.Collator(undefined, { numeric: true });
const descending = (a, b) => b - a;

// What of a device an order goes by, and how that compares; then by name.
export const ORDERS = {
  name: { key: () => 0, compare: () => 0 },
  trouble: { key: (d) => d.severity, compare: descending },
  faces: { key: (d) => d.count, compare: descending },
  tag: { key: (d) => d.tags[0] ?? "\uffff", compare: collator.compare },
};

export function inOrder({ key, compare }, devices) {
  return devices.sort(
    (a, b) => compare(key(a.device), key(b.device)) || collator.compare(a.device.name, b.device.name),
  );
}

// Bring children into an order; of hundreds, only those move that have to.
export function settle(parent, wanted) {
  const places = new Map([...parent.children].map((e, i) => [e, i]));
  const stays = longestRising(wanted.map((e) => places.get(e) ?? -1));
  let next = null;
  for (let i = wanted.length - 1; i >= 0; i--) {
    if (!stays.has(i)) parent.insertBefore(wanted[i], next);
    next = wanted[i];
  }
}

// Indexes of a longest rising subsequence of the numbers that are not negative (patience sorting).
function longestRising(numbers) {
  const ends = []; // of the best subsequence of each length, the index of its last number
  const before = new Array(numbers.length);
  numbers.forEach((n, i) => {
    if (n < 0) return;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[ends[middle]] < n) low = middle + 1;
      else high = middle;
    }
    before[i] = low ? ends[low - 1] : -1;
    ends[low] = i;
  });
  const found = new Set();
  for (let i = ends.at(-1) ?? -1; i >= 0; i = before[i]) found.add(i);
  return found;
}
