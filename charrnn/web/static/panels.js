// The panels beside the text: the list of units, the character, the span.

const $ = (id) => document.getElementById(id);
const SHOWN = 12; // maximum units and places shown for a span

// Show a part above the others, or not: the page is then laid out with it.
function showAbove(id, isShown) {
  $(id).hidden = !isShown;
  $("main").classList.toggle(`with-${id}`, isShown);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// A line in a list of bars: a label, a bar (from the middle if `twoSided`), a number.
function bar({ label, part, figure, colors, title = "", twoSided = false, onClick = null, marked = false }) {
  const name = element(onClick ? "button" : "span", { className: "name", textContent: label });
  if (title) Object.assign(name, { ariaDescription: title }).dataset.tip = title;
  if (onClick) {
    name.type = "button";
    name.addEventListener("click", onClick);
  }
  const fill = element("i");
  const size = Math.min(1, Math.abs(part));
  fill.style.width = `${(twoSided ? 50 : 100) * size}%`;
  if (twoSided) fill.style.left = `${part < 0 ? 50 - 50 * size : 50}%`;
  fill.style.background = `rgb(${colors})`;
  const track = element("span", { className: twoSided ? "track two" : "track", ariaHidden: "true" }, fill);
  const item = element("li", {}, name, track, element("span", { className: "figure", textContent: figure }));
  item.classList.toggle("marked", marked);
  if (marked) item.ariaCurrent = "true";
  return item;
}

class UnitList {
  constructor(box, field, pick) {
    Object.assign(this, { box, field, pick, shown: [], made: new Map(), marked: null });
    field.addEventListener("input", () => {
      this.filter();
      box.scrollTop = 0;
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") [field.value] = [""], this.filter(), (box.scrollTop = 0), $("text").focus();
      if (event.key === "Enter" && this.shown.length) pick(this.shown[0]), $("text").focus();
      if (event.key === "ArrowDown") event.preventDefault(), box.focus();
    });
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) pick(Number(row.dataset.unit));
    });
  }

  set(data) {
    const best = Math.max(1e-9, ...data.units.map((unit) => unit.interest));
    const rows = this.inOrder(data).map((u) => {
      const { name, interest, reasons } = data.units[u];
      const edits = data.source.edits.filter((edit) => isOf(edit, name));
      const more = [...reasons.slice(1), ...edits.map(editInWords)].join(", ");
      return this.row(u, name, interest.toFixed(2), interest / best, reasons[0] ?? "", more);
    });
    const measures = [
      this.row(SURPRISAL, "surprisal", "bits", 0, "", `how unexpected each ${data.noun} was`),
      this.row(SALIENCY, "saliency", "", 0, "", `what mattered for the ${data.noun} at the cursor`),
      this.row(COUNTS, "counts", percent(data.meanFromCounts, 0), 0, "", `how much of each ${data.noun}'s probability came from them`),
    ];
    this.rows = [...measures.filter(({ dataset }) => isThere(data, Number(dataset.unit))), ...rows];
    const { children } = this.box;
    if (children.length !== this.rows.length || this.rows.some((row, k) => row !== children[k])) this.box.replaceChildren(...this.rows);
    this.filter();
  }

  // The units in the order of their rows: those that are edited, those with names, and then the others.
  inOrder({ units, source }) {
    const isEdited = units.map(({ name }) => source.edits.some((edit) => isOf(edit, name)));
    const rank = (u) => units[u].rank ?? units.length;
    return [...units.keys()].sort((a, b) => isEdited[b] - isEdited[a] || rank(a) - rank(b) || a - b);
  }

  // The row of a unit. It is made once, and of the next text it shows what is different: most of a key's time went here.
  row(unit, name, figure, part, title, more) {
    const row = this.made.get(name) ?? this.make(name);
    const [, track, number, first, rest] = row.children;
    const width = `${(100 * part).toFixed(1)}%`;
    if (track.firstChild.style.width !== width) track.firstChild.style.width = width;
    if (number.textContent !== figure) number.textContent = figure;
    if (first.textContent !== title) first.textContent = title;
    if (rest.textContent !== more) rest.textContent = more;
    row.id = `unit-${unit}`;
    row.dataset.unit = unit;
    return row;
  }

  make(name) {
    const row = element(
      "div",
      { role: "option" },
      element("span", { className: "name", textContent: name }),
      element("span", { className: "track", ariaHidden: "true" }, element("i")),
      element("span", { className: "figure" }),
      element("span", { className: "title" }),
      element("span", { className: "reasons" }),
    );
    this.made.set(name, row);
    return row;
  }

  // Show the units whose addresses or names contain all words of the search.
  filter() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shows = (row) => {
      const [name, , , title, more] = Array.from(row.children, ({ textContent }) => textContent);
      const text = `${name} ${title} ${more}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    this.shown = [];
    for (const row of this.rows) {
      row.hidden = words.length > 0 && !shows(row);
      if (!row.hidden) this.shown.push(Number(row.dataset.unit));
    }
    this.box.classList.toggle("empty", !this.shown.length);
    this.changed?.();
  }

  // The number of rows on a page of the list.
  perPage() {
    const { offsetHeight } = this.rows.find((row) => !row.hidden) ?? this.rows[0];
    return Math.max(1, Math.floor(this.box.clientHeight / offsetHeight) - 1);
  }

  mark(unit) {
    for (const row of this.rows) row.ariaSelected = String(Number(row.dataset.unit) === unit);
    const row = $(`unit-${unit}`);
    this.box.setAttribute("aria-activedescendant", row.id);
    const name = row.querySelector(".name").textContent;
    if (name === this.marked) return; // the list stays where it was scrolled to
    this.marked = name;
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    if (top < this.box.scrollTop || bottom > this.box.scrollTop + this.box.clientHeight)
      this.box.scrollTop = top - this.box.clientHeight / 3;
  }
}

// Whether an edit such as "clamp L0.c.0-15=+1.0" is one of a unit.
function isOf(edit, name) {
  const parts = edit.slice(edit.indexOf(" ") + 1, edit.indexOf("=")).split(".");
  return name.split(".").every((own, k) => {
    if (parts[k] === own) return true;
    if (/\*$/.test(parts[k])) return true;
    const [low, high] = parts[k].replace("L", "").split("-").map(Number);
    const number = Number(own.replace("L", ""));
    return low <= number && number <= high;
  });
}

// --- the character ------------------------------------------------------------------------------------------------------

function showCharacter(page, t) {
  const { data } = page;
  $("glyph").textContent = visible(data.labels[data.columns[t]]);
  $("where").textContent = `${counted(t + 1)} of ${counted(data.length)}`;
  $("value").textContent = page.unit < 0 ? "" : `${data.units[page.unit].name} is ${about(data, page.unit, t)} here`;
  const cost = data.surprisal[t] / 1000;
  fill($("cost"), ...(isPredicted(data, t) ? [["surprisal", "surprisal"], ` ${cost.toFixed(2)} bits`] : [`the first ${data.noun} is not predicted`]));
  $("cost").hidden = !data.predicts;
  $("spoke").hidden = !data.fromCounts || !isPredicted(data, t);
  if (data.fromCounts) $("spoke").textContent = `${percent(data.fromCounts[t] / data.certain, 0)} of its probability from the counts`;
  const { chance } = page.ramps;
  const next = nextOf(data, t);
  const guesses = Array.from({ length: data.choices }, (_, k) => {
    const id = data.guesses[t * data.choices + k];
    const part = data.chances[t * data.choices + k] / data.certain;
    const percent = 100 * part;
    const figure = `${percent.toFixed(percent < 9.95 ? 1 : 0)} %`;
    return bar({ label: nameOfSpace(data.names[id]), part, figure, colors: chance[STEPS - 2], marked: id === next });
  });
  $("guesses").replaceChildren(...guesses);
  $("guesses").previousElementSibling.hidden = !data.choices; // a dump may have no guesses
  const count = data.strongest.length / data.length;
  const strongest = Array.from({ length: count }, (_, k) => unitBar(page, t * count + k));
  $("strongest").replaceChildren(...strongest);
}

// The symbol that came after one; null if none did.
function nextOf(data, t) {
  const isStart = data.restarts && data.endsLine.has(data.columns[t]); // predicts the beginning of its own line
  return t + 1 < data.length && !isStart ? data.ids[t + 1] : null;
}

// The bar of one of the strongest units of a symbol.
function unitBar(page, place) {
  const { data } = page;
  const unit = data.strongest[place];
  const { name, scale, full, reasons } = data.units[unit];
  const part = data.strengths[place] / data.fine;
  return bar({
    label: name,
    title: reasons.join(" · "),
    part: (part * scale) / full,
    figure: signed(part * scale),
    colors: page.ramps.value[part < 0 ? 4 : 2 * STEPS - 4],
    twoSided: true,
    onClick: () => page.pick(unit),
    marked: unit === page.unit,
  });
}

// --- the span -----------------------------------------------------------------------------------------------------------

const textOf = (data, start, stop) =>
  Array.from(data.columns.subarray(Math.max(0, start), stop), (column) => data.labels[column]).join("");

const THRESHOLD = 0.3; // the initial threshold from which on a unit is on, as in charrnn/interpret/spans.py

// The thresholds to choose from: the borders between levels.
function setThresholds({ levels, noun }) {
  const slider = $("threshold");
  const before = slider.max ? slider.valueAsNumber / (Number(slider.max) + 1) : THRESHOLD;
  Object.assign(slider, { min: 1, max: levels - 1, value: Math.round(before * levels) });
  $("thresholds-note").textContent =
    `Each bar says how clearly a unit fits, at the ${noun} where it fits least: how far it is beyond the threshold in the span, ` +
    "or below it beside the span, as a fraction of its largest value.";
}

function showSpan(page) {
  const { data, span } = page;
  $("span-hint").hidden = Boolean(span);
  $("span-body").hidden = !span;
  if (!span) return page.view.mark("span", []), page.view.mark("place", []);
  page.view.mark("span", [span]);
  const steps = $("threshold").valueAsNumber;
  const threshold = steps / data.levels;
  const text = `on above ${percent(threshold, 0)} of its largest value`;
  $("threshold-value").textContent = $("threshold").ariaValueText = text;
  const snippet = textOf(data, span.start, span.stop);
  $("span-text").textContent = snippet.length > 80 ? `${snippet.slice(0, 60)} … ${snippet.slice(-16)}` : snippet;
  const context = { left: Number($("left").value), right: Number($("right").value) };
  const found = findUnits(data, { ...span, ...context }, threshold);
  const exact = found.filter((unit) => unit.exact);
  const near = (exact.length ? exact : found).slice(0, SHOWN);
  page.found = found;
  $("found-note").textContent = exact.length
    ? `${counted(exact.length)} on exactly here${exact.length > SHOWN ? `, the ${SHOWN} clearest:` : ":"}`
    : "No unit is on exactly here. The nearest:";
  $("found").replaceChildren(...near.map((one) => foundBar(page, one, threshold)));
  const chosen = (exact.length ? exact : found.slice(0, 3)).slice(0, 50).map(({ index }) => index);
  const places = findPlaces(data, chosen, threshold).filter(
    ({ start, stop }) => stop <= span.start || start >= span.stop,
  );
  page.places = places;
  const units = chosen.length === 1 ? "this unit is" : `these ${chosen.length} units are`;
  $("places-note").textContent = places.length
    ? `Where ${exact.length ? units : "the nearest three are"} on, most units first.`
    : "They are on nowhere else for two or more characters.";
  page.view.mark("place", places);
  $("places").replaceChildren(...places.slice(0, SHOWN).map((place) => placeRow(page, place, chosen.length)));
}

function foundBar(page, { unit, negative, margin }) {
  return bar({
    label: `${negative ? "−" : "+"}${page.data.units[unit].name}`,
    title: [negative ? "on means far below zero" : "on means far above zero", ...page.data.units[unit].reasons].join(" · "),
    part: margin,
    figure: rounded(margin, 1 / page.data.levels),
    colors: page.ramps.value[negative ? 4 : 2 * STEPS - 4],
    twoSided: true,
    onClick: () => page.pick(unit),
    marked: unit === page.unit,
  });
}

function placeRow(page, { start, stop, shared, jaccard }, count) {
  const { data } = page;
  const button = element(
    "button",
    { type: "button" },
    element("span", { className: "around", textContent: textOf(data, start - 12, start) }),
    element("b", { textContent: textOf(data, start, Math.min(stop, start + 40)) }),
    element("span", { className: "around", textContent: textOf(data, stop, stop + 12) }),
  );
  button.addEventListener("click", () => page.go(start, true));
  const figure = `${shared} of ${count} · Jaccard ${jaccard.toFixed(2)}`;
  return element("li", {}, button, element("span", { className: "figure", textContent: figure }));
}
