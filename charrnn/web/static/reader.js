// A text that the model in the page has read, and all that the page shows of it: what charrnn/web/data.py makes of a
// recording, unpacked. The next text is read from where it differs from the last one.

const LEVELS = 112; // of values on each side of zero
const FINE = 2000; // stands for a full scale in the values of the strongest units
const STRONGEST = 8; // units of each symbol
const GUESSES = 5;
const CERTAIN = 4000; // stands for a probability of 1
const MOST_SURPRISAL = 8; // bits with the full color
const [SHUT, OPEN] = [-13107, 13107]; // of a gate in the engine's integers: below 0.1, above 0.9
const LONGEST_TIME_SCALE = 1e9;
const SLICE = 12; // milliseconds of work after which the page may do something else

const breath = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(port1.close());
    port2.postMessage(null);
  });

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

class ReadText {
  // model: an ExactModel; edits: a `Changes`, or null; about: what charrnn/web/offline.py says of the model.
  constructor(model, edits, about) {
    Object.assign(this, { model, edits, about, rows: [] });
    this.edit = edits && ((layer, name, values) => edits.apply(layer, name, values));
    this.units = about.states.flatMap((what) =>
      Array.from({ length: model.numLayers * model.hidden }, (_, k) => {
        const [layer, index] = [Math.floor(k / model.hidden), k % model.hidden];
        return { name: `L${layer}.${what}.${index}`, layer, what, index, one: 2 ** -(what === "c" ? 14 : model.hiddenBits) };
      }),
    );
    const sums = () => new Float64Array(this.units.length);
    Object.assign(this, { sum: sums(), squares: sums(), products: sums(), low: sums(), high: sums() });
    this.sigmoids = about.sigmoids.map((name) => ({ name, at: model.gates.indexOf(name) }));
    const size = this.sigmoids.length * model.numLayers * model.hidden;
    Object.assign(this, { shut: new Uint32Array(size), open: new Uint32Array(size), gateSum: new Float64Array(size) });
    this.scales = new Float32Array(this.units.length); // for which the levels and strengths are
    this.levels = this.units.map(() => new Int8Array(256));
    this.done = 0; // rows that have levels and strengths
    this.begin();
  }

  // --- reading ---

  // The state before a text, or before an item.
  fresh() {
    const { model, edits } = this;
    const state = model.start();
    edits?.begin(state);
    if (model.itemEnd >= 0) model.read(model.itemEnd, state, this.edit);
    return state;
  }

  begin() {
    this.state = this.fresh();
    this.isPredicted = this.model.itemEnd >= 0; // the first symbol of all is not
    this.logits = null;
  }

  // Read these symbols, from the first on that differs from what was read before.
  async follow(symbols) {
    let kept = 0;
    while (kept < symbols.length && this.rows[kept]?.symbol === symbols[kept]) kept++;
    this.forget(kept);
    let time = performance.now();
    for (let t = kept; t < symbols.length; t++) {
      this.add(symbols[t]);
      if (performance.now() - time < SLICE) continue;
      await breath();
      time = performance.now();
    }
  }

  // A copy of the state after the text.
  copy() {
    return structuredClone(this.state);
  }

  add(symbol) {
    const { model } = this;
    const surprisal = this.isPredicted ? this.surprisalOf(symbol) : 0;
    if (symbol === model.itemEnd) this.state = this.fresh();
    else model.read(symbol, this.state, this.edit);
    this.isPredicted = true;
    this.logits = model.logits(this.state);
    const row = { symbol, surprisal, ...this.guess(), ...this.recorded() };
    this.rows.push(row);
    this.tally(this.rows.length - 1, 1);
  }

  // The logarithm of the sum of all odds, and the largest logit.
  get normalizer() {
    this.logits ??= this.model.logits(this.state);
    let largest = -Infinity;
    for (const logit of this.logits) largest = Math.max(largest, logit);
    let sum = 0;
    for (const logit of this.logits) sum += Math.exp((logit - largest) / 4096);
    return { largest, log: Math.log(sum) };
  }

