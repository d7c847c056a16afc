// Text is colored from outside, by the CSS Custom Highlight API: one highlight for each level of color, which all colored
// texts of the page share.

const STEPS = 16; // levels of color on each side of zero
const stepOf = (part) => Math.sign(part) * Math.ceil(Math.min(1, Math.abs(part)) * STEPS - 1e-9); // only zero is neutral

const highlights = new Map(); // by their names

function highlightOf(name, priority = 0) {
  if (!highlights.has(name)) {
    const made = Object.assign(new Highlight(), { priority });
    highlights.set(name, made);
    CSS.highlights.set(name, made);
  }
  return highlights.get(name);
}

// The colors of one text. What stays as it is is not painted again.
class Painter {
  constructor() {
    this.runs = new Map(); // by `from`
  }

  // Color runs {from, to, level, node, start, end}, places in the text and in a text node, and nothing else.
  paint(runs) {
    const painted = new Map();
    for (const run of runs) {
      const old = this.runs.get(run.from);
      const isSame = old && old.to === run.to && old.level === run.level && old.node === run.node && old.start === run.start && old.end === run.end;
      painted.set(run.from, isSame ? old : run);
      if (isSame) this.runs.delete(run.from);
      else highlightOf(`v${run.level + STEPS}`).add((run.range = rangeIn(run.node, run.start, run.end)));
    }
    for (const { level, range } of this.runs.values()) highlightOf(`v${level + STEPS}`).delete(range);
    this.runs = painted;
  }
}

const rangeIn = (node, start, end) =>
  new StaticRange({ startContainer: node, startOffset: start, endContainer: node, endOffset: end });

// A text in one text node, colored by a level for each of its UTF-16 units; level 0 has no color.
class ColoredText {
  constructor(box) {
    this.node = document.createTextNode("");
    this.painter = new Painter();
    this.levels = new Int8Array(0);
    box.replaceChildren(this.node);
  }

  set(text, levels) {
    if (this.node.data !== text) this.node.data = text;
    this.levels = levels;
    this.painter.paint(this.runs());
  }

  *runs() {
    const { levels, node } = this;
    for (let from = 0; from < levels.length; ) {
      let to = from + 1;
      while (to < levels.length && levels[to] === levels[from]) to++;
      if (levels[from]) yield { from, to, level: levels[from], node, start: from, end: to };
      from = to;
    }
  }
}

// The symbol of each UTF-16 unit of a text from `begin` on, of which a model has read symbols that add `pieces` to it; -1
// where it has read none. Accents may have been composed or decomposed, and `unknown` characters left out.
function symbolsIn(text, begin, pieces, unknown) {
  const symbols = new Int32Array(text.length).fill(-1);
  const parts = (character) => [...character.normalize("NFD")];
  const sizes = pieces.map((piece) => (piece < "\u0080" ? piece.length : parts(piece).length)); // in decomposed characters
  let [symbol, end, at, offset] = [-1, 0, 0, begin];
  for (const character of text.slice(begin)) {
    const size = character < "\u0080" ? 1 : parts(character).filter((part) => !unknown.has(part)).length;
    if (!unknown.has(character)) {
      at += size;
      while (end < at && symbol + 1 < sizes.length) end += sizes[++symbol];
      symbols.fill(symbol, offset, offset + character.length);
    }
    offset += character.length;
  }
  return symbols;
}
