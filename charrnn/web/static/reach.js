// How much context the model uses: what a character costs given only the last k characters, as a curve. A page has one if
// it was written so; where a model is there, it is measured when it is asked for. See charrnn/interpret/context.py.

const CURVE = { left: 62, right: 20, top: 22, height: 190, bottom: 48, most: 760 };
const TOO_SHORT = "Type some more: there is nothing to predict yet.";

class ContextPlot {
  constructor(section, box, page) {
    Object.assign(this, { section, box, page, ask: null, curve: null }); // ask: a function that a page with a model sets
    $("reach-ask").addEventListener("click", () => this.demand());
    new ResizeObserver(() => this.draw()).observe(box);
  }

  set(data) {
    this.curve = data.context ?? null;
    this.draw();
  }

  // Measure it for the text that is shown; an answer for an earlier text is not shown.
  async demand() {
    const { data } = this.page;
    if (data.length < 2) return ($("reach-note").textContent = TOO_SHORT);
    $("reach-note").textContent = "Measuring …";
    $("reach-ask").disabled = true;
    try {
      let curve = null;
      while (!curve && data === this.page.data) curve = await this.ask();
      if (data === this.page.data) this.curve = data.context = curve;
      this.draw();
    } catch ({ message }) {
      $("reach-note").textContent = message;
    }
    $("reach-ask").disabled = false;
  }

  draw() {
    const { curve, box, page } = this;
    this.section.hidden = !curve && !this.ask;
    $("reach-ask").hidden = Boolean(curve) || !this.ask;
    this.section.querySelector(".save").hidden = !curve;
    if (!curve) return box.replaceChildren(), ($("reach-note").textContent = "");
    box.replaceChildren(this.picture());
    $("reach-note").textContent = `${this.inWords()} Each point is the mean of ${numbered(curve.windows, "prediction")}, the same for all${this.hasBars ? "; the bars are one standard error of the difference from the last point" : ""}.`;
  }

  get hasBars() {
    return this.curve.error.some((one) => one);
  }

  // From which length on more context makes little difference.
  inWords() {
    const { lengths, effective } = this.curve;
    const { noun } = this.page.data;
    const last = lengths.at(-1);
    if (!last) return "The text is too short for any context.";
    if (effective === last) return `The network still predicts better with more than ${numbered(lengths.at(-2), noun)}.`;
    return `With ${numbered(effective, noun)} the network predicts as well (within 1 %) as with ${counted(last)}.`;
  }

  picture() {
    const { lengths, mean, excess, error, effective } = this.curve;
    const { noun } = this.page.data;
    const width = Math.min(CURVE.most, this.box.clientWidth || CURVE.most);
    const height = CURVE.top + CURVE.height + CURVE.bottom;
    const spread = mean.map((one, k) => [one - (error[k] ?? 0), one + (error[k] ?? 0)]);
    const [low, high] = [Math.min(...spread.map(([down]) => down)), Math.max(...spread.map(([, up]) => up))];
    const room = 0.06 * (high - low || 1);
    const [bottom, top] = [Math.max(0, low - room), high + room];
    const x = (k) => CURVE.left + (k / Math.max(1, lengths.length - 1)) * (width - CURVE.left - CURVE.right);
    const y = (bits) => CURVE.top + ((top - bits) / (top - bottom)) * CURVE.height;
    const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
    picture.ariaLabel = `Bits per ${noun} by context: ${lengths.map((length, k) => `${length}: ${mean[k].toFixed(2)}`).join(", ")}`;
    for (const { value, label } of ticksOf(bottom, top)) {
      picture.append(drawn("line", { x1: CURVE.left, x2: width - CURVE.right, y1: y(value), y2: y(value), class: "grid" }));
      picture.append(drawn("text", { x: CURVE.left - 6, y: y(value) + 4, class: "tick end" }, label));
    }
    const reached = lengths.indexOf(effective);
    picture.append(drawn("line", { x1: x(reached), x2: x(reached), y1: CURVE.top, y2: CURVE.top + CURVE.height, class: "effective" }));
    picture.append(drawn("text", { x: 12, y: CURVE.top + CURVE.height / 2, class: "tick middle", transform: `rotate(-90 12 ${CURVE.top + CURVE.height / 2})` }, `bits per ${noun}`));
    const isTight = width / lengths.length < 44;
    lengths.forEach((length, k) => {
      if (!isTight || k % 2 === (lengths.length - 1) % 2) picture.append(drawn("text", { x: x(k), y: height - 30, class: "tick middle" }, counted(length)));
    });
    picture.append(drawn("text", { x: (CURVE.left + width - CURVE.right) / 2, y: height - 12, class: "tick middle" }, `${noun}s of context`));
    picture.append(drawn("path", { d: pathOf(mean.map((bits, k) => [x(k), y(bits)])), class: "series picked", stroke: "var(--series-0)" }));
    mean.forEach((bits, k) => {
      const about = `${counted(lengths[k])}: ${bits.toFixed(3)} bits per ${noun}, ${signed(excess[k], 3)} ± ${(error[k] ?? 0).toFixed(3)} over the last`;
      if (error[k]) picture.append(drawn("path", { d: `M${rounder(x(k))} ${rounder(y(spread[k][0]))}V${rounder(y(spread[k][1]))}`, class: "error" }));
      picture.append(drawn("circle", { cx: x(k), cy: y(bits), r: 3.5, class: "point" }, drawn("title", {}, about)));
    });
    return picture;
  }
}
