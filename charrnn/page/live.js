// The live part: what is typed is read, the model writes on, units are held. What is asked: see charrnn/serve/live.py.

const SPEEDS = [5, 12, 30, 80, 200, null]; // characters a second; null: as fast as it goes
const QUIET = 90; // milliseconds without a key, after which the text is read
const FOLLOW = 300; // milliseconds from one reading to the next while the model writes
const COMPARED = 400; // characters that are written twice, to be compared
const SHOWN_BEFORE = 60; // characters before them that are shown

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const count = (text) => [...text].length; // as Python counts characters

// The lines of a reply, as many at a time as have come.
async function* ask(name, request, signal) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(request);
  const reply = await fetch(name, { method: "POST", headers, body, signal }).catch(() => {
    throw new Error("the model does not answer: is charrnn serve still running?");
  });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
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

// Does one thing at a time: to begin another ends the one before. `ended` is called where nothing takes its place.
class Task {
  constructor(failed, ended = () => {}) {
    Object.assign(this, { failed, ended, controller: null });
  }

  get isRunning() {
    return this.controller !== null;
  }

  async begin(work) {
    this.controller?.abort();
    const controller = (this.controller = new AbortController());
    const { signal } = controller;
    await work(signal).catch((error) => signal.aborted || this.failed(error.message));
    if (this.controller !== controller) return;
    this.controller = null;
    this.ended();
  }

  end() {
    this.controller?.abort();
    this.controller = null;
    this.ended();
  }
}

class Live {
  constructor(about, ramps) {
    Object.assign(this, { about, ramps, prime: "", written: "", index: 0, plain: new Map() });
    const failed = (message) => ($("live-trouble").textContent = message);
    this.reading = new Task(failed);
    this.writing = new Task(failed, () => this.rest());
    this.comparing = new Task(failed);
    this.box = $("live-text");
    this.edits = new Edits(about, () => this.change(true));
    this.fill();
    this.listen();
    this.rest();
  }

  fill() {
    const { text, settings } = this.about;
    this.box.value = text;
    for (const [name, value] of Object.entries({ ...settings, speed: 2 })) $(`live-${name}`).value = value;
    this.sayValues();
    $("live").hidden = false;
  }

  listen() {
    this.box.addEventListener("input", () => this.type());
    this.box.addEventListener("selectionchange", () => this.follow());
    $("live-write").addEventListener("click", () => this.write());
    $("live-stop").addEventListener("click", () => this.writing.end());
    $("live-again").addEventListener("click", () => this.writeOtherwise());
    $("live-settings").addEventListener("input", () => this.change(false));
    $("live").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.writing.end();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.write();
      else return;
      event.preventDefault();
    });
  }

  // --- what is set ---

  number(name) {
    return $(`live-${name}`).valueAsNumber || 0;
  }

  settings() {
    const [temperature, top_p, seed] = ["temperature", "top_p", "seed"].map((name) => this.number(name));
    return { temperature, top_p, seed, edits: this.edits.text };
  }

  sayValues() {
    const speed = SPEEDS[this.number("speed")];
    const values = {
      temperature: this.number("temperature").toFixed(2),
      top_p: this.number("top_p").toFixed(2),
      speed: speed ?? "all",
    };
    for (const [name, value] of Object.entries(values)) {
      document.querySelector(`output[for=live-${name}]`).textContent = value;
      $(`live-${name}`).ariaValueText = value;
    }
  }

  // What is set differently counts from the next character on, and for the comparison.
  change(read) {
    this.sayValues();
    if (this.writing.isRunning) this.goOn(this.index + 1);
    else if (read) this.readSoon();
    this.compareSoon();
  }

  // --- reading ---

  type() {
    if (this.writing.isRunning) this.writing.end();
    this.buttons();
    this.readSoon();
    this.compareSoon();
  }

  readSoon(pause = QUIET) {
    this.reading.begin(async (signal) => {
      await wait(pause);
      if (!signal.aborted) await this.read(signal);
    });
  }

  async read(signal) {
    const text = this.box.value;
    if (!text) return this.say("nothing to read");
    for await (const [{ data }] of ask("read", { text, edits: this.edits.text }, signal)) {
      const decoded = await decode(data);
      if (signal.aborted) return;
      $("live-trouble").textContent = "";
      show({ ...decoded, ramps: this.ramps });
      this.shown = text;
      this.follow();
      if (!this.writing.isRunning)
        this.say(`${counted(data.length)} ${data.noun}s read, ${data.meanBits.toFixed(2)} bits each`);
    }
  }

  // Let the page's cursor stand on the character before the caret, or on the last while the model writes.
  follow() {
    const { value, selectionEnd } = this.box;
    const isWriting = this.writing.isRunning;
    if (!isWriting && (value !== this.shown || document.activeElement !== this.box)) return;
    const before = isWriting ? this.shown : value.slice(0, selectionEnd);
    go((page.data.noun === "byte" ? new TextEncoder().encode(before).length : count(before)) - 1, true);
  }

  say(text) {
    $("live-status").textContent = text;
  }

  // --- writing ---

  write() {
    this.prime = this.box.value;
    this.written = "";
    this.wanted = Math.min(this.number("length"), this.about.mostChars - count(this.prime));
    if (this.wanted > 0) this.goOn(0);
    else this.say(`the text is full: ${counted(this.about.mostChars)} characters`);
  }

  // Once more from where the last writing began, with the next seed.
  writeOtherwise() {
    this.box.value = this.prime;
    $("live-seed").value = this.number("seed") + 1;
    this.write();
  }

  // Write what is left, with the settings as they are now, and with a stream of random numbers that is not used yet.
  goOn(index) {
    this.writing.begin(async (signal) => {
      this.index = index;
      this.buttons();
      const { prime, written } = this;
      const speed = SPEEDS[this.number("speed")];
      const left = this.wanted - count(written);
      const request = { ...this.settings(), prime, written, index, length: left, ...(speed && { speed }) };
      for await (const lines of ask("write", request, signal)) {
        if (signal.aborted) return;
        this.index = lines.at(-1).index;
        this.append(lines.map(({ text }) => text).join(""));
      }
    });
  }

  append(text) {
    const { box } = this;
    const isAtEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 8;
    this.written += text;
    box.value = this.prime + this.written;
    if (isAtEnd) box.scrollTop = box.scrollHeight;
    this.say(`${counted(count(this.written))} of ${counted(this.wanted)} written`);
    if (!this.reading.isRunning) this.reading.begin(async (signal) => (await this.read(signal), await wait(FOLLOW)));
  }

  // Nothing is being written any more.
  rest() {
    this.buttons();
    this.readSoon(0);
    this.compareSoon();
  }

  get isAsWritten() {
    return this.written !== "" && this.box.value === this.prime + this.written;
  }

  buttons() {
    const isWriting = this.writing.isRunning;
    $("live-stop").disabled = !isWriting;
    $("live-again").disabled = isWriting || !this.isAsWritten;
  }

  // --- comparing ---

  // With units held: how the text goes on as the model is, and how so, with the same random numbers.
  compareSoon() {
    $("live-compare").hidden = this.edits.text === "";
    if (this.edits.text === "") return;
    this.comparing.begin(async (signal) => {
      await wait(QUIET);
      if (signal.aborted) return;
      const prime = this.writing.isRunning || this.isAsWritten ? this.prime : this.box.value;
      const length = Math.min(this.number("length"), COMPARED);
      const request = { ...this.settings(), prime, length };
      const plain = await this.asItIs({ ...request, edits: "" }, signal);
      const held = await whole(ask("write", request, signal));
      if (!signal.aborted) showDifference(prime, plain, held);
    });
  }

  async asItIs(request, signal) {
    const key = JSON.stringify(request);
    if (!this.plain.has(key)) this.plain = new Map([[key, await whole(ask("write", request, signal))]]);
    return this.plain.get(key);
  }
}

