// An exact model in the page: the same integers, and so the same text for a seed, as charrnn/exact in Python and the
// program in C. Integers up to 2^53 are exact in JavaScript's numbers; charrnn/exact/arithmetic.py says what each one is.

const LARGEST = 32767; // of the integers that go into a product
const LARGEST_MEMORY = 2 ** 29;
const END = 65536; // the argument of tanh from which on it is 1, in units of 2^-13
const ONE = 16384; // 1 in units of activations

const shifted = (value, bits) => Math.floor(value / 2 ** bits + 0.5); // value / 2^bits to the nearest integer, halves up
const within = (value, most) => Math.max(-most, Math.min(most, value));

// tanh at every argument from -8 to 8: straight lines between the knots
function tanhTable(knots) {
  const table = new Int16Array(2 * END + 1);
  for (let n = 0; n <= END; n++) {
    const j = n >> 7;
    const value = knots[j] * 128 + (j < 512 ? (knots[j + 1] - knots[j]) * (n & 127) : 0);
    table[END + n] = shifted(value, 15);
    table[END - n] = -table[END + n];
  }
  return table;
}

// The table's value for an argument in units of 1 / unit.
function lookedUp(table, value, unit) {
  const k = Math.floor(value * unit + 0.5);
  return table[k > END ? 2 * END : k < -END ? 0 : k + END];
}

const [SUM_TANH, SUM_SIGMA, MEMORY_TANH, PEEPHOLE_SIGMA, RESET_TANH] = [3, 4, 1, 14, 18].map((bits) => 2 ** -bits);

// --- products ---

const TOGETHER = 4; // rows whose sums are computed side by side, so that each input is loaded once for all of them
const AT_ONCE = 8; // columns of a vector instruction
const WIDEST = 2048; // columns of which no sum of products exceeds 32 bits in a lane
const padded = (count, to) => to * Math.ceil(count / to);

// A WebAssembly module, byte by byte, with one function: rows(weights, input, output, blocks, columns) stores, for each of
// TOGETHER rows in a block, the sum of the products of 8-bit weights and 16-bit inputs. `columns` is a multiple of AT_ONCE.
function productModule() {
  const number = (value) => {
    const bytes = []; // LEB128, signed
    for (;;) {
      const byte = value & 127;
      value >>= 7;
      if ((value === 0 && !(byte & 64)) || (value === -1 && byte & 64)) return [...bytes, byte];
      bytes.push(byte | 128);
    }
  };
  const length = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...length(value >> 7)]); // LEB128, unsigned
  const section = (id, ...content) => [id, ...length(content.flat().length), ...content.flat()];
  const [WEIGHTS, INPUT, OUTPUT, BLOCKS, COLUMNS, AT, LEFT, LOADED, SUMS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const get = (local) => [0x20, local];
  const set = (local) => [0x21, local];
  const add = (local, value) => [...get(local), 0x41, ...number(value), 0x6a, ...set(local)];
  const loop = (body, condition) => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
  const rows = (each) => Array.from({ length: TOGETHER }, (_, row) => each(row)).flat();
  const lane = (row, k) => [...get(SUMS + row), 0xfd, 0x1b, k, 0xac]; // i32x4.extract_lane, i64.extend_i32_s
  const inner = [
    ...[...get(AT), 0xfd, 0, 4, 0, ...set(LOADED)], // v128.load
    ...rows((row) => [
      ...[...get(WEIGHTS), 0xfd, 1, 3, ...length(AT_ONCE * row)], // v128.load8x8_s
      ...[...get(LOADED), 0xfd, 0xba, 1, ...get(SUMS + row), 0xfd, 0xae, 1, ...set(SUMS + row)], // dot_i16x8_s, add
    ]),
    ...[...add(WEIGHTS, AT_ONCE * TOGETHER), ...add(AT, 2 * AT_ONCE), ...add(LEFT, -AT_ONCE)],
  ];
  const outer = [
    ...[...get(INPUT), ...set(AT), ...get(COLUMNS), ...set(LEFT)],
    ...rows((row) => [0xfd, 12, ...new Array(16).fill(0), ...set(SUMS + row)]), // v128.const
    ...loop(inner, get(LEFT)),
    ...rows((row) => [
      ...[...get(OUTPUT), ...lane(row, 0), ...lane(row, 1), 0x7c, ...lane(row, 2), 0x7c, ...lane(row, 3), 0x7c], // i64.add
      ...[0xb9, 0x39, 3, ...length(8 * row)], // f64.convert_i64_s, f64.store
    ]),
    ...[...add(OUTPUT, 8 * TOGETHER), ...add(BLOCKS, -1)],
  ];
  const body = [2, 2, 0x7f, 1 + TOGETHER, 0x7b, ...loop(outer, get(BLOCKS)), 0x0b]; // locals: i32 and v128
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 5, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0]),
    ...section(2, [1, 1, 0x61, 1, 0x6d, 2, 0, 0]), // the memory, a.m
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]), // f
    ...section(10, [1, ...length(body.length), ...body]),
  ]);
}