  surprisalOf(symbol) {
    const { largest, log } = this.normalizer;
    return Math.fround((log - (this.logits[symbol] - largest) / 4096) / Math.LN2);
  }

  // The likeliest next symbols, and their probabilities.
  guess() {
    const { largest, log } = this.normalizer;
    const { logits } = this;
    const count = Math.min(GUESSES, logits.length);
    const guesses = largestOf(logits, count);
    const chances = Uint16Array.from(guesses, (k) => nearest(CERTAIN * Math.fround(Math.exp((logits[k] - largest) / 4096 - log))));
    return { guesses, chances };
  }

  // The states and sigmoid gates after a symbol.
  recorded() {
    const { model, state, units } = this;
    const size = model.hidden;
    const values = new Int32Array(units.length);
    for (const [s, what] of this.about.states.entries())
      state.forEach((layer, k) => values.set(layer[what], (s * model.numLayers + k) * size));
    const gates = new Int16Array(this.shut.length);
    for (const [g, { at }] of this.sigmoids.entries())
      state.forEach((layer, k) => gates.set(layer.gates[at], (g * model.numLayers + k) * size));
    return { values, gates, squashed: Float64Array.from(values, (value, u) => Math.tanh(value * units[u].one)) };
  }

  // Only the first rows stay; the state becomes the one after them.
  forget(kept) {
    if (kept === this.rows.length) return;
    while (this.rows.length > kept) {
      this.tally(this.rows.length - 1, -1);
      this.rows.pop();
    }
    this.done = Math.min(this.done, kept);
    this.begin();
    const last = this.rows.at(-1);
    if (last) {
      const { numLayers, hidden } = this.model;
      for (const [s, what] of this.about.states.entries())
        this.state.forEach((layer, k) => layer[what].set(last.values.subarray((s * numLayers + k) * hidden, (s * numLayers + k + 1) * hidden)));
      this.isPredicted = true;
    }
    this.bound();
  }

  // --- sums over the text ---

