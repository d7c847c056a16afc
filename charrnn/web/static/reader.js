// A text that the model in the page has read. The next text is read from where it differs from the last one.

const GUESSES = 5;
const [SHUT, OPEN] = [-13107, 13107]; // of a gate in the engine's integers: below 0.1, above 0.9
const LONGEST_TIME_SCALE = 1e9;
const SLICE = 12; // milliseconds of work after which the page may do something else

const breath = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(port1.close());
    port2.postMessage(null);
  });

class ReadText extends Rows {
  // model: an ExactModel; changes: a `Changes`, or null; about: see `Rows`.
  constructor(model, changes, about) {
    super(about);
    Object.assign(this, { model, changes, edits: changes?.named ?? [] });
    this.edit = changes && ((layer, name, values) => changes.apply(layer, name, values));
    this.inUnits = Float64Array.from(this.units, ({ what }) => 2 ** -(what === "c" ? 14 : model.hiddenBits));
    this.sigmoids = about.sigmoids.map((name) => ({ name, at: model.gates.indexOf(name) }));
    const size = this.sigmoids.length * model.numLayers * model.hidden;
    Object.assign(this, { shut: new Uint32Array(size), open: new Uint32Array(size), gateSum: new Float64Array(size) });
    this.begin();
  }

  // --- reading ---

  // The state before a text, or before an item.
  fresh() {
    const { model, changes } = this;
    const state = model.start();
    changes?.begin(state);
    if (model.itemEnd >= 0) model.read(model.itemEnd, state, this.edit);
    return state;
  }

  begin() {
    this.state = this.fresh();
    this.isPredicted = this.model.itemEnd >= 0; // the first symbol of all is not
    this.logits = null;
    this.decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // of bytes
  }

  // Read these symbols, from the first on that differs from what was read before.
  async follow(symbols) {
    let kept = 0;
    while (kept < symbols.length && this.rows[kept]?.symbol === symbols[kept]) kept++;
    this.cut(kept);
    let time = performance.now();
    for (let t = kept; t < symbols.length; t++) {
      this.read(symbols[t]);
      if (performance.now() - time < SLICE) continue;
      await breath();
      time = performance.now();
    }
  }

  // A copy of the state after the text.
  copy() {
    return structuredClone(this.state);
  }

  read(symbol) {
    const { model } = this;
    const surprisal = this.isPredicted ? this.surprisalOf(symbol) : 0;
    if (symbol === model.itemEnd) this.state = this.fresh();
    else model.read(symbol, this.state, this.edit);
    this.isPredicted = true;
    this.logits = model.logits(this.state);
    this.add({ symbol, piece: this.pieceOf(symbol), surprisal, ...this.guess(), ...this.recorded() });
  }

  // What a symbol adds to the text: its character, or nothing until the last byte of one.
  pieceOf(symbol) {
    const { model, decoder } = this;
    if (!model.points) return decoder.decode(Uint8Array.of(symbol), { stream: true });
    return symbol === model.unknown ? "\ufffd" : model.decode(symbol);
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
    const { model, state, inUnits } = this;
    const size = model.hidden;
    const integers = new Int32Array(inUnits.length);
    for (const [s, what] of this.about.states.entries())
      state.forEach((layer, k) => integers.set(layer[what], (s * model.numLayers + k) * size));
    const gates = new Int16Array(this.shut.length);
    for (const [g, { at }] of this.sigmoids.entries())
      state.forEach((layer, k) => gates.set(layer.gates[at], (g * model.numLayers + k) * size));
    return { integers, gates, values: Float32Array.from(integers, (integer, u) => integer * inUnits[u]) };
  }

  // The state becomes the one after the rows that stay.
  cut(kept) {
    if (kept === this.rows.length) return;
    super.cut(kept);
    this.begin();
    this.state = this.stateAfter(kept);
    this.isPredicted ||= kept > 0;
    let whole = kept;
    while (whole && !this.rows[whole - 1].piece) whole--;
    for (const { symbol } of this.rows.slice(whole)) this.pieceOf(symbol); // the first bytes of a character
  }

  // The state after the first symbols.
  stateAfter(count) {
    const state = this.fresh();
    const last = this.rows[count - 1];
    const { numLayers, hidden } = this.model;
    for (const [s, what] of last ? this.about.states.entries() : [])
      state.forEach((layer, k) => layer[what].set(last.integers.subarray((s * numLayers + k) * hidden, (s * numLayers + k + 1) * hidden)));
    return state;
  }

  // --- gates ---

  tally(t, sign) {
    super.tally(t, sign);
    const { shut, open, gateSum } = this;
    const { gates } = this.rows[t];
    for (let k = 0; k < gates.length; k++) {
      if (gates[k] < SHUT) shut[k] += sign;
      else if (gates[k] > OPEN) open[k] += sign;
      gateSum[k] += sign * gates[k];
    }
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

