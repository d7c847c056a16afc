// What a prediction rests on, and how much context helps, for a model in the page. Both are exact: the model reads the text
// again, without one character, or only the last few.

const FARTHEST = 100; // characters back that are left out, one at a time
const LONGEST = 256; // context by default: see charrnn/interpret/context.py
const WINDOWS = 64; // predictions of which a context curve is the mean

const costAfter = (model, state, symbol) => {
  const logits = model.logits(state);
  const largest = logits.reduce((most, one) => Math.max(most, one), -Infinity);
  const sum = logits.reduce((total, one) => total + Math.exp((one - largest) / 4096), 0);
  return (Math.log(sum) - (logits[symbol] - largest) / 4096) / Math.LN2;
};

// Let the page do something else now and then; false if the work is not wanted any more.
function pauses(isOld) {
  let time = performance.now();
  return async () => {
    if (performance.now() - time < SLICE) return true;
    await breath();
    time = performance.now();
    return !isOld();
  };
}

// For each character of a `ReadText` before a place, the bits that the prediction there costs more if it is left out.
async function occlusion(read, place, isOld) {
  const { model, rows, edit } = read;
  const goesOn = pauses(isOld);
  let start = Math.max(0, place - FARTHEST);
  for (let t = start; t < place; t++) if (rows[t].symbol === model.itemEnd) start = t + 1; // the state is reset there
  const bitsFrom = async (first, state) => {
    for (let t = first; t < place; t++) {
      model.read(rows[t].symbol, state, edit);
      if (!(await goesOn())) return NaN;
    }
    return costAfter(model, state, rows[place].symbol);
  };
  const before = await bitsFrom(place, read.stateAfter(place));
  const values = [];
  for (let t = start; t < place; t++) {
    values.push((await bitsFrom(t + 1, read.stateAfter(t))) - before);
    if (isOld()) return null;
  }
  return { place, start, values, probability: 2 ** -before };
}

// The context curve of a text: see `context_curve` in charrnn/interpret/context.py.
async function contextCurve(read, isOld = () => false, windows = WINDOWS) {
  const { model, edit } = read;
  const goesOn = pauses(isOld);
  let symbols = read.rows.map(({ symbol }) => symbol);
  let [starts, farthest] = [[0], symbols.length >> 1];
  if (model.itemEnd >= 0) {
    const isEnd = (symbol) => symbol === model.itemEnd;
    symbols = [model.itemEnd, ...symbols, model.itemEnd].filter((symbol, t, all) => !(isEnd(symbol) && isEnd(all[t - 1])));
    starts = [...symbols.keys()].filter((t) => symbols[t] === model.itemEnd);
    farthest = 2 * Math.max(...starts.slice(1).map((start, k) => start - starts[k])) - 1;
  }
  const lengths = [0];
  for (let k = 1; k <= Math.min(LONGEST, farthest); k *= 2) lengths.push(k);
  const first = model.itemEnd >= 0 ? 1 : Math.max(1, lengths.at(-1));
  if (symbols.length <= first) throw new Error(TOO_SHORT);
  const count = Math.min(windows, symbols.length - first);
  const places = Array.from({ length: count }, (_, k) => Math.floor(count < 2 ? first : first + (k * (symbols.length - 1 - first)) / (count - 1)));
  const rows = lengths.map(() => []);
  for (const place of places) {
    const begin = starts.findLast((start) => start < place);
    for (const [k, length] of lengths.entries()) {
      const from = Math.max(place - length, begin);
      if (k && from === Math.max(place - lengths[k - 1], begin)) {
        rows[k].push(rows[k - 1].at(-1)); // there is no more context
        continue;
      }
      const state = model.start();
      read.changes?.begin(state);
      for (let t = from; t < place; t++) {
        model.read(symbols[t], state, edit);
        if (!(await goesOn())) return null;
      }
      rows[k].push(costAfter(model, state, symbols[place]));
    }
  }
  return curveOf(lengths, rows);
}

// The means over the places, their standard errors, and those of what they exceed the last one by, place by place.
function curveOf(lengths, rows) {
  const meanOf = (row) => row.reduce((sum, one) => sum + one, 0) / row.length;
  const errorOf = (row) => {
    const mean = meanOf(row);
    return row.length < 2 ? null : Math.sqrt(row.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (row.length - 1) / row.length);
  };
  const mean = rows.map(meanOf);
  const excess = mean.map((one) => one - mean.at(-1));
  const beyond = excess.findLastIndex((one) => Math.abs(one) > 0.01 * mean.at(-1));
  return {
    lengths,
    mean,
    excess,
    error: rows.map((row) => errorOf(row.map((one, k) => one - rows.at(-1)[k]))),
    windows: rows[0].length,
    effective: lengths[beyond + 1],
  };
}
