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
  palettes: null, // the colors of both themes, by the names of the palettes
  ramps: null, // those that are shown
  scales: null, // the values with full color by the names of units; null: the scales of the data
  recolored: null, // what a live page does when the text has other colors
  isUnsettled: false, // whether the text is a later one than that of the list and the charts
  model: null, // the model of a live page, in it or on a server
  maker: "", // what made the page
  typing: null, // what turns typing on, in a page of a text with a model
  framed: "", // the view that is wanted in a frame
  changed() {}, // called whenever something else may be seen: see address.js
  pick, // color by a unit
  go, // move the cursor
  select, // select a span, or none
};

// Show data, for the first time or again; the unit and the cursor are kept if the data has them.
function show(data) {
  showText(data);
  showRest();
}

// What follows each key on a live page: the text and its colors.
function showText(data) {
  const name = page.data ? nameOf(page.data, page.unit) : data.first;
  Object.assign(page, { data, hovered: null, span: null, anchor: null });
  for (const unit of data.units) unit.full = page.scales?.get(unit.name) ?? unit.scale;
  $("trouble").hidden = true;
  $("main").hidden = false;
  summarize(data);
  page.view.set(data);
  $("place").max = data.length - 1;
  page.unit = placeOf(data, name) ?? placeOf(data, data.first) ?? 0;
  page.at = Math.min(page.at, data.length - 1);
  showSpan(page);
  page.search.forget();
  if (page.ramps) recolor();
}

// And what may come a little later.
function showRest() {
  const { data } = page;
  page.isUnsettled = false;
  describe(data);
  page.list.set(data);
  page.map.set(data);
  page.gates.set(data);
  page.guesses.set(data);
  page.lines.set(data);
  page.reach.set(data);
  page.why.set();
  setThresholds(data);
  dress();
  page.search.set();
}

// Which text it is, and what it costs.
function summarize(data) {
  document.title = `${data.title} – charrnn`;
  $("title").textContent = data.title;
  const edits = data.source.edits.length ? ` · ${data.source.edits.map(editInWords).join(", ")}` : "";
  fill($("summary"), `${ofText(data)} · `, ["cell", data.source.cell], ...bitsOf(data), edits);
}

function describe(data) {
  frame();
  summarize(data);
  const hasNames = data.units.some(({ reasons }) => reasons.length);
  fill($("units-order"), "Sorted by ", ["interest", "interest"], ...(hasNames ? [", those with ", ["name", "names"], " first."] : ["."]));
  listWords(data);
  const kinds = Map.groupBy(data.units, ({ name }) => name.slice(0, name.lastIndexOf(".")));
  const held = [...kinds].map(([kind, units]) => `${counted(units.length)} of ${kind}`).join(", ");
  $("colophon").textContent =
    `Units on this page: ${held || "none"}. Their values are rounded, to about ${percent(1 / data.levels, 0)} of a unit’s largest value; ` +
    `those of the strongest units at each ${data.noun} are more precise. ` +
    `Fingerprint of the model: ${data.source.fingerprint}. ` +
    (!page.model?.isServed ? "The page fetches nothing and sends nothing." : "The page talks only to charrnn on this machine.");
}

// The mean surprisal, for the summary.
function bitsOf(data) {
  if (!data.predicts) return [];
  const [number, unit] = meanBits(data, 3).split(" bits");
  if (!unit) return [` · ${number}`];
  const counts = data.fromCounts ? [", with ", ["counts", "counts"]] : [];
  return [` · ${number} `, ["bits per character", `bits${unit}`], ...counts];
}

// A page for a frame shows one view: the one that its address wants, or else the matrices of pairs, or the text.
function frame() {
  if (!isFramed()) return;
  const sections = [...document.querySelectorAll("#main > section")];
  const ids = sections.filter(({ hidden }) => !hidden).map(({ id }) => id);
  const wanted = new Map([["text", "reading"], ["pairs", "between"], ["context", "reach"]]).get(page.framed) ?? page.framed;
  const own = [wanted, "between", "reading"].find((id) => ids.includes(id));
  for (const section of sections) section.classList.toggle("framed", section.id === own || (section.id === "live" && own === "reading"));
}

const isFramed = () => "embed" in document.documentElement.dataset;

// --- what changes ------------------------------------------------------------------------------------------------------

function pick(unit) {
  if (page.isUnsettled) showRest(); // the row of the unit may be a new one
  page.unit = unit;
  page.list.mark(unit);
  recolor();
  page.map.draw();
  page.gates.draw();
  page.card.draw();
  go(page.at);
  if (page.span) showSpan(page);
  page.search.draw();
}

