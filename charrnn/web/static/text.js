// The text: plain lines, colored from outside by the CSS Custom Highlight API, so that it stays text for screen readers
// and search. Only the part on the screen, and a little around it, is colored.

const SEGMENT = 256; // maximum symbols of a text node
const AROUND = 300; // symbols colored beyond the screen

class TextView {
  constructor(box, lines, ring) {
    // isWhole: on paper all of the text is seen; isStale: other levels are to be painted; reveals: the ring is to be seen.
    Object.assign(this, { box, lines, ring, isWhole: false, levels: null, isStale: false, painted: [0, 0], painter: new Painter() });
    Object.assign(this, { ringed: 0, reveals: false });
    for (let level = -STEPS; level <= STEPS; level++) highlightOf(`v${level + STEPS}`);
    this.marks = new Map(["place", "match", "span"].map((name, k) => [name, highlightOf(name, k + 1)]));
    this.marked = {}; // the spans of each
    this.empty();
    this.sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(this.sheet);
    box.addEventListener("scroll", () => this.later(), { passive: true });
    const observer = new ResizeObserver(() => this.later());
    for (const part of [box, lines]) observer.observe(part);
  }

  empty() {
    this.offsets = []; // offset of each symbol in its text node
    this.firsts = []; // the first symbol of each segment
    this.nodes = []; // the text node of each segment
    this.starts = []; // the first symbol of each line
    this.shown = []; // each symbol as it is shown, and whether it ends a line
    this.lines.replaceChildren(this.ring);
  }

  // Show the symbols of a text; `columns` are rows of the table `labels`. Lines that are as before stay.
  set({ labels, columns, endsLine, length }) {
    const shown = Array.from(columns, (column) => labels[column] + (endsLine.has(column) ? "\n" : ""));
    let same = 0;
    while (same < length && shown[same] === this.shown[same]) same++;
    this.levels = null;
    this.length = length;
    if (same === length && same === this.shown.length) return;
    this.cut(same);
    this.shown = shown;
    const fragment = new DocumentFragment();
    let line = null;
    let text = "";
    let first = this.offsets.length;
    const close = (stop) => {
      const span = document.createElement("span");
      const node = document.createTextNode(text);
      span.append(node);
      line.append(span);
      this.firsts.push(first);
      this.nodes.push(node);
      [text, first] = ["", stop];
    };
    for (let t = first; t < length; t++) {
      if (!line) {
        line = document.createElement("p");
        fragment.append(line);
        this.starts.push(t);
      }
      this.offsets.push(text.length);
      text += labels[columns[t]];
      const ends = endsLine.has(columns[t]);
      if (ends || t + 1 - first >= SEGMENT || t + 1 === length) close(t + 1);
      if (ends) line = null;
    }
    this.lines.append(fragment);
  }

  // Only the lines before the one of a symbol stay.
  cut(symbol) {
    const line = Math.max(0, search(this.starts.length, (k) => this.starts[k] > symbol) - 1);
    const start = this.starts[line] ?? 0;
    if (start === 0) return this.empty();
    const segment = search(this.firsts.length, (k) => this.firsts[k] >= start);
    for (const lines of [...this.lines.querySelectorAll("p")].slice(line)) lines.remove();
    this.starts.length = line;
    this.firsts.length = this.nodes.length = segment;
    this.offsets.length = start;
  }

  colors(ramp) {
    const rules = ramp.map(
      (color, k) =>
        `::highlight(v${k}){background-color:rgb(${color});color:${isLight(color) ? "#000" : "#fff"}}`,
    );
    this.sheet.replaceSync(rules.join("\n"));
  }

  // Color by levels (T,) from -STEPS to STEPS.
  paint(levels) {
    this.levels = levels;
    this.isStale = true;
    if (this.isWhole) this.repaint();
    else this.later();
  }

