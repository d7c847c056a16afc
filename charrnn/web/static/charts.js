// The heat map of all units and the scatter plots of their gates, drawn on canvases; the notes say the same in words.

const ZOOMS = [100, 300, 1000, 3000];
const PRINTED = { width: 720, rows: 50 }; // the heat map on paper
const NAMED = { row: 14, font: 11, most: 0.3 }; // pixels of a row with a name and its type, the part of the width for names

// Set the size of a canvas in CSS pixels, sharp on every screen; the context returned counts in CSS pixels.
function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class HeatMap {
  constructor(box, canvas, note, zoom, page) {
    Object.assign(this, { box, canvas, note, zoom, page, from: 0, isPrinted: false, similar: null });
    box.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(box);
    for (const control of [zoom, $("map-own"), $("map-names")]) control.addEventListener("change", () => this.draw());
    $("map-order").addEventListener("change", () => this.sort());
    canvas.addEventListener("pointermove", (event) => this.tell(this.at(event)));
    canvas.addEventListener("pointerleave", () => this.tell(null));
    canvas.addEventListener("click", (event) => {
      const place = this.at(event);
      if (!place) return;
      page.pick(place.unit);
      page.go(place.t, true);
    });
  }

  set(data) {
    const sizes = [...ZOOMS.filter((size) => size < data.length), data.length];
    const name = (size) => (size === data.length ? `all ${counted(size)}` : counted(size)) + ` ${data.noun}s`;
    this.zoom.replaceChildren(...sizes.map((size) => new Option(name(size), size)));
    this.zoom.value = sizes[Math.min(1, sizes.length - 1)];
    this.from = 0;
  }

  later() {
    if (this.page.isUnsettled) return; // it is drawn when the text stays for a moment
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  // Order the rows as is wanted now; those that are similar in this text stay neighbors in the next one.
  async sort() {
    const { data } = this.page;
    this.similar = null;
    if ($("map-order").value === "similar") {
      this.note.textContent = "Comparing the units …";
      const { order, count } = await similarityOrder(data, [...data.units.keys()]);
      this.similar = { places: new Map(order.map((unit, place) => [data.units[unit].name, place])), count };
    }
    this.box.scrollTop = 0;
    this.draw();
  }

  // The units of the list in the order of the rows.
  inOrder(units) {
    const all = this.page.data.units;
    const addresses = new Intl.Collator("en", { numeric: true });
    const order = $("map-order").value;
    if (order === "address") return units.toSorted((a, b) => addresses.compare(all[a].name, all[b].name));
    const place = (unit) => this.similar?.places.get(all[unit].name) ?? Infinity;
    return order === "similar" && this.similar ? units.toSorted((a, b) => place(a) - place(b)) : units;
  }

  // How strong the color of a unit is at a place: in the part of its color scale, or of its own largest value in the text.
  part(unit, t) {
    if (!this.isOwn) return brightnessAt(this.page.data, unit, t);
    const own = this.page.data.units[unit];
    return (partAt(this.page.data, unit, t) * own.scale) / reachOf(own);
  }

  // The number of symbols shown, from `from` on: a window that moves only when the cursor leaves it.
  window() {
    const { at, data } = this.page;
    const size = Math.min(data.length, Number(this.zoom.value));
    if (at < this.from || at >= this.from + size) this.from = at - (size >> 1);
    this.from = Math.max(0, Math.min(this.from, data.length - size));
    return size;
  }

  draw() {
    const { page, box } = this;
    const { data } = page;
    if (!data || !(box.clientWidth || this.isPrinted)) return; // or nothing of it is seen
    const size = this.window();
    const all = this.inOrder(page.list.shown.filter((unit) => unit >= 0));
    const units = this.isPrinted ? all.slice(0, PRINTED.rows) : all;
    const hasNames = this.isPrinted || $("map-names").checked;
    const large = document.documentElement.dataset.type === "large" && !this.isPrinted ? 12 / 7 : 1;
    const row = (this.row = Math.round((hasNames ? NAMED.row : 7) * large));
    this.isOwn = $("map-own").checked;
    const [width, height] = this.isPrinted ? [PRINTED.width, units.length * row] : [box.clientWidth, box.clientHeight];
    const scrolled = this.isPrinted ? 0 : box.scrollTop;
    this.canvas.parentNode.style.setProperty("--rows", `${units.length * row}px`);
    const context = prepare(this.canvas, width, height);
    Object.assign(this, { units, size, total: all.length, font: `${NAMED.font * large}px ${cssColor("--mono")}` });
    this.edge = hasNames ? this.margin(context, width) : 0;
    this.width = width;
    this.paint(context, width, height, scrolled);
    if (units.length) this.tell(null);
  }

  // Draw what is in the window into a context, which counts in CSS pixels.
  paint(context, width, height, scrolled) {
    const { page, units, size, row, edge } = this;
    const inner = width - edge;
    const first = Math.floor(scrolled / row);
    const shown = units.slice(first, first + Math.ceil(height / row) + 1);
    if (!shown.length) return;
    context.imageSmoothingEnabled = false;
    const columns = Math.min(size, Math.floor(inner));
    const shift = scrolled - first * row;
    context.drawImage(this.image(shown, size, columns), edge, -shift, inner, shown.length * row);
    if (edge) this.names(context, shown, -shift);
    context.strokeStyle = context.fillStyle = cssColor("--ring");
    context.lineWidth = 1.5;
    const x = edge + ((page.at - this.from) / size) * inner;
    context.strokeRect(x, -2, Math.max(2, inner / size), height + 4);
    const own = units.indexOf(page.unit);
    if (own >= 0) context.strokeRect(-2, own * row - scrolled - 0.5, width + 4, row + 1);
  }

  // The pixels for the names of the rows.
  margin(context, width) {
    context.font = this.font;
    const widths = this.units.map((unit) => context.measureText(this.label(unit)).width);
    return Math.ceil(Math.min(Math.max(0, ...widths), NAMED.most * width)) + 12;
  }

  label(unit) {
    const { name, reasons } = this.page.data.units[unit];
    return [name, ...reasons.slice(0, 1).map((reason) => reason.replace(/, \S+ [\d.]+$/, ""))].join(" "); // without its score
  }

  names(context, units, top) {
    const { row, edge } = this;
    context.fillStyle = cssColor("--surface");
    context.fillRect(0, 0, edge, units.length * row);
    context.fillStyle = cssColor("--ink");
    context.font = this.font;
    context.save();
    context.beginPath();
    context.rect(0, 0, edge - 6, units.length * row);
    context.clip();
    units.forEach((unit, y) => context.fillText(this.label(unit), 6, top + (y + 0.5) * row + 4));
    context.restore();
  }

  // An image with a pixel for each unit and column; a column of several symbols has their mean.
  image(units, size, columns) {
    const { ramps } = this.page;
    const picture = new ImageData(columns, units.length);
    const pixels = new Uint32Array(picture.data.buffer);
    const colors = ramps.value.map((color) => {
      const [red, green, blue] = color.split(" ").map(Number);
      return (255 << 24) | (blue << 16) | (green << 8) | red;
    });
    for (const [y, unit] of units.entries()) {
      for (let x = 0; x < columns; x++) {
        const start = Math.floor((x * size) / columns);
        const stop = Math.max(start + 1, Math.floor(((x + 1) * size) / columns));
        let sum = 0;
        for (let t = start; t < stop; t++) sum += this.part(unit, this.from + t);
        pixels[y * columns + x] = colors[stepOf(sum / (stop - start)) + STEPS];
      }
    }
    const canvas = new OffscreenCanvas(columns, units.length);
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  }

  at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const unit = this.units[Math.floor((event.clientY - top + this.box.scrollTop) / this.row)];
    const x = event.clientX - left - this.edge;
    const t = x < 0 ? this.page.at : this.from + Math.floor((x / (this.width - this.edge)) * this.size); // at a name: where the cursor is
    return unit === undefined || t < 0 || t >= this.page.data.length ? null : { unit, t };
  }

  tell(place) {
    const { data } = this.page;
    const [from, to] = [counted(this.from + 1), counted(this.from + this.size)];
    this.note.textContent = place
      ? [
          `${data.units[place.unit].name} ${about(data, place.unit, place.t)} at ${counted(place.t + 1)}, ` +
            `after “${textOf(data, place.t - 15, place.t + 1)}”`,
          ...data.units[place.unit].reasons,
        ].join(" · ")
      : `${this.units.length < this.total ? `${counted(this.units.length)} of ` : ""}${counted(this.total)} units ${this.inWords()}, ${data.noun}s ${from} to ${to}`;
  }

  // The order of the rows, and the meaning of the colors.
  inWords() {
    const { noun } = this.page.data;
    const compared = this.similar && numbered(this.similar.count, noun);
    const orders = { list: "in the order of the list", similar: `by the correlation of their values at ${compared}`, address: "by address" };
    const scale = this.isOwn ? ", each with its full color at its own largest value" : "";
    return orders[this.similar || $("map-order").value !== "similar" ? $("map-order").value : "list"] + scale;
  }
}

