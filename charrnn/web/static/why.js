// Which earlier characters mattered for the prediction of one: a coloring of the text before the character that is picked,
// where a model is there to be asked, or it was recorded. A server answers with the gradient of `charrnn saliency`; a model in
// the page (occlusion.js), a server if units are edited, and a record say what the prediction costs if one of the characters
// is left out.

const MATTERED = 8; // characters that are listed, if they matter at least this part of what the first does
const LEAST_PART = 0.01;
const PER_BIT = 100; // steps of a bit in a record, and what stands there for no character: see charrnn/web/asked.py
const NO_CHARACTER = -(2 ** 15);

const METHODS = {
  gradient: {
    about: (noun) => `how strongly the prediction responds to a small change of each ${noun} (norm of the gradient of its log-probability)`,
    figure: (value) => value.toPrecision(3),
    isSigned: false,
  },
  occlusion: {
    about: (noun) => `how many more bits the prediction costs if this one ${noun} is left out`,
    figure: (value) => signed(value),
    isSigned: true,
  },
};

// Why nothing mattered for the first symbol of a line, record or document.
function nothingBefore({ pieces, columns }, place) {
  const last = pieces[columns[place - 1]];
  return `${last === undefined ? "" : `Each ${last === "\n" ? "line" : "text"} is read by itself; `}nothing stands before it.`.replace(/^n/, "N");
}

// What was recorded of a prediction, the symbols in the order of the text.
function recorded({ occlusion, alone, length }, place) {
  const reach = occlusion.length / length;
  const steps = occlusion.slice(place * reach, (place + 1) * reach).filter((one) => one !== NO_CHARACTER);
  const values = Array.from(steps.reverse(), (one) => one / PER_BIT);
  return { method: "occlusion", place, start: place - values.length, values, probability: 2 ** (-alone[place] / 1000) };
}

class Why {
  constructor(page) {
    // model: a function from a place to what is known of it, that a page with a model sets; found: the last answer
    Object.assign(this, { page, model: null, method: "occlusion", found: null, asking: null });
    $("why-ask").addEventListener("click", () => toggle(SALIENCY));
  }

  set() {
    this.found = null;
    this.asking?.abort();
  }

  get isOn() {
    return this.page.unit === SALIENCY;
  }

  // The model, or the record of the text that is shown; null if there is neither.
  get ask() {
    const { data } = this.page;
    return this.model ?? (data?.occlusion ? (place) => recorded(data, place) : null);
  }

  // Ask for the character at the cursor, unless it is explained already; an answer for an earlier place is not shown.
  async look() {
    const { page } = this;
    $("why-ask").hidden = !this.ask;
    $("why-ask").textContent = this.isOn ? "Color by the unit again" : "What mattered for it?";
    $("why").hidden = !this.isOn;
    this.asking?.abort();
    if (!this.isOn || page.isUnsettled) return;
    const { data, at } = page;
    if (this.found?.data === data && this.found.place === at) return this.draw();
    if (!(at + data.start)) return this.fail(`The first ${data.noun} is not predicted.`);
    const { signal } = (this.asking = new AbortController());
    $("why-note").textContent = "Measuring …";
    $("why-list").replaceChildren();
    try {
      let found = null;
      while (!found && !signal.aborted) found = await this.ask(at, signal);
      if (signal.aborted) return;
      this.found = { data, ...found };
      this.method = found.method ?? this.method;
      this.draw();
    } catch ({ message }) {
      if (!signal.aborted) this.fail(message);
    }
  }

  fail(message) {
    this.found = { data: this.page.data, place: this.page.at, start: 0, values: [], problem: message };
    this.draw();
  }

  draw() {
    const { page, found } = this;
    const { data } = page;
    const { problem, values, start, place, probability } = found;
    const { about, figure, isSigned } = METHODS[this.method];
    const before = values.length ? `Colored: ${about(data.noun)}.` : nothingBefore(data, place);
    $("why-note").textContent = problem ?? `${before} The network gave “${visible(data.labels[data.columns[place]])}” here a probability of ${percent(probability)}.`;
    const full = this.full;
    const weights = Array.from(values, Math.abs);
    const order = [...values.keys()].filter((k) => weights[k] >= LEAST_PART * full).sort((a, b) => weights[b] - weights[a] || a - b);
    const bars = order.slice(0, MATTERED).map((k) =>
      bar({
        label: `${visible(data.labels[data.columns[start + k]])}  ${counted(place - start - k)} back`,
        title: textOf(data, start + k - 12, start + k + 1),
        part: values[k] / full,
        figure: figure(values[k]),
        colors: page.ramps.value[values[k] < 0 ? 4 : 2 * STEPS - 4],
        twoSided: isSigned,
        onClick: () => page.go(start + k, true),
      }),
    );
    $("why-list").replaceChildren(...bars);
    recolor();
    page.legend.point(page.at);
  }

  // The number with the full color.
  get full() {
    return Math.max(1e-12, ...Array.from(this.found?.values ?? [], Math.abs));
  }

  levels(data) {
    const levels = new Int8Array(data.length);
    if (this.found?.data !== data) return levels;
    const { start, values } = this.found;
    const { full } = this;
    values.forEach((value, k) => (levels[start + k] = stepOf(value / full)));
    return levels;
  }

  // See legend.js.
  legend(below, above) {
    const { isSigned, figure } = METHODS[this.method];
    const { found, full } = this;
    const has = found?.values.length;
    const words = isSigned ? `${above}: without it the prediction costs more; ${below}: it costs less` : `${above} where it mattered`;
    const part = (t) => (has && t >= found.start && t < found.place ? found.values[t - found.start] / full : 0);
    if (!isSigned) return { low: ["nothing", "0"], high: ["most", has ? figure(full) : ""], words, part };
    const most = has ? full.toFixed(2) : "";
    return { low: ["misled", most && `−${most}`], middle: ["nothing"], high: ["helped", most && `+${most} bits`], words, part: (t) => (1 + part(t)) / 2 };
  }

  // Two sentences on what the colors are.
  introduction({ noun }, below, above) {
    const what = `Each ${noun} before the one at the cursor is colored by what it did for the prediction of that one. `;
    return METHODS[this.method].isSigned
      ? `${what}${capital(above)}: without it the prediction would cost more bits, it helped; ${below}: it would cost fewer; no color: nothing changes.`
      : `${what}The more ${above}, the more the prediction would change if that ${noun} were changed a little (the gradient).`;
  }
}
