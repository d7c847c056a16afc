// The card of a unit in a text that the model in the page has read: what charrnn/interpret/card.py measures, but for the
// concepts, which need more text. What predictions lose without the unit is measured in the whole text, from its start.

const BINS = 24;
const LONGEST_LAG = 500; // characters up to which the time scale is measured
const PLACES = 5; // of each kind
const [BEFORE_PLACE, AFTER_PLACE, SAME] = [40, 8, 12]; // characters: see charrnn/interpret/unit_reading.py
const LEAST_SEEN = 5; // occurrences of a character that are needed to say what it does
const LEAST_ABLATED = 200; // characters of the shortest text in which the loss is measured
const OTHERS = 5; // units beside it
const [STRETCH, FEWEST_STRETCHES, RESAMPLES] = [200, 20, 1000];
const CLASSES = [
  ["opening brackets", /[([{]/],
  ["closing brackets", /[)\]}]/],
  ["quotes", /["'“”‘’«»`]/],
  ["newlines", /\n/],
  ["blanks", /\s/],
  ["digits", /\p{Nd}/u],
  ["capitals", /\p{Lu}/u],
  ["letters", /\p{L}/u],
  ["others", /|/],
];
const MOST_CLASSES = 4;

const meanOf = (numbers) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
const quotient = (a, b) => (b ? a / b : 0);

// The card, as charrnn/web/cards.py describes it, and a function that measures its cost, which takes a while: the text may
// be another one then. read: a `ReadText`; name: the address of a unit of a state.
function cardOf(read, name) {
  const place = read.units.findIndex((unit) => unit.name === name);
  const values = read.rows.map((row) => row.values[place]);
  if (values.length < 2) throw new Error("a text needs at least 2 characters for a card");
  const card = {
    length: values.length,
    ...shapeOf(values),
    ...pushesOf(read.rows, values),
    gates: gatesOfUnit(read, read.units[place]),
    concepts: null,
    highest: placesOf(read.rows, values, -1),
    lowest: placesOf(read.rows, values, 1),
  };
  const { model, about, units, changes } = read;
  const rows = [...read.rows];
  return { card, cost: () => costWithout({ model, about, units, changes, rows }, place, meanOf(values)) };
}

// --- its values --------------------------------------------------------------------------------------------------------

function shapeOf(values) {
  const mean = meanOf(values);
  const [variance, third, fourth] = [2, 3, 4].map((power) => meanOf(values.map((value) => (value - mean) ** power)));
  const skew = quotient(third, variance ** 1.5);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const numbers = {
    ...{ low, high, mean, deviation: Math.sqrt(variance) },
    bimodality: quotient(skew ** 2 + 1, quotient(fourth, variance ** 2)),
    sparsity: variance + mean ** 2 > 0 ? 1 - meanOf(values.map(Math.abs)) ** 2 / (variance + mean ** 2) : 0,
  };
  for (const [key, value] of Object.entries(numbers)) numbers[key] = toDigits(value, 4);
  return { ...numbers, histogram: histogramOf(values, low, high), timeScale: timeScaleOf(values.map((value) => value - mean)) };
}

function histogramOf(values, low, high) {
  const [from, width] = high > low ? [low, high - low] : [low - 0.5, 1];
  const bins = new Array(BINS).fill(0);
  for (const value of values) bins[Math.min(BINS - 1, Math.floor(((value - from) / width) * BINS))]++;
  return bins;
}

// Characters after which the autocorrelation falls below 1/e; null if it does not, or if the unit never moves.
function timeScaleOf(moved) {
  const products = (lag) => {
    let sum = 0;
    for (let t = lag; t < moved.length; t++) sum += moved[t] * moved[t - lag];
    return quotient(sum, moved.length - lag);
  };
  const whole = products(0);
  if (!whole) return null;
  for (let lag = 1; lag < LONGEST_LAG; lag++) if (lag >= moved.length || products(lag) / whole < 1 / Math.E) return lag;
  return null;
}

// The characters that raise it most, and those that lower it most, on average.
function pushesOf(rows, values) {
  const changes = new Map();
  rows.forEach(({ piece }, t) => {
    if (!changes.has(piece)) changes.set(piece, []);
    changes.get(piece).push(t ? values[t] - values[t - 1] : 0);
  });
  const pushes = [...changes].filter(([piece, some]) => piece && some.length >= LEAST_SEEN).map(([piece, some]) => [glyphs(piece), meanOf(some)]);
  const most = (sign) =>
    pushes
      .filter(([, change]) => sign * change > 0)
      .sort(([, a], [, b]) => sign * (b - a))
      .slice(0, PLACES)
      .map(([piece, change]) => [piece, toDigits(change, 2)]);
  return { raisedBy: most(1), loweredBy: most(-1) };
}

// How its gates were used.
function gatesOfUnit(read, { layer, index }) {
  const { numLayers, hidden } = read.model;
  const count = read.rows.length;
  return read.sigmoids.map(({ name }, g) => {
    const k = (g * numLayers + layer) * hidden + index;
    const mean = (read.gateSum[k] / count + ONE) / (2 * ONE);
    const isMemory = name === read.about.memoryGate && mean < 1;
    const [shut, open] = [read.shut[k] / count, read.open[k] / count];
    return { name, mean: toDigits(mean, 4), open: toDigits(open, 4), shut: toDigits(shut, 4), scale: isMemory ? toDigits(1 / (1 - mean), 1) : null };
  });
}

// The places of the largest values, or of the smallest, that are not near another, each after another text.
function placesOf(rows, values, sign) {
  const seen = new Set();
  const found = [];
  const textOfRows = (from, to) => rows.slice(from, to).map(({ piece }) => piece).join("");
  for (const place of [...values.keys()].sort((a, b) => sign * (values[a] - values[b]) || a - b)) {
    const before = textOfRows(Math.max(0, place - BEFORE_PLACE + 1), place + 1);
    const key = [...before].slice(-SAME).join("");
    if (seen.has(key) || found.some(([other]) => Math.abs(place - other) < BEFORE_PLACE)) continue;
    seen.add(key);
    found.push([place, toDigits(values[place], 2), glyphs(before), glyphs(textOfRows(place + 1, place + 1 + AFTER_PLACE))]);
    if (found.length === PLACES) break;
  }
  return found;
}

// --- what is lost without it -------------------------------------------------------------------------------------------

// A text of which only the surprisal is kept.
class Unrecorded extends ReadText {
  bits = [];
  guess() {}
  recorded() {}
  add({ surprisal }) {
    this.bits.push(surprisal);
  }
}

// What predictions cost more while the unit is held at its mean, beside other units of its layer; null: not measured.
async function costWithout({ model, about, units, changes, rows }, place, mean) {
  if (changes || rows.length < LEAST_ABLATED) return null;
  const first = 1 - about.start; // the first symbol of all is not predicted
  const lost = async (u, value) => {
    const held = new Unrecorded(model, changesOf(`clamp ${units[u].name}=${value}`, { model, about }), about);
    await held.follow(rows.map(({ symbol }) => symbol));
    return held.bits.map((bits, t) => bits - rows[t].surprisal).slice(first);
  };
  const own = await lost(place, mean);
  const others = [];
  for (const u of otherUnits(units, place)) others.push(meanOf(await lost(u, meanOf(rows.map(({ values }) => values[u])))));
  const [low, high] = intervalOf(own);
  const most = classesOf(rows.slice(first), own).sort(([, a], [, b]) => b - a);
  return {
    ...{ bits: toDigits(meanOf(own), 4), low: toDigits(low, 4), high: toDigits(high, 4), count: own.length },
    others: others.sort((a, b) => a - b).map((bits) => toDigits(bits, 4)),
    most: most.slice(0, MOST_CLASSES).filter(([, bits]) => bits > 0),
  };
}

// Some other units of the same state and layer, always the same.
function otherUnits(units, place) {
  const { layer, what } = units[place];
  const left = [...units.keys()].filter((u) => u !== place && units[u].layer === layer && units[u].what === what);
  const words = new RandomWords(0, place);
  return Array.from({ length: Math.min(OTHERS, left.length) }, () => left.splice(words.next() % left.length, 1)[0]);
}

// What each class of predicted characters costs more.
function classesOf(rows, lost) {
  const sums = new Map();
  rows.forEach(({ piece }, t) => {
    const [name] = [...piece].length === 1 ? CLASSES.find(([, takes]) => takes.test(piece)) : CLASSES.at(-1);
    const [sum, count] = sums.get(name) ?? [0, 0];
    sums.set(name, [sum + lost[t], count + 1]);
  });
  return [...sums].map(([name, [sum, count]]) => [name, toDigits(sum / count, 4)]);
}

// The 95 % interval of the mean, if stretches of the text are drawn anew: losses near each other hang together.
function intervalOf(lost) {
  const size = Math.max(1, Math.min(STRETCH, Math.floor(lost.length / FEWEST_STRETCHES)));
  const stretches = Array.from({ length: Math.ceil(lost.length / size) }, (_, k) => lost.slice(k * size, (k + 1) * size));
  const sums = stretches.map((some) => [some.reduce((sum, one) => sum + one, 0), some.length]);
  const words = new RandomWords(0, 0);
  const means = Array.from({ length: RESAMPLES }, () => {
    let [total, count] = [0, 0];
    for (let k = 0; k < sums.length; k++) {
      const [sum, length] = sums[words.next() % sums.length];
      total += sum;
      count += length;
    }
    return total / count;
  }).sort((a, b) => a - b);
  return [0.025, 0.975].map((part) => means[Math.round(part * (RESAMPLES - 1))]);
}