// Move the cursor to a symbol; `reveal` scrolls the text to it.
function go(t, reveal = false) {
  page.at = Math.max(0, Math.min(t, page.data.length - 1));
  page.column = null;
  page.view.point(page.at, reveal);
  look();
  page.why.look();
  if (!page.isUnsettled) page.lines.later();
  const slider = $("place");
  slider.value = page.at;
  slider.setAttribute("aria-valuetext", inWords(page.at));
  page.map.later();
}

function look() {
  const t = page.hovered ?? page.at;
  showCharacter(page, t);
  page.legend.point(t);
  if (!page.isUnsettled) page.guesses.draw(page.at);
  page.tips.settle();
  $("pointed").textContent = inWords(t);
  page.changed();
}

function inWords(t) {
  const { data, unit } = page;
  const value = unit < 0 ? "" : `, ${data.units[unit].name} ${about(data, unit, t)}`;
  const bits = data.predicts ? `, ${isPredicted(data, t) ? `${(data.surprisal[t] / 1000).toFixed(1)} bits` : "not predicted"}` : "";
  const label = spokenAt(data, t);
  const counts = data.fromCounts && isPredicted(data, t) ? `, ${percent(data.fromCounts[t] / data.certain, 0)} from counts` : "";
  return `${label}, ${counted(t + 1)} of ${counted(data.length)}${value}${bits}${counts}`;
}

function select(start, stop) {
  page.span = stop > start ? { start, stop } : null;
  if (!page.span) page.anchor = null;
  showSpan(page);
  page.search.select();
}

function recolor() {
  page.view.paint(levelsOf(page.data, page.unit));
  page.recolored?.();
  entitle();
}

function levelsOf(data, unit) {
  if (unit >= 0) return Int8Array.from({ length: data.length }, (_, t) => stepOf(brightnessAt(data, unit, t)));
  if (unit === SALIENCY) return page.why.levels(data);
  const [numbers, full] =
    unit === COUNTS ? [data.fromCounts, data.certain] : [data.surprisal, 1000 * data.mostSurprisal];
  return Int8Array.from(numbers, (number) => Math.round(STEPS * Math.min(1, number / full)));
}

function entitle() {
  const { data, unit, ramps } = page;
  $("unit-name").textContent = nameOf(data, unit);
  fill($("unit-about"), ...aboutUnit(data, unit));
  $("intro-words").textContent = introduction(data, unit, ramps.hues);
  page.legend.draw(data, unit, ramps);
}

// What stands beside the name of a measure.
const ABOUT = {
  [SALIENCY]: ({ noun }) => [`what mattered for the ${noun} at the cursor`],
  [SURPRISAL]: (data) => [meanBits(data, 2)],
  [COUNTS]: ({ meanFromCounts, noun }) => [`${percent(meanFromCounts, 0)} of the probability of a ${noun} came from the counts, on average`],
};

function aboutUnit(data, unit) {
  if (ABOUT[unit]) return ABOUT[unit](data);
  const { low, high, interest, reasons } = data.units[unit];
  if (isFramed()) return [reasons.map((reason) => reason.replace(/, \S+ [\d.]+$/, "")).join(" · ")];
  const names = reasons.map((reason) => `${reason} · `).join("");
  return [`${names}${signed(low)} to ${signed(high)} in this text · `, ["interest", "interest"], ` ${interest.toFixed(2)}`];
}

// --- theme and type ----------------------------------------------------------------------------------------------------

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function dress() {
  const root = document.documentElement;
  const theme = root.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
  $("theme").ariaPressed = String(theme === "dark");
  $("large").ariaPressed = String(root.dataset.type === "large");
  if (!page.data) return;
  color(page.palettes[$("palette").value][theme]);
  for (const table of pairs.tables) table.dress();
  legendOfPairs(page.ramps);
  pick(page.unit);
}

// Take other colors, if they are others: all of the page is then styled anew.
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
    if (t !== null && getSelection().isCollapsed) go(t), followInPairs(t);
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
  if (!extend) return go(t, true), followInPairs(page.at), speak();
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
const notRecorded = () => `This page has no record of what mattered${pairs.side ? "." : "; one written with --saliency has."}`;

// Color by surprisal or counts, or again by the unit before.
function toggle(measure) {
  if (measure === SALIENCY && !page.why.ask) $("why-none").textContent = notRecorded();
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
  "?": () => ($("help").showModal(), $("help-title").focus()), // not at its end, where its button is
  s: () => toggle(SURPRISAL),
  c: () => toggle(COUNTS),
  m: () => toggle(SALIENCY),
  k: () => page.unit >= 0 && page.lines.keep(nameOf(page.data, page.unit)),
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
    if (typing && (target.id !== "place" || !"[]/?scmk".includes(event.key))) return;
    const keys = target.closest("#list") ? LIST_KEYS : KEYS;
    if (!page.data || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key](event);
  });
}

