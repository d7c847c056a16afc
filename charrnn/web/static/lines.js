// The values of several units at the characters near the cursor, as lines on one axis: the unit that was picked last, those
// that are edited, and those that are kept. From a threshold on a unit counts as on, below zero if the threshold is below zero.

const MOST_LINES = 8;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "1 2", "12 4", "6 2 2 2"]; // lines differ without colors, too
const ROOM = { left: 44, right: 10, top: 10, height: 170, text: 22, on: 5 };

class LinePlot {
  constructor(box, page) {
    Object.assign(this, { box, page, kept: [], slots: new Map(), from: 0, part: THRESHOLD });
    const redraw = () => this.draw();
    $("lines-own").addEventListener("change", redraw);
    $("lines-threshold").addEventListener("input", ({ target }) => {
      if (target.checkValidity()) this.part = target.valueAsNumber / this.axis.high;
      this.draw(target);
    });
    $("lines-add").addEventListener("change", () => this.add());
    $("lines-keep").addEventListener("click", () => this.keep(page.data.units[page.unit].name));
    $("lines-previous").addEventListener("click", () => this.turn(-1));
    $("lines-next").addEventListener("click", () => this.turn(1));
    new ResizeObserver(() => this.later()).observe(box);
  }

  set(data) {
    const names = new Set(data.units.map(({ name }) => name));
    this.kept = this.kept.filter((name) => names.has(name));
    this.on = null;
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  // The indices of the units that have lines.
  get units() {
    const { data } = this.page;
    const edited = data.source.edits.flatMap((edit) => unitsNamed(data, edit.slice(edit.indexOf(" ") + 1, edit.indexOf("="))));
    const kept = this.kept.map((name) => data.units.findIndex((one) => one.name === name));
    return [...new Set([...this.picked, ...kept, ...edited])].slice(0, MOST_LINES);
  }

  // The unit that colors the text, or did before a measure did.
  get picked() {
    const { data, unit } = this.page;
    if (unit >= 0) this.last = data.units[unit].name;
    const index = data.units.findIndex(({ name }) => name === this.last);
    return index < 0 ? [] : [index];
  }

  // --- which units ---

  keep(name) {
    if (this.kept.includes(name)) this.kept = this.kept.filter((one) => one !== name);
    else if (this.units.length < MOST_LINES || this.units.some((u) => this.page.data.units[u].name === name)) this.kept.push(name);
    this.draw();
  }

  // Add the units of an address or a name.
  add() {
    const { data } = this.page;
    const field = $("lines-add");
    const wanted = field.value.split(",").map((part) => part.trim()).filter(Boolean);
    const found = wanted.map((part) => unitsNamed(data, part));
    const missing = wanted.find((_, k) => !found[k].length);
    const names = found.flat().map((u) => data.units[u].name).filter((name) => !this.kept.includes(name));
    const room = MOST_LINES - this.units.length;
    let problem = "";
    if (missing) problem = `No unit here is called ${missing}.`;
    else if (names.length > room) problem = `At most ${MOST_LINES} lines: there is room for ${room} more.`;
    else [field.value, this.kept] = ["", [...this.kept, ...names]];
    $("lines-trouble").textContent = problem;
    this.draw();
  }

  // --- the axis ---

  // What a unit's line shows at a place: its value, or the part of its own largest value in this text.
  valueAt(unit, t) {
    const { scale } = this.page.data.units[unit];
    return (partAt(this.page.data, unit, t) * scale) / (this.isOwn ? reachOf(this.page.data.units[unit]) : 1);
  }

  get isOwn() {
    return $("lines-own").checked;
  }

  get axis() {
    const all = this.units.map((u) => this.page.data.units[u]);
    if (this.isOwn) return { low: all.some(({ low }) => low < 0) ? -1 : 0, high: 1 };
    const high = Math.max(1e-6, ...all.map((unit) => Math.max(unit.full, reachOf(unit))));
    return { low: all.some(({ low }) => low < 0) ? -high : 0, high };
  }

  isOn(unit, t) {
    const threshold = this.part * this.axis.high;
    const value = this.valueAt(unit, t);
    return this.part < 0 ? value <= threshold : value >= threshold;
  }

  // The first symbols of the runs in which all units are on, and the number of symbols in these.
  together(units) {
    const { data } = this.page;
    const key = JSON.stringify([units, this.part, this.isOwn, this.axis]);
    if (this.on?.key === key) return this.on;
    const flags = new Uint8Array(data.length).fill(1);
    const { high } = this.axis;
    const threshold = this.part * high;
    for (const unit of units)
      for (let t = 0; t < flags.length; t++) {
        const value = this.valueAt(unit, t);
        flags[t] &= this.part < 0 ? value <= threshold : value >= threshold;
      }
    const starts = [...runs(flags, 1)].map(([start]) => start);
    return (this.on = { key, starts, count: flags.reduce((sum, one) => sum + one, 0) });
  }

  // Go to the next place where all units are on, or to the one before.
  turn(by) {
    const { starts } = this.together(this.units);
    const { at } = this.page;
    const next = by > 0 ? starts.find((start) => start > at) : starts.findLast((start) => start < at);
    if (starts.length) move(next ?? starts.at(by > 0 ? 0 : -1));
  }

  // --- drawing ---

  // The number of characters shown, from `from` on: a window that moves only when the cursor comes near its end.
  window(cell) {
    const { at, data } = this.page;
    const size = Math.max(1, Math.min(data.length, Math.floor((this.width - ROOM.left - ROOM.right) / cell)));
    const margin = Math.min(8, size >> 2);
    if (at < this.from + margin || at >= this.from + size - margin) this.from = at - (size >> 1);
    this.from = Math.max(0, Math.min(this.from, data.length - size));
    return size;
  }

  // The color and the dashes of a unit, which it keeps as long as it has a line.
  slotOf(name, names) {
    for (const own of this.slots.keys()) if (!names.includes(own)) this.slots.delete(own);
    const used = new Set(this.slots.values());
    if (!this.slots.has(name)) this.slots.set(name, [...Array(MOST_LINES).keys()].find((k) => !used.has(k)));
    return this.slots.get(name);
  }

  draw(focused = null) {
    const { page, box } = this;
    const { data } = page;
    if (!data) return;
    const { units } = this;
    const names = units.map((u) => data.units[u].name);
    const styles = names.map((name) => {
      const slot = this.slotOf(name, names);
      return { stroke: `var(--series-${slot})`, "stroke-dasharray": DASHES[slot] };
    });
    this.buttons();
    this.width = this.isPrinted ? PRINTED.width : box.clientWidth;
    const cell = document.documentElement.dataset.type === "large" ? 13.5 : 10;
    const size = this.window(cell);
    const { low, high } = this.axis;
    const bottom = ROOM.top + ROOM.height;
    Object.assign(this, {
      cell,
      size,
      x: (t) => ROOM.left + (t - this.from + 0.5) * cell,
      y: (value) => bottom - ((value - low) / (high - low)) * ROOM.height,
      valueOf: (y) => low + ((bottom - y) / ROOM.height) * (high - low),
    });
    const right = this.x(this.from + size - 0.5);
    const height = bottom + ROOM.text + ROOM.on * units.length + 6;
    const places = Array.from({ length: size }, (_, k) => this.from + k);
    const picture = drawn("svg", { viewBox: `0 0 ${this.width} ${height}`, width: this.width, height, role: "img" });
    picture.ariaLabel = this.inWords(units);
    for (const { value, label } of ticksOf(low, high)) {
      picture.append(drawn("line", { x1: ROOM.left, x2: right, y1: this.y(value), y2: this.y(value), class: value ? "grid" : "grid zero" }));
      picture.append(drawn("text", { x: ROOM.left - 6, y: this.y(value) + 4, class: "tick end" }, label));
    }
    picture.append(drawn("rect", { x: this.x(page.at) - cell / 2, y: ROOM.top - 4, width: cell, height: height - ROOM.top, class: "cursor" }));
    for (const t of places) {
      const label = visible(data.labels[data.columns[t]]);
      const narrower = [...label].length > 1 && { textLength: cell - 1, lengthAdjust: "spacingAndGlyphs" }; // a byte in hexadecimal
      picture.append(drawn("text", { x: this.x(t), y: bottom + 16, class: "symbol", ...narrower }, label));
    }
    units.forEach((unit, k) => {
      const points = places.map((t) => [this.x(t), this.y(Math.max(low, Math.min(high, this.valueAt(unit, t))))]);
      picture.append(drawn("path", { d: pathOf(points), class: unit === page.unit ? "series picked" : "series", ...styles[k] }));
      const y = bottom + ROOM.text + ROOM.on * (k + 0.5);
      const on = runs(Uint8Array.from(places, (t) => this.isOn(unit, t)), 1);
      const bars = Array.from(on, ([start, stop]) => `M${rounder(this.x(this.from + start - 0.5))} ${y}H${rounder(this.x(this.from + stop - 0.5))}`);
      picture.append(drawn("path", { d: bars.join("") || "M0 0", class: "on", stroke: styles[k].stroke }));
    });
    picture.append(this.handle(right));
    picture.addEventListener("click", (event) => this.click(event, picture));
    box.replaceChildren(picture);
    this.legend(units, styles);
    this.tell(units, focused);
  }

  // The line of the threshold, which can be dragged.
  handle(right) {
    const y = this.y(this.part * this.axis.high);
    const line = drawn("g", { class: "threshold" });
    const place = { x1: ROOM.left, x2: right, y1: y, y2: y };
    line.append(drawn("line", { ...place, class: "grip" }), drawn("line", place), drawn("circle", { cx: ROOM.left, cy: y, r: 4 }));
    line.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const { top } = this.box.firstChild.getBoundingClientRect();
      const drag = (moved) => {
        const { low, high } = this.axis;
        this.part = Math.max(low, Math.min(high, this.valueOf(moved.clientY - top))) / high;
        this.draw();
      };
      const drop = () => {
        removeEventListener("pointermove", drag);
        this.isDragged = false;
      };
      this.isDragged = true;
      addEventListener("pointermove", drag);
      addEventListener("pointerup", drop, { once: true });
      addEventListener("pointercancel", drop, { once: true });
    });
    return line;
  }

  click(event, picture) {
    if (event.target.closest(".threshold")) return;
    const k = Math.floor((event.clientX - picture.getBoundingClientRect().left - ROOM.left) / this.cell);
    if (k >= 0 && k < this.size) this.page.go(this.from + k, true);
  }

  buttons() {
    const { data, unit } = this.page;
    const name = data.units[unit]?.name;
    $("lines-keep").hidden = !name;
    $("lines-keep").textContent = this.kept.includes(name) ? `Let go of ${name}` : `Keep ${name}`;
  }

  legend(units, styles) {
    const { data } = this.page;
    const rows = units.map((unit, k) => {
      const { name, reasons } = data.units[unit];
      const sample = drawn("svg", { width: 28, height: 10, "aria-hidden": "true" }, drawn("path", { d: "M0 5H28", class: "series", ...styles[k] }));
      const pick = element("button", { type: "button", className: "name", textContent: name, title: reasons.join(" · ") });
      pick.addEventListener("click", () => this.page.pick(unit));
      const value = element("span", { className: "figure", textContent: about(data, unit, this.page.at) });
      const row = element("li", {}, sample, pick, value);
      if (unit === this.page.unit) row.classList.add("picked");
      if (this.kept.includes(name)) {
        const drop = element("button", { type: "button", textContent: "×", ariaLabel: `Let go of ${name}` });
        drop.addEventListener("click", () => this.keep(name));
        row.append(drop);
      }
      return row;
    });
    $("lines-legend").replaceChildren(...rows);
  }

  tell(units, focused) {
    const { data } = this.page;
    const { low, high } = this.axis;
    const field = $("lines-threshold");
    Object.assign(field, { min: low.toFixed(2), max: high.toFixed(2), step: 0.01 });
    if (field !== focused) field.value = (this.part * high).toFixed(2);
    const { count, starts } = units.length ? this.together(units) : { count: 0, starts: [] };
    for (const id of ["lines-previous", "lines-next"]) $(id).disabled = !starts.length;
    const which = units.length === 1 ? `${data.units[units[0]].name} is` : `all ${units.length} are`;
    $("lines-note").textContent = units.length
      ? `${which} on in ${numbered(count, data.noun)} of ${counted(data.length)}, in ${numbered(starts.length, "place")}`
      : "Pick a unit, or add one.";
  }

  inWords(units) {
    const { data, at } = this.page;
    const values = units.map((unit) => `${data.units[unit].name} ${about(data, unit, at)}`);
    return `Values of units near the cursor; there ${values.join(", ") || "none"}`;
  }
}

// The units of an address such as L0.c.0-15, or of a name or the only part of one.
function unitsNamed(data, words) {
  const all = [...data.units.keys()];
  if (/^L[^.]+\.[^.]+\.[^.]+$/.test(words)) return all.filter((u) => isOf(`at ${words}=`, data.units[u].name));
  const part = words.toLowerCase();
  return all.filter((u) => data.units[u].reasons.some((reason) => reason.toLowerCase().includes(part)));
}

// The largest absolute value of a unit in the text.
const reachOf = ({ low, high }) => Math.max(-low, high, 1e-6);