// --- gates --------------------------------------------------------------------------------------------------------------

const markOf = (what) => what.replace(/[^<>]/g, ""); // the direction of an encoder's array: see charrnn/interpret/units.py
const LAYERS = ["--layer-0", "--layer-1", "--layer-2", "--layer-3"]; // the colors of the layers, repeated after the last

class GatePlots {
  constructor(section, box, note, page) {
    Object.assign(this, { section, box, note, page, plots: [] });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  set(data) {
    this.section.hidden = !data.gates.length;
    this.plots = data.gates.map((gate) => {
      const canvas = element("canvas", { ariaHidden: "true" });
      const caption = element("figcaption");
      canvas.addEventListener("pointermove", (event) => this.tell(gate, this.near(gate, canvas, event)));
      canvas.addEventListener("pointerleave", () => this.tell());
      canvas.addEventListener("click", (event) => {
        const point = this.near(gate, canvas, event);
        if (point?.unit >= 0) this.page.pick(point.unit);
      });
      return { gate, canvas, caption, figure: element("figure", {}, canvas, caption) };
    });
    this.box.replaceChildren(...this.plots.map(({ figure }) => figure));
    const layers = data.gates[0]?.left.map((_, layer) => {
      const key = element("i");
      key.style.background = `var(${LAYERS[layer % LAYERS.length]})`;
      return element("span", { className: "key" }, key, `layer ${layer}`);
    });
    $("layers").replaceChildren(...(layers ?? []));
  }

  // The points of a gate: where they are, which unit they select (-1 if its values are not in the page), and its names.
  points(gate) {
    const { units } = this.page.data;
    const mark = markOf(gate.name);
    const own = Map.groupBy(units.keys(), (u) => `${units[u].layer}.${units[u].index}${markOf(units[u].what)}`);
    return gate.left.flatMap((row, layer) =>
      row.map((left, index) => {
        const same = own.get(`${layer}.${index}${mark}`) ?? [];
        const reasons = same.flatMap((u) => units[u].reasons);
        return { layer, index, left, right: gate.right[layer][index], unit: same[0] ?? -1, reasons };
      }),
    );
  }

  draw() {
    if (this.section.hidden || !this.page.data) return;
    const { data, unit } = this.page;
    const own = data.units[unit];
    for (const plot of this.plots) {
      const size = Math.max(120, Math.min(plot.figure.clientWidth || 260, 480));
      const isOwn = ({ layer, index }) => layer === own?.layer && index === own.index && markOf(plot.gate.name) === markOf(own.what);
      plot.points ??= this.points(plot.gate);
      plot.picked = plot.points.find(isOwn);
      this.paint(prepare(plot.canvas, size, size), size, plot);
      const title = titleOfGate(data, plot.gate);
      plot.caption.textContent = plot.picked ? `${title} · ${describeGate(data.noun, plot.gate, plot.picked)}` : title;
    }
    this.tell();
  }

  // Draw a plot into a context, which counts in CSS pixels.
  paint(context, size, plot) {
    const [ink, soft, line, mark] = ["--ring", "--soft", "--line", "--mark"].map(cssColor);
    const [edge, full] = [34, size - 48];
    plot.x = (part) => edge + part * full;
    plot.y = (part) => size - edge - part * full;
    context.lineWidth = 1;
    context.strokeStyle = line;
    context.strokeRect(plot.x(0), plot.y(1), full, full);
    context.beginPath();
    context.moveTo(plot.x(1), plot.y(0));
    context.lineTo(plot.x(0), plot.y(1));
    context.stroke();
    context.fillStyle = soft;
    context.font = getComputedStyle(document.body).font.replace(/^[\d.]+px/, "12px");
    context.textAlign = "center";
    context.fillText("open →", plot.x(0.5), size - 10);
    for (const part of [0, 1]) context.fillText(String(part), plot.x(part), size - 12);
    context.save();
    context.translate(14, plot.y(0.5));
    context.rotate(-Math.PI / 2);
    context.fillText("shut →", 0, 4);
    context.restore();
    context.globalAlpha = 0.65;
    const colors = LAYERS.map(cssColor);
    for (const { layer, left, right } of plot.points)
      dot(context, plot.x(right), plot.y(left), 2.5, colors[layer % colors.length]);
    context.globalAlpha = 1;
    context.strokeStyle = mark;
    context.lineWidth = 1.5;
    for (const { left, right, reasons } of plot.points) if (reasons.length) circle(context, plot.x(right), plot.y(left), 4);
    if (!plot.picked) return;
    context.strokeStyle = ink;
    context.lineWidth = 2;
    circle(context, plot.x(plot.picked.right), plot.y(plot.picked.left), 6);
  }

  near(gate, canvas, event) {
    const { left, top } = canvas.getBoundingClientRect();
    const { points, x, y } = this.plots.find((plot) => plot.gate === gate);
    const distance = (point) => Math.hypot(x(point.right) - event.clientX + left, y(point.left) - event.clientY + top);
    const nearest = points.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    return distance(nearest) < 14 ? nearest : null;
  }

  tell(gate, point) {
    this.note.textContent = point ? `${titleOfGate(this.page.data, gate)} · ${describeGate(this.page.data.noun, gate, point)}` : "";
  }
}

function dot(context, x, y, radius, color) {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function circle(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

// The name of a gate, and the first words of what it is, if they are known: "gate i, input gate".
function titleOfGate({ source }, { name }) {
  const meaning = source.meanings[letterOf(name)]?.split(/[:;,]/)[0];
  return meaning ? `gate ${name}, ${meaning}` : `gate ${name}`;
}

function describeGate(noun, gate, { layer, index, left, right, reasons }) {
  const scale = gate.scale?.[layer][index];
  const lasts = scale === undefined ? "" : `, memory lasts ${scale < 1e6 ? scale.toFixed(1) : "∞"} ${noun}s`;
  const uses = `L${layer}${markOf(gate.name)}, unit ${index}: open ${percent(right)}, shut ${percent(left)}${lasts}`;
  return [uses, ...reasons].join(" · ");
}
