// The search: a regular expression, or some spans of the text, and the units that react to them.

const REACTING = 10; // units that are listed
const NOTHING = "Type a regular expression, or select some text: the units that tell it best from the rest will be listed here.";

class Search {
  constructor(page) {
    Object.assign(this, { page, kept: [], isPattern: false, spans: [] });
    const field = $("pattern");
    field.addEventListener("input", () => {
      this.isPattern = field.value !== "";
      this.draw();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !this.isPattern && field.value) [this.isPattern] = [true], this.draw();
      else if (event.key === "Enter") this.turn(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") [field.value, this.isPattern] = ["", false], this.draw(), $("text").focus();
    });
    $("span-keep").addEventListener("click", () => this.keep());
    $("match-previous").addEventListener("click", () => this.turn(-1));
    $("match-next").addEventListener("click", () => this.turn(1));
  }

  // Another text: its spans are gone, the pattern stays.
  forget() {
    Object.assign(this, { kept: [], spans: [] });
    this.page.view.mark("match", []);
  }

  set() {
    this.draw();
  }

  // The span that is selected counts from now on, instead of the pattern.
  select() {
    this.isPattern &&= !this.page.span;
    this.draw();
  }

  // Keep the selected span, so that others can be added.
  keep() {
    const { span } = this.page;
    if (!span) return;
    this.kept.push(span);
    KEYS.Escape();
    $("text").focus();
  }

  drop(span) {
    this.kept = this.kept.filter((one) => one !== span);
    this.draw();
  }

  // Go to the next match or span, or to the one before.
  turn(by) {
    const { at } = this.page;
    const starts = this.spans.map(({ start }) => start);
    const next = by > 0 ? starts.find((start) => start > at) : starts.findLast((start) => start < at);
    if (starts.length) move(next ?? starts.at(by > 0 ? 0 : -1));
    this.count();
  }

  draw() {
    const { page, isPattern } = this;
    const { data, span } = page;
    $("span-keep").hidden = !span || isPattern;
    $("kept").replaceChildren(...(isPattern ? [] : this.kept.map((one) => this.chip(one))));
    const problem = this.find();
    page.view.mark("match", isPattern ? this.spans : this.kept);
    $("match-previous").hidden = $("match-next").hidden = !this.spans.length || (!isPattern && this.spans.length < 2);
    this.count();
    const inside = marked(data.length, this.spans);
    const total = inside.reduce((sum, one) => sum + one, 0);
    this.reactions = [];
    if (problem || !total) $("react-note").textContent = problem;
    else if (total === data.length) $("react-note").textContent = "This is all of the text: there is nothing to compare it with.";
    else this.score(inside);
    $("react").replaceChildren(...this.reactions.map((one) => this.bar(one)));
  }

  // Find the spans that count; the result is what is wrong.
  find() {
    const { data, span } = this.page;
    this.spans = [...this.kept, ...(span ? [span] : [])].sort((a, b) => a.start - b.start);
    if (!this.isPattern && !this.spans.length) return $("pattern").value ? "Press Enter in the field to search for the pattern." : NOTHING;
    if (!this.isPattern) return "";
    this.spans = [];
    try {
      this.spans = matchesOf(data, new RegExp($("pattern").value, "gmu"));
    } catch ({ message }) {
      return problemOf(message);
    }
    return this.spans.length ? "" : "It matches nothing in this text.";
  }

  score(inside) {
    const { data } = this.page;
    const { isPattern, spans } = this;
    const all = Uint32Array.from(inside.keys());
    let places = isPattern ? halvesOf(data.length) : surroundingsOf(inside);
    const isFew = isPattern && !places.every((some) => isCommon(inside, some));
    if (isFew) places = [all, all];
    const key = JSON.stringify(isPattern ? $("pattern").value : spans);
    if (this.last?.data !== data || this.last.key !== key) this.last = { data, key, reactions: reactionsOf(data, inside, places, REACTING) };
    this.reactions = this.last.reactions; // another unit that is picked changes nothing
    const rest = isPattern ? "the rest of the text" : "the text around";
    const evidence = isFew
      ? "Few matches: units are chosen and scored on the same characters, so some always seem to fit."
      : isPattern
        ? "Chosen on the first half of the text, scored on the second."
        : [...runs(inside, 1)].length === 1
          ? "One span is little evidence: some unit always seems to fit. Keep it and select others like it."
          : "Chosen on every other span, scored on those between.";
    const where = isPattern ? `${counted(spans.length)} ${spans.length === 1 ? "match" : "matches"}` : numbered(spans.length, "span");
    fill($("react-note"), ["AUC", "AUC"], ` inside ${where}, against ${rest}. ${evidence}`);
  }

  count() {
    const { at } = this.page;
    const own = this.spans.findIndex(({ start, stop }) => start <= at && at < stop);
    $("match-count").textContent = this.spans.length && this.isPattern ? `${own < 0 ? "–" : counted(own + 1)} of ${counted(this.spans.length)}` : "";
  }

  chip(span) {
    const { data } = this.page;
    const text = textOf(data, span.start, Math.min(span.stop, span.start + 24));
    const remove = element("button", { type: "button", textContent: "×", ariaLabel: `Remove the span at ${counted(span.start + 1)}` });
    remove.addEventListener("click", () => this.drop(span));
    return element("li", {}, element("span", { className: "name", textContent: text }), remove);
  }

  bar({ unit, sign, score, within, without }) {
    const { page } = this;
    const { name, scale, reasons } = page.data.units[unit];
    const item = bar({
      label: `${sign < 0 ? "−" : "+"}${name}`,
      title: [`${sign < 0 ? "smaller" : "larger"} inside`, ...reasons].join(" · "),
      part: 2 * score - 1,
      figure: score.toFixed(3),
      colors: page.ramps.value[sign < 0 ? 4 : 2 * STEPS - 4],
      onClick: () => page.pick(unit),
      marked: unit === page.unit,
    });
    item.append(element("span", { className: "more", textContent: `mean ${signed(within * scale)} inside, ${signed(without * scale)} outside` }));
    return item;
  }
}

// What is wrong with a pattern, from the message of an engine, such as "Invalid regular expression: /a(/u: Unterminated group".
function problemOf(message) {
  const reason = message.split(": ").at(-1).replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
  return `The pattern is ${/untermin|incomplete|missing|at end/i.test(reason) ? "not complete" : "no regular expression"}: ${reason}.`;
}
