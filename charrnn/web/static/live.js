// The live part: what is typed is read, the model writes on, units are held. What is asked: see charrnn/serve/live.py.

const SPEEDS = [5, 12, 30, 80, 200, null]; // characters a second; null: as fast as it goes
const PAUSE = 100; // milliseconds in which keys and moves of a slider are gathered before they are answered
const COMPARED = 400; // characters that are written twice, to be compared
const STEP = 0.05; // of the slider of a unit that is held
const SHOWN_BEFORE = 60; // characters before them that are shown
const GONE = "the model does not answer: is charrnn serve still running?";

const ANEW = "Being made anew …";
const LIVE_KEYS = [
  [["Ctrl", "Enter"], "let the model write on"],
  [["Esc"], "while it writes: stop it"],
];

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const count = (text) => [...text].length; // as Python counts characters

// The lines of a reply, as many at a time as have come.
async function* ask(name, request, signal) {
  const headers = { "Content-Type": "application/json" };
  const gone = () => {
    throw new Error(GONE);
  };
  const body = JSON.stringify(request);
  const reply = await fetch(name, { method: "POST", headers, body, signal }).catch(gone);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(gone);
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (lines.length) yield lines.map((line) => answered(JSON.parse(line)));
  }
}

function answered(line) {
  if (line.error) throw new Error(line.hint ? `${line.error} (${line.hint})` : line.error);
  return line;
}

async function written(request) {
  let text = "";
  for await (const lines of ask("write", request)) text += lines.map((line) => line.text).join("");
  return text;
}

// Does something again and again, but never twice at once: what is asked for meanwhile is done once, afterwards.
class Repeated {
  constructor(work, failed) {
    Object.assign(this, { work, failed, isWanted: false, isAtWork: false });
  }

  async ask() {
    this.isWanted = true;
    if (this.isAtWork) return;
    this.isAtWork = true;
    while (this.isWanted) {
      await wait(PAUSE);
      this.isWanted = false;
      await this.work().catch((error) => this.failed(error));
    }
    this.isAtWork = false;
  }
}

class Live {
  constructor(about, ramps) {
    Object.assign(this, { about, ramps, prime: "", written: "", index: 0, writing: null, plain: new Map() });
    this.unknown = new Set(); // the characters of the text that the model does not know
    this.box = $("live-text");
    this.reading = new Repeated(() => this.read(), this.fail);
    this.comparing = new Repeated(
      () => this.compare(),
      (error) => this.failToCompare(error),
    );
    this.turning = new Repeated(async () => this.turn(), this.fail);
    this.edits = new Edits(about, () => this.edit());
    this.fill();
    this.listen();
    this.buttons();
    describe(page.data);
  }

