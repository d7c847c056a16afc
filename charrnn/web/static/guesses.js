// Under the text: the characters around the cursor, and below each what was expected to come after it, the most probable
// first, colored by probability. The same as `charrnn visualize --predictions` has in the terminal.

const COLUMN = 1.55; // the width of a column, in parts of the size of the type
const BEFORE = 0.6; // the part of the columns that stand before the cursor

class GuessStrip {
  constructor(section, table, page) {
    Object.assign(this, { section, table, page, rows: [], size: 0 });
    table.addEventListener("click", ({ target }) => {
      const t = Number(target.closest("td")?.dataset.t ?? NaN);
      if (t >= 0) page.go(t, true);
    });
    new ResizeObserver(() => this.page.data && this.draw(this.at ?? 0)).observe(section);
  }

  set(data) {
    this.section.hidden = !data.choices || !data.predicts;
    this.made = "";
  }

  // Make the cells, if the number of columns or guesses has changed.
  make(columns, guesses) {
    const key = `${columns} ${guesses}`;
    if (key === this.made) return;
    this.made = key;
    this.rows = Array.from({ length: 1 + guesses }, () => Array.from({ length: columns }, () => element("td")));
    this.table.replaceChildren(element("tbody", {}, ...this.rows.map((cells) => element("tr", {}, ...cells))));
  }

  draw(at) {
    this.at = at;
    if (this.section.hidden) return;
    const { data, ramps } = this.page;
    const size = parseFloat(getComputedStyle(this.table).fontSize);
    const columns = Math.max(1, Math.min(data.length, Math.floor(this.section.clientWidth / (COLUMN * size))));
    this.make(columns, data.choices);
    const first = Math.max(0, Math.min(at - Math.floor(BEFORE * columns), data.length - columns));
    for (let k = 0; k < columns; k++) this.column(k, first + k, data, ramps);
  }

  column(k, t, data, ramps) {
    const [head, ...cells] = this.rows.map((row) => row[k]);
    this.fill(head, t, visible(data.labels[data.columns[t]]), null);
    head.className = t === this.at ? "at" : "";
    const next = nextOf(data, t);
    cells.forEach((cell, rank) => {
      const place = t * data.choices + rank;
      const part = data.chances[place] / data.certain;
      this.fill(cell, t, visible(data.names[data.guesses[place]]), ramps.chance[Math.round(part * (ramps.chance.length - 1))]);
      cell.className = data.guesses[place] === next ? "came" : "";
    });
  }

  fill(cell, t, label, color) {
    cell.dataset.t = t;
    if (cell.textContent !== label) cell.textContent = label;
    cell.style.background = color ? `rgb(${color})` : "";
    cell.style.color = color ? (isLight(color) ? "#000" : "#fff") : "";
  }
}
