// The page: one object that holds all it shows, set by `show(data)`.

const page = {
  data: null, // what `decode` gives
  unit: SURPRISAL, // the index of the unit that colors the text, or one of MEASURES
  at: 0, // the cursor
  hovered: null, // the symbol under the pointer
  span: null, // {start, stop}: the selected symbols
  anchor: null, // where a selection by keyboard began
  column: null, // in pixels: where the cursor stays while it goes from row to row
  found: [], // the signals of the span, the clearest first
  places: [], // where they are on together
  ramps: null, // the colors of the theme
  scales: null, // the values with full color by the names of units; null: the scales of the data
  model: null, // a model in the page
  pick, // color by a unit
  go, // move the cursor
  select, // select a span, or none
};

// Show data, for the first time or again; the unit and the cursor are kept if the data has them.
function show(data) {
  const name = page.data ? nameOf(page.data, page.unit) : data.first;
  Object.assign(page, { data, hovered: null, span: null, anchor: null });
  for (const unit of data.units) unit.full = page.scales?.get(unit.name) ?? unit.scale;
  $("trouble").hidden = true;
  $("main").hidden = false;
  describe(data);
  page.view.set(data);
  page.list.set(data);
  page.map.set(data);
  page.gates.set(data);
  setThresholds(data);
  $("place").max = data.length - 1;
  page.unit = placeOf(data, name) ?? placeOf(data, data.first) ?? 0;
  page.at = Math.min(page.at, data.length - 1);
  dress();
  showSpan(page);
}

function describe(data) {
  document.title = `${data.title} – charrnn`;
  $("title").textContent = data.title;
  const edits = data.source.edits.length ? ` · ${data.source.edits.join(", ")}` : "";
  const bits = data.predicts ? ` · ${meanBits(data, 3)}${data.fromCounts ? ", with counts" : ""}` : "";
  $("summary").textContent = `${data.source.cell} · ${numbered(data.length, data.noun)}${bits}${edits}`;
  const kinds = Map.groupBy(data.units, ({ name }) => name.slice(0, name.lastIndexOf(".")));
  const held = [...kinds].map(([kind, units]) => `${counted(units.length)} of ${kind}`).join(", ");
  $("colophon").textContent =
    `Units: ${held || "none"}. Values are rounded to ${data.levels} steps of a unit's scale on each side of zero, ` +
    `except for the strongest of each ${data.noun}. ` +
    `Model ${data.source.fingerprint}. ` +
    ($("live").hidden || page.model ? "The page fetches nothing and sends nothing." : "The page talks only to charrnn on this machine.");
}

// --- what changes ------------------------------------------------------------------------------------------------------

function pick(unit) {
  page.unit = unit;
  page.list.mark(unit);
  recolor();
  page.map.draw();
  page.gates.draw();
  page.card.draw();
  go(page.at);
  if (page.span) showSpan(page);
}

// Move the cursor to a symbol; `reveal` scrolls the text to it.
function go(t, reveal = false) {
  page.at = Math.max(0, Math.min(t, page.data.length - 1));
  page.column = null;
  page.view.point(page.at, reveal);
  look();
  const slider = $("place");
  slider.value = page.at;
  slider.setAttribute("aria-valuetext", inWords(page.at));
  page.map.later();
}

function look() {
  showCharacter(page, page.hovered ?? page.at);
}

function inWords(t) {
  const { data, unit } = page;
  const value = unit < 0 ? "" : `, ${data.units[unit].name} ${about(data, unit, t)}`;
  const bits = data.predicts ? `, ${(data.surprisal[t] / 1000).toFixed(1)} bits` : "";
  const label = data.labels[data.columns[t]];
  const counts = data.fromCounts ? `, ${percent(data.fromCounts[t] / data.certain, 0)} from counts` : "";
  return `${label === " " ? "space" : label}, ${counted(t + 1)} of ${counted(data.length)}${value}${bits}${counts}`;
}

function select(start, stop) {
  page.span = stop > start ? { start, stop } : null;
  if (!page.span) page.anchor = null;
  showSpan(page);
}

function recolor() {
  page.view.paint(levelsOf(page.data, page.unit));
  entitle();
}

function levelsOf(data, unit) {
  if (unit >= 0) return Int8Array.from({ length: data.length }, (_, t) => stepOf(brightnessAt(data, unit, t)));
  const [numbers, full] =
    unit === COUNTS ? [data.fromCounts, data.certain] : [data.surprisal, 1000 * data.mostSurprisal];
  return Int8Array.from(numbers, (number) => Math.round(STEPS * Math.min(1, number / full)));
}

