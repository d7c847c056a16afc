// The live part: typed text is read, the model continues it, units are edited. The requests: see charrnn/web/live.py.

const SPEEDS = [5, 12, 30, 80, 200, null]; // characters per second; null is as fast as possible
const USUAL_SPEED = 2; // its place there
const PAUSE = 100; // milliseconds for which key presses and slider moves are gathered into one request
const STEP = 0.05; // step of the slider of an edited unit
const REST = 200; // milliseconds without another text after which the list and the charts follow
const LATEST = 1000; // milliseconds after which they follow in any case

const UPDATING = "Updating …";
const LIVE_KEYS = [
  [["Ctrl", "Enter"], "continue the text"],
  [["Esc"], "stop generating"],
];

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const count = (text) => [...text].length; // as Python counts characters
const last = (text, most) => (text.length > most ? [...text].slice(-most).join("") : text);

// Work that is repeated but never runs twice at once: requests that arrive meanwhile are served by one more run.
class Repeated {
  constructor(work, failed, pause = PAUSE) {
    Object.assign(this, { work, failed, pause, isWanted: false, running: null });
  }

  // Resolved when there is no more work.
  ask() {
    this.isWanted = true;
    return (this.running ??= this.run());
  }

  get isRunning() {
    return this.running !== null;
  }

  async run() {
    while (this.isWanted) {
      await (this.pause ? wait(this.pause) : null);
      this.isWanted = false;
      await this.work().catch((error) => this.failed(error));
    }
    this.running = null;
  }
}

// Work that waits for a moment of rest, but not forever.
class Settling {
  constructor(work) {
    Object.assign(this, { work, since: null, timer: null });
  }

  later() {
    const now = performance.now();
    this.since ??= now;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), Math.max(0, Math.min(REST, this.since + LATEST - now)));
  }

  now() {
    clearTimeout(this.timer);
    this.since = null;
    return this.work();
  }
}

class Live {
  constructor(settings) {
    Object.assign(this, { start: settings, prompt: "", written: "", index: 0, writing: null });
    this.lastTyped = "";
    this.learned = []; // the texts that were learned from and cleared
    this.skipped = 0; // the part of a long text that is not read
    this.unknown = new Set(); // the characters of the text that the model does not know
    this.box = $("live-text");
    this.colors = new TypingBox(this.box, $("live-colors"));
    page.recolored = () => this.recolor();
    this.reading = new Repeated(() => this.read(), this.fail, 0);
    this.comparing = new Repeated(
      () => this.compare(),
      (error) => this.failToCompare(error),
    );
    this.coloring = new Repeated(() => this.colorCompared(), this.fail);
    this.pairs = [
      new Pair($("live-first"), $("live-plain"), $("live-held"), $("live-differ")),
      new Pair($("live-second"), $("live-plain-next"), $("live-held-next"), $("live-differ-next")),
    ];
    this.turning = new Repeated(async () => this.turn(), this.fail);
    this.settling = new Settling(() => this.settle().catch((error) => this.fail(error)));
    this.edits = new Edits(page.model.about, () => this.edit());
    $("sort").hidden = false;
    const scales = page.data.units.map(({ name, scale }) => [name, scale]);
    page.scales = new Map([...scales, ...(page.scales ?? [])]); // colors keep their meaning
    page.card.ask = (unit) => this.card(unit);
    page.why.method = page.model.isServed ? "gradient" : "occlusion";
    this.explain(true);
    page.reach.draw();
    page.list.set(page.data); // with a row for saliency
    page.why.look();
    page.card.draw();
    this.fill();
    this.listen();
    this.buttons();
    describe(page.data);
    this.recolor();
  }

  fill() {
    const { text, settings, mostChars, counts } = this.start;
    this.box.value = this.shown = text;
    for (const [name, value] of Object.entries({ ...settings, speed: USUAL_SPEED })) $(`live-${name}`).value = value ?? 1; // top_p
    $("live-length").max = mostChars;
    $("live-counts").checked = Boolean(counts);
    $("live-predictions").hidden = counts === null; // the model has none
    $("live-learning").hidden = !(page.model.isServed && this.start.learns);
    this.sayValues();
    showAbove("live", true);
    for (const [keys, what] of LIVE_KEYS) {
      const key = element("dt", {}, ...keys.flatMap((key) => [element("kbd", { textContent: key }), " "]));
      $("keys").append(key, element("dd", { textContent: what }));
    }
  }