// Products of matrices and vectors: the matrices in the memory of a WebAssembly module, or without one where they are.
class Products {
  constructor(matrices) {
    const widest = padded(Math.max(...matrices.map((matrix) => matrix.columns)), AT_ONCE);
    const tallest = padded(Math.max(...matrices.map((matrix) => matrix.rows)), TOGETHER);
    let end = 0;
    const place = (bytes) => {
      const begin = end;
      end += padded(bytes, 16);
      return begin;
    };
    this.inputAt = place(2 * widest);
    this.outputAt = place(8 * tallest);
    for (const matrix of matrices) matrix.at = place(padded(matrix.rows, TOGETHER) * padded(matrix.columns, AT_ONCE));
    this.run = null;
    let buffer = null;
    if (widest <= WIDEST) {
      try {
        const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536) });
        const module = new WebAssembly.Module(productModule());
        this.run = new WebAssembly.Instance(module, { a: { m: memory } }).exports.f;
        buffer = memory.buffer;
        for (const matrix of matrices) this.lay(matrix, new Int8Array(buffer, matrix.at));
      } catch {
        // no WebAssembly, or none with vectors: plain JavaScript
      }
    }
    buffer ??= new ArrayBuffer(this.outputAt + 8 * tallest);
    this.input = new Int16Array(buffer, this.inputAt, widest);
    this.output = new Float64Array(buffer, this.outputAt, tallest);
  }

  // Put a matrix into memory: for each block of rows the first columns of each row, then the next columns of each.
  lay({ rows, columns, integers }, numbers) {
    const width = padded(columns, AT_ONCE);
    for (let row = 0; row < rows; row++) {
      const block = (row - (row % TOGETHER)) * width + AT_ONCE * (row % TOGETHER);
      for (let k = 0; k < columns; k += AT_ONCE)
        numbers.set(integers.subarray(row * columns + k, row * columns + Math.min(k + AT_ONCE, columns)), block + k * TOGETHER);
    }
  }

  // The product of a matrix with a vector in units of 2^-bits, in units of 2^-16.
  of(matrix, vector, bits, result) {
    const { rows, columns, scales } = matrix;
    const { input, output } = this;
    const width = padded(columns, AT_ONCE);
    input.set(vector);
    input.fill(0, columns, width);
    if (this.run) this.run(matrix.at, this.inputAt, this.outputAt, Math.ceil(rows / TOGETHER), width);
    else this.plain(matrix);
    const unit = 2 ** -(matrix.bits + bits - 16);
    for (let row = 0; row < rows; row++) result[row] = Math.floor(output[row] * scales[row] * unit + 0.5);
    return result;
  }

  plain({ rows, columns, integers }) {
    const { input, output } = this;
    let at = 0;
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let begin = 0; begin < columns; begin += 512) {
        let part = 0;
        for (let k = begin; k < Math.min(begin + 512, columns); k++) part = (part + integers[at + k] * input[k]) | 0;
        sum += part;
      }
      output[row] = sum;
      at += columns;
    }
  }
}

