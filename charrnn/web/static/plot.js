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
