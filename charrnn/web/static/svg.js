// A context to draw into, as a canvas has it, whose strokes become SVG: whatever is painted on a canvas can be saved as
// lines and letters. It has what the page's charts use of a canvas's context, and no more.

const SVG = "http://www.w3.org/2000/svg";
const STYLES = ["fillStyle", "strokeStyle", "lineWidth", "font", "textAlign", "globalAlpha", "matrix", "parent"];

const LOOKS = [
  ...["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity"],
  ...["font-family", "font-size", "font-weight", "text-anchor"],
];

class SvgContext {
  constructor(width, height, title, description) {
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, font: "10px sans-serif" });
    Object.assign(this, { textAlign: "start", globalAlpha: 1, matrix: new DOMMatrix(), saved: [], path: "", clips: 0 });
    this.ruler = new OffscreenCanvas(1, 1).getContext("2d");
    this.root = this.parent = this.made("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    for (const [tag, text] of Object.entries({ title, desc: description })) {
      const words = this.made(tag);
      words.textContent = text;
      this.root.append(words);
    }
  }

  // The content of the file.
  get text() {
    return new XMLSerializer().serializeToString(this.root);
  }

  made(tag, attributes = {}) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? short(value) : value);
    return element;
  }

  add(tag, attributes) {
    const element = this.made(tag, attributes);
    const { a, b, c, d, e, f } = this.matrix;
    if (!this.matrix.isIdentity) element.setAttribute("transform", `matrix(${[a, b, c, d, e, f].map(short).join(" ")})`);
    if (this.globalAlpha < 1) element.setAttribute("opacity", short(this.globalAlpha));
    this.parent.append(element);
    return element;
  }

  // A color as every viewer of SVG reads it.
  plain(color) {
    this.ruler.fillStyle = color;
    return this.ruler.fillStyle;
  }

  // --- the state ---

  save() {
    this.saved.push(Object.fromEntries(STYLES.map((name) => [name, this[name]])));
  }

  restore() {
    Object.assign(this, this.saved.pop());
  }

  translate(x, y) {
    this.matrix = this.matrix.translate(x, y);
  }

  rotate(angle) {
    this.matrix = this.matrix.rotate((180 * angle) / Math.PI);
  }

  // --- rectangles, letters, images ---

  fillRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, fill: this.plain(this.fillStyle) });
  }

  strokeRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, fill: "none", ...this.pen });
  }

  // The length stands in the file, so that letters and colors agree in every viewer, whatever font it has.
  fillText(text, x, y) {
    const [, style, size, family] = /^(.*?)([\d.]+)px(?:\s*\/\s*\S+)?\s+(.*)$/.exec(this.font);
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign];
    const weight = /\b(bold|[1-9]00)\b/.exec(style)?.[0];
    this.ruler.font = this.font;
    const element = this.add("text", {
      ...{ x, y, "font-family": family.replaceAll('"', "'"), "font-size": Number(size), fill: this.plain(this.fillStyle) },
      ...(weight && { "font-weight": weight }),
      ...(anchor && { "text-anchor": anchor }),
      ...(text.length > 1 && { textLength: this.ruler.measureText(text).width }),
      ...{ "xml:space": "preserve", "font-variant": "none" }, // all spaces, and no ligatures
    });
    element.textContent = text;
  }

  measureText(text) {
    this.ruler.font = this.font;
    return this.ruler.measureText(text);
  }

  drawImage(image, x, y, width, height) {
    const canvas = element("canvas", { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    const look = { preserveAspectRatio: "none", "image-rendering": "pixelated" };
    this.add("image", { x, y, width, height, href: canvas.toDataURL("image/png"), ...look });
  }

  // An SVG element of the page, with its looks written into it.
  drawElement(element, x = 0, y = 0) {
    const copy = element.cloneNode(true);
    const [all, copies] = [element, copy].map((one) => [one, ...one.querySelectorAll("*")]);
    all.forEach((one, k) => {
      const style = getComputedStyle(one);
      copies[k].removeAttribute("class");
      for (const name of LOOKS) copies[k].setAttribute(name, looked(style.getPropertyValue(name)));
      if (style.display === "none") copies[k].remove();
    });
    for (const [name, value] of Object.entries({ x, y })) copy.setAttribute(name, value);
    this.add("g", {}).append(copy);
  }

  // --- paths ---

  get pen() {
    return { stroke: this.plain(this.strokeStyle), "stroke-width": this.lineWidth };
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${short(x)} ${short(y)}`;
  }

  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${short(x)} ${short(y)}`;
  }

  rect(x, y, width, height) {
    this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`;
  }

  // A whole circle: the charts have no other arcs.
  arc(x, y, radius) {
    const [r, across] = [short(radius), short(2 * radius)];
    this.path += `M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 0 ${across} 0a${r} ${r} 0 1 0 -${across} 0`;
  }

  fill() {
    this.add("path", { d: this.path, fill: this.plain(this.fillStyle) });
  }

  stroke() {
    this.add("path", { d: this.path, fill: "none", "stroke-linejoin": "round", ...this.pen });
  }

  // Until the state is restored, nothing is drawn outside of the path.
  clip() {
    const id = `clip${this.clips++}`;
    const clip = this.add("clipPath", { id });
    clip.append(this.made("path", { d: this.path }));
    const group = this.made("g", { "clip-path": `url(#${id})` });
    this.parent.append(group);
    this.parent = group;
  }
}

const CLEAR = "rgba(0, 0, 0, 0)"; // which some viewers of SVG take for black
const looked = (value) => (value === CLEAR ? "none" : value.replaceAll('"', "'"));
const short = (number) => String(Number(number.toFixed(2)));