// --- random numbers ---

const mixed = (x) => {
  x = (x + 0x9e3779b9) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97) >>> 0;
  return (x ^ (x >>> 15)) >>> 0;
};
const rotated = (x, bits) => ((x << bits) | (x >>> (32 - bits))) >>> 0;

// The random numbers of a seed (a number or BigInt) and the number of a sample: xoshiro128++.
class RandomWords {
  constructor(seed, sample) {
    const words = [];
    for (let left = BigInt(seed); words.length < 2 || left; left >>= 32n) words.push(Number(left & 0xffffffffn));
    this.state = [1, 2, 3, 4].map((j) => [...words, sample >>> 0].reduce((s, word) => mixed((s ^ word) >>> 0), mixed(j)));
  }

  next() {
    const s = this.state;
    const result = (rotated((s[0] + s[3]) >>> 0, 7) + s[0]) >>> 0;
    const t = (s[1] << 9) >>> 0;
    s[2] = (s[2] ^ s[0]) >>> 0;
    s[3] = (s[3] ^ s[1]) >>> 0;
    s[1] = (s[1] ^ s[2]) >>> 0;
    s[0] = (s[0] ^ s[3]) >>> 0;
    s[2] = (s[2] ^ t) >>> 0;
    s[3] = rotated(s[3], 11);
    return result;
  }
}

// --- the model ---

// about: see charrnn/web/page_model.py; bytes: the integers, the scales and the vectors, as in the file beside a program.
class ExactModel {
  constructor(about, bytes) {
    Object.assign(this, about);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (const matrix of this.matrices) {
      matrix.integers = new Int8Array(bytes.buffer, bytes.byteOffset + at, matrix.rows * matrix.columns);
      at += matrix.rows * matrix.columns;
    }
    for (const matrix of this.matrices) {
      matrix.scales = Uint16Array.from({ length: matrix.rows }, (_, k) => view.getUint16(at + 2 * k, true));
      at += 2 * matrix.rows;
    }
    const vectors = Int32Array.from({ length: (bytes.byteLength - at) / 4 }, (_, k) => view.getInt32(at + 4 * k, true));
    const size = this.hidden;
    this.vector = (name, layer, length) => {
      const first = this.offsets[name]?.[layer];
      return first === undefined ? null : vectors.subarray(first, first + length);
    };
    const wide = this.blocks * size;
    this.layers = Array.from({ length: this.numLayers }, (_, k) => ({
      input: this.matrices[2 + 2 * k],
      recurrent: this.matrices[3 + 2 * k],
      bias: this.vector("bias", k, wide),
      recurrentBias: this.vector("recurrentBias", k, wide),
      peepholes: this.vector("peepholes", k, 3 * size),
      norm: this.vector("norm", k, 2 * size),
    }));
    this.headBias = this.vector("headBias", 0, this.symbols);
    this.products = new Products(this.matrices);
    this.tanh = tanhTable(this.knots);
    this.x = new Float64Array(wide);
    this.a = new Float64Array(wide);
    this.up = new Int16Array(size);
    this.inputs = new Map(); // of layer 0, by symbol
    this.ids = this.points && new Map(this.points.map((point, id) => [String.fromCodePoint(point), id]));
  }

  // The state before any symbol: for each layer h, c, and the gates of the last step.
  start() {
    const size = this.hidden;
    return Array.from({ length: this.numLayers }, (_, k) => ({
      h: Int16Array.from(this.vector("startH", k, size) ?? new Int16Array(size)),
      c: this.memory ? Float64Array.from(this.vector("startC", k, size) ?? new Float64Array(size)) : null,
      gates: this.gates.map(() => new Int16Array(size)),
    }));
  }

