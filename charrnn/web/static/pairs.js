// Between sources and targets: a table for each pair, a column for each character of the source, a row for each of the target.
// The character under the pointer, or with the focus, lights up those of the other side by their weights.

const MOST_NAMED = 3; // characters that the note names

const pairs = {
  sides: {}, // the data of each text, as `show` takes it
  tables: [],
  side: null, // the text that is shown below
  meaning: "", // of the numbers in the tables
};

async function showPairs(raw) {
  for (const [side, packed] of Object.entries(raw.sides)) {
    pairs.sides[side] = { ...(await decode(packed)), title: raw.title, restarts: true };
  }
  const buttons = Object.keys(pairs.sides).map((side) => {
    const button = element("button", { type: "button", textContent: side });
    button.addEventListener("click", () => turnTo(side));
    return button;
  });
  $("sides").replaceChildren(...buttons);
  $("sides").hidden = buttons.length < 2;
  showAbove("between", raw.pairs.length > 0);
  fill($("between-title"), raw.heading === "Attention" ? ["attention", raw.heading] : raw.heading);
  pairs.meaning = raw.meaning;
  $("between-hint").replaceChildren(ofTable(raw), element("span", { textContent: useOfTable() }));
  const begun = { source: 0, target: 0 };
  pairs.tables = raw.pairs.map((pair) => {
    const table = new PairTable(pair, raw.full, { ...begun });
    for (const side of ["source", "target"]) begun[side] += pair[side].length;
    return table;
  });
  // Rows that are no text, as labels are, are not in one.
  for (const side of ["source", "target"]) if (pairs.sides[side]?.length !== begun[side]) for (const table of pairs.tables) delete table.begun[side];
  $("pairs").replaceChildren(...pairs.tables.map(({ table }) => table));
  turnTo(Object.keys(pairs.sides).at(-1));
}

// Show the text of one side below.
function turnTo(side) {
  for (const button of $("sides").children) button.ariaPressed = String(button.textContent === side);
  page.at = 0;
  pairs.side = side;
  show(pairs.sides[side]);
}

// Light up what belongs to the character at the cursor of the text.
function followInPairs(t) {
  const own = pairs.tables.find((one) => one.placeIn(pairs.side, t));
  for (const one of pairs.tables) if (one !== own) one.light(null);
  own?.light(own.placeIn(pairs.side, t));
}

function legendOfPairs({ chance }) {
  const fill = element("i");
  fill.style.background = `linear-gradient(to right, ${chance.map((color) => `rgb(${color})`).join(",")})`;
  $("between-legend").replaceChildren("0 %", fill, "100 %");
  $("between-legend").ariaLabel = "from 0 % without color to 100 % with the strongest";
}

class PairTable {
  // begun: where the source and the target begin in the texts of all.
  constructor({ source, target, weights }, full, begun) {
    Object.assign(this, { source, target, weights, full, begun });
    this.across = source.map((label, k) => this.head(label, "col", k));
    this.down = target.map((label, k) => this.head(label, "row", k));
    this.cells = target.map((_, t) =>
      source.map((_, s) => element("td", { title: `${this.percent(t, s)} ${visible(target[t])} ← ${visible(source[s])}` })),
    );
    const rows = this.down.map((head, t) => element("tr", {}, head, ...this.cells[t]));
    const first = element("tr", {}, element("td"), ...this.across);
    this.table = element("table", { className: "pair" }, element("thead", {}, first), element("tbody", {}, ...rows));
    this.table.ariaLabel = `${source.join("")} to ${target.join("")}`;
    [this.down[0] ?? this.across[0]].forEach((head) => (head.tabIndex = 0));
    this.table.addEventListener("pointerover", ({ target: at }) => this.light(this.place(at)));
    this.table.addEventListener("pointerleave", () => this.light(this.place(document.activeElement)));
    this.table.addEventListener("focusin", ({ target: at }) => this.light(this.place(at)));
    this.table.addEventListener("focusout", () => this.light(null));
    this.table.addEventListener("keydown", (event) => this.go(event));
    this.table.addEventListener("click", ({ target: at }) => this.visit(this.place(at)));
  }

  head(label, scope, index) {
    const head = element("th", { scope, textContent: visible(label), tabIndex: -1 });
    head.dataset[scope] = index;
    return head;
  }

  // The place of a symbol of a side's text, if it is in this pair.
  placeIn(side, t) {
    const index = t - this.begun[side];
    const [scope, { length }] = side === "source" ? ["col", this.source] : ["row", this.target];
    return index >= 0 && index < length ? { scope, index } : null;
  }

  // Show a character in its text.
  visit(place) {
    const side = place?.scope === "col" ? "source" : "target";
    const begun = this.begun[side];
    if (!place || begun === undefined) return;
    if (pairs.side !== side) turnTo(side);
    go(begun + place.index, true);
  }

  percent(t, s) {
    return `${Math.round((100 * this.weights[t][s]) / this.full)} %`;
  }

  // What is at an element: a character of the source, or, for a cell too, one of the target.
  place(at) {
    if (!this.table.contains(at)) return null;
    if (at.dataset.col) return { scope: "col", index: Number(at.dataset.col) };
    const row = at.closest("tbody tr")?.firstElementChild;
    return row ? { scope: "row", index: Number(row.dataset.row) } : null;
  }

  // Light up what belongs to a character, by its weights; null: nothing.
  light(place) {
    for (const part of [...this.across, ...this.down]) part.removeAttribute("style");
    for (const part of this.table.querySelectorAll(".on")) part.classList.remove("on");
    if (!place) return ($("between-note").textContent = "");
    const { scope, index } = place;
    const isRow = scope === "row";
    const [own, others] = isRow ? [this.down, this.across] : [this.across, this.down];
    const weights = others.map((_, k) => (isRow ? this.weights[index][k] : this.weights[k][index]));
    own[index].classList.add("on");
    others.forEach((head, k) => this.color(head, weights[k]));
    const best = weights.map((_, k) => k).sort((a, b) => weights[b] - weights[a]);
    const named = best.slice(0, MOST_NAMED).filter((k) => weights[k]);
    const texts = named.map((k) => `${inQuotes(others[k].textContent)} ${isRow ? this.percent(index, k) : this.percent(k, index)}`);
    $("between-note").textContent = `${inQuotes(own[index].textContent)}: ${texts.join(", ") || "nothing"}`;
  }

  color(part, weight) {
    const { chance } = page.ramps;
    const color = chance[Math.round((weight / this.full) * (chance.length - 1))];
    part.style.background = `rgb(${color})`;
    part.style.color = isLight(color) ? "#000" : "#fff";
  }

  // Color the cells in the theme.
  dress() {
    this.cells.forEach((row, t) => row.forEach((cell, s) => this.color(cell, this.weights[t][s])));
    this.light(this.place(document.activeElement));
  }

  go(event) {
    if (event.key === "Enter") this.visit(this.place(event.target));
    const by = { ArrowLeft: ["col", -1], ArrowRight: ["col", 1], ArrowUp: ["row", -1], ArrowDown: ["row", 1] }[event.key];
    const from = this.place(event.target);
    if (!by || !from) return;
    event.preventDefault();
    const [scope, step] = by;
    const heads = scope === "row" ? this.down : this.across;
    const next = from.scope === scope ? from.index + step : 0;
    const head = heads[Math.max(0, Math.min(heads.length - 1, next))];
    for (const one of [...this.across, ...this.down]) one.tabIndex = one === head ? 0 : -1;
    head.focus();
  }
}
