// The card of the unit that is picked: what it does in the whole text. A page that was written has those of some units; a
// live one asks for it. See charrnn/web/cards.py.

class UnitCard {
  constructor(section, page) {
    Object.assign(this, { section, page, ask: null }); // ask: a function that a live page sets
    $("card-ask").addEventListener("click", () => this.demand());
  }

  get unit() {
    return this.page.data.units[this.page.unit];
  }

  draw() {
    const { data } = this.page;
    const { unit } = this;
    const card = unit && data.cards?.[unit.name];
    this.section.hidden = !unit || !$("between").hidden; // models of pairs have no cards
    if (!unit) return;
    fill($("card-title"), ["card", "Card"], ` of ${unit.name}`);
    const isState = data.source.states.includes(unit.what);
    $("card-ask").hidden = Boolean(card) || !this.ask || !isState;
    $("card-hint").textContent = card
      ? `What it does in all ${numbered(card.length, data.noun)}.`
      : isState
        ? this.ask
          ? ""
          : `Not on this page. To get it, type charrnn units --card ${unit.name}, or make a page with charrnn visualize --unit ${unit.name} --html.`
        : "Gates have no cards; the unit whose gate it is has one.";
    $("card-body").replaceChildren(...(card ? this.columns(card) : []));
  }

  // Ask the live model for the card of the unit; an answer for an earlier text is not shown.
  async demand() {
    const { data } = this.page;
    const { unit } = this;
    $("card-hint").textContent = "Measuring …";
    try {
      const card = await this.ask(unit.name);
      data.cards = { ...data.cards, [unit.name]: card };
      if (data === this.page.data) this.draw();
    } catch (error) {
      if (unit === this.unit) $("card-hint").textContent = error.message;
    }
  }

  columns(card) {
    return [
      element("div", {}, ...this.values(card), ...this.gates(card)),
      element("div", {}, ...this.concepts(card), ...this.cost(card)),
      element("div", {}, ...this.contexts("Highest", card.highest), ...this.contexts("Lowest", card.lowest)),
    ];
  }

  values(card) {
    const { noun } = this.page.data;
    const most = Math.max(1, ...card.histogram);
    const bars = card.histogram.map((count) => {
      const one = element("i");
      one.style.height = `${count ? Math.max(2, (100 * count) / most) : 0}%`;
      return one;
    });
    const scale = card.deviation ? (card.timeScale ? numbered(card.timeScale, noun) : "longer than was measured") : "none";
    const lines = [
      [`mean ${signed(card.mean)}, standard deviation ${card.deviation.toFixed(2)}`],
      [["time scale", "time scale"], ` ${scale}`],
      [["bimodality", "bimodality"], ` ${card.bimodality.toFixed(2)}, `, ["sparsity", "sparsity"], ` ${card.sparsity.toFixed(2)}`],
      [["raised by", "raised by"], ` ${pushes(card.raisedBy)}`],
      [["raised by", "lowered by"], ` ${pushes(card.loweredBy)}`],
    ];
    return [
      heading("Values"),
      element("div", { className: "histogram", ariaHidden: "true" }, ...bars),
      element("p", { className: "ends" }, element("span", { textContent: signed(card.low) }), element("span", { textContent: signed(card.high) })),
      ...lines.map(line),
    ];
  }

  gates(card) {
    const { noun } = this.page.data;
    if (!card.gates.length) return [];
    const lines = card.gates.map(({ name, mean, open, shut, scale }) => {
      const lasts = scale === null ? "" : `, memory lasts ${scale.toFixed(1)} ${noun}s`;
      return [[name, name], `: mean ${mean.toFixed(3)}, open ${percent(open)}, shut ${percent(shut)}${lasts}`];
    });
    return [heading("Gates", "gate"), ...lines.map(line)];
  }

  concepts(card) {
    if (!card.concepts) return this.names();
    const colors = this.page.ramps.chance[STEPS - 2];
    const bars = card.concepts.map(({ name, measure, score, strength, sign, proven }) =>
      bar({
        label: `${sign < 0 ? "−" : "+"}${name}`,
        title: proven ? "its name: proven against chance and against networks with shuffled weights" : name,
        part: Math.max(0, strength),
        figure: `${measure} ${score.toFixed(2)}`,
        colors,
        marked: proven,
      }),
    );
    const none = element("p", { className: "hint", textContent: "None: the text has too little of any." });
    return [heading("Concepts", "concepts"), bars.length ? element("ol", { className: "bars" }, ...bars) : none];
  }

  // Without the text of training there are only the concepts that were found before.
  names() {
    const { reasons } = this.unit;
    const lines = reasons.length ? reasons : ["Not measured here; charrnn units measures them."];
    return [heading("Concepts", "concepts"), ...lines.map((textContent) => element("p", { className: reasons.length ? "" : "hint", textContent }))];
  }

  cost({ cost }) {
    if (!cost) return [heading("Without it", "without it"), element("p", { className: "hint", textContent: "Not measured: the text is too short, or units are edited." })];
    const { bits, low, high, count, others, most } = cost;
    const beside = others.length
      ? `; without each of ${others.length} other units ${signed(others[0], 4)} to ${signed(others.at(-1), 4)}`
      : "";
    const full = Math.max(1e-9, ...most.map(([, lost]) => lost));
    const bars = most.map(([label, lost]) =>
      bar({ label, part: lost / full, figure: signed(lost, 3), colors: this.page.ramps.value[2 * STEPS - 4] }),
    );
    const total = `${signed(bits, 4)} bits per ${this.page.data.noun} (${signed(low, 3)} to ${signed(high, 3)}) in ${numbered(count, "prediction")}${beside}`;
    return [heading("Without it", "without it"), element("p", { textContent: total }), element("ol", { className: "bars" }, ...bars)];
  }

  contexts(title, places) {
    const rows = places.map(([place, value, before, after]) => {
      const button = element(
        "button",
        { type: "button" },
        element("span", { className: "around", textContent: before.slice(0, -1) }),
        element("b", { textContent: before.slice(-1) }),
        element("span", { className: "around", textContent: after }),
      );
      button.addEventListener("click", () => this.page.go(place, true));
      return element("li", {}, element("span", { className: "figure", textContent: signed(value) }), button);
    });
    return [heading(title), element("ol", { className: "contexts" }, ...rows)];
  }
}

// A heading, or one with a word of the glossary; and a line with such words.
const heading = (text, word = null) => filled("h3", [[word, text]]);
const line = (parts) => filled("p", parts);
const filled = (tag, parts) => {
  const made = element(tag);
  fill(made, ...parts);
  return made;
};
const pushes = (some) => some.map(([character, change]) => `${visible(character)} ${signed(change)}`).join(" · ") || `no ${page.data.noun}`;