const EXPLAINED = "charrnn.explained"; // what a browser keeps

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
  $("palette").addEventListener("change", dress);
  prefersDark.addEventListener("change", dress);
  $("ask").addEventListener("click", KEYS["?"]);
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  $("place").addEventListener("input", (event) => go(Number(event.target.value), true));
  $("clear").addEventListener("click", KEYS.Escape);
  $("explain").addEventListener("click", () => explain(true));
  $("intro-close").addEventListener("click", () => explain(false));
  for (const id of ["threshold", "left", "right"]) $(id).addEventListener("input", () => showSpan(page));
}

function showIntroduction(isShown) {
  $("intro").hidden = !isShown;
  $("explain").hidden = isShown;
}

// Show the sentences above the text, or not, and the same on other pages, where the browser lets a page keep something.
function explain(isShown) {
  showIntroduction(isShown);
  $(isShown ? "intro-close" : "explain").focus();
  try {
    localStorage.setItem(EXPLAINED, isShown ? "" : "yes");
  } catch {
    // It stays so on this page.
  }
}

function isExplained() {
  try {
    return localStorage.getItem(EXPLAINED) === "yes";
  } catch {
    return false;
  }
}

// Paper is light, and nothing on it can be scrolled to.
function listenToPrinting() {
  const { dataset } = document.documentElement;
  let theme;
  const print = (isPrinted) => {
    page.view.isWhole = page.map.isPrinted = page.lines.isPrinted = isPrinted;
    dress();
    page.lines.draw();
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
  page.lines = new LinePlot($("lines-box"), page);
  page.search = new Search(page);
  page.why = new Why(page);
  page.reach = new ContextPlot($("reach"), $("reach-box"), page);
  page.card = new UnitCard($("card"), page);
  page.legend = new Legend($("legend"));
  page.guesses = new GuessStrip($("guessed"), $("strip"), page);
  page.tips = new Tips($("tip"));
  showIntroduction(!isFramed() && !isExplained());
  page.list.changed = () => page.data && page.map.later();
  listenToText();
  listenToKeys();
  listenToControls();
  listenToPrinting();
  offerPictures();
  dress();
}

async function open() {
  if (!CSS.highlights) throw new Error("this browser is too old: it lacks the CSS Custom Highlight API");
  start();
  const raw = JSON.parse($("data").textContent);
  page.maker = `Made by charrnn ${raw.version}`;
  offerPalettes(raw);
  $("maker").textContent = page.maker;
  $("how").textContent = `charrnn ${howToMake(raw)}`;
  if (isFramed()) signFrame(raw);
  if (raw.sides) await showPairs(raw);
  else show(raw.live && !raw.labels ? complete(await openLive(raw)) : await decode(raw));
  return raw;
}

// The palettes, by the names of their colors; at first the one that the page was made with.
function offerPalettes({ ramps, palette }) {
  page.palettes = ramps;
  const options = Object.entries(ramps).map(([name, { light }]) => new Option(light.hues.join(" – "), name, name === palette, name === palette));
  $("palette").replaceChildren(...options);
}

// In a frame there is room for one line: what more there is to say comes on demand.
function signFrame(raw) {
  const maker = element("button", { type: "button", className: "term", textContent: page.maker });
  maker.dataset.tip = maker.ariaDescription = `to make one: charrnn ${howToMake(raw)} --embed`;
  const ask = element("button", { type: "button", className: "term", textContent: "Words and keys" });
  ask.addEventListener("click", KEYS["?"]);
  $("maker").replaceChildren(`${raw.title} · `, maker, " · ", ask);
}

// What one types to make such a page.
function howToMake({ live, model, labels }) {
  if (!live) return "visualize MODEL TEXT --html page.html";
  if (labels) return "visualize MODEL TEXT --html page.html --with-model";
  return model ? "export MODEL page.html" : "serve MODEL";
}

// The text with which a live page opens.
async function openLive(raw) {
  const { text, counts } = raw.live;
  page.model = raw.model ? await ModelInPage.of(raw) : new ServedModel(raw);
  const data = await page.model.first(text, Boolean(counts));
  return { ...data, gates: await gatesOf({ text, counts: Boolean(counts) }) };
}

async function gatesOf(request) {
  for await (const [{ gates }] of page.model.gates(request)) return gates;
  return [];
}

// Resolved when the page is shown.
const opened = open().catch((error) => {
  $("trouble").textContent = `This page cannot be shown: ${error.message}`;
  $("trouble").hidden = false;
  throw error;
});
