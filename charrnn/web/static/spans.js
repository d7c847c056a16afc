// Which units are on exactly in a span of text, and where else they are on together: see charrnn/interpret/spans.py.
// A unit u has two signals: u is its value, U + u its negative. Values are fractions of the unit's scale. Thresholds are
// whole numbers of levels, so that which units are on is exact; margins are off by at most half a level.

function signal(data, index) {
  const U = data.units.length;
  const unit = index % U;
  const negative = index >= U;
  const sign = negative ? -1 : 1;
  return { unit, negative, at: (t) => sign * partAt(data, unit, t) };
}

// How well each signal fits "off before, on in the span, off after" where it fits least, and whether it does; best first.
function findUnits(data, { start, stop, left, right }, threshold) {
  const [first, last] = [Math.max(0, start - left), Math.min(data.length, stop + right)];
  return Array.from({ length: 2 * data.units.length }, (_, index) => {
    const { unit, negative, at } = signal(data, index);
    let [margin, exact] = [Infinity, true];
    for (let t = first; t < last; t++) {
      const over = at(t) - threshold;
      const inside = t >= start && t < stop;
      margin = Math.min(margin, inside ? over : -over);
      exact &&= inside === at(t) >= threshold;
    }
    return { index, unit, negative, margin, exact };
  }).sort((a, b) => b.margin - a.margin || a.index - b.index);
}

// Runs of symbols where the chosen signals, or some of them, are on: see `similar` in spans.py.
function findPlaces(data, chosen, threshold, { least = 2, most = 50 } = {}) {
  const on = Array.from({ length: 2 * data.units.length }, (_, index) => {
    const { at } = signal(data, index);
    return (t) => at(t) >= threshold;
  });
  const counts = new Uint16Array(data.length);
  for (const index of chosen) for (let t = 0; t < data.length; t++) counts[t] += on[index](t);
  const wanted = new Set(chosen);
  const seen = new Set();
  const found = [];
  for (let depth = chosen.length; depth > 0; depth--) {
    for (const [start, stop] of runs(counts, depth)) {
      const key = start * data.length + stop;
      if (stop - start < least || seen.has(key)) continue;
      seen.add(key);
      let [shared, all] = [0, 0];
      for (let index = 0; index < on.length; index++) {
        let t = start;
        while (t < stop && on[index](t)) t++;
        if (t < stop) continue;
        all++;
        shared += wanted.has(index);
      }
      const union = all + chosen.length - shared;
      if (shared) found.push({ start, stop, shared, union, jaccard: shared / union });
    }
    if (found.filter(({ shared }) => shared >= depth).length >= most) break;
  }
  const order = (a, b) =>
    b.shared - a.shared || a.union - b.union || b.stop - b.start - (a.stop - a.start) || a.start - b.start;
  return found.sort(order).slice(0, most);
}

// The maximal runs in which no count is below `depth`.
function* runs(counts, depth) {
  let start = null;
  for (let t = 0; t <= counts.length; t++) {
    const holds = t < counts.length && counts[t] >= depth;
    if (holds && start === null) start = t;
    if (!holds && start !== null) {
      yield [start, t];
      start = null;
    }
  }
}