  listen() {
    this.box.addEventListener("input", () => this.type());
    document.addEventListener("selectionchange", () => document.activeElement === this.box && this.follow());
    $("live-write").addEventListener("click", () => this.write());
    $("live-stop").addEventListener("click", () => this.stop());
    $("live-again").addEventListener("click", () => this.writeAgain());
    $("live-clear").addEventListener("click", () => this.clear());
    $("live-settings").addEventListener("input", () => this.set());
    $("sort").addEventListener("click", () => this.sort());
    $("live-predictions").addEventListener("input", () => this.change());
    $("live-learn").addEventListener("input", () => this.learn());
    $("live-forget").addEventListener("click", () => this.forget());
    $("live").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      this.write();
      event.preventDefault();
    });
    document.addEventListener("keydown", (event) => this.escape(event), { capture: true });
  }

  // Escape stops generation wherever the focus is, and then does nothing else but close a dialog.
  escape(event) {
    if (event.key !== "Escape" || !this.writing) return;
    this.stop();
    event.stopPropagation();
    if (!event.target.closest("dialog")) event.preventDefault();
  }

  fail({ message }) {
    $("live-trouble").textContent = message;
  }

  say(text) {
    $("live-trouble").textContent = "";
    $("live-status").textContent = text;
  }

  // --- settings ---

  number(name) {
    return $(`live-${name}`).valueAsNumber;
  }

  // The first invalid setting, if there is one.
  get wrong() {
    return [...$("live-settings").querySelectorAll("input")].find((input) => !input.checkValidity());
  }

  get isSet() {
    return !this.wrong;
  }

  // Show the range of each number that is not in it.
  sayRanges() {
    for (const input of $("live-settings").querySelectorAll("[type=number]")) {
      const isWrong = !input.checkValidity();
      const range = `${counted(Number(input.min))} to ${counted(Number(input.max))}`;
      input.ariaInvalid = String(isWrong);
      $(`${input.id}-range`).textContent = isWrong ? `Enter a whole number from ${range}.` : "";
    }
  }

  settings() {
    const [temperature, top_p, seed] = ["temperature", "top_p", "seed"].map((name) => this.number(name));
    return { temperature, top_p: top_p < 1 ? top_p : null, seed, ...this.predictor };
  }

  // What makes the predictions, of what is read and of what is written.
  get predictor() {
    const learn = $("live-learn").checked ? [...this.learned, last(this.typed, this.start.mostChars)] : [];
    return { edits: this.edits.text, counts: $("live-counts").checked, learn };
  }

  // What the user has typed: not what the model is writing, or has just written.
  get typed() {
    return this.writing || this.isAsWritten ? this.prompt : this.box.value;
  }

  // --- learning ---

  // Off, nothing is learned any more, and what has been learned does not count until it is on again.
  learn() {
    this.sayLearned(0);
    this.change();
  }

  // A text that is cleared stays learned from, as long as there is room.
  keep(text) {
    const kept = [...this.learned, text];
    const total = kept.reduce((sum, one) => sum + count(one), 0);
    if ($("live-learn").checked && text && total + this.start.mostChars <= this.start.mostLearned) this.learned = kept;
  }

  forget() {
    this.learned = [];
    $("live-learn").checked = false;
    this.learn();
    $("live-learn").focus();
  }

  sayLearned(number) {
    const isOn = $("live-learn").checked;
    const learned = number ? `Learned from ${numbered(number, page.data.noun)}, in a copy of the model.` : "";
    $("live-learned").textContent = isOn ? learned || "A copy of the model learns from every 32 characters." : "";
    $("live-forget").disabled = !isOn;
  }

  sayValues() {
    this.sayRanges();
    const speed = SPEEDS[this.number("speed")];
    const values = {
      temperature: this.number("temperature").toFixed(2),
      top_p: this.number("top_p").toFixed(2),
      speed: speed ?? "max",
    };
    for (const [name, value] of Object.entries(values)) {
      document.querySelector(`output[for=live-${name}]`).textContent = value;
      $(`live-${name}`).setAttribute("aria-valuetext", value);
    }
  }

  // Settings apply from the next character on, and to the comparison.
  set() {
    this.sayValues();
    this.buttons();
    if (this.isSet) $("live-trouble").textContent = "";
    if (this.writing) this.turning.ask();
    this.compareAnew();
  }

  edit() {
    if (this.edits.text === "") $("live-compare").hidden = true;
    this.change();
  }

  // Other predictions: also of what is read.
  change() {
    this.set();
    this.reading.ask();
  }

  // --- reading ---

  // Color the box as the text is.
  recolor() {
    this.colors.color(this.shown, this.skipped, page.data, page.view.levels, this.unknown);
    const own = nameOf(page.data, page.unit);
    if (own === this.coloredBy) return;
    this.coloredBy = own;
    if (this.edits.text !== "") this.coloring.ask();
  }

  type() {
    this.colors.follow();
    if (!this.box.value) this.keep(this.lastTyped);
    this.end();
    this.reading.ask();
    this.compareAnew();
  }

  // As if the user deleted the text, so that the browser can undo it.
  clear() {
    this.box.focus();
    this.box.select();
    document.execCommand("delete");
  }

  async read() {
    const whole = this.box.value;
    const text = last(whole, this.start.mostChars);
    this.lastTyped = this.typed;
    this.sayRead(text, whole);
    if (!text) {
      this.leaveOut();
      return this.showNothing("nothing to read");
    }
    for await (const [{ data, unknown, names, learned = 0 }] of page.model.read({ text, ...this.predictor })) {
      this.leaveOut(unknown, names);
      this.sayLearned(learned);
      if (!data) return this.showNothing("the model knows none of these characters");
      $("main").classList.remove("empty");
      page.isUnsettled = true;
      const isNew = whole !== this.shown;
      this.shown = whole;
      this.skipped = whole.length - text.length;
      showText({ ...complete(data), gates: page.data.gates });
      this.settling.later();
      if (isNew && (this.writing || this.box.value === whole)) this.follow();
      else go(page.at);
      if (!this.writing)
        this.say(`${numbered(data.length, data.noun)} read, ${meanBits(data, 2)}`);
    }
  }

  // The list and the charts of the text that is shown.
  async settle() {
    const { data } = page;
    const text = this.shown.slice(this.skipped);
    if (!text) return; // it has been cleared
    data.gates = await gatesOf({ text, ...this.predictor });
    if (data === page.data) showRest();
  }

  sayRead(text, whole) {
    const [read, all] = [counted(count(text)), numbered(count(whole), "character")];
    $("live-cut").textContent = text === whole ? "" : `The model reads the last ${read} of ${all}.`;
  }

  // The card of a unit in the text that is shown.
  async card(unit) {
    for await (const [{ card }] of page.model.card({ text: this.shown.slice(this.skipped), unit, edits: this.edits.text })) return card;
    throw new Error(GONE);
  }

  // Let the page ask the model about the text in the box, or not.
  explain(isOn) {
    page.why.model = isOn ? (place, signal) => this.asked("saliency", { place }, signal) : null;
    page.reach.ask = isOn ? () => this.asked("context") : null;
  }

  // What the model says of the text that is shown.
  async asked(name, more = {}, signal = undefined) {
    const { edits, learn } = this.predictor;
    const request = { text: this.shown.slice(this.skipped), edits, ...(learn.length && { learn }), ...more };
    for await (const [line] of page.model[name](request, signal)) return line[name];
    throw new Error(GONE);
  }

  // Sort the units by their interest in the text that is shown.
  sort() {
    sortUnits(page.model.about, page.data);
    page.list.marked = null; // its row may be anywhere now
    this.reading.ask();
  }

  // With nothing to read, nothing of an earlier text is shown.
  showNothing(why) {
    this.shown = "";
    $("main").classList.add("empty");
    $("summary").textContent = page.data.source.cell;
    this.say(why);
  }

  leaveOut(unknown = [], names = "") {
    this.unknown = new Set(unknown);
    $("live-left-out").textContent = names && `Skipped, because the model does not know them: ${names}`;
  }

  // Move the page's cursor to the character before the caret, or to the last one during generation.
  follow() {
    if (!this.shown || (!this.writing && this.box.value !== this.shown)) return;
    const end = this.writing ? this.shown.length : this.box.selectionEnd;
    const before = known(this.shown.slice(this.skipped, Math.max(this.skipped, end)), this.unknown);
    go((page.data.noun === "byte" ? new TextEncoder().encode(before).length : count(before)) - 1, true);
  }

  // --- generating ---

  // Whether a setting is invalid; if so, say which.
  refuses() {
    const { wrong } = this;
    if (!wrong) return false;
    wrong.focus();
    this.fail(new Error(`${wrong.labels[0].textContent.trim()}: enter a number in the given range first`));
    return true;
  }

  write() {
    if (this.writing || this.refuses()) return;
    this.prompt = this.box.value;
    this.written = "";
    this.box.scrollTop = this.box.scrollHeight;
    this.compareAnew();
    this.wanted = this.number("length");
    this.goOn(0);
  }

  // The settings changed: generation goes on with the new ones.
  turn() {
    if (this.writing) this.goOn(this.index + 1);
  }

  // Generate again from where the last generation began, with the next seed.
  writeAgain() {
    if (this.refuses()) return;
    $("live-seed").value = this.number("seed") + 1;
    this.sayValues();
    if (this.refuses()) return;
    this.box.value = this.prompt;
    this.colors.follow();
    this.write();
  }

  // Generate the remainder with the current settings and an unused stream of random numbers.
  async goOn(index) {
    if (!this.isSet) return;
    this.writing?.abort();
    const writing = (this.writing = new AbortController());
    this.index = index;
    this.buttons();
    try {
      await this.append(index, writing.signal);
    } catch (error) {
      if (writing === this.writing) this.fail(error);
    }
    if (writing === this.writing) this.stop();
  }

  async append(index, signal) {
    const { box } = this;
    const speed = SPEEDS[this.number("speed")];
    const length = this.wanted - count(this.written);
    const prompt = last(this.prompt, Math.max(0, this.start.mostChars - count(this.written)));
    const request = { ...this.settings(), prompt, written: this.written, index, length, ...(speed && { speed }) };
    let stop = null;
    for await (const lines of page.model.write(request, signal)) {
      if (signal.aborted) return;
      ({ index: this.index, stop } = lines.at(-1));
      const isAtEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 8;
      this.written += lines.map(({ text }) => text).join("");
      box.value = this.prompt + this.written;
      if (isAtEnd) box.scrollTop = box.scrollHeight;
      this.colors.follow();
      this.say(`${counted(count(this.written))} of ${numbered(this.wanted, "character")} generated`);
      this.reading.ask();
    }
    if (!stop) throw new Error(GONE);
  }

  stop() {
    if (!this.writing) return;
    this.end();
    this.reading.ask();
    this.compareAnew();
  }

  end() {
    this.writing?.abort();
    this.writing = null;
    this.buttons();
  }

  get isAsWritten() {
    return this.written !== "" && this.box.value === this.prompt + this.written;
  }

  buttons() {
    const [write, stop, again] = [$("live-write"), $("live-stop"), $("live-again")];
    const focused = document.activeElement; // before it moves to the body, as a button is disabled
    write.disabled = Boolean(this.writing);
    stop.disabled = !this.writing;
    again.disabled = Boolean(this.writing) || !this.isAsWritten;
    again.textContent = `Try again, seed ${this.number("seed") + 1 || "…"}`;
    if (focused.disabled) this.focusNear(focused);
  }

  // The focus goes from a button that starts generation to the one that stops it; from there back to Try again, if it
  // came from there, or to the text.
  focusNear(button) {
    const [stop, again] = [$("live-stop"), $("live-again")];
    if (button !== stop) this.isByAgain = button === again;
    if (!stop.disabled) stop.focus();
    else if (this.isByAgain && !again.disabled) again.focus();
    else this.box.focus();
  }

  // --- comparing ---

  // Until there is a comparison for the current settings, the last one is marked as outdated.
  compareAnew() {
    if (this.edits.text === "") return;
    this.outdate();
    this.comparing.ask();
  }

  outdate() {
    for (const pair of this.pairs) pair.wait(this.isSet ? UPDATING : "Outdated: a setting is out of range.");
  }

  // With edited units: the continuation without and with the edits, from the same random numbers; then with the next seed.
  async compare() {
    if (this.edits.text === "" || !this.isSet) return;
    const prompt = last(this.writing || this.isAsWritten ? this.prompt : this.box.value, this.start.mostChars);
    const request = { ...this.settings(), prompt, length: Math.min(this.number("length"), COMPARED) };
    $("live-next").textContent = `With the next seed, ${counted(request.seed + 1)}`;
    for (const [k, pair] of this.pairs.entries()) {
      await pair.make({ ...request, seed: request.seed + k }, this.unknown);
      if (this.edits.text === "") return;
      $("live-compare").hidden = false;
      if (this.comparing.isWanted) return this.outdate(); // a setting changed meanwhile
    }
  }

  async colorCompared() {
    for (const pair of this.pairs) if (!pair.isBusy) await pair.color();
  }

  failToCompare(error) {
    for (const pair of this.pairs) pair.wait("Outdated: there is no comparison for the current settings.");
    this.fail(error);
  }
}

