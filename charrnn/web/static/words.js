// The words of the page: what is shown, for a reader who sees such a page for the first time; and a glossary, which
// tooltips (tips.js) and the dialog of keys and words share.

const capital = (word) => word[0].toUpperCase() + word.slice(1);
const letterOf = (what) => what.replace(/[<>]/g, ""); // without the direction of an encoder: see charrnn/interpret/units.py
const inQuotes = (text) => `“${text}”`;

// --- above the text ----------------------------------------------------------------------------------------------------

// Two sentences on what the colors are; a third on the unit, if it has a name or is held.
function introduction(data, unit, [below, above]) {
  return INTRODUCTIONS[unit]?.(data, below, above) ?? ofUnit(data, data.units[unit], below, above).join(" ");
}

const INTRODUCTIONS = {
  [SURPRISAL]: ({ noun, fromCounts, mostSurprisal }, below, above) =>
    `Each ${noun} is colored by its surprisal: how unexpected it was to the network${fromCounts ? " and the counts together" : ""}, ` +
    "after all that came before it. " +
    `No color: it was certain to come (0 bits); full ${above}: it had one chance in ${counted(2 ** mostSurprisal)}, or less ` +
    `(${mostSurprisal} bits or more).`,
  [SALIENCY]: (data, below, above) => page.why.introduction(data, below, above),
  [COUNTS]: ({ noun }, below, above) =>
    `Two things predict the next ${noun} here: the network, and the counts of what followed the last few ${noun}s in its training text. ` +
    `The more ${above} a ${noun}, the more of its probability came from the counts; without color, all of it came from the network.`,
};

function ofUnit(data, unit, below, above) {
  const { noun, source } = data;
  const { name, what, layer } = unit;
  const letter = letterOf(what);
  const count = counted(source.size);
  const asItWas = `as it was right after that ${noun}${what.includes("<") ? ", reading backwards" : ""}`;
  const isGate = !source.states.includes(what);
  const meaning = source.meanings[letter];
  if (isGate && source.sigmoids.includes(letter))
    return [
      `Each ${noun} is colored by a gate of layer ${layer}, ${name}${meaning ? ` – ${meaning}` : ""}.`,
      `No color: the gate is shut (0); the more ${above}, the wider it is open (1).`,
    ];
  const whose = isGate
    ? `${name}, in layer ${layer}${meaning ? ` – ${meaning}` : ""}`
    : what === memoryOf(source)
      ? `one of the ${count} numbers (“units”) in which the network remembers what it has read: ${name}, ${asItWas}`
      : `one of the ${count} numbers (“units”) that the network’s layers pass on: ${name}, ${asItWas}`;
  const more = [...unit.reasons.slice(0, 1).map(named), ...ofEdits(source, name)];
  return [
    `Each ${noun} is colored by ${whose}.`,
    `${capital(above)} is positive, ${below} negative, no color zero${more.length ? "" : whereItChanges}.`,
    ...more,
  ];
}

const whereItChanges = "; where the color changes, say at the start of a word, a line or a quotation, the unit has noticed something";

// The array in which a network remembers: its last state; see `RecordedModel.memory`.
const memoryOf = ({ states }) => states.find((what) => letterOf(what) === letterOf(states.at(-1)));

// What the table between a source and its target is.
const ofTable = ({ meaning }) => `A column for each character of the source, a row for each of the target; the greener a cell, the larger its number: ${meaning}.`;
const useOfTable = () =>
  " Point at a character, or go there with the arrow keys: the characters of the other side light up by their numbers." +
  (isFramed() ? "" : " A click, or Enter, shows it in its text below.");

// A name such as "inside quotes (low), AUC 0.97".
function named(reason) {
  const [, name, low, measure, score] = /^(.*?)( \(low\))?, (\S+) ([\d.]+)$/.exec(reason) ?? [null, reason];
  const perfect = measure && ` (${measure} ${score}: 1 would be perfect, ${measure === "AUC" ? "0.5" : "0"} chance)`;
  return `It is named ${inQuotes(name)}, because it was found to be ${low ? "lower" : "higher"} there${perfect ?? ""}.`;
}

// An edit such as "clamp L0.c.0-15=+1.0".
function partsOf(edit) {
  const [, kind, units, value] = /^(\S+) (.*)=(.*)$/.exec(edit);
  return { isHeld: kind === "clamp", units, value: value.replace("-", "−") };
}

function editInWords(edit) {
  const { isHeld, units, value } = partsOf(edit);
  return isHeld ? `${units} held at ${value}` : `${value} added to ${units}`;
}

function ofEdits({ edits }, name) {
  const own = edits.filter((edit) => isOf(edit, name));
  return own.map((edit) => {
    const { isHeld, value } = partsOf(edit);
    return isHeld
      ? `It is held at ${value}, whatever the network computes, so that its color is the same everywhere.`
      : `${value} is added to it after each character.`;
  });
}

// Which text it is, and how much of it.
function ofText({ origin, noun, length }) {
  if (!origin) return `${isLive() ? "the text in the box, " : ""}${numbered(length, noun)}`;
  const { name, read, whole } = origin;
  if (whole > read) return `${name}, the first ${counted(read)} of ${numbered(whole, "character")}`;
  return `${name}, ${numbered(length, noun)}`;
}

