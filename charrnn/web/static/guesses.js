// Under the text: the characters around the cursor, and below each what was expected to come after it, the most probable
// first, colored by probability. The same as `charrnn visualize --predictions` has in the terminal.

const COLUMN = 1.55; // the width of a column, in parts of the size of the type
const BEFORE = 0.6; // the part of the columns before the cursor, when they move
const MARGIN = 2; // columns that stay beside the cursor
const MOST_ROWS = 8; // of guesses; the panel beside the text has all

class GuessStrip {
  constructor(section, table, page) {
    Object.assign(this, { section, table, page, rows: [], first: 0, columns: 0 });
    table.addEventListener("click", ({ target }) => {
      const cell = target.closest("td");
      if (cell && this.first + cell.cellIndex < page.data.length) page.go(this.first + cell.cellIndex, true);
    });
    new ResizeObserver(() => this.measure()).observe(section);
  }

  set(data) {
    this.section.hidden = !data.choices || !data.predicts;
    this.make(this.columns, data.choices);
  }

  // As many columns as there is room for.
  measure() {
    const { data, at } = this.page;
    if (!data || this.section.hidden) return;
    const size = parseFloat(getComputedStyle(this.table).fontSize);
    this.make(Math.max(1, Math.floor(this.section.clientWidth / (COLUMN * size))), data.choices);
    this.draw(at);
  }

  // Make the cells, if there were others.
  make(columns, guesses) {
    const height = 1 + Math.min(guesses, MOST_ROWS);
    if (this.columns === columns && this.rows.length === height) return;
    this.columns = columns;
    this.rows = Array.from({ length: height }, () => Array.from({ length: columns }, () => ({ cell: element("td"), key: "" })));
    const rows = this.rows.map((cells) => element("tr", {}, ...cells.map(({ cell }) => cell)));
    this.table.replaceChildren(element("tbody", {}, ...rows));
  }

  // The columns move only when the cursor comes to their end, and of the cells only what is different is written.
  draw(at) {
    const { columns, section } = this;
    if (section.hidden || !columns) return;
    if (at < this.first + MARGIN || at >= this.first + columns - MARGIN) this.first = Math.max(0, at - Math.floor(BEFORE * columns));
    for (let k = 0; k < columns; k++) this.column(k, this.first + k, at);
  }

  column(k, t, at) {
    const { data, ramps } = this.page;
    const isThere = t < data.length;
    const [head, ...cells] = this.rows.map((row) => row[k]);
    this.fill(head, isThere ? data.labels[data.columns[t]] : "", "", t === at ? "at" : "");
    const next = isThere ? nextOf(data, t) : null;
    for (const [rank, cell] of cells.entries()) {
      const place = t * data.choices + rank;
      const level = isThere ? Math.round((data.chances[place] / data.certain) * (ramps.chance.length - 1)) : 0;
      const label = isThere ? data.names[data.guesses[place]] : "";
      this.fill(cell, label, isThere ? ramps.chance[level] : "", isThere && data.guesses[place] === next ? "came" : "");
    }
  }

  fill(own, label, color, name) {
    const key = `${label}\0${color}\0${name}`;
    if (own.key === key) return;
    const { cell } = own;
    own.key = key;
    cell.textContent = visible(label);
    cell.className = name;
    cell.style.background = color && `rgb(${color})`;
    cell.style.color = color && (isLight(color) ? "#000" : "#fff");
  }
}