  // W x + b of layer 0 for a symbol, in units of 2^-16
  lookUp(symbol) {
    const known = this.inputs.get(symbol);
    if (known) return known;
    const [embedding, , input] = this.matrices;
    const row = embedding.integers.subarray(symbol * embedding.columns, (symbol + 1) * embedding.columns);
    const made = new Float64Array(input.rows);
    for (let k = 0; k < input.rows; k++) {
      let sum = 0;
      for (let j = 0; j < row.length; j++) sum += row[j] * input.integers[k * row.length + j];
      sum *= embedding.scales[symbol] * input.scales[k];
      made[k] = shifted(sum, embedding.bits + input.bits - 16) + this.layers[0].bias[k];
    }
    if (this.inputs.size < 4096) this.inputs.set(symbol, made);
    return made;
  }

  // What a layer hands on: its h, or layer normalization of it.
  passed(layer, h) {
    const { norm } = this.layers[layer];
    if (!norm) return h;
    const size = this.hidden;
    let sum = 0;
    let squares = 0;
    for (let k = 0; k < size; k++) sum += h[k];
    const mean = Math.floor((2 * sum + size) / (2 * size));
    for (let k = 0; k < size; k++) squares += (h[k] - mean) ** 2;
    const inverse = inverseRoot(Math.floor(squares / size) + this.epsilon);
    for (let k = 0; k < size; k++) {
      const normal = shifted((h[k] - mean) * inverse, 24);
      this.up[k] = within(shifted(normal * norm[k] + norm[size + k] * 4096, 13), LARGEST);
    }
    return this.up;
  }

