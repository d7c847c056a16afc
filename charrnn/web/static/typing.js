// A page of a text that has the model inside too: a check box shows what the model makes of a text that one types, and back.

class Typing {
  // raw: the data of the page; written: the same, as it is shown.
  constructor(raw, written) {
    Object.assign(this, { raw, written, at: 0, work: Promise.resolve() });
    this.box = $("typing-on");
    if (isFramed()) $("main").prepend($("typing"));
    $("typing").hidden = false;
    this.box.addEventListener("change", () => this.turn(this.box.checked));
  }

  get isOn() {
    return !$("live").hidden;
  }

  // Turn typing on or off, one after the other.
  turn(isOn) {
    this.work = this.work.then(() => (isOn === this.isOn ? null : isOn ? this.begin() : this.end()));
    return this.work.finally(() => (this.box.checked = this.isOn));
  }

  async begin() {
    this.at = page.at;
    if (!page.live) {
      page.scales = new Map(this.written.units.map(({ name, scale }) => [name, scale])); // colors keep their meaning
      show(complete(await openLive(this.raw)));
      page.live = new Live(this.raw.live);
      return;
    }
    showAbove("live", true);
    $("sort").hidden = false;
    page.live.explain(true);
    page.recolored = () => page.live.recolor();
    await page.live.reading.ask();
  }

  // Nothing that the live part has begun is shown any more.
  async end() {
    const { live } = page;
    live.end();
    await live.reading.running;
    await live.settling.now();
    live.explain(false);
    showAbove("live", false);
    $("sort").hidden = true;
    $("main").classList.remove("empty");
    Object.assign(page, { recolored: null, at: this.at });
    show(this.written);
  }
}

opened.then((raw) => {
  if (raw.labels) page.typing = new Typing(raw, page.data);
});