  // Add a row to the sums, or take it away.
  tally(t, sign) {
    const { sum, squares, products, low, high, shut, open, gateSum } = this;
    const { values, squashed, gates } = this.rows[t];
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
    for (let k = 0; k < gates.length; k++) {
      if (gates[k] < SHUT) shut[k] += sign;
      else if (gates[k] > OPEN) open[k] += sign;
      gateSum[k] += sign * gates[k];
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
    const { name, what, one } = this.units[u];
    const reach = Math.fround(Math.max(-this.low[u], this.high[u]) * one);
    const own = what === "c" || reach > 1 ? Math.max(reach, Math.fround(1e-6)) : 1;
    const least = this.about.leastScales?.get(name) ?? 0;
    return least > own + 1e-6 ? Math.fround(least) : own;
  }

  // --- what the page shows ---

  // The data of the page; see `page_data` in charrnn/web/data.py, whose arrays are packed, while these are not.
  data() {
    const { about, rows, units } = this;
    this.level();
    const ranks = new Map([...new Set(about.names.map(({ unit }) => unit))].map((unit, rank) => [unit, rank]));
    const described = units.map(({ one, ...unit }, u) => ({
      ...unit,
      scale: toDigits(this.scales[u], 6),
      interest: toDigits(this.interest(u), 4),
      low: toDigits(this.low[u] * one, 4),
      high: toDigits(this.high[u] * one, 4),
      reasons: about.names.filter(({ unit: address }) => address === unit.name).map(({ label }) => label),
      rank: ranks.has(unit.name) ? ranks.get(unit.name) : null,
    }));
    const order = [...units.keys()].sort((a, b) => described[b].interest - described[a].interest);
    const sorted = order.map((u) => described[u]);
    const named = about.names.find(({ unit }) => sorted.some(({ name }) => name === unit));
    const memory = about.states.at(-1);
    return {
      title: about.title,
      source: {
        cell: about.cell,
        fingerprint: about.fingerprint,
        edits: this.edits?.named ?? [],
        states: about.states,
        sigmoids: about.sigmoids,
        meanings: about.meanings,
      },
      origin: null,
      ...this.text(),
      ...this.predictions(),
      levels: LEVELS,
      values: this.values(order),
      fine: FINE,
      ...this.strongest(order),
      units: sorted,
      first: named?.unit ?? (sorted.find(({ what }) => what === memory) ?? sorted[0]).name,
      gates: rows.length ? this.gates() : [],
    };
  }

  text() {
    const { rows, about, model } = this;
    const read = piecesOf(rows, model);
    const table = new Map();
    const [labels, pieces] = [[], []];
    const columns = Uint32Array.from(rows, ({ symbol }, t) => {
      const label = glyphs(read[t]) || hexadecimal(symbol);
      const key = `${label}\0${read[t]}`;
      if (!table.has(key)) {
        table.set(key, labels.length);
        labels.push(label);
        pieces.push(read[t]);
      }
      return table.get(key);
    });
    return {
      noun: read.every(Boolean) ? "character" : "byte",
      length: rows.length,
      start: model.itemEnd >= 0 ? 1 : 0,
      ...{ labels, pieces, columns },
      breaks: [...pieces.keys()].filter((k) => pieces[k].endsWith("\n")),
      ids: Uint32Array.from(rows, ({ symbol }) => symbol),
      names: about.shown,
    };
  }

  predictions() {
    const { rows, model } = this;
    const predicted = rows.slice(model.itemEnd >= 0 ? 0 : 1);
    const mean = predicted.reduce((sum, { surprisal }) => sum + surprisal, 0) / predicted.length;
    return {
      predicts: true,
      surprisal: Uint16Array.from(rows, ({ surprisal }) => Math.min(nearest(Math.fround(surprisal * 1000)), 65535)),
      meanSurprisal: predicted.length ? toDigits(mean, 4) : null,
      mostSurprisal: MOST_SURPRISAL,
      guesses: this.joined("guesses", Uint32Array),
      chances: this.joined("chances", Uint16Array),
      certain: CERTAIN,
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
    const factors = Float64Array.from(units, ({ one }) => one);
    rows.forEach((row, t) => {
      if (t < this.done && !isSmaller && !row.best.some((u) => changed[u])) return;
      const { values } = row;
      for (let u = 0; u < parts.length; u++) parts[u] = Math.abs(Math.fround(values[u] * factors[u]) / scales[u]);
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
    const [own, scale, { one }] = [levels[u], this.scales[u], this.units[u]];
    for (let t = from; t < rows.length; t++) {
      const value = rows[t].values[u];
      const part = Math.abs(Math.fround(Math.fround(value * one) / scale));
      own[t] = Math.sign(value) * Math.min(Math.floor(part * LEVELS) + 1, LEVELS);
    }
  }

  values(order) {
    const { length } = this.rows;
    const values = new Int8Array(order.length * length);
    order.forEach((u, rank) => values.set(this.levels[u].subarray(0, length), rank * length));
    return values;
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

  gates() {
    const { numLayers, hidden } = this.model;
    const count = this.rows.length;
    return this.sigmoids.map(({ name }, g) => {
      const rounded = (of, digits) =>
        Array.from({ length: numLayers }, (_, layer) =>
          Array.from({ length: hidden }, (_, k) => toDigits(of((g * numLayers + layer) * hidden + k), digits)),
        );
      const lost = (k) => 1 - (this.gateSum[k] / count + ONE) / (2 * ONE);
      return {
        name,
        left: rounded((k) => this.shut[k] / count, 4),
        right: rounded((k) => this.open[k] / count, 4),
        scale: name === this.about.memoryGate ? rounded((k) => Math.min(1 / lost(k), LONGEST_TIME_SCALE), 2) : null,
      };
    });
  }
}

// What each symbol adds to the text: its character, or nothing until the last byte of one.
function piecesOf(rows, model) {
  if (model.points) return rows.map(({ symbol }) => (symbol === model.unknown ? "\ufffd" : model.decode(symbol)));
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return rows.map(({ symbol }) => decoder.decode(Uint8Array.of(symbol), { stream: true }));
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
