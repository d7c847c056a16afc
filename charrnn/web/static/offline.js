// A model in the page that answers what charrnn/web/live.py answers: `read`, `gates`, `card`, `trace` and `write`.

const KEPT = 2; // texts that stay read: with the edits, and without
const LARGEST_EDIT = 1e6;
const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i;
const ADDRESSES = /^L(\*|[0-9]{1,3}(?:-[0-9]{1,3})?)\.([a-z_]+)\.(\*|[0-9]{1,6}(?:-[0-9]{1,6})?)$/;
const EXPECTED_LINE = "a line looks like 'clamp L0.c.37=+1' or 'steer L0.c.37=+0.5'";

const EXPECTED_ADDRESS = "units' addresses look like L0.c.37, L0.c.0-15 or L*.c.37 (layer, state or gate, index)";

class ModelInPage {
  // raw: what charrnn/web/offline.py puts into the page.
  static async of(raw) {
    return new ModelInPage(raw, await unpack(raw.model.weights));
  }

  constructor({ title, about, model: { about: engine, weights, ...more } }, bytes) {
    this.model = new ExactModel(engine, bytes);
    this.about = { title, ...about, ...more };
    this.texts = new Map(); // by the edits
    this.turn = Promise.resolve();
    this.waiting = 0; // texts that wait for their turn
  }

  // The data of the text with which the page opens.
  async first(text) {
    return asFirst(this.about, await this.alone("", text, (read) => read.data()));
  }

  // --- requests ---

  async *read({ text, edits = "" }) {
    const { kept, unknown } = this.known(text);
    const data = unknown.length && !kept ? null : await this.alone(edits, kept, (read) => read.data());
    yield [{ data, ...(unknown.length && { unknown, names: unknown.map(inWordsOf).join(", ") }) }];
  }

  async *gates({ text, edits = "" }) {
    yield [{ gates: await this.alone(edits, this.known(text).kept, (read) => read.gates()) }];
  }

  // The card of a unit: see measured.js.
  async *card({ text, unit, edits = "" }) {
    const { card, cost } = await this.alone(edits, this.known(text).kept, (read) => cardOf(read, unit));
    yield [{ card: { ...card, cost: await cost() } }];
  }

  // The values of a unit in a text, and what each symbol costs.
  async *trace({ text, unit, edits = "" }) {
    yield [
      await this.alone(edits, this.known(text).kept, ({ rows, units }) => {
        const place = units.findIndex(({ name }) => name === unit);
        const each = (of) => Float32Array.from(rows, of);
        const pieces = rows.map(({ piece }) => piece);
        return { pieces, values: each(({ values }) => values[place]), surprisal: each(({ surprisal }) => surprisal) };
      }),
    ];
  }

  async *write({ prompt = "", written = "", edits = "", length, temperature, top_p = null, seed, index = 0, speed = null }, signal) {
    const { model } = this;
    const begun = this.known(prompt).kept || (model.itemEnd < 0 && model.newline >= 0 ? "\n" : "");
    const text = await this.alone(edits, begun + this.known(written).kept, (read) => ({ state: read.copy(), fresh: () => read.fresh(), edit: read.edit }));
    let gathered = "";
    let time = performance.now();
    for (let { state } = text, left = length; ; state = text.fresh(), index++) {
      const words = new RandomWords(seed, index);
      const spelling = model.utf8 && new Spelling(model.utf8);
      for (const [symbol, piece] of model.following({ state, words, temperature, top_p, spelling, edit: text.edit })) {
        if (signal?.aborted) return;
        gathered += piece;
        if (piece) left -= 1;
        const stop = left <= 0 ? "length" : null;
        if (stop || (gathered && (speed || performance.now() - time > SLICE))) {
          yield [{ text: gathered, index, stop }];
          if (stop) return;
          gathered = "";
          await (speed ? wait(1000 / speed) : breath());
          time = performance.now();
        }
        if (symbol === model.itemEnd) break;
      }
    }
  }

