// An order of units in which similar ones are neighbors: see charrnn/interpret/ordering.py.

const MOST_PRODUCTS = 2e8; // of values, for which a long text is thinned out

// The units in their new order, and the number of characters by which they were compared, evenly spread.
async function similarityOrder(data, units, most = MOST_PRODUCTS) {
  const count = Math.max(2, Math.min(data.length, Math.floor((2 * most) / units.length ** 2)));
  const places = Uint32Array.from({ length: count }, (_, k) => Math.floor((k * data.length) / count));
  const rows = units.map((unit) => standardized(data, unit, places));
  const similar = rows.map(() => new Float64Array(units.length));
  let time = performance.now();
  for (let a = 0; a < rows.length; a++) {
    for (let b = 0; b <= a; b++) similar[a][b] = similar[b][a] = product(rows[a], rows[b]);
    if (performance.now() - time < 12) continue;
    await new Promise((resolve) => setTimeout(resolve));
    time = performance.now();
  }
  return { order: leavesOf(similar).map((k) => units[k]), count };
}

// A unit's values at some places with mean 0 and length 1; zeros for a unit that never changes.
function standardized(data, unit, places) {
  const values = Float64Array.from(places, (t) => partAt(data, unit, t));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  for (let k = 0; k < values.length; k++) values[k] -= mean;
  const size = Math.max(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), 1e-12);
  return values.map((value) => value / size);
}

function product(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

// The leaves of a tree, joined by average linkage along nearest-neighbor chains, so that the ends that meet are most alike.
function leavesOf(similar) {
  const alike = similar.map((row) => Float64Array.from(row)); // between branches: the mean over their units
  alike.forEach((row, k) => (row[k] = -Infinity));
  const branches = new Map(similar.map((_, k) => [k, [k]]));
  const chain = [];
  while (branches.size > 1) {
    if (!chain.length) chain.push(branches.keys().next().value);
    const last = chain.at(-1);
    let nearest = 0;
    for (let k = 1; k < similar.length; k++) if (alike[last][k] > alike[last][nearest]) nearest = k;
    if (chain.length < 2 || alike[last][chain.at(-2)] < alike[last][nearest]) {
      chain.push(nearest);
      continue;
    }
    const [a, b] = [chain.pop(), chain.pop()];
    const [one, other] = [branches.get(a).length, branches.get(b).length];
    branches.set(a, joined(branches.get(a), branches.get(b), similar));
    branches.delete(b);
    for (let k = 0; k < similar.length; k++) {
      alike[a][k] = (one * alike[a][k] + other * alike[b][k]) / (one + other);
      alike[k][a] = alike[a][k];
    }
    alike[a][a] = -Infinity;
    for (let k = 0; k < similar.length; k++) alike[b][k] = alike[k][b] = -Infinity;
  }
  return branches.values().next().value ?? [];
}

// Two branches as one, reversed where needed.
function joined(a, b, similar) {
  const ways = [a, a.toReversed()].flatMap((first) => [b, b.toReversed()].map((second) => [first, second]));
  const meet = ([first, second]) => similar[first.at(-1)][second[0]];
  return ways.reduce((best, way) => (meet(way) > meet(best) ? way : best)).flat();
}
