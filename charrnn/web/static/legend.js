// The legend: the colors from end to end, with words and numbers, and a mark at the value of the character that is shown.

// For each measure what the ends of its colors mean, and where a character is between them, from 0 to 1.
const LEGENDS = {
  [SURPRISAL]: (data, below, above) => ({
    low: ["expected", "0 bits"],
    high: ["surprising", `${data.mostSurprisal} bits or more`],
    words: `${above} where surprising`,
    part: (t) => data.surprisal[t] / 1000 / data.mostSurprisal,
  }),
  [COUNTS]: (data, below, above) => ({
    low: ["network", "100 %"],
    high: ["counts", "100 %"],
    words: `${above} where the probability came from the counts, without color where it came from the network`,
    part: (t) => data.fromCounts[t] / data.certain,
  }),
};

LEGENDS[SALIENCY] = (data, below, above) => page.why.legend(below, above);

// The same for a unit: a gate opens, other units are above zero or below.
function legendOfUnit(data, below, above) {
  const { unit } = page;
  const { full, what } = data.units[unit];
  if (data.source.sigmoids.includes(letterOf(what)))
    return { low: ["shut", "0"], high: ["open", full.toFixed(0)], words: `${above} where open`, part: (t) => brightnessAt(data, unit, t) };
  return {
    low: ["negative", `−${full.toFixed(2)}`],
    middle: ["zero"], // the colors go to both sides of it
    high: ["positive", `+${full.toFixed(2)}`],
    words: `${below} below zero, ${above} above, up to ${full.toFixed(2)}`,
    part: (t) => (1 + brightnessAt(data, unit, t)) / 2,
  };
}

class Legend {
  constructor(box) {
    Object.assign(this, { box, bar: element("i"), mark: element("b"), part: null });
    this.ends = element("span", { className: "ends" });
    this.bar.append(this.mark);
    box.append(this.bar, this.ends);
  }

  draw(data, unit, { value, hues }) {
    const { low, middle, high, words, part } = (LEGENDS[unit] ?? legendOfUnit)(data, ...hues);
    const colors = middle ? value : value.slice(STEPS);
    Object.assign(this, { part, words, ramp: { low: low.join(" "), high: high.join(" "), colors } });
    this.bar.style.background = `linear-gradient(to right, ${colors.map((color) => `rgb(${color})`).join(",")})`;
    const ends = [low, middle ?? [], high].map(([word = "", number = ""]) => element("span", {}, word, " ", element("small", { textContent: number })));
    this.ends.replaceChildren(...ends);
    this.box.ariaLabel = words;
  }

  // Mark the value of a character.
  point(t) {
    this.mark.hidden = !this.part;
    if (!this.part) return;
    this.mark.style.left = `${100 * Math.max(0, Math.min(1, this.part(t)))}%`;
  }
}
