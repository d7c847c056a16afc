// The heat map of all units, and the scatter of their gates: canvases. What they show is said in words beside them.

const ZOOMS = [100, 300, 1000, 3000];

// A canvas of a size in CSS pixels, sharp on every screen; its context counts in CSS pixels.
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
    Object.assign(this, { box, canvas, note, zoom, page, from: 0 });
    box.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(box);
    zoom.addEventListener("change", () => this.draw());
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
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  // The symbols shown: a window that moves only when the cursor leaves it.
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
    if (!data) return;
    const size = this.window();
    const units = page.list.shown.filter((unit) => unit >= 0);
    const [width, height] = [box.clientWidth, box.clientHeight];
    const row = (this.row = document.documentElement.dataset.type === "large" ? 12 : 7);
    this.canvas.parentNode.style.setProperty("--rows", `${units.length * row}px`);
    const context = prepare(this.canvas, width, height);
    const first = Math.floor(box.scrollTop / row);
    const shown = units.slice(first, first + Math.ceil(height / row) + 1);
    this.units = units;
    if (!shown.length) return;
    context.imageSmoothingEnabled = false;
    const columns = Math.min(size, Math.floor(width));
    const shift = box.scrollTop - first * row;
    context.drawImage(this.image(shown, size, columns), 0, -shift, width, shown.length * row);
    context.strokeStyle = context.fillStyle = cssColor("--ring");
    context.lineWidth = 1.5;
    const x = ((page.at - this.from) / size) * width;
    context.strokeRect(x, -2, Math.max(2, width / size), height + 4);
    const own = units.indexOf(page.unit);
    if (own >= 0) context.strokeRect(-2, own * row - box.scrollTop - 0.5, width + 4, row + 1);
    this.size = size;
    this.tell(null);
  }

  // A picture with a pixel for each unit and column; a column of several symbols has their mean.
  image(units, size, columns) {
    const { data, ramps } = this.page;
    const picture = new ImageData(columns, units.length);
    const pixels = new Uint32Array(picture.data.buffer);
    const colors = ramps.value.map((color) => {
      const [red, green, blue] = color.split(" ").map(Number);
      return (255 << 24) | (blue << 16) | (green << 8) | red;
    });
    for (const [y, unit] of units.entries()) {
      const from = unit * data.length + this.from;
      for (let x = 0; x < columns; x++) {
        const start = Math.floor((x * size) / columns);
        const stop = Math.max(start + 1, Math.floor(((x + 1) * size) / columns));
        let sum = 0;
        for (let t = start; t < stop; t++) sum += data.values[from + t];
        pixels[y * columns + x] = colors[Math.round((sum / (stop - start) / data.levels) * STEPS) + STEPS];
      }
    }
    const canvas = new OffscreenCanvas(columns, units.length);
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  }

  at(event) {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    const unit = this.units[Math.floor((event.clientY - top + this.box.scrollTop) / this.row)];
    const t = this.from + Math.floor(((event.clientX - left) / width) * this.size);
    return unit === undefined || t < 0 || t >= this.page.data.length ? null : { unit, t };
  }

  tell(place) {
    const { data } = this.page;
    const [from, to] = [counted(this.from + 1), counted(this.from + this.size)];
    this.note.textContent = place
      ? `${data.units[place.unit].name} ${signed(valueAt(data, place.unit, place.t))} at ${counted(place.t + 1)}, ` +
        `after “${textOf(data, place.t - 15, place.t + 1)}”`
      : `${counted(this.units.length)} units by interest, ${data.noun}s ${from} to ${to}`;
  }
}
