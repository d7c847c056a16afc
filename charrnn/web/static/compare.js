// Two texts from the same random numbers, without the edits of units and with them: where they part, how the picked unit
// colors them, and what the edits do to the predictions. The next seed shows whether it was chance.

const COMPARED = 400; // maximum characters generated for a comparison
const SHOWN_BEFORE = 60; // characters of the prompt shown before a compared text

async function written(request) {
  let text = "";
  for await (const lines of page.model.write(request)) text += lines.map((line) => line.text).join("");
  return text;
}

async function traced(request) {
  for await (const [trace] of page.model.trace(request)) return trace;
  throw new Error("no answer from the model");
}

// One of the two texts: what both have in common, and the rest.
class ComparedText {
  constructor(box) {
    const parts = ["known", "other"].map((className) => element("span", { className }));
    box.replaceChildren(...parts);
    this.parts = parts.map((part) => new ColoredText(part));
  }

  // Show the end of the prompt and the text, of which the first `same` UTF-16 units are those of the other text too.
  set(prompt, text, same) {
    const before = last(prompt, SHOWN_BEFORE);
    const dots = before === prompt ? "" : "…";
    const begin = prompt.length - before.length;
    const border = prompt.length + same;
    Object.assign(this, { whole: prompt + text, begin, border, dots });
    this.parts[1].node.parentNode.hidden = border === this.whole.length;
    this.color(new Int8Array(this.whole.length));
  }

  // Color by a level for each UTF-16 unit of the prompt and the text.
  color(levels) {
    const { whole, begin, border, dots } = this;
    const first = new Int8Array(dots.length + border - begin);
    first.set(levels.subarray(begin, border), dots.length);
    this.parts[0].set(dots + whole.slice(begin, border), first);
    this.parts[1].set(whole.slice(border), levels.subarray(border));
  }
}

// How far two texts are the same, in words.
function alike(isSame, common, length) {
  if (isSame) return `Identical for all ${numbered(length, "character")}`;
  return common ? `Identical for ${numbered(common, "character")}, then different` : "Different from the first character on";
}

// The two texts of one seed.
class Pair {
  // part: the element that holds them; plain, held, differ: the places of the texts and of the sentence about them.
  constructor(part, plain, held, differ) {
    Object.assign(this, { part, differ, texts: { plain: new ComparedText(plain), held: new ComparedText(held) }, made: null });
  }

  get isBusy() {
    return this.part.ariaBusy === "true";
  }

  // What both texts are now, until they are made again.
  wait(why) {
    this.part.ariaBusy = "true";
    this.differ.textContent = why;
  }

  // Make both texts; the same request without edits is made once.
  async make(request, unknown) {
    const bare = { ...request, edits: "" };
    const key = JSON.stringify(bare);
    const plain = this.made?.key === key ? this.made.plain : await written(bare);
    const held = await written(request);
    this.made = { key, request, plain, held, unknown };
    const [a, b] = [[...plain], [...held]];
    const differs = a.findIndex((character, k) => character !== b[k]);
    const same = a.slice(0, differs < 0 ? a.length : differs);
    for (const [name, text] of Object.entries({ plain, held })) this.texts[name].set(request.prompt, text, same.join("").length);
    this.part.hidden = false;
    this.part.ariaBusy = "false";
    this.differ.textContent = `${alike(differs < 0, same.length, a.length)}, with the same random numbers.`;
    await this.color();
    await this.weigh();
  }

  trace(name, edits) {
    const { request, unknown } = this.made;
    const { counts, learn } = request;
    const unit = nameOf(page.data, Math.max(0, page.unit));
    return traced({ text: known(this.texts[name].whole, unknown), unit, edits, counts, ...(page.model.isServed && { learn }) });
  }

  // Color both texts by what colors the text of the page.
  async color() {
    const { made } = this;
    if (!made) return;
    for (const [name, edits] of Object.entries({ plain: "", held: made.request.edits })) {
      const trace = await this.trace(name, edits);
      if (made !== this.made) return;
      const levels = traceLevels(trace);
      const symbols = symbolsIn(this.texts[name].whole, 0, trace.pieces, made.unknown);
      this.texts[name].color(Int8Array.from(symbols, (symbol) => levels[symbol] ?? 0));
    }
  }

  // Say what the unedited text costs without the edits and with them.
  async weigh() {
    const { made } = this;
    const { prompt, edits } = made.request;
    const [bare, edited] = [await this.trace("plain", ""), await this.trace("plain", edits)];
    if (made !== this.made || this.isBusy) return;
    const symbols = symbolsIn(this.texts.plain.whole, 0, bare.pieces, made.unknown);
    const first = Math.max(symbols[prompt.length] ?? 0, 1 - page.model.about.start); // the first of all is not predicted
    const mean = ({ surprisal }) => surprisal.subarray(first).reduce((sum, bits) => sum + bits, 0) / (surprisal.length - first);
    const [without, withEdits] = [mean(bare), mean(edited)];
    if (!isFinite(without)) return;
    const change = withEdits - without;
    const costs = `The unedited text costs ${without.toFixed(2)} bits per ${page.data.noun}`;
    this.differ.textContent +=
      Math.abs(change) < 0.005
        ? ` ${costs}, with the edits too.`
        : ` ${costs}; with the edits it would cost ${withEdits.toFixed(2)} (${signed(change)}).`;
  }
}

const known = (text, unknown) => [...text].filter((character) => !unknown.has(character)).join("");

// The levels of color of the symbols of a trace: by the unit that is picked, or by surprisal.
function traceLevels({ values, surprisal }) {
  const { data, unit } = page;
  if (unit >= 0) return Int8Array.from(values, (value) => stepOf(value / data.units[unit].full));
  if (unit === COUNTS) return new Int8Array(values.length);
  return Int8Array.from(surprisal, (bits) => Math.round(STEPS * Math.min(1, bits / data.mostSurprisal)));
}