async function whole(reply) {
  let text = "";
  for await (const lines of reply) text += lines.map((line) => line.text).join("");
  return text;
}

function showDifference(prime, plain, held) {
  const [a, b] = [[...plain], [...held]];
  const differs = a.findIndex((character, k) => character !== b[k]);
  const same = differs < 0 ? a.length : differs;
  const before = prime.length > SHOWN_BEFORE ? `…${prime.slice(-SHOWN_BEFORE)}` : prime;
  for (const [id, text] of Object.entries({ "live-plain": a, "live-held": b })) {
    $(id).replaceChildren(
      element("span", { className: "before", textContent: before }),
      text.slice(0, same).join(""),
      element("span", { className: "other", textContent: text.slice(same).join("") }),
    );
  }
  $("live-differ").textContent =
    same === a.length
      ? `No difference in ${counted(a.length)} characters with the same random numbers.`
      : `The same for ${counted(same)} characters, with the same random numbers; from there on another text.`;
}

// --- units held --------------------------------------------------------------------------------------------------------

class Edits {
  constructor({ states }, changed) {
    Object.assign(this, { states, changed, rows: [] });
    $("live-hold").addEventListener("click", () => this.add());
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
    return active.map(({ kind, unit, value }) => `${kind.value} ${unit.value}=${value.value || "0"}`).join("\n");
  }

  add() {
    const { name, scale } = this.unit;
    const most = Math.max(1, Math.ceil(scale));
    const field = (type, label, rest) => element("input", { type, ariaLabel: label, ...rest });
    const row = {
      on: field("checkbox", `${name} is held`, { checked: true }),
      unit: field("text", "Unit, or a range such as L0.h.0-15", { value: name, className: "name", spellcheck: false }),
      kind: element(
        "select",
        { ariaLabel: "What is done" },
        element("option", { value: "clamp", textContent: "at" }),
        element("option", { value: "steer", textContent: "plus" }),
      ),
      slider: field("range", `Value of ${name}`, { min: -most, max: most, step: 0.05, value: most }),
      value: field("number", `Value of ${name}, as a number`, { step: "any", value: most }),
    };
    const remove = element("button", { type: "button", textContent: "×", ariaLabel: `Let ${name} go` });
    const { on, unit, kind, slider, value } = row;
    const item = element("li", {}, on, unit, kind, slider, value, remove);
    slider.addEventListener("input", () => (value.value = slider.value));
    value.addEventListener("input", () => (slider.value = value.value));
    for (const type of ["input", "change"]) item.addEventListener(type, () => this.changed());
    remove.addEventListener("click", () => {
      this.rows.splice(this.rows.indexOf(row), 1);
      item.remove();
      this.tell();
      $("live-hold").focus();
    });
    this.rows.push(row);
    $("live-list").append(item);
    this.tell();
    slider.focus();
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