  // What the prediction at a place rests on; null if it is not wanted any more, or something else is first.
  async *saliency({ text, place, edits = "" }, signal) {
    const isOld = () => signal?.aborted || this.waiting > 0;
    yield [{ saliency: await this.alone(edits, this.known(text).kept, (read) => occlusion(read, place, isOld)) }];
  }

  // How much longer contexts help.
  async *context({ text, edits = "" }, signal) {
    const isOld = () => signal?.aborted || this.waiting > 0;
    yield [{ context: await this.alone(edits, this.known(text).kept, (read) => contextCurve(read, isOld)) }];
  }

  // What `use` makes of a text with these edits, once it is read; one text at a time.
  alone(edits, text, use) {
    this.waiting++;
    const work = this.turn.then(async () => {
      this.waiting--;
      const read = this.textWith(edits);
      await read.follow(this.model.encode(text));
      return use(read);
    });
    this.turn = work.catch(() => {});
    return work;
  }

  textWith(edits) {
    const read = this.texts.get(edits) ?? new ReadText(this.model, changesOf(edits, this), this.about);
    this.texts.delete(edits);
    this.texts.set(edits, read);
    if (this.texts.size > KEPT) this.texts.delete(this.texts.keys().next().value);
    return read;
  }

  // --- characters ---

  // A text in the model's normal form without the characters that it does not know, and these, each once.
  known(text) {
    const { model, about } = this;
    let found = about.normalize ? text.normalize(about.normalize.toUpperCase()) : text;
    const missing = (some) =>
      model.points && model.unknown < 0 ? [...new Set(some)].filter((character) => !model.ids.has(character)) : [];
    const fewest = ["NFC", "NFD"].map((form) => found.normalize(form)).sort((a, b) => missing(a).length - missing(b).length)[0];
    if (missing(fewest).length < missing(found).length) found = fewest;
    const unknown = missing(found);
    return { kept: [...found].filter((character) => !unknown.includes(character)).join(""), unknown };
  }
}

function inWordsOf(character) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return `${glyph(character)} (U+${code})`;
}

// --- edits of units: see charrnn/interpret/edits.py ---

// The changes of states that some lines describe; null if there are none.
function changesOf(lines, { model, about }) {
  const changes = new Changes(model);
  for (const [k, line] of lines.split("\n").entries()) {
    const own = line.split("#")[0].trim();
    if (own) located(`edits, line ${k + 1}`, () => changes.add(own, about));
  }
  return changes.named.length ? changes : null;
}

// Do something; an error says where.
function located(where, work) {
  try {
    work();
  } catch ({ message }) {
    throw new Error(`${where}: ${message}`);
  }
}

class Changes {
  constructor(model) {
    Object.assign(this, { model, named: [], held: new Map(), added: new Map() });
  }

  add(line, about) {
    const [, kind, rest] = /^(clamp|steer)\s+(.*)$/.exec(line) ?? [];
    if (!kind) throw new Error(`${EXPECTED_LINE}, not '${line.slice(0, 60)}'`);
    const at = rest.lastIndexOf("=");
    const [name, value] = [rest.slice(0, at).trim(), rest.slice(at + 1).trim()];
    if (at < 0 || !name) throw new Error(`an edit looks like L0.c.37=+1 (unit, =, value), not '${rest}'`);
    const address = ADDRESSES.test(name) ? name : addressOf(name, about.names);
    const number = NUMBER.test(value) ? Number(value) : NaN;
    if (!(Math.abs(number) <= LARGEST_EDIT)) {
      const found = isNaN(number) ? `'${value}'` : withPoint(number);
      throw new Error(`${address}: the value must be a number from ${counted(-LARGEST_EDIT)} to ${counted(LARGEST_EDIT)}, not ${found}`);
    }
    for (const unit of this.unitsAt(address, about)) this.change(kind, unit, number);
    this.named.push(`${kind} ${address}=${Object.is(number, -0) || number < 0 ? "" : "+"}${withPoint(number)}`);
  }