// --- edited units ------------------------------------------------------------------------------------------------------

class Edits {
  constructor({ states }, changed) {
    Object.assign(this, { states, changed, rows: [] });
    $("live-hold").addEventListener("click", () => this.hold());
    new MutationObserver(() => this.name()).observe($("unit-name"), { childList: true });
    this.name();
  }

  // The unit that the page shows, or the first in the list that can be edited.
  get unit() {
    const isState = ({ what }) => this.states.includes(what);
    const shown = page.data.units[page.unit];
    return shown && isState(shown) ? shown : page.data.units.find(isState);
  }

  name() {
    $("live-hold").textContent = `Hold ${this.unit.name}`;
  }

  // The edits as lines of text.
  get text() {
    const active = this.rows.filter(({ on }) => on.checked);
    return active.map(({ kind, unit, value }) => `${kind.value} ${unit.value.trim()}=${value.value}`).join("\n");
  }

  // Clamp the unit to its value at the cursor; if it is edited already, go to its row.
  hold() {
    const { unit } = this;
    const row = this.rows.find((row) => row.unit.value.trim() === unit.name);
    if (!row) return this.add(unit, partAt(page.data, page.data.units.indexOf(unit), page.at) * unit.scale);
    row.on.checked = true;
    row.slider.focus();
    this.tell();
  }

