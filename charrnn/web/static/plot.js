// Drawing with SVG: elements, and the numbers on an axis.

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const rounder = (number) => Math.round(number * 10) / 10; // for coordinates

// Some round numbers from low to high: multiples of 1, 2 or 5 times a power of ten.
function ticksOf(low, high, most = 5) {
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((one) => one >= raw - 1e-12);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: count }, (_, k) => {
    const value = (first + k) * step;
    return { value, label: (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits) };
  });
}

const pathOf = (points) => points.map(([x, y], k) => `${k ? "L" : "M"}${rounder(x)} ${rounder(y)}`).join("");

// Paint what is drawn into a context, as a canvas has it: so it is saved as the other pictures are.
function paintDrawn(context, picture) {
  for (const part of picture.querySelectorAll("rect, line, path, circle, text")) {
    if (part.matches(".grip, title")) continue;
    const style = getComputedStyle(part);
    const number = (name) => Number(part.getAttribute(name));
    context.save();
    Object.assign(context, { fillStyle: style.fill, strokeStyle: style.stroke, lineWidth: parseFloat(style.strokeWidth) });
    context.setLineDash(style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[\s,]+/).map(parseFloat));
    context.beginPath();
    if (part.localName === "rect") context.fillRect(number("x"), number("y"), number("width"), number("height"));
    if (part.localName === "circle") dot(context, number("cx"), number("cy"), number("r"), style.fill);
    if (part.localName === "line") context.moveTo(number("x1"), number("y1")), context.lineTo(number("x2"), number("y2")), context.stroke();
    if (part.localName === "path") trace(context, part.getAttribute("d")), context.stroke();
    if (part.localName === "text") {
      const textAlign = { middle: "center", end: "end" }[style.textAnchor] ?? "start";
      Object.assign(context, { font: `${style.fontSize} ${style.fontFamily}`, textAlign });
      context.fillText(part.textContent, number("x"), number("y"));
    }
    context.restore();
  }
}

// Follow the steps of a path: M, L, H and V.
function trace(context, steps) {
  let [x, y] = [0, 0];
  for (const [, kind, rest] of steps.matchAll(/([MLHV])([^MLHV]*)/g)) {
    const numbers = rest.trim().split(/[\s,]+/).map(Number);
    if (kind === "H") [x] = numbers;
    else if (kind === "V") [y] = numbers;
    else [x, y] = numbers;
    if (kind === "M") context.moveTo(x, y);
    else context.lineTo(x, y);
  }
}