  // Read a symbol; `state` becomes the state after it. `edit(layer, name, values)` may change h or c in place.
  read(symbol, state, edit = null) {
    const output = this.cell === "jordan" ? this.outputs(state) : null;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const { input, bias } = this.layers[layer];
      let x = this.x;
      if (layer === 0) x.set(this.lookUp(symbol));
      else {
        this.products.of(input, this.passed(layer - 1, state[layer - 1].h), this.passedBits, x);
        for (let k = 0; k < x.length; k++) x[k] += bias[k];
      }
      this.step(layer, x, state[layer], output, edit);
    }
  }

  step(layer, x, state, output, edit) {
    const { recurrent } = this.layers[layer];
    const { h, c } = state;
    this.products.of(recurrent, output ?? h, output ? 14 : this.hiddenBits, this.a);
    if (c) this.lstm(layer, x, state, edit);
    else if (this.cell === "gru") this.gru(layer, x, state);
    else {
      const { a, relu, tanh } = this;
      for (let k = 0; k < h.length; k++) {
        const sum = x[k] + a[k];
        h[k] = relu ? within(shifted(Math.max(sum, 0), 16 - this.hiddenBits), LARGEST) : lookedUp(tanh, sum, SUM_TANH);
      }
    }
    if (edit) edit(layer, "h", h);
  }

  // i, f, o = σ, g = tanh of W x + U h + b; c' = f c + i g; h' = o tanh(c'); with peepholes i and f see p c, and o sees p c'
  lstm(layer, x, { h, c, gates: [i, f, g, o] }, edit) {
    const { a, tanh } = this;
    const p = this.layers[layer].peepholes;
    const size = h.length;
    const sigma = (sum, weight, memory) =>
      p ? lookedUp(tanh, sum * 1024 + p[weight] * memory, PEEPHOLE_SIGMA) : lookedUp(tanh, sum, SUM_SIGMA);
    for (let k = 0; k < size; k++) {
      i[k] = sigma(x[k] + a[k], k, c[k]); // less 1/2, as 16 bits hold it
      f[k] = sigma(x[size + k] + a[size + k], size + k, c[k]);
      g[k] = lookedUp(tanh, x[2 * size + k] + a[2 * size + k], SUM_TANH);
      c[k] = within(shifted((f[k] + ONE) * c[k] + (i[k] + ONE) * g[k], 15), LARGEST_MEMORY);
    }
    if (edit) edit(layer, "c", c);
    for (let k = 0; k < size; k++) {
      o[k] = sigma(x[3 * size + k] + a[3 * size + k], 2 * size + k, c[k]);
      h[k] = shifted((o[k] + ONE) * lookedUp(tanh, c[k], MEMORY_TANH), 15);
    }
  }

  // r, z = σ, n = tanh(W x + r (U h + b)); h' = n + z (h - n)
  gru(layer, x, { h, gates: [r, z, n] }) {
    const { a, tanh } = this;
    const bias = this.layers[layer].recurrentBias;
    const size = h.length;
    for (let k = 0; k < a.length; k++) a[k] += bias[k];
    for (let k = 0; k < size; k++) {
      r[k] = lookedUp(tanh, x[k] + a[k], SUM_SIGMA);
      z[k] = lookedUp(tanh, x[size + k] + a[size + k], SUM_SIGMA);
      n[k] = lookedUp(tanh, x[2 * size + k] * 32768 + (r[k] + ONE) * a[2 * size + k], RESET_TANH);
      h[k] = within(shifted(n[k] * 32768 + (z[k] + ONE) * (h[k] - n[k]), 15), LARGEST);
    }
  }

  // The logits after a state, in units of 2^-12.
  logits(state) {
    const top = this.numLayers - 1;
    const made = new Float64Array(this.symbols);
    this.products.of(this.matrices[1], this.passed(top, state[top].h), this.passedBits, made);
    for (let k = 0; k < made.length; k++) made[k] = Math.floor((made[k] + this.headBias[k]) / 16 + 0.5);
    return made;
  }

  // The odds of each symbol, integers up to 2^26; 0 for what `allowed` (a function of the symbol) leaves out.
  odds(logits, temperature = 1, allowed = null) {
    if (temperature === 0) return this.greedyOdds(logits, allowed);
    return this.oddsOf(this.divided(logits, temperature, allowed));
  }

  // Logits, from units of 2^-12, divided by a temperature; -Infinity for what may not come.
  divided(logits, temperature, allowed) {
    const origin = temperature < 1e-100 ? logits[this.likeliest(logits, allowed)] : 0; // so that no quotient overflows
    const made = new Float64Array(logits.length);
    for (let k = 0; k < made.length; k++)
      made[k] = allowed && !allowed(k) ? -Infinity : (logits[k] - origin) / 4096 / temperature;
    return made;
  }

  oddsOf(divided) {
    const { coarse, fine } = this;
    let largest = -Infinity;
    for (let k = 0; k < divided.length; k++) if (divided[k] > largest) largest = divided[k];
    const made = new Float64Array(divided.length);
    for (let k = 0; k < made.length; k++) {
      const steps = Math.floor(Math.min(largest - divided[k], 24) * 4096 + 0.5);
      if (steps < 24 * 4096) made[k] = Math.floor((coarse[steps >> 8] * fine[steps & 255]) / 2 ** 26);
    }
    return made;
  }

  greedyOdds(logits, allowed) {
    const best = this.likeliest(logits, allowed);
    return Float64Array.from(logits, (_, k) => (k === best ? 2 ** 26 : 0));
  }

  likeliest(logits, allowed) {
    let best = -1;
    for (let k = 0; k < logits.length; k++) if ((!allowed || allowed(k)) && (best < 0 || logits[k] > logits[best])) best = k;
    return best;
  }

  // The odds with top-p sampling: of the likeliest symbols alone, as few as have the probability `mass` together.
  nucleus(logits, temperature, mass, allowed) {
    if (mass === null || mass >= 1 || temperature === 0) return this.odds(logits, temperature, allowed);
    const divided = this.divided(logits, temperature, allowed);
    const largest = divided.reduce((most, one) => Math.max(most, one), -Infinity);
    const parts = divided.map((one) => Math.exp(one - largest));
    const total = parts.reduce((sum, one) => sum + one, 0);
    const order = [...parts.keys()].sort((a, b) => parts[b] - parts[a]);
    const kept = new Set();
    for (let sum = 0; sum < mass && kept.size < order.length; ) {
      sum += parts[order[kept.size]] / total;
      kept.add(order[kept.size]);
    }
    return this.oddsOf(divided.map((one, symbol) => (kept.has(symbol) ? one : -Infinity)));
  }

  // What comes back at the next step of a Jordan network: probabilities in units of 2^-14.
  outputs(state) {
    const odds = this.odds(this.logits(state));
    const total = odds.reduce((sum, one) => sum + one, 0);
    return Int16Array.from(odds, (one) => Math.floor((one * ONE) / total));
  }

  // The symbol that a random word picks.
  draw(odds, word) {
    let total = 0;
    for (let k = 0; k < odds.length; k++) total += odds[k];
    const target = Number((BigInt(word) * BigInt(total)) >> 32n);
    let sum = 0;
    for (let k = 0; k < odds.length; k++) if ((sum += odds[k]) > target) return k;
    return odds.length - 1;
  }

  // The symbols of a text; characters that the model does not know are left out, or read as its unknown symbol.
  encode(text) {
    if (!this.points) return [...new TextEncoder().encode(text)];
    return [...text].map((character) => this.ids.get(character) ?? this.unknown).filter((id) => id >= 0);
  }

  decode(symbol) {
    return String.fromCodePoint(this.points[symbol]);
  }

  // The symbols that follow a state, each with the text that it completes; the state becomes that after them.
  *following({ state, words, temperature, top_p = null, spelling = null, edit = null }) {
    const allowed = spelling ? (byte) => spelling.allows(byte) : (symbol) => symbol !== this.unknown;
    for (;;) {
      const symbol = this.draw(this.nucleus(this.logits(state), temperature, top_p, allowed), words.next());
      yield [symbol, spelling ? spelling.read(symbol) : this.decode(symbol)];
      this.read(symbol, state, edit);
    }
  }

  // A text as `charrnn sample` writes it with this model, piece by piece; at most `length` characters.
  *sample({ prompt = "", length = 500, temperature = 0.8, seed = 1, index = 0 }) {
    const state = this.start();
    const text = this.itemEnd >= 0 ? [this.itemEnd, ...this.encode(prompt)] : this.encode(prompt || (this.newline < 0 ? "" : "\n"));
    for (const symbol of text) this.read(symbol, state);
    const spelling = this.utf8 && new Spelling(this.utf8);
    let left = length;
    for (const [symbol, piece] of this.following({ state, words: new RandomWords(seed, index), temperature, spelling })) {
      if (symbol === this.itemEnd || left <= 0) return;
      if (piece) yield piece;
      if (piece) left -= 1;
    }
  }
}