  unitsAt(address, { states, cell }) {
    const [, layers, what, units] = ADDRESSES.exec(address);
    const { numLayers, hidden, gates } = this.model;
    if (gates.includes(what))
      throw new Error(`${address}: ${what} is a gate of the ${cell} cell; only its ${some("state", states, " and ")} can be edited`);
    if (!states.includes(what)) {
      const others = gates.length ? `the ${some("gate", gates, " ")}` : "no gates";
      throw new Error(`the ${cell} cell has no '${what}'; it has the ${some("state", states, " ")} and ${others}`);
    }
    return numbersIn(layers, numLayers, `${address}: the model has layer`).flatMap((layer) =>
      numbersIn(units, hidden, `${address}: a layer has unit`).map((index) => ({ layer, what, index })),
    );
  }

  change(kind, { layer, what, index }, value) {
    const key = `${layer} ${what}`;
    const own = (of) => of.get(key) ?? of.set(key, new Map()).get(key);
    const [held, added] = [own(this.held), own(this.added)];
    if (held.has(index) || (added.has(index) && kind === "clamp")) {
      const again = held.has(index) && kind === "clamp" ? "clamped twice" : "clamped and steered";
      throw new Error(`L${layer}.${what}.${index} is ${again} (remove one of the two edits)`);
    }
    if (kind === "clamp") held.set(index, value);
    else added.set(index, (added.get(index) ?? 0) + value);
  }

  // Hold the units of an initial state.
  begin(state) {
    state.forEach((layer, k) => {
      for (const what of ["h", "c"]) if (layer[what]) this.hold(k, what, layer[what]);
    });
  }

  hold(layer, what, values) {
    for (const [index, value] of this.held.get(`${layer} ${what}`) ?? []) values[index] = this.onGrid(what, value);
  }

  // Change a state that has just been computed.
  apply(layer, what, values) {
    for (const [index, value] of this.added.get(`${layer} ${what}`) ?? [])
      values[index] = within(values[index] + this.inUnits(what, value), what === "c" ? LARGEST_MEMORY : LARGEST);
    this.hold(layer, what, values);
  }

  inUnits(what, value) {
    return Math.floor(Math.fround(value) * 2 ** (what === "c" ? 14 : this.model.hiddenBits) + 0.5);
  }

  onGrid(what, value) {
    return within(this.inUnits(what, value), what === "c" ? LARGEST_MEMORY : LARGEST);
  }
}

const some = (noun, names, between) => `${noun}${names.length > 1 ? "s" : ""} ${names.join(between)}`;

// A number as Python prints it.
const withPoint = (number) => (Number.isInteger(number) ? (Object.is(number, -0) ? "-0.0" : number.toFixed(1)) : String(number));

// The numbers in a part of an address, all below `count`.
function numbersIn(part, count, noun) {
  if (part === "*") return [...Array(count).keys()];
  const [low, high = low] = part.split("-").map(Number);
  if (Math.max(low, high) >= count) throw new Error(count > 1 ? `${noun}s 0 to ${count - 1}` : `${noun} 0 only`);
  if (low > high) throw new Error(`${noun}s ${high}-${low}, not ${part}: a range goes from low to high`);
  return Array.from({ length: high - low + 1 }, (_, k) => low + k);
}

// The address of a unit by its name, or by a part of one that no other unit's name has.
function addressOf(name, names) {
  if (!names.length) throw new Error(`${EXPECTED_ADDRESS}, not '${name}'`);
  const exact = names.find((one) => one.name === name);
  if (exact) return exact.unit;
  const near = names.filter((one) => one.name.toLowerCase().includes(name.toLowerCase()));
  const units = new Set(near.map(({ unit }) => unit));
  if (units.size === 1) return near[0].unit;
  if (units.size) throw new Error(`several units have '${name}' in their names (${near.map((one) => one.name).join(", ")})`);
  throw new Error(`no unit is called '${name}'`);
}