// A character as a screen reader should say it.
const SPOKEN = { "\n": "line break", "\t": "tab" };
const nameOfSpace = (label) => (label === " " ? "space" : label);
const spokenAt = ({ pieces, labels, columns }, t) => SPOKEN[pieces[columns[t]]] ?? nameOfSpace(labels[columns[t]]);

// --- the glossary ------------------------------------------------------------------------------------------------------

// Each word with one sentence, and the data of which it is a word; no function: of all.
const predicts = (data) => data.predicts;
const looks = () => $("between-title").textContent === "Attention";
const isLive = () => !$("live").hidden;
const hasCards = (data) => Boolean(data.cards) || isLive();
const hasScores = (data) => hasCards(data) || data.units.some(({ reasons }) => reasons.length);
const hasCounts = (data) => data.fromCounts || (isLive() && !$("live-predictions").hidden);
const WORDS = {
  unit: "one of the numbers that the network works with; L1.c.49 is number 49 of those called c in layer 1, all counted from 0",
  layer: "a part of the network; layer 0 reads the characters, layer 1 reads what layer 0 makes of them, and so on",
  cell: "the kind of layer: how it computes its new numbers at each character, from its previous ones and from what it reads",
  gate: [
    "a number from 0 (shut) to 1 (open), computed anew at each character, that decides how much of another number gets through",
    ({ source }) => source.sigmoids.length,
  ],
  attention: ["before the network writes a character, it weighs all characters of the source; the weights add up to 100 %", looks],
  interest:
    "high for a unit whose value swings far, and changes slowly, as if it kept something in mind (standard deviation × correlation of each value with the next one)",
  prediction: ["the network gives each character a probability of coming next; these are the most probable, and the one that did come is marked", predicts],
  surprisal: [
    "how unexpected a character was, in bits: 0 if it was certain, 1 for one chance in two, 2 for one in four, 8 for one in 256",
    predicts,
  ],
  "bits per character": ["the mean surprisal: the lower, the better the network predicts this text", predicts],
  saliency: ["how much an earlier character mattered for the prediction of this one", () => page.why.ask],
  context: ["the characters before one, from which the network predicts it", () => page.reach.ask || page.reach.curve],
  counts: [
    "how often each character came after the same few characters in the training text; what they predict can be mixed with what the network predicts",
    hasCounts,
  ],
  "strongest units": "the units farthest from zero at this character, each compared with its own largest value",
  span: "some characters that you select, to find units that are on (far from zero) exactly there, and off just before and after",
  threshold: "how far from zero a unit must be to be on, as a fraction of its largest value",
  card: "what one unit does in the whole text: its values, what it follows, what it is good for, and where it is highest and lowest",
  name: [
    "what a unit was found to follow when “charrnn units” compared all units with many concepts, such as quotations, brackets or line lengths; (low): its value is low there, or goes the other way",
    ({ units }) => units.some(({ reasons }) => reasons.length),
  ],
  AUC: [
    "how well a unit tells where something is: the chance that its value is higher there than elsewhere; 0.5 is no better than guessing, 1 perfect",
  ],
  "|r|": ["how closely a unit rises and falls with a number, such as the length of the line: 0 not at all, 1 perfectly", hasScores],
  "raised by": ["the characters that raise the unit most, or lower it most, and by how much on average", hasCards],
  concepts: ["what may be true at a character, such as “inside quotes”, and how well the unit’s value shows it (+: higher there, −: lower)", hasCards],
  "without it": ["how many more bits a character costs on average when the unit is held at its mean, so that it says nothing; in parentheses, the 95 % interval", hasCards],
  "time scale": ["how many characters it takes until a unit has mostly forgotten its value", hasCards],
  bimodality: ["near 1 for a unit with two values, like a switch; near 0.33 for one whose values lie around their mean", hasCards],
  sparsity: ["near 1 for a unit that is nearly always close to zero; 0 for one that is always equally far from it", hasCards],
  sampling: ["how the model writes: it draws each next character at random, according to its probabilities", isLive],
  hold: ["keep a unit at one value, whatever the network computes, to see what the network does then", isLive],
  steer: ["add a number to a unit after each character", isLive],
  temperature: [
    "how daring the model is when it writes: 0 always takes the most probable character, 1 draws from the probabilities as they are, higher values even them out",
    isLive,
  ],
  "top-p": ["draw only from the most probable characters, as few as have this probability together", isLive],
  seed: ["the number from which the random draws start: the same seed and settings always give the same text", isLive],
};

// The words of some data with their sentences; the letters of the cell's states and gates stand behind "cell".
function glossary(data) {
  const letters = Object.entries(data.source.meanings);
  return Object.entries(WORDS).flatMap(([word, entry]) => {
    const [sentence, applies] = [entry].flat();
    if (applies && !applies(data)) return [];
    return word === "cell" ? [[word, sentence], ...letters] : [[word, sentence]];
  });
}

const sentenceOf = (word) => [WORDS[word] ?? page.data.source.meanings[word]].flat()[0];

const idOf = (word) => `word-${word.replace(/\W+/g, "-")}`;

// Put the words into the dialog, if they are others than before.
function listWords(data) {
  const words = glossary(data);
  const key = words.map(([word, sentence]) => word + sentence).join();
  if (key === $("words").dataset.key) return;
  $("words").dataset.key = key;
  const rows = words.map(([word, sentence]) => [element("dt", { textContent: word }), element("dd", { id: idOf(word), textContent: sentence })]);
  $("words").replaceChildren(...rows.flat());
  describeTerms();
}
