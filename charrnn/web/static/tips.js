// Tooltips: what a word means, while the pointer or the keyboard's focus is on it, or after a tap. A word of the glossary
// is an element with `data-term`: a button for this alone, or the label of a control. Screen readers are given the same
// sentence as a description: that in the dialog of words and keys. What else has more to say has it in `data-tip`.

const LEAVING = 150; // milliseconds in which the pointer may go from a word to its tooltip

// A button with a word of the glossary.
function term(word, textContent = word) {
  const button = element("button", { type: "button", className: "term", textContent });
  button.dataset.term = word;
  button.setAttribute("aria-describedby", idOf(word));
  return button;
}

// Fill an element with texts and words of the glossary, each as [word, text]; those that are there already stay, and with
// them the focus.
function fill(box, ...parts) {
  const isSame = ([word], child) => child && word === (child.dataset?.term ?? null);
  const some = parts.map((part) => (Array.isArray(part) ? part : [null, part]));
  const old = box.childNodes;
  if (old.length !== some.length || some.some((part, k) => !isSame(part, old[k])))
    return box.replaceChildren(...some.map(([word, text]) => (word ? term(word, text) : document.createTextNode(text))));
  some.forEach(([, text], k) => old[k].textContent !== text && (old[k].textContent = text));
}

// Describe the words in the page by their sentences: a word itself, or the control that it labels.
function describeTerms() {
  for (const word of document.querySelectorAll("[data-term]")) {
    const described = word.control ?? word;
    const others = (described.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.startsWith("word-"));
    const ids = [...others, ...($(idOf(word.dataset.term)) ? [idOf(word.dataset.term)] : [])];
    if (ids.length) described.setAttribute("aria-describedby", ids.join(" "));
  }
}

class Tips {
  constructor(box) {
    Object.assign(this, { box, word: null, isPinned: false, leaving: null });
    const wordAt = ({ target }, selector = "[data-term], [data-tip]") => target.closest?.(selector);
    document.addEventListener("pointerover", (event) => {
      if (event.pointerType === "touch") return;
      const word = wordAt(event);
      if (word || box.contains(event.target)) clearTimeout(this.leaving);
      if (word && word !== this.word) this.show(word, false);
      else if (!word && this.word && !this.isPinned && !box.contains(event.target)) this.leave();
    });
    document.addEventListener("focusin", (event) => {
      const word = wordAt(event) ?? event.target.labels?.[0]?.closest("[data-term]");
      if (word && word === this.word) return;
      if (word && event.target.matches(":focus-visible")) this.show(word, true);
      else if (!box.contains(event.target)) this.hide();
    });
    document.addEventListener("click", (event) => {
      const word = wordAt(event, "[data-term], .term");
      if (this.word && event.target === this.word.control) return; // a click on a label is one on its control, too
      if (!word) return box.contains(event.target) ? undefined : this.hide();
      if (word === this.word && this.isPinned && word.localName === "button") this.hide();
      else this.show(word, true);
    });
    addEventListener("keydown", (event) => this.escape(event), { capture: true });
    addEventListener("scroll", () => this.word && this.place(), { capture: true, passive: true });
    addEventListener("blur", () => this.hide());
  }

  // Escape hides a tooltip first; while the model writes, it must stop that at once.
  escape(event) {
    if (event.key !== "Escape" || !this.word) return;
    this.hide();
    if (!page.live?.writing) event.stopPropagation();
  }

  show(word, isPinned) {
    const { term: own, tip } = word.dataset;
    const sentence = tip ?? sentenceOf(own);
    if (!sentence) return this.hide();
    clearTimeout(this.leaving);
    Object.assign(this, { word, isPinned });
    this.box.replaceChildren(element("b", { textContent: own ?? word.textContent }), ` – ${sentence}`);
    this.box.hidden = false;
    this.place();
  }

  // Below the word, or above it where there is no room; always inside the window.
  place() {
    const { left, top, bottom } = this.word.getBoundingClientRect();
    if (bottom <= 0 || top > innerHeight) return this.hide();
    const { offsetWidth, offsetHeight, style } = this.box;
    const room = document.documentElement.clientWidth - offsetWidth - 8;
    style.left = `${Math.max(8, Math.min(left, room))}px`;
    style.top = `${bottom + offsetHeight + 12 < innerHeight ? bottom + 6 : Math.max(8, top - offsetHeight - 6)}px`;
  }

  // A word that is shown no more has no tooltip.
  settle() {
    if (this.word && !this.word.isConnected) this.hide();
  }

  leave() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.hide(), LEAVING);
  }

  hide() {
    clearTimeout(this.leaving);
    Object.assign(this, { word: null, isPinned: false });
    this.box.hidden = true;
  }
}
