// The box in which one types is colored itself: its own text cannot be seen, and the same text lies behind it.

class TypingBox {
  // box: the textarea; behind: the element that lies behind it.
  constructor(box, behind) {
    const inner = element("span");
    behind.replaceChildren(inner);
    Object.assign(this, { box, behind, text: new ColoredText(inner), shown: "" });
    box.addEventListener("scroll", () => this.scroll(), { passive: true });
    new ResizeObserver(() => this.scroll()).observe(box);
  }

  // In the next frame, which needs the layout anyway.
  scroll() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.behind.scrollTop = this.box.scrollTop;
    });
  }

  // What has been typed, before it is read: what stays keeps its colors.
  follow() {
    const [{ value }, { shown }, { levels }] = [this.box, this, this.text];
    if (value === shown) return;
    const most = Math.min(value.length, shown.length);
    let [same, rest] = [0, 0];
    while (same < most && value[same] === shown[same]) same++;
    while (rest < most - same && value.at(-1 - rest) === shown.at(-1 - rest)) rest++;
    const moved = new Int8Array(value.length);
    moved.set(levels.subarray(0, same));
    moved.set(levels.subarray(shown.length - rest), value.length - rest);
    this.set(value, moved);
  }

  // Color what has been read: `levels` for each of the symbols, which begin at `begin`.
  color(text, begin, { columns, pieces }, levels, unknown) {
    const symbols = symbolsIn(text, begin, Array.from(columns, (column) => pieces[column]), unknown);
    this.set(text, Int8Array.from(symbols, (symbol) => levels[symbol] ?? 0));
    this.follow(); // more may have been typed
  }

  set(value, levels) {
    const isNew = value !== this.shown;
    this.shown = value;
    this.text.set(`${value}\n`, levels); // a last line that is empty is seen, as in the box
    if (isNew) this.scroll();
  }
}