function entitle() {
  const { data, unit, ramps } = page;
  const [below, above] = ramps.hues;
  const { about, low, high, words } = (unit < 0 ? LEGENDS[unit] : legendOfUnit)(data, below, above);
  $("unit-name").textContent = nameOf(data, unit);
  $("unit-about").textContent = about;
  $("intro-words").textContent = unit < 0 ? `Each ${data.noun} has a color: ${words}.` : introduction(data, below, above);
  const colors = unit < 0 ? ramps.value.slice(STEPS) : ramps.value;
  const bar = element("i");
  bar.style.background = `linear-gradient(to right, ${colors.map((color) => `rgb(${color})`).join(",")})`;
  $("legend").replaceChildren(low, bar, high);
  $("legend").ariaLabel = words;
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

// What the colors are, for a reader who sees such a page for the first time.
const introduction = ({ noun, units }, below, above) =>
  `Each ${noun} is colored by one of ${counted(units.length)} numbers (units) with which the network remembers what it has read. ` +
  `${capital(above)}: the number is positive there; ${below}: negative; the stronger the color, the farther from zero.`;

function legendOfUnit({ units }, below, above) {
  const { full, low, high, interest, reasons } = units[page.unit];
  return {
    about: [`${signed(low)} to ${signed(high)} here`, `interest ${interest.toFixed(2)}`, ...reasons].join(" · "),
    low: `−${full.toFixed(2)}`,
    high: `+${full.toFixed(2)}`,
    words: `${below} below zero, ${above} above, up to ${full.toFixed(2)}`,
  };
}

const LEGENDS = {
  [SURPRISAL]: (data, below, above) => ({
    about: meanBits(data, 2),
    low: "0",
    high: `${data.mostSurprisal} bits`,
    words: `${above} where surprising`,
  }),
  [COUNTS]: ({ meanFromCounts, noun }, below, above) => ({
    about: `${percent(meanFromCounts, 0)} of the probability of a ${noun} came from the counts, on average`,
    low: "all network",
    high: "all counts",
    words: `${above} where the probability came from the counts, without color where it came from the network`,
  }),
};

// --- theme and type ----------------------------------------------------------------------------------------------------

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function dress() {
  const root = document.documentElement;
  const theme = root.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
  $("theme").ariaPressed = String(theme === "dark");
  $("large").ariaPressed = String(root.dataset.type === "large");
  if (!page.data) return;
  color(page.data.ramps?.[theme] ?? page.ramps);
  for (const table of pairs.tables) table.dress();
  pick(page.unit);
}

// Take the colors of a theme, if they are others: all of the page is then styled anew.
function color(ramps) {
  if (ramps === page.ramps) return;
  page.ramps = ramps;
  document.documentElement.style.setProperty("--neutral", `rgb(${ramps.value[STEPS]})`);
  page.view.colors(ramps.value);
}

// --- wiring ------------------------------------------------------------------------------------------------------------

function listenToText() {
  const box = $("text");
  box.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse" || event.buttons) return;
    const t = page.view.symbolAt(event.clientX, event.clientY);
    if (t === page.hovered) return;
    page.hovered = t;
    page.view.point(t ?? page.at);
    look();
  });
  box.addEventListener("pointerleave", () => {
    page.hovered = null;
    page.view.point(page.at);
    look();
  });
  box.addEventListener("click", (event) => {
    const t = page.view.symbolAt(event.clientX, event.clientY);
    if (t !== null && getSelection().isCollapsed) go(t);
  });
  let timer = null;
  document.addEventListener("selectionchange", () => {
    clearTimeout(timer);
    timer = setTimeout(takeSelection, 120);
  });
  document.addEventListener("copy", copy);
}

// The symbols of the text that are in the document's selection, which may begin before the text or end after it.
function selected() {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return null;
  const { startContainer, startOffset, endContainer, endOffset } = selection.getRangeAt(0);
  const start = page.view.symbolOf(startContainer, startOffset);
  const stop = page.view.symbolOf(endContainer, endOffset);
  if (start === null && stop === null) return null;
  return { start: start ?? 0, stop: stop ?? page.data.length };
}

// The document's selection, if it lies in the text, becomes the span.
function takeSelection() {
  const { start, stop } = selected() ?? {};
  if (!(start < stop)) return;
  page.anchor = null;
  select(start, stop);
}

// Copy the characters of the text instead of the signs that stand for them.
function copy(event) {
  const { pieces, columns } = page.data ?? {};
  const span = event.target.closest?.("input, textarea") ? null : selected();
  if (!span || !pieces) return;
  const characters = Array.from(columns.subarray(span.start, span.stop), (column) => pieces[column]);
  event.clipboardData.setData("text/plain", characters.join(""));
  event.preventDefault();
}

// Move the cursor; `extend` selects the symbols in between.
function move(t, extend) {
  if (!extend) return go(t, true), speak();
  page.anchor ??= page.at;
  go(t, true);
  speak();
  select(Math.min(page.anchor, page.at), Math.max(page.anchor, page.at) + 1);
}

// For screen readers, which do not see where the keyboard has moved the cursor.
function speak() {
  $("spoken").textContent = inWords(page.at);
}

// Move the cursor by rows of text.
function climb(rows, extend) {
  const column = page.column ?? middle(page.view.rect(page.at));
  move(page.view.below(page.at, rows, column), extend);
  page.column = column;
}

