// The address holds what is seen, `#unit=L1.c.94&at=3000&theme=dark`: it changes with the page, and the page with it. What a
// hash says and the page does not have is passed over, and what it does not say is as when the page opened.

const SETTLED = 400; // milliseconds for which changes are gathered: browsers refuse many changes of an address
const LONGEST_HASH = 50_000;
const MOST_EDITS = 50; // edited units that an address can have
const CONTROLS = {
  palette: "palette",
  ...{ find: "search", threshold: "threshold", before: "left", after: "right" },
  ...{ show: "zoom", rows: "map-order", scales: "map-own", names: "map-names", own: "lines-own" },
};
const LONGEST_PATTERN = 200;
const SIMPLE = /^[^*+?{]+$/; // patterns that cannot take long
const LIVE_CONTROLS = ["temperature", "top_p", "speed", "length", "seed"];

// Each part of what is seen: `get` gives its [name, value] pairs, and `set` takes the first value of each name (`all`: each
// of them). They are set in this order, because a side or a text brings its own units.
const PARTS = [
  {
    get: () => [["theme", document.documentElement.dataset.theme]],
    set({ theme }) {
      const { dataset } = document.documentElement;
      if (theme === "light" || theme === "dark") dataset.theme = theme;
      else delete dataset.theme;
    },
  },
  {
    get: () => [["type", document.documentElement.dataset.type]],
    set({ type }) {
      document.documentElement.dataset.type = type === "large" ? type : "";
    },
  },
  {
    get: () => [["side", pairs.side]],
    set({ side }) {
      if (side !== pairs.side && Object.hasOwn(pairs.sides, side)) turnTo(side);
    },
  },
  {
    get: () => [["view", page.framed]],
    set({ view = "" }) {
      page.framed = view.slice(0, 20);
      frame();
    },
  },
  {
    get: () => [["typing", page.typing?.isOn ? "on" : ""]],
    set: ({ typing }) => page.typing?.turn(typing === "on"),
  },
  {
    get: () => (isLive() ? seenLive() : []),
    set: (seen, all) => isLive() && seeLive(seen, all),
  },
  {
    get: () => Object.entries(CONTROLS).map(([name, id]) => [name, valueOf($(id))]),
    set(seen) {
      for (const [name, id] of Object.entries(CONTROLS)) setControl($(id), seen[name]);
    },
  },
  {
    get: () => [["lines", page.lines.kept.join(",")], ["on", page.lines.part === THRESHOLD ? "" : page.lines.part.toFixed(3)]],
    set({ lines = "", on = "" }) {
      const part = /^-?[01]?\.?[0-9]{1,3}$/.test(on) ? Number(on) : THRESHOLD;
      page.lines.part = Math.max(-1, Math.min(1, part));
      page.lines.kept = [...new Set(lines.split(","))].filter((name) => page.data.units.some((unit) => unit.name === name)).slice(0, MOST_LINES - 1);
      page.lines.draw();
    },
  },
  {
    get: () => [["pattern", $("pattern").value]],
    // The pattern of a stranger's link may take forever: it waits until one searches for it.
    set({ pattern = "" }) {
      if (pattern === $("pattern").value) return;
      $("pattern").value = pattern.slice(0, LONGEST_PATTERN);
      page.search.isPattern = SIMPLE.test(pattern);
      page.search.draw();
    },
  },
  {
    get: () => [["kept", page.search.kept.map(({ start, stop }) => `${start + 1}-${stop}`).join(",")]],
    set({ kept = "" }) {
      page.search.kept = kept.split(",").map(spanIn).filter(Boolean).slice(0, MOST_EDITS);
      page.search.draw();
    },
  },
  {
    get: () => [["unit", nameOf(page.data, page.unit)]],
    set: ({ unit }) => pick(placeOf(page.data, unit) ?? placeOfName(page.data, unit) ?? page.unit),
  },
  {
    get: () => [["at", page.at + 1]],
    set: ({ at }) => placeIn(at) && go(placeIn(at) - 1, true),
  },
  {
    get: () => [["span", page.span && `${page.span.start + 1}-${page.span.stop}`]],
    set({ span = "" }) {
      const { start, stop } = spanIn(span) ?? { start: 0, stop: 0 };
      select(start, stop);
    },
  },
];

// A place in the text as an address has it, from 1 on; 0 for anything else.
const placeIn = (text) => (/^[0-9]{1,9}$/.test(text) && Number(text) <= page.data.length ? Number(text) : 0);

const valueOf = (control) => (control.type === "checkbox" ? (control.checked ? "on" : "off") : control.value);

// Some symbols of the text, as 31-34; null for anything else.
function spanIn(text) {
  const [first, last] = text.split("-").map(placeIn);
  return first && last >= first ? { start: first - 1, stop: last } : null;
}

// Give a control a value that it can have, as if a user did.
function setControl(control, value) {
  const before = valueOf(control);
  if (value === undefined || value === before) return;
  if (control.type === "checkbox") control.checked = value === "on";
  else control.value = value;
  if (valueOf(control) !== value || !control.checkValidity()) control.value = before;
  for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
}

// --- the live part ---

function seenLive() {
  const { box, edits, start } = page.live;
  const usual = usualSettings();
  const settings = LIVE_CONTROLS.map((name) => [name, $(`live-${name}`).value]).filter(([name, value]) => value !== usual[name]);
  const held = edits.rows.filter(({ on }) => on.checked).map(({ kind, unit, value }) => [kind.value, `${unit.value.trim()}:${value.value}`]);
  const text = box.value === start.text ? [] : [["text", last(box.value, start.mostChars)]];
  const counts = $("live-counts").checked === Boolean(start.counts) ? [] : [["counts", start.counts ? "off" : "on"]];
  return [...text, ...settings, ...counts, ...held];
}

// The settings with which the page opens, as their controls have them.
function usualSettings() {
  const { settings } = page.live.start;
  return Object.fromEntries(LIVE_CONTROLS.map((name) => [name, String({ speed: USUAL_SPEED, ...settings, top_p: settings.top_p ?? 1 }[name])]));
}

async function seeLive(seen, all) {
  const [{ live }, usual] = [page, usualSettings()];
  live.end();
  for (const name of LIVE_CONTROLS) setControl($(`live-${name}`), seen[name] ?? usual[name]);
  const { text, counts, mostChars } = live.start;
  if (counts !== null) $("live-counts").checked = seen.counts ? seen.counts === "on" : counts;
  live.box.value = last(seen.text ?? text, mostChars);
  live.edits.show(["clamp", "steer"].flatMap((kind) => all.getAll(kind).map((edit) => editOf(kind, edit)).filter(Boolean)).slice(0, MOST_EDITS));
  await live.reading.ask();
  await live.settling.now();
}

// The edit that an address describes, as L0.c.3:0.5; null if the page has no such unit.
function editOf(kind, edit) {
  const at = edit.lastIndexOf(":");
  const [name, value] = [edit.slice(0, at), edit.slice(at + 1)];
  const unit = page.data.units.find((one) => isOf(`${kind} ${name}=`, one.name) || one.reasons.some((reason) => nameIn(reason) === name));
  return unit && /^[+-]?[0-9]{1,9}(\.[0-9]{1,9})?$/.test(value) ? { kind, name, value, scale: unit.scale } : null;
}

const address = {
  opening: null, // the values with which the page opened, by their names
  hash: "", // the address as it was last written or followed
  unit: null, // the unit in it: another one is a step in the browser's history
  timer: null,
  following: Promise.resolve(),

  begin() {
    this.opening = new Map(this.values());
    this.unit = this.opening.get("unit");
    page.changed = () => this.later();
    for (const type of ["click", "input", "keyup"]) document.addEventListener(type, page.changed);
    addEventListener("hashchange", () => this.follow());
    if (location.hash.length > 1) this.follow();
  },

  // The [name, value] pairs of what is seen.
  values() {
    const pairs = PARTS.flatMap(({ get }) => get());
    return pairs.filter(([name, value]) => value || name === "text").map(([name, value]) => [name, String(value)]);
  },

  later() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (!page.view.isWhole) this.write(); // on paper the theme is another one
    }, SETTLED);
  },

  // Write what differs from the opening, and the unit.
  write() {
    const values = this.values();
    const seen = values.filter(([name, value]) => name === "unit" || this.opening.get(name) !== value);
    for (const name of this.opening.keys()) if (!values.some(([own]) => own === name)) seen.push([name, ""]);
    const { unit } = Object.fromEntries(seen);
    const isOpening = seen.length === 1 && unit === this.opening.get("unit");
    if (isOpening && !this.hash) return;
    const hash = `#${new URLSearchParams(seen).toString().replace(/%2C/g, ",").replace(/%3A/g, ":")}`;
    if (hash === this.hash) return;
    const isStep = unit !== this.unit && !isFramed(); // in a frame, steps would be those of the page around it
    Object.assign(this, { hash, unit });
    try {
      history[isStep ? "pushState" : "replaceState"](null, "", hash);
    } catch {
      // a page without an address of its own, as in srcdoc
    }
  },

  // Show what the address says, once what it said before is shown.
  follow() {
    this.following = this.following.then(() => this.show()).catch(console.error);
  },

  async show() {
    if (location.hash === this.hash || location.hash.length > LONGEST_HASH) return;
    const params = new URLSearchParams(location.hash.slice(1));
    const seen = Object.fromEntries([...this.opening, ...[...params].reverse()]);
    for (const { set } of PARTS) {
      await set(seen, params);
      if (!page.data) return;
    }
    dress();
    this.hash = location.hash;
    this.unit = nameOf(page.data, page.unit);
    this.write();
  },
};

opened.then(() => address.begin(), () => {});
