// The rows of a text that a model has read, one for each symbol, and all that a live page shows of them: what
// charrnn/web/data.py makes of a recording, unpacked. They are kept from text to text, so that a key costs one new row.

const LEVELS = 112; // of values on each side of zero
const FINE = 2000; // stands for a full scale in the values of the strongest units
const STRONGEST = 8; // units of each symbol
const CERTAIN = 4000; // stands for a probability of 1
const MOST_SURPRISAL = 8; // bits with the full color

// To the nearest integer, halves to the even one, as NumPy rounds.
function nearest(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 ? up - 1 : up;
}
const toDigits = (x, digits) => nearest(x * 10 ** digits) / 10 ** digits;

// A visible form of a character, as charrnn/render/glyphs.py has it.
function glyph(character) {
  const point = character.codePointAt(0);
  if (character === "\n") return "↵";
  if (character === "\t") return "→";
  if (point < 0x20) return String.fromCodePoint(0x2400 + point);
  if (point < 0x7f) return character;
  if (point === 0x7f) return "␡";
  if (/\p{Zs}/u.test(character)) return " ";
  if (/[\p{C}\p{Zl}\p{Zp}\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u{1f3fb}-\u{1f3ff}]/u.test(character)) return "▯";
  if (/[\p{M}\u1160-\u11ff\ud7b0-\ud7ff\u3164\uffa0]/u.test(character)) return `◌${character}`;
  return point >= 0x1f1e6 && point < 0x1f200 ? String.fromCodePoint(point - 0x1f1e6 + 0x1f130) : character;
}
const glyphs = (text) => Array.from(text, glyph).join("");
const hexadecimal = (byte) => byte.toString(16).padStart(2, "0");

// The units of all states: of the first state layer by layer, then of the next.
function unitsOf({ states, numLayers, hidden }) {
  return states.flatMap((what) =>
    Array.from({ length: numLayers * hidden }, (_, k) => {
      const [layer, index] = [Math.floor(k / hidden), k % hidden];
      return { name: `L${layer}.${what}.${index}`, layer, what, index };
    }),
  );
}

class Rows {
  // about: see `about_model` in charrnn/web/rows.py. Its `order` and `leastScales` are those of the first text.
  constructor(about) {
    Object.assign(this, { about, rows: [], edits: [], units: unitsOf(about) });
    const sums = () => new Float64Array(this.units.length);
    Object.assign(this, { sum: sums(), squares: sums(), products: sums(), low: sums(), high: sums() });
    this.scales = new Float32Array(this.units.length); // for which the levels and strengths are
    this.levels = this.units.map(() => new Int8Array(256));
    this.done = 0; // rows that have levels and strengths
  }

  // Add {symbol, piece, surprisal, guesses, chances, values}, and `fromCounts` if there are counts.
  add(row) {
    row.squashed = row.values.map(Math.tanh);
    row.label = glyphs(row.piece) || hexadecimal(row.symbol);
    row.shown = `${row.label}\0${row.piece}`;
    this.rows.push(row);
    this.tally(this.rows.length - 1, 1);
  }

  // Only the first rows stay.
  cut(kept) {
    if (kept === this.rows.length) return;
    while (this.rows.length > kept) {
      this.tally(this.rows.length - 1, -1);
      this.rows.pop();
    }
    this.done = Math.min(this.done, kept);
    this.bound();
  }

  // --- sums over the text ---

  // Add a row to the sums, or take it away.
  tally(t, sign) {
    const { sum, squares, products, low, high } = this;
    const { values, squashed } = this.rows[t];
    const before = this.rows[t - 1]?.squashed;
    for (let u = 0; u < squashed.length; u++) {
      const x = squashed[u];
      sum[u] += sign * x;
      squares[u] += sign * x * x;
      if (before) products[u] += sign * x * before[u];
      if (t === 0) low[u] = high[u] = values[u];
      else if (values[u] < low[u]) low[u] = values[u];
      else if (values[u] > high[u]) high[u] = values[u];
    }
  }