// Select the previous or next unit among those that match the search.
function turn(by) {
  const { shown } = page.list;
  const place = shown.indexOf(page.unit);
  const next = place < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, place + by));
  if (shown.length) pick(shown[next]);
}

let lastUnit = 0;

// Color by surprisal or counts, or again by the unit before.
function toggle(measure) {
  if (!isThere(page.data, measure)) return;
  if (page.unit >= 0) lastUnit = page.unit;
  pick(page.unit === measure ? lastUnit : measure);
}

const KEYS = {
  ArrowLeft: ({ shiftKey }) => move(page.at - 1, shiftKey),
  ArrowRight: ({ shiftKey }) => move(page.at + 1, shiftKey),
  ArrowUp: ({ shiftKey }) => climb(-1, shiftKey),
  ArrowDown: ({ shiftKey }) => climb(1, shiftKey),
  PageUp: ({ shiftKey }) => climb(-page.view.perPage(), shiftKey),
  PageDown: ({ shiftKey }) => climb(page.view.perPage(), shiftKey),
  Home: ({ shiftKey }) => move(0, shiftKey),
  End: ({ shiftKey }) => move(page.data.length - 1, shiftKey),
  "[": () => turn(-1),
  "]": () => turn(1),
  "/": () => $("search").select(),
  "?": () => $("help").showModal(),
  s: () => toggle(SURPRISAL),
  c: () => toggle(COUNTS),
  Escape: () => (getSelection().removeAllRanges(), select(0, 0)),
};

// The keys when the focus is in the list of units.
const LIST_KEYS = {
  ...KEYS,
  ArrowUp: () => turn(-1),
  ArrowDown: () => turn(1),
  PageUp: () => turn(-page.list.perPage()),
  PageDown: () => turn(page.list.perPage()),
  Home: () => turn(-Infinity),
  End: () => turn(Infinity),
};

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const typing = target.closest("input, select, textarea, dialog[open], #live, .pair");
    if (typing && (target.id !== "place" || !"[]/?sc".includes(event.key))) return;
    const keys = target.closest("#list") ? LIST_KEYS : KEYS;
    if (!page.data || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key](event);
  });
}

function listenToControls() {
  const root = document.documentElement;
  $("theme").addEventListener("click", () => {
    root.dataset.theme = $("theme").ariaPressed === "true" ? "light" : "dark";
    dress();
  });
  $("large").addEventListener("click", () => {
    root.dataset.type = root.dataset.type === "large" ? "" : "large";
    dress();
  });
  prefersDark.addEventListener("change", dress);
  $("ask").addEventListener("click", KEYS["?"]);
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  $("place").addEventListener("input", (event) => go(Number(event.target.value), true));
  $("clear").addEventListener("click", KEYS.Escape);
  $("intro-close").addEventListener("click", () => {
    $("intro").hidden = true;
    $("text").focus();
  });
  for (const id of ["threshold", "left", "right"]) $(id).addEventListener("input", () => showSpan(page));
}

// Paper is light, and nothing on it can be scrolled to.
function listenToPrinting() {
  const { dataset } = document.documentElement;
  let theme;
  const print = (isPrinted) => {
    page.view.isWhole = page.map.isPrinted = isPrinted;
    dress();
  };
  addEventListener("beforeprint", () => {
    theme = dataset.theme;
    dataset.theme = "light";
    print(true);
  });
  addEventListener("afterprint", () => {
    if (theme) dataset.theme = theme;
    else delete dataset.theme;
    print(false);
  });
}

function start() {
  const ring = element("div", { id: "ring", ariaHidden: "true" });
  page.view = new TextView($("text"), $("lines"), ring);
  page.list = new UnitList($("list"), $("search"), pick);
  page.map = new HeatMap($("map-box"), $("map-canvas"), $("map-note"), $("zoom"), page);
  page.gates = new GatePlots($("gates"), $("plots"), $("gates-note"), page);
  page.card = new UnitCard($("card"), page);
  page.list.changed = () => page.data && page.map.later();
  listenToText();
  listenToKeys();
  listenToControls();
  listenToPrinting();
  dress();
}

async function open() {
  if (!CSS.highlights) throw new Error("this browser is too old: it lacks the CSS Custom Highlight API");
  start();
  const raw = JSON.parse($("data").textContent);
  if (raw.sides) await showPairs(raw);
  else show(await decode(raw.model ? await openModel(raw) : raw));
  return raw;
}

// With a model in the page instead of a server: the text with which it opens.
async function openModel(raw) {
  page.model = new ModelInPage(raw);
  return { ...(await page.model.first(raw.live.text)), ramps: raw.ramps };
}

// Resolved when the page is shown.
const opened = open().catch((error) => {
  $("trouble").textContent = `This page cannot be shown: ${error.message}`;
  $("trouble").hidden = false;
  throw error;
});