  // What needs the layout of the text is done in the next frame, which needs it anyway.
  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.levels) return;
      this.encircle();
      this.repaint();
    });
  }

  // Paint what is seen and is not painted.
  repaint() {
    const [first, stop] = this.visible();
    if (!this.isStale && first >= this.painted[0] && stop <= this.painted[1]) return;
    this.isStale = false;
    const from = Math.max(0, first - AROUND);
    const to = Math.min(this.length, stop + AROUND);
    this.painted = [from, to];
    this.painter.paint(this.runs(from, to));
  }

  *runs(from, stop) {
    for (let t = from; t < stop; ) {
      const level = this.levels[t];
      const segment = this.segmentOf(t);
      const end = Math.min(stop, this.firsts[segment + 1] ?? this.length);
      let to = t + 1;
      while (to < end && this.levels[to] === level) to++;
      if (level) yield { from: t, to, level, ...this.placeIn(segment, t, to) };
      t = to;
    }
  }

  // Underline spans of symbols, as "span", "match" or "place".
  mark(name, spans) {
    const highlight = this.marks.get(name);
    highlight.clear();
    this.marked[name] = spans;
    for (const span of spans) {
      for (let t = span.start; t < span.stop; ) {
        const segment = this.segmentOf(t);
        const next = Math.min(span.stop, this.firsts[segment + 1] ?? this.length);
        const { node, start, end } = this.placeIn(segment, t, next);
        highlight.add(rangeIn(node, start, end));
        t = next;
      }
    }
  }

  // The symbols on the screen: the first, and the one after the last.
  visible() {
    if (this.isWhole) return [0, this.length];
    const { top, bottom } = this.box.getBoundingClientRect();
    if (top === bottom) return [0, 0]; // nothing of it is seen
    const rect = (k) => this.nodes[k].parentNode.getBoundingClientRect();
    const first = search(this.nodes.length, (k) => rect(k).bottom > top);
    const stop = search(this.nodes.length, (k) => rect(k).top >= bottom);
    return [this.firsts[first] ?? this.length, this.firsts[stop] ?? this.length];
  }

  // The symbols in the rows that are on the screen: the first, and the one after the last.
  onScreen() {
    const [first, stop] = this.visible();
    const { top, bottom } = this.box.getBoundingClientRect();
    const middleOf = (k) => (this.rect(first + k).top + this.rect(first + k).bottom) / 2;
    const before = search(stop - first, (k) => middleOf(k) > top);
    return [first + before, first + search(stop - first, (k) => middleOf(k) >= bottom)];
  }

  segmentOf(t) {
    return search(this.firsts.length, (k) => this.firsts[k] > t) - 1;
  }

  // Symbols of a segment as a place in its text node.
  placeIn(segment, first, stop) {
    const node = this.nodes[segment];
    const last = this.firsts[segment + 1] ?? this.length;
    return { node, start: this.offsets[first], end: stop < last ? this.offsets[stop] : node.length };
  }

  rect(t) {
    const { node, start, end } = this.placeIn(this.segmentOf(t), t, t + 1);
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, end);
    return range.getBoundingClientRect();
  }

  // The symbol that begins at or after a place in the document, as selections give it; null outside the text.
  symbolOf(node, offset) {
    if (!node || !this.lines.contains(node)) return null;
    const segment = this.nodes.indexOf(node);
    if (segment < 0) {
      const place = document.createRange();
      place.setStart(node, offset);
      const after = search(this.nodes.length, (k) => place.comparePoint(this.nodes[k], 0) >= 0);
      return this.firsts[after] ?? this.length;
    }
    const stop = this.firsts[segment + 1] ?? this.length;
    const first = this.firsts[segment];
    return first + search(stop - first, (k) => this.offsets[first + k] >= offset);
  }

  // The symbol under a point of the window.
  symbolAt(x, y) {
    const place = document.caretPositionFromPoint?.(x, y);
    const range = place ? null : document.caretRangeFromPoint?.(x, y);
    const [node, offset] = place
      ? [place.offsetNode, place.offset]
      : [range?.startContainer, range?.startOffset];
    const near = this.symbolOf(node, offset);
    if (near === null) return null;
    return [near, near - 1].find((t) => t >= 0 && t < this.length && isInside(this.rect(t), x, y)) ?? null;
  }

  // The symbol nearest to x that is some rows of text below another one, or above it; in the first or last row if there
  // are fewer.
  below(t, rows, x) {
    const { top, bottom } = this.rect(t);
    const y = (top + bottom) / 2 + rows * this.pitch();
    const reached = search(this.length, (k) => this.rect(k).bottom > y);
    const row = this.rect(Math.min(reached, this.length - 1));
    const first = search(this.length, (k) => this.rect(k).bottom > row.top + 1);
    const stop = search(this.length, (k) => this.rect(k).top > row.bottom - 1);
    const away = (k) => Math.abs(middle(this.rect(k)) - x);
    let nearest = first;
    for (let k = first; k < stop; k++) if (away(k) < away(nearest)) nearest = k;
    return nearest;
  }

  // The distance between rows in pixels.
  pitch() {
    return parseFloat(getComputedStyle(this.lines.querySelector("p")).lineHeight);
  }

  // The rows by which a page key moves: those on the screen, less one.
  perPage() {
    return Math.max(1, Math.floor(this.box.clientHeight / this.pitch()) - 1);
  }

  // The size of the rows of these symbols.
  extent(first, stop) {
    return { width: this.lines.clientWidth, height: this.rect(stop - 1).bottom - this.rect(first).top + 4 };
  }

  // Draw the rows of these symbols into a context, from its origin on.
  draw(context, first, stop, colors) {
    const [{ left }, { top }] = [this.lines.getBoundingClientRect(), this.rect(first)];
    const { width, height } = this.extent(first, stop);
    const { fontSize, fontFamily, color } = getComputedStyle(this.lines.querySelector("p"));
    Object.assign(context, { font: `${fontSize} ${fontFamily}`, textAlign: "start", textRendering: "optimizeSpeed" }); // without ligatures
    const baseline = context.measureText("x").fontBoundingBoxAscent;
    context.fillStyle = `rgb(${colors[STEPS]})`;
    context.fillRect(0, 0, width, height);
    for (const run of this.stretches(first, stop)) {
      const [x, y] = [run.left - left, run.top - top + 2];
      const shade = colors[run.level + STEPS];
      context.fillStyle = `rgb(${shade})`;
      if (run.level) context.fillRect(x, y, run.right - run.left, run.bottom - run.top);
      context.fillStyle = run.level ? (isLight(shade) ? "#000" : "#fff") : color;
      context.fillText(run.text, x, y + baseline);
      context.fillStyle = cssColor("--mark");
      if (run.line) context.fillRect(x, y + run.bottom - run.top - run.line, run.right - run.left, run.line);
    }
  }

  // Neighbors in a row with one color and the same underline, as one text.
  *stretches(first, stop) {
    let run = null;
    for (let t = first; t < stop; t++) {
      const { left, right, top, bottom } = this.rect(t);
      const [level, line] = [this.levels[t], this.underlineOf(t)];
      const { node, start, end } = this.placeIn(this.segmentOf(t), t, t + 1);
      const text = node.data.slice(start, end);
      if (run && run.level === level && run.line === line && Math.abs(run.top - top) < 1 && Math.abs(run.right - left) < 0.5) {
        run.text += text;
        run.right = right;
        continue;
      }
      if (run) yield run;
      run = { text, level, line, left, right, top, bottom };
    }
    if (run) yield run;
  }

  // The thickness of the line below a symbol: in the span, at another place like it, or none.
  underlineOf(t) {
    const isIn = (name) => this.marked[name]?.some(({ start, stop }) => start <= t && t < stop);
    return isIn("span") ? 4 : isIn("place") ? 2 : 0;
  }

  // Put the ring around a symbol; `reveal` scrolls to it.
  point(t, reveal = false) {
    this.ringed = t;
    this.reveals ||= reveal;
    this.later();
  }

  encircle() {
    const { box, ring, reveals } = this;
    const origin = this.lines.getBoundingClientRect();
    const { left, top, width, height } = this.rect(Math.min(this.ringed, this.length - 1));
    const [{ scrollTop, clientHeight }, from, margin] = [box, top - origin.top, 2 * height];
    this.reveals = false;
    Object.assign(ring.style, { width: `${width}px`, height: `${height}px`, translate: `${left - origin.left}px ${from}px` });
    if (reveals && (from < scrollTop + margin || from + height > scrollTop + clientHeight - margin))
      box.scrollTop = from - clientHeight / 2;
  }
}

// The first k below `count` for which `holds(k)`, or `count`; `holds` must be true from some k on.
function search(count, holds) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const middle = ({ left, right }) => (left + right) / 2;
const isInside = ({ left, right, top, bottom }, x, y) => x >= left && x < right && y >= top && y < bottom;

// Whether black is easier to read on a color "r g b" than white (relative luminance, WCAG 2).
function isLight(color) {
  const [red, green, blue] = color.split(" ").map((part) => {
    const c = part / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
}