// 2^36 / √x, rounded down in two steps: s = ⌊√(x 2^20)⌋, then ⌊2^46 / s⌋
function inverseRoot(x) {
  const square = x * 2 ** 20;
  let root = Math.floor(Math.sqrt(square));
  if (root * root > square) root -= 1;
  if ((root + 1) * (root + 1) <= square) root += 1;
  let made = Math.floor(2 ** 46 / root);
  if (made * root > 2 ** 46) made -= 1;
  if ((made + 1) * root <= 2 ** 46) made += 1;
  return made;
}

// Which bytes may come next in UTF-8, and the characters that they spell; ways: see charrnn/text/utf8.py.
class Spelling {
  constructor(ways) {
    Object.assign(this, { ways, state: 0, bytes: [] });
  }

  next(state, byte) {
    return this.ways.find(([from, low, high]) => from === state && low <= byte && byte <= high)?.[3] ?? -1;
  }

  allows(byte) {
    return this.next(this.state, byte) >= 0;
  }

  // The character that a byte completes, or "".
  read(byte) {
    const state = this.next(this.state, byte);
    this.bytes = state < 0 ? [byte] : [...this.bytes, byte];
    this.state = state < 0 ? Math.max(this.next(0, byte), 0) : state;
    if (this.state) return "";
    const made = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(this.bytes));
    this.bytes = [];
    return made;
  }
}