  fill() {
    const { text, settings, mostChars } = this.about;
    this.box.value = this.shown = text;
    for (const [name, value] of Object.entries({ ...settings, speed: 2 })) $(`live-${name}`).value = value;
    $("live-length").max = mostChars;
    this.sayValues();
    $("live").hidden = false;
    for (const [keys, what] of LIVE_KEYS) {
      const key = element("dt", {}, ...keys.flatMap((key) => [element("kbd", { textContent: key }), " "]));
      $("help").querySelector("dl").append(key, element("dd", { textContent: what }));
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
    $("live").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      this.write();
      event.preventDefault();
    });
    document.addEventListener("keydown", (event) => this.escape(event), { capture: true });
  }

  // Escape stops the writing wherever the keyboard is, and does nothing else then, but that it closes a dialog.
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

  // --- what is set ---

  number(name) {
    return $(`live-${name}`).valueAsNumber;
  }

  // The first setting that cannot be obeyed, if there is one.
  get wrong() {
    return [...$("live-settings").querySelectorAll("input")].find((input) => !input.checkValidity());
  }

  get isSet() {
    return !this.wrong;
  }

  // What each number may be, and whether it is that.
  sayRanges() {
    for (const input of $("live-settings").querySelectorAll("[type=number]")) {
      const isWrong = !input.checkValidity();
      const range = `${counted(Number(input.min))} to ${counted(Number(input.max))}`;
      input.ariaInvalid = String(isWrong);
      $(`${input.id}-range`).textContent = isWrong ? `It must be a whole number from ${range}.` : range;
    }
  }

  settings() {
    const [temperature, top_p, seed] = ["temperature", "top_p", "seed"].map((name) => this.number(name));
    return { temperature, top_p, seed, edits: this.edits.text };
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

  // What is set counts from the next character on, and for the comparison.
  set() {
    this.sayValues();
    this.buttons();
    if (this.isSet) $("live-trouble").textContent = "";
    if (this.writing) this.turning.ask();
    this.compareAnew();
  }

  edit() {
    if (this.edits.text === "") $("live-compare").hidden = true;
    this.set();
    this.reading.ask();
  }

  // --- reading ---

  type() {
    this.end();
    this.reading.ask();
    this.compareAnew();
  }

  // As if it was deleted by hand, so that the browser can undo it.
  clear() {
    this.box.focus();
    this.box.select();
    document.execCommand("delete");
  }

  async read() {
    const text = this.box.value;
    if (!text) {
      this.leaveOut();
      return this.showNothing("there is nothing to read");
    }
    for await (const [{ data, unknown, names }] of ask("read", { text, edits: this.edits.text })) {
      this.leaveOut(unknown, names);
      if (!data) return this.showNothing("there is nothing to read that the model knows");
      const decoded = await decode(data);
      $("main").classList.remove("empty");
      show({ ...decoded, ramps: this.ramps });
      const isNew = text !== this.shown;
      this.shown = text;
      if (isNew) this.follow();
      if (!this.writing)
        this.say(`${counted(data.length)} ${data.noun}s read, ${data.meanSurprisal.toFixed(2)} bits each`);
    }
  }

  // Where there is nothing to read, nothing of an older text is shown.
  showNothing(why) {
    this.shown = "";
    $("main").classList.add("empty");
    $("summary").textContent = page.data.source.cell;
    this.say(why);
  }

  leaveOut(unknown = [], names = "") {
    this.unknown = new Set(unknown);
    $("live-left-out").textContent = names && `Left out, as the model does not know them: ${names}`;
  }

  known(text) {
    return [...text].filter((character) => !this.unknown.has(character)).join("");
  }

  // Let the page's cursor stand on the character before the caret, or on the last one while the model writes.
  follow() {
    if (!this.shown || (!this.writing && this.box.value !== this.shown)) return;
    const before = this.known(this.writing ? this.shown : this.shown.slice(0, this.box.selectionEnd));
    go((page.data.noun === "byte" ? new TextEncoder().encode(before).length : count(before)) - 1, true);
  }

  // --- writing ---

  // Whether a setting is wrong; then it says which.
  refuses() {
    const { wrong } = this;
    if (!wrong) return false;
    wrong.focus();
    this.fail(new Error(`${wrong.labels[0].textContent.trim()}: nothing is written before this is a number in its range`));
    return true;
  }

  write() {
    if (this.writing || this.refuses()) return;
    this.prime = this.box.value;
    this.written = "";
    this.box.scrollTop = this.box.scrollHeight;
    this.compareAnew();
    this.wanted = Math.min(this.number("length"), this.about.mostChars - count(this.prime));
    if (this.wanted > 0) this.goOn(0);
    else this.fail(new Error(`the text is full: it has ${counted(count(this.prime))} characters`));
  }

  // The settings are other ones: what is being written goes on with them.
  turn() {
    if (this.writing) this.goOn(this.index + 1);
  }

  // Once more from where the last writing began, with the next seed.
  writeAgain() {
    if (this.refuses()) return;
    $("live-seed").value = this.number("seed") + 1;
    this.sayValues();
    if (this.refuses()) return;
    this.box.value = this.prime;
    this.write();
  }

  // Write what is left, with the settings as they are now, and with a stream of random numbers that is not used yet.
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
    const { box, prime } = this;
    const speed = SPEEDS[this.number("speed")];
    const length = this.wanted - count(this.written);
    const request = { ...this.settings(), prime, written: this.written, index, length, ...(speed && { speed }) };
    let stop = null;
    for await (const lines of ask("write", request, signal)) {
      if (signal.aborted) return;
      ({ index: this.index, stop } = lines.at(-1));
      const isAtEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 8;
      this.written += lines.map(({ text }) => text).join("");
      box.value = prime + this.written;
      if (isAtEnd) box.scrollTop = box.scrollHeight;
      this.say(`${counted(count(this.written))} of ${counted(this.wanted)} written`);
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
    return this.written !== "" && this.box.value === this.prime + this.written;
  }

  buttons() {
    const [write, stop, again] = [$("live-write"), $("live-stop"), $("live-again")];
    const focused = document.activeElement; // before it falls to the body, as a button is disabled
    write.disabled = Boolean(this.writing);
    stop.disabled = !this.writing;
    again.disabled = Boolean(this.writing) || !this.isAsWritten;
    again.textContent = `Again, seed ${this.number("seed") + 1 || "…"}`;
    if (focused.disabled) this.focusNear(focused);
  }

  // The keyboard goes from a button that starts the writing to the one that stops it; from there on to Again, if it
  // came from there, or to the text.
  focusNear(button) {
    const [stop, again] = [$("live-stop"), $("live-again")];
    if (button !== stop) this.isByAgain = button === again;
    if (!stop.disabled) stop.focus();
    else if (this.isByAgain && !again.disabled) again.focus();
    else this.box.focus();
  }

  // --- comparing ---

  // Until a comparison is there that holds for what is set, the last one is marked as an older one.
  compareAnew() {
    if (this.edits.text === "") return;
    $("live-compare").ariaBusy = "true";
    $("live-differ").textContent = this.isSet ? ANEW : "Of before: a setting is wrong.";
    this.comparing.ask();
  }

  // With units held: how the text goes on as the model is, and how so, with the same random numbers.
  async compare() {
    if (this.edits.text === "" || !this.isSet) return;
    const prime = this.writing || this.isAsWritten ? this.prime : this.box.value;
    const request = { ...this.settings(), prime, length: Math.min(this.number("length"), COMPARED) };
    const plain = await this.asItIs({ ...request, edits: "" });
    const held = await written(request);
    if (this.edits.text === "") return;
    const isOld = this.comparing.isWanted; // something else was set meanwhile
    showDifference(prime, plain, held);
    $("live-compare").ariaBusy = String(isOld);
    if (isOld) $("live-differ").textContent = ANEW;
  }

  failToCompare(error) {
    $("live-differ").textContent = "Of before: there is none for what is set now.";
    this.fail(error);
  }

  async asItIs(request) {
    const key = JSON.stringify(request);
    if (!this.plain.has(key)) this.plain = new Map([[key, await written(request)]]);
    return this.plain.get(key);
  }
}