  // The smallest and largest values anew.
  bound() {
    const { rows, low, high } = this;
    for (const [t, { values }] of rows.entries())
      for (let u = 0; u < values.length; u++) {
        if (t === 0 || values[u] < low[u]) low[u] = values[u];
        if (t === 0 || values[u] > high[u]) high[u] = values[u];
      }
  }

  // See charrnn/interpret/units.py.
  interest(u) {
    const count = this.rows.length;
    const mean = this.sum[u] / count;
    const squares = Math.max(this.squares[u] - count * mean * mean, 0);
    if (count < 2) return 0;
    const ends = this.rows[0].squashed[u] + this.rows[count - 1].squashed[u];
    const covariance = this.products[u] - mean * (2 * this.sum[u] - ends) + (count - 1) * mean * mean;
    return Math.sqrt(squares / count) * Math.max(covariance / Math.max(squares, 1e-12), 0);
  }

  // The value of the full color: at least that in the text with which the page opened.
  scaleOf(u) {
    const { name, what } = this.units[u];
    const reach = Math.fround(Math.max(-this.low[u], this.high[u]));
    const own = what === "c" || reach > 1 ? Math.max(reach, Math.fround(1e-6)) : 1;
    const least = this.about.leastScales?.get(name) ?? 0;
    return least > own + 1e-6 ? Math.fround(least) : own;
  }

  // --- what the page shows ---

  // The data of the page; see `page_data` in charrnn/web/data.py, whose arrays are packed, while these are not. The
  // units are in the order of `about`, or by interest if it has none yet. Gates are asked for apart.
  data() {
    const { about, rows, units, edits } = this;
    this.level();
    const ranks = new Map([...new Set(about.names.map(({ unit }) => unit))].map((unit, rank) => [unit, rank]));
    const described = units.map((unit, u) => ({
      ...unit,
      scale: toDigits(this.scales[u], 6),
      interest: toDigits(this.interest(u), 4),
      low: toDigits(this.low[u], 4),
      high: toDigits(this.high[u], 4),
      reasons: about.names.filter(({ unit: address }) => address === unit.name).map(({ label }) => label),
      rank: ranks.get(unit.name) ?? null,
    }));
    const order = about.order ?? [...units.keys()].sort((a, b) => described[b].interest - described[a].interest);
    const sorted = order.map((u) => described[u]);
    const named = about.names.find(({ unit }) => sorted.some(({ name }) => name === unit));
    const memory = about.states.at(-1);
    return {
      title: about.title,
      source: {
        ...{ cell: about.cell, fingerprint: about.fingerprint, edits },
        ...{ states: about.states, size: about.numLayers * about.hidden, sigmoids: about.sigmoids, meanings: about.meanings },
      },
      origin: null,
      ...this.text(),
      ...this.predictions(),
      ...this.shares(),
      levels: LEVELS,
      unitLevels: order.map((u) => this.levels[u]), // as long as the next text is not read
      fine: FINE,
      ...this.strongest(order),
      units: sorted,
      first: named?.unit ?? (sorted.find(({ what }) => what === memory) ?? sorted[0]).name,
      gates: [],
    };
  }

  text() {
    const { rows, about } = this;
    const table = new Map();
    const [labels, pieces] = [[], []];
    const columns = Uint32Array.from(rows, ({ label, piece, shown }) => {
      if (!table.has(shown)) {
        table.set(shown, labels.length);
        labels.push(label);
        pieces.push(piece);
      }
      return table.get(shown);
    });
    return {
      noun: rows.every(({ piece }) => piece) ? "character" : "byte",
      length: rows.length,
      start: about.start,
      ...{ labels, pieces, columns },
      breaks: [...pieces.keys()].filter((k) => pieces[k].endsWith("\n")),
      ids: Uint32Array.from(rows, ({ symbol }) => symbol),
      names: about.shown,
    };
  }

  // The rows of symbols that were predicted: all but the first of all.
  get predicted() {
    return this.rows.slice(1 - this.about.start);
  }

