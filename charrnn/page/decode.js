"use strict";
// From the data in the page, or from a server, to what the page shows: arrays unpacked, text as labels.

const BITS = -1; // in the place of a unit's index: colour by surprisal

const TYPES = { i1: Int8Array, i2: Int16Array, u2: Uint16Array, u4: Uint32Array };

// An array: little-endian numbers, zlib, base64. See charrnn/page/data.py.
async function unpack({ type, data }) {
  const letters = atob(data);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k++) bytes[k] = letters.charCodeAt(k);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new TYPES[type](await new Response(stream).arrayBuffer());
}

// All packed arrays of the raw data in the place of their texts; `show` takes what this gives.
async function decode(raw) {
  const entries = Object.entries(raw).map(async ([key, value]) => [
    key,
    value && value.type in TYPES ? await unpack(value) : value,
  ]);
  const data = Object.fromEntries(await Promise.all(entries));
  data.choices = data.length ? data.guesses.length / data.length : 0;
  data.endsLine = new Set(data.breaks);
  return data;
}

// A unit's value at a place as a part of its scale: the middle of its level, half a level from the true one at most. So what
// is at least a whole number of levels is so in truth, and no other: see `quantised` in data.py.
function partAt(data, unit, t) {
  const level = data.values[unit * data.length + t];
  return (level - Math.sign(level) / 2) / data.levels;
}

// The same in words, in its own unit of measure.
function about(data, unit, t) {
  const { scale } = data.units[unit];
  return rounded(partAt(data, unit, t) * scale, scale / data.levels);
}

const visible = (label) => (label === " " ? "␣" : label);
const signed = (value, digits = 2) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
// A number that is known to within half a step: no more decimals than it bears, and "≈" where the last is uncertain.
const rounded = (value, step) =>
  (step > 0.01 ? "≈" : "") + signed(value, Math.max(0, Math.min(2, Math.ceil(-Math.log10(step)))));
const counted = (number) => number.toLocaleString("en");