function showDifference(prime, plain, held) {
  const [a, b] = [[...plain], [...held]];
  const differs = a.findIndex((character, k) => character !== b[k]);
  const same = differs < 0 ? a.length : differs;
  const before = count(prime) > SHOWN_BEFORE ? `…${[...prime].slice(-SHOWN_BEFORE).join("")}` : prime;
  for (const [id, text] of Object.entries({ "live-plain": a, "live-held": b })) {
    const known = element("span", { className: "known", textContent: before + text.slice(0, same).join("") });
    const other = element("span", { className: "other", textContent: text.slice(same).join("") });
    $(id).replaceChildren(known, ...(same < text.length ? [other] : []));
  }
  $("live-compare").hidden = false;
  $("live-differ").textContent =
    same === a.length
      ? `The same ${counted(same)} characters, with the same random numbers.`
      : `The same for ${counted(same)} characters; then, though with the same random numbers, another text.`;
}

// --- units held --------------------------------------------------------------------------------------------------------

class Edits {
  constructor({ states }, changed) {
    Object.assign(this, { states, changed, rows: [] });
    $("live-hold").addEventListener("click", () => this.hold());
    new MutationObserver(() => this.name()).observe($("unit-name"), { childList: true });
    this.name();
  }

  // The unit that the page shows, or the first one listed that can be held.
  get unit() {
    const isState = ({ what }) => this.states.includes(what);
    const shown = page.data.units[page.unit];
    return shown && isState(shown) ? shown : page.data.units.find(isState);
  }

  name() {
    $("live-hold").textContent = `Hold ${this.unit.name}`;
  }

  // As the lines of a file of edits.
  get text() {
    const active = this.rows.filter(({ on }) => on.checked);
    return active.map(({ kind, unit, value }) => `${kind.value} ${unit.value.trim()}=${value.value}`).join("\n");
  }

  // Hold the unit as it is at the cursor; if it is held already, go to where that is said.
  hold() {
    const { unit } = this;
    const row = this.rows.find((row) => row.unit.value.trim() === unit.name);
    if (!row) return this.add(unit, partAt(page.data, page.data.units.indexOf(unit), page.at) * unit.scale);
    row.on.checked = true;
    row.slider.focus();
    this.tell();
  }

  add({ name, scale }, present) {
    const most = Math.max(1, Math.ceil(scale));
    const start = String(Number((Math.round(present / STEP) * STEP).toFixed(2)));
    const field = (type, label, rest) => element("input", { type, ariaLabel: label, ...rest });
    const choice = (value, textContent) => element("option", { value, textContent });
    const row = {
      on: field("checkbox", `${name} is held`, { checked: true }),
      unit: field("text", "Unit, or a range such as L0.h.0-15", { value: name, className: "name", spellcheck: false }),
      kind: element("select", { ariaLabel: "What is done" }, choice("clamp", "held at"), choice("steer", "plus")),
      value: field("number", `Value for ${name}`, { step: "any", value: start }),
      slider: field("range", `Value for ${name}, by a slider`, { min: -most, max: most, step: STEP, value: start }),
    };
    const { on, unit, kind, value, slider } = row;
    const remove = element("button", { type: "button", textContent: "×", ariaLabel: `Let ${name} go` });
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
    slider.focus();
    this.tell();
  }

  tell() {
    $("live-none").hidden = this.rows.length > 0;
    this.changed();
  }
}

opened.then(() => {
  const { live, ramps } = JSON.parse($("data").textContent);
  page.live = new Live(live, ramps);
});