  predictions() {
    const { predicted } = this;
    const mean = predicted.reduce((sum, { surprisal }) => sum + surprisal, 0) / predicted.length;
    return {
      predicts: true,
      surprisal: Uint16Array.from(this.rows, ({ surprisal }) => Math.min(nearest(Math.fround(surprisal * 1000)), 65535)),
      meanSurprisal: predicted.length ? toDigits(mean, 4) : null,
      mostSurprisal: MOST_SURPRISAL,
      guesses: this.joined("guesses", Uint32Array),
      chances: this.joined("chances", Uint16Array),
      certain: CERTAIN,
    };
  }

  // The share of each symbol's probability that came from the counts; nothing for a network alone.
  shares() {
    const { rows, predicted } = this;
    if (rows[0]?.fromCounts === undefined) return {};
    const mean = predicted.reduce((sum, { fromCounts }) => sum + fromCounts, 0) / Math.max(1, predicted.length);
    return {
      fromCounts: Uint16Array.from(rows, ({ fromCounts }) => nearest(Math.fround(fromCounts * CERTAIN))),
      meanFromCounts: toDigits(mean, 4),
    };
  }

  // The levels and the strongest units: of new rows, and of those where a scale that has changed makes a difference.
  level() {
    const { rows, units, scales } = this;
    const changed = new Uint8Array(units.length);
    let isSmaller = false; // whether a unit may have become one of the strongest
    for (let u = 0; u < units.length; u++) {
      const scale = this.scaleOf(u);
      if (scale !== scales[u]) changed[u] = 1;
      isSmaller ||= scale < scales[u];
      scales[u] = scale;
      this.levelUnit(u, changed[u] ? 0 : this.done);
    }
    const parts = new Float32Array(units.length);
    rows.forEach((row, t) => {
      if (t < this.done && !isSmaller && !row.best.some((u) => changed[u])) return;
      const { values } = row;
      for (let u = 0; u < parts.length; u++) parts[u] = Math.abs(values[u] / scales[u]);
      row.best = largestOf(parts, Math.min(STRONGEST, parts.length));
      row.strengths = Int16Array.from(row.best, (u) => nearest(Math.fround(Math.sign(values[u]) * parts[u] * FINE)));
    });
    this.done = rows.length;
  }

  levelUnit(u, from) {
    const { rows, levels } = this;
    if (levels[u].length < rows.length) {
      const longer = new Int8Array(2 * rows.length);
      longer.set(levels[u]);
      levels[u] = longer;
    }
    const [own, scale] = [levels[u], this.scales[u]];
    for (let t = from; t < rows.length; t++) {
      const value = rows[t].values[u];
      const part = Math.abs(Math.fround(value / scale));
      own[t] = Math.sign(value) * Math.min(Math.floor(part * LEVELS) + 1, LEVELS);
    }
  }

  strongest(order) {
    const ranks = new Uint32Array(order.length);
    order.forEach((u, rank) => (ranks[u] = rank));
    return {
      strongest: this.joined("best", Uint32Array).map((u) => ranks[u]),
      strengths: this.joined("strengths", Int16Array),
    };
  }

  // An array that all rows have, one after the other.
  joined(name, Type) {
    const size = this.rows[0]?.[name].length ?? 0;
    const all = new Type(this.rows.length * size);
    this.rows.forEach((row, t) => all.set(row[name], t * size));
    return all;
  }
}

// The places of the largest numbers, the largest first; of equal ones the first.
function largestOf(numbers, count) {
  const places = new Uint32Array(count);
  let found = 0;
  for (let k = 0; k < numbers.length; k++) {
    if (found === count && numbers[k] <= numbers[places[count - 1]]) continue;
    let place = found < count ? found++ : count - 1;
    for (; place > 0 && numbers[places[place - 1]] < numbers[k]; place--) places[place] = places[place - 1];
    places[place] = k;
  }
  return places;
}

// The first text of a page, as `read` gives it: from then on units keep their order, and no scale is smaller.
function asFirst(about, data) {
  about.leastScales = new Map(data.units.map(({ name, scale }) => [name, scale]));
  sortUnits(about, data);
  return data;
}

// Sort units by their interest in a text.
function sortUnits(about, { units }) {
  const places = new Map(unitsOf(about).map(({ name }, u) => [name, u]));
  about.order = [...units].sort((a, b) => b.interest - a.interest).map(({ name }) => places.get(name));
}
