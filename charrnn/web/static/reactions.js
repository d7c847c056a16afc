// Which units react to a pattern or to some spans of the text: what `charrnn units --regex` and `--span` score, without
// the proof that they add. The units are chosen by one part of the characters and scored on another; see
// charrnn/interpret/halves.py and, for the characters that count, charrnn/interpret/labels.py.

const SAMPLED = 20_000; // characters of each half that are looked at, at most
const SHORTLIST = 8; // units of the largest |r| among which those with the largest areas are chosen
const SURROUNDINGS = 5; // how many times as long as the spans the text around them is that counts as outside
const FEWEST = 25; // characters of a half inside the matches, and outside, that are needed to score it

// Where a regular expression matches, as symbols; a character of several bytes is all of them.
function matchesOf({ columns, pieces }, pattern) {
  let text = "";
  const firsts = []; // the first symbol of each character, by its place in the string
  let begun = 0;
  columns.forEach((column, t) => {
    const piece = pieces[column];
    if (!piece) return; // a byte of a character that is not complete
    for (let k = 0; k < piece.length; k++) firsts.push(begun);
    text += piece;
    begun = t + 1;
  });
  firsts.push(begun);
  const found = Array.from(text.matchAll(pattern), ({ index, 0: { length } }) => ({ start: firsts[index], stop: firsts[index + length] }));
  return found.filter(({ start, stop }) => start < stop);
}

const marked = (length, spans) => {
  const inside = new Uint8Array(length);
  for (const { start, stop } of spans) inside.fill(1, start, stop);
  return inside;
};

// Evenly spread places of the first half of a text, and of the second.
function halvesOf(length) {
  const middle = length >> 1;
  const step = Math.ceil((length - middle) / SAMPLED);
  const spread = (from, to) => Uint32Array.from({ length: Math.ceil((to - from) / step) }, (_, k) => from + k * step);
  return [spread(0, middle), spread(middle, length)];
}

// The spans and the text around them: of every other span, and of those between; the text between two belongs to the nearer
// one. A single span is both.
function surroundingsOf(inside) {
  const { length } = inside;
  const spans = [...runs(inside, 1)];
  const middles = spans.slice(1).map(([start], k) => (spans[k][1] + start) >> 1);
  const parts = spans.map(([start, stop], k) => {
    const around = SURROUNDINGS * (stop - start);
    return [Math.max(start - around, middles[k - 1] ?? 0), Math.min(stop + around, middles[k] ?? length)];
  });
  const places = (some) => Uint32Array.from(some.flatMap(([from, to]) => Array.from({ length: to - from }, (_, k) => from + k)));
  const second = parts.filter((_, k) => k % 2);
  return [places(parts.filter((_, k) => k % 2 === 0)), places(second.length ? second : parts)];
}

// Whether enough of some places are inside, and enough are outside.
function isCommon(inside, places) {
  let count = 0;
  for (const t of places) count += inside[t];
  return Math.min(count, places.length - count) >= FEWEST;
}

// The units that react most, by their scores: the probability (AUC) that a unit is larger at a character inside than at one
// outside, or, with the sign -1, smaller; and its means there, as parts of its scale.
function reactionsOf(data, inside, [first, second], most) {
  const correlations = Float64Array.from(data.units, (_, unit) => correlation(data, unit, inside, first));
  const order = [...correlations.keys()].sort((a, b) => Math.abs(correlations[b]) - Math.abs(correlations[a]) || a - b);
  const signOf = (unit) => (correlations[unit] < 0 ? -1 : 1);
  const oriented = (unit, places) => {
    const area = areaOf(data, unit, inside, places);
    return signOf(unit) < 0 ? 1 - area : area;
  };
  const areas = new Map(order.slice(0, Math.max(most, SHORTLIST)).map((unit) => [unit, oriented(unit, first)]));
  const chosen = [...areas.keys()].sort((a, b) => areas.get(b) - areas.get(a)).slice(0, most);
  return chosen
    .map((unit) => ({ unit, sign: signOf(unit), score: oriented(unit, second), ...meansOf(data, unit, inside, second) }))
    .sort((a, b) => b.score - a.score);
}

// Pearson's r of a unit with being inside; 0 for a unit that never changes.
function correlation(data, unit, inside, places) {
  const levels = data.unitLevels[unit];
  let [sum, squares, own, count] = [0, 0, 0, 0];
  for (const t of places) {
    const value = levels[t] - Math.sign(levels[t]) / 2; // the middle of the level; whatever the unit, r is the same
    sum += value;
    squares += value * value;
    if (inside[t]) (own += value), count++;
  }
  const n = places.length;
  const spread = (squares - (sum * sum) / n) * (count - (count * count) / n);
  return spread > 1e-9 ? (own - (sum * count) / n) / Math.sqrt(spread) : 0;
}

// The area under the ROC curve; equal values count half.
function areaOf({ unitLevels, levels }, unit, inside, places) {
  const [within, without] = [new Uint32Array(2 * levels + 1), new Uint32Array(2 * levels + 1)];
  for (const t of places) (inside[t] ? within : without)[unitLevels[unit][t] + levels]++;
  let [below, pairs, all] = [0, 0, 0];
  for (let level = 0; level < within.length; level++) {
    pairs += within[level] * (below + without[level] / 2);
    below += without[level];
    all += within[level];
  }
  return pairs / (all * below);
}

function meansOf(data, unit, inside, places) {
  const [sums, counts] = [[0, 0], [0, 0]];
  for (const t of places) {
    sums[inside[t]] += partAt(data, unit, t);
    counts[inside[t]]++;
  }
  return { within: sums[1] / counts[1], without: sums[0] / counts[0] };
}