  add({ name, scale }, present) {
    const value = String(Number((Math.round(present / STEP) * STEP).toFixed(2)));
    this.make({ kind: "clamp", name, value, scale }).slider.focus();
    this.tell();
  }

  // Have these edits, and no others.
  show(edits) {
    $("live-list").replaceChildren();
    this.rows = [];
    for (const edit of edits) this.make(edit);
    this.tell();
  }

  make({ kind: own, name, value: start, scale }) {
    const most = Math.max(1, Math.ceil(scale));
    const field = (type, label, rest) => element("input", { type, ariaLabel: label, ...rest });
    const choice = (value, textContent) => element("option", { value, textContent });
    const row = {
      on: field("checkbox", `Apply the edit of ${name}`, { checked: true }),
      unit: field("text", "Unit, or a range such as L0.h.0-15", { value: name, className: "name", spellcheck: false }),
      kind: element("select", { ariaLabel: "Kind of edit" }, choice("clamp", "hold at"), choice("steer", "add")),
      value: field("number", `Value for ${name}`, { step: "any", value: start }),
      slider: field("range", `Value for ${name} (slider)`, { min: -most, max: most, step: STEP, value: start }),
    };
    const { on, unit, kind, value, slider } = row;
    kind.value = own;
    const remove = element("button", { type: "button", textContent: "×", ariaLabel: `Remove the edit of ${name}` });
    const item = element("li", {}, on, unit, kind, value, remove, slider);
    slider.addEventListener("input", () => (value.value = slider.value));
    value.addEventListener("input", () => (slider.value = value.value));
    item.addEventListener("input", () => this.changed());
    remove.addEventListener("click", () => {
      this.rows.splice(this.rows.indexOf(row), 1);
      item.remove();
      $("live-hold").focus();
      this.tell();
    });
    this.rows.push(row);
    $("live-list").append(item);
    return row;
  }

  tell() {
    $("live-none").hidden = this.rows.length > 0;
    this.changed();
  }
}

opened.then(({ live, labels }) => {
  if (!labels) page.live = new Live(live); // the page of a text begins with that
});
