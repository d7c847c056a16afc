"use strict";
// From the data in the page, or from a server, to the data that the page shows: arrays are unpacked.

// In the place of a unit's index: color by surprisal, by what came from counts, by what mattered for a character.
const [SURPRISAL, COUNTS, SALIENCY] = [-1, -2, -3];
const MEASURES = { surprisal: SURPRISAL, counts: COUNTS, saliency: SALIENCY };

const TYPES = { i1: Int8Array, i2: Int16Array, i4: Int32Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

// An array: little-endian numbers, zlib, thirteen bits in two of 91 characters. See charrnn/web/packing.py.
async function unpack({ type, size, data, base64 }) {
  if (base64 !== undefined) return new TYPES[type](fromBase64(base64).buffer);
  const bytes = new Uint8Array(size);
  const digit = (k) => {
    const code = data.charCodeAt(k);
    return code - 0x21 - (code > 0x22) - (code > 0x3c) - (code > 0x5c);
  };
  let [bits, count, filled] = [0, 0, 0];
  for (let k = 0; k < data.length; k += 2) {
    bits = (bits << 13) | (91 * digit(k) + digit(k + 1));
    for (count += 13; count >= 8; filled++) bytes[filled] = bits >> (count -= 8);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new TYPES[type](await new Response(stream).arrayBuffer());
}

// A loop, which takes a tenth of the time of Uint8Array.from.
function fromBase64(base64) {
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = letters.charCodeAt(k);
  return bytes;
}

const CONTEXT = 8; // number of symbols by which places are sorted
const COARSE = 16; // levels on each side of zero that distinguish kinds of pairs

// The values of the units, one unit after the other, from differences: see `pack_values` in packing.py.
function valuesOf({ ids, levels, differences, counts }) {
  const order = byContext(ids);
  let sum = 0;
  const next = Uint32Array.from(counts, (count) => (sum += count) - count); // where each kind's next difference is
  const kind = Uint8Array.from({ length: 2 * levels + 1 }, (_, k) => Math.floor((k * COARSE) / levels));
  const values = new Int8Array(differences.length);
  for (let first = 0; first < values.length; first += order.length) {
    let [one, two] = [0, 0];
    for (let k = 0; k < order.length; k++) {
      const place = first + order[k];
      const pair = (2 * COARSE + 1) * kind[one + levels] + kind[two + levels];
      values[place] = one + differences[next[pair]++]; // modulo 256
      two = one;
      one = values[place];
    }
  }
  return values;
}

// The places sorted by their symbols, the most recent first.
function byContext(ids) {
  return Uint32Array.from(ids.keys()).sort((a, b) => {
    for (let k = 0; k < CONTEXT; k++) {
      const by = (ids[a - k] ?? -1) - (ids[b - k] ?? -1);
      if (by) return by;
    }
    return a - b;
  });
}

// An object with all packed arrays in it unpacked.
async function unpackAll(raw) {
  const entries = Object.entries(raw).map(async ([key, value]) => [
    key,
    value && value.type in TYPES ? await unpack(value) : value,
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

const decode = async (raw) => complete(await unpackAll(raw));

// The data of a page as `show` takes it.
function complete(data) {
  data.unitLevels ??= byUnit(valuesOf(data), data.length); // the levels of each unit, (U, T)
  data.choices = data.length ? data.guesses.length / data.length : 0;
  data.endsLine = new Set(data.breaks);
  return data;
}

const byUnit = (values, length) =>
  Array.from({ length: values.length / length }, (_, u) => values.subarray(u * length, (u + 1) * length));

// What colors the text, by its name; null if the data does not have it.
function placeOf(data, name) {
  const unit = data.units.findIndex((unit) => unit.name === name);
  const place = unit < 0 ? MEASURES[name] : unit;
  return isThere(data, place) ? place : null;
}

function isThere(data, unit) {
  if (unit === SURPRISAL) return data.predicts;
  if (unit === COUNTS) return Boolean(data.fromCounts);
  if (unit === SALIENCY) return Boolean(page.why?.ask && data.predicts);
  return unit in data.units;
}

const nameOf = (data, unit) =>
  data.units[unit]?.name ?? Object.keys(MEASURES).find((name) => MEASURES[name] === unit);

// A unit's value at a place as a fraction of its scale: the middle of its level, off by at most half a level. It is at least
// a whole number of levels exactly if the true value is: see `quantized` in data.py.
function partAt(data, unit, t) {
  const level = data.unitLevels[unit][t];
  return (level - Math.sign(level) / 2) / data.levels;
}

// The same as a fraction of its full color, which lies beyond 1 where a value exceeds the scale of the first text.
function brightnessAt(data, unit, t) {
  const { scale, full = scale } = data.units[unit];
  return (partAt(data, unit, t) * scale) / full;
}

// Nothing stands before the first symbol of all.
const isPredicted = (data, t) => t + data.start > 0;

// The unit by its name, such as "inside quotes", or by a part that no other unit's name has; null if there is none.
function placeOfName({ units }, name = "") {
  const withName = (fits) => [...units.keys()].filter((u) => units[u].reasons.some((reason) => fits(nameIn(reason))));
  const part = name.toLowerCase();
  const [own] = withName((one) => one === name);
  const some = withName((one) => part && one.toLowerCase().includes(part));
  return own ?? (some.length === 1 ? some[0] : null);
}

const nameIn = (reason) => reason.replace(/( \(low\))?, \S+ [\d.]+$/, ""); // of "inside quotes (low), AUC 0.97"

// A unit's value at a place, in words; of a unit that is held, it is known exactly.
function about(data, unit, t) {
  const { scale, low, high } = data.units[unit];
  return low === high ? signed(low) : rounded(partAt(data, unit, t) * scale, scale / data.levels);
}

const visible = (label) => (label === " " ? "␣" : label);
// A number with its sign; what is rounded to zero has none.
function signed(value, digits = 2) {
  const figure = Math.abs(value).toFixed(digits);
  return Number(figure) ? (value < 0 ? "−" : "+") + figure : figure;
}
// A number known to within half a step, without the decimals that mean nothing.
const rounded = (value, step) => signed(value, Math.max(0, Math.min(2, Math.round(-Math.log10(step)))));
const counted = (number) => number.toLocaleString("en");
const numbered = (number, noun) => `${counted(number)} ${noun}${number === 1 ? "" : "s"}`;
const percent = (part, digits = 1) => `${(100 * part).toFixed(digits)} %`;
// The mean surprisal; a text of one symbol, which nothing comes before, has none.
const meanBits = (data, digits) =>
  data.meanSurprisal === null
    ? `the first ${data.noun} is not predicted`
    : `${data.meanSurprisal.toFixed(digits)} bits per ${data.noun}`;
