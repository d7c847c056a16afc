// Pictures of what is seen, as SVG or PNG: the text on the screen, the heat map, the gates, the lines, the context curve, the
// matrices of pairs. Each is painted once more, with words that let it be read alone; a PNG is made of the SVG.

const PADDING = 16;
const LINE = 20; // the height of a line of words
const LEAST = 320; // pixels across
const SHARPNESS = 2; // pixels of a PNG for each of the page
const SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif";

// Two buttons at the end of a bar. make: a function that gives { name, about, width, height, paint, ramp, words }, or null.
function offerPicture(bar, what, make) {
  const buttons = ["SVG", "PNG"].map((form) => {
    const button = element("button", { type: "button", textContent: form, ariaLabel: `Save ${what} as ${form}`, title: `Save ${what} as ${form}` });
    button.addEventListener("click", () => savePicture(form, make()));
    return button;
  });
  bar.append(element("div", { className: "save" }, "Save ", ...buttons));
}

async function savePicture(form, picture) {
  if (!picture) return;
  const name = `${[page.data.title, picture.name].join("-").replace(/[^\p{L}\p{N}.]+/gu, "-")}.${form.toLowerCase()}`;
  const { text, width, height } = drawnPicture(picture);
  if (form === "SVG") return download(new Blob([text], { type: "image/svg+xml" }), name);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = new OffscreenCanvas(SHARPNESS * width, SHARPNESS * height);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  download(await canvas.convertToBlob({ type: "image/png" }), name);
}

function download(blob, name) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

// The title, the legend, the picture itself, and words.
function drawnPicture({ about, ramp, words, paint, ...size }) {
  const inner = Math.ceil(Math.max(size.width, LEAST));
  const title = [page.data.title, about].filter(Boolean).join(" · ");
  const lines = [...words, page.maker].flatMap((text) => wrapped(text, inner));
  const top = PADDING + LINE * (ramp ? 2 : 1) + 8;
  const below = top + Math.ceil(size.height) + LINE;
  const [width, height] = [inner + 2 * PADDING, below + LINE * (lines.length - 1) + PADDING];
  const context = new SvgContext(width, height, title, words.join(". "));
  const [ground, ink, soft] = ["--ground", "--ink", "--soft"].map(cssColor);
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  Object.assign(context, { fillStyle: ink, font: `600 14px ${SANS}` });
  context.fillText(title, PADDING, PADDING + 13);
  Object.assign(context, { fillStyle: soft, font: `12px ${SANS}` });
  lines.forEach((text, k) => context.fillText(text, PADDING, below + LINE * k));
  if (ramp) paintRamp(context, ramp, PADDING + LINE);
  context.save();
  context.translate(PADDING, top);
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.clip();
  paint(context);
  context.restore();
  return { text: context.text, width, height };
}

// Words in lines of at most this width, as they are written below a picture.
function wrapped(text, width) {
  const ruler = new OffscreenCanvas(1, 1).getContext("2d");
  ruler.font = `12px ${SANS}`;
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (lines.at(-1) && ruler.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

// The colors between their least and their greatest value.
function paintRamp(context, { low, high, colors }, y) {
  Object.assign(context, { font: `12px ${SANS}`, fillStyle: cssColor("--soft") });
  const left = PADDING + context.measureText(low).width + 8;
  context.fillText(low, PADDING, y + 12);
  context.fillText(high, left + 4 * colors.length + 8, y + 12);
  for (const [k, color] of colors.entries()) {
    context.fillStyle = `rgb(${color})`;
    context.fillRect(left + 4 * k, y + 3, 4, 10);
  }
}

// --- the pictures ------------------------------------------------------------------------------------------------------

// The part of the text that is on the screen.
function pictureOfText() {
  const { view, data, unit } = page;
  const [first, stop] = view.onScreen();
  if (first >= stop) return null;
  const { legend } = page;
  const range = `${data.noun}s ${counted(first + 1)} to ${counted(stop)} of ${counted(data.length)}`;
  return {
    ...{ name: nameOf(data, unit), about: nameOf(data, unit), ramp: legend.ramp, words: [`${range}: ${legend.words}`] },
    ...view.extent(first, stop),
    paint: (context) => view.draw(context, first, stop, page.ramps.value),
  };
}

// The part of the heat map that is on the screen.
function pictureOfMap() {
  const { map } = page;
  const { clientWidth: width, clientHeight, scrollTop } = map.box;
  const height = Math.min(clientHeight, map.units.length * map.row - scrollTop);
  if (!map.units.length) return null;
  map.tell(null);
  const ramp = { low: "−", high: "+", colors: page.ramps.value };
  const words = [$("map-note").textContent];
  return { name: "units", about: "units", ramp, words, width, height, paint: (context) => map.paint(context, width, height, scrollTop) };
}

function pictureOfGates() {
  const { plots } = page.gates;
  const size = plots[0].canvas.clientWidth;
  const layers = [...new Set(plots[0].points.map(({ layer }) => layer))];
  return {
    ...{ name: "gates", about: "gates", width: plots.length * (size + PADDING) - PADDING, height: size + LINE },
    words: [$("gates-hint").textContent.replace(/\s+/g, " ").replace(" Click to select.", ""), ...plots.map(({ caption }) => caption.textContent)],
    paint(context) {
      for (const plot of plots) {
        page.gates.paint(context, size, plot);
        context.translate(size + PADDING, 0);
      }
      context.translate(-plots.length * (size + PADDING), size + 12);
      context.textAlign = "start";
      for (const layer of layers) {
        const x = 34 + 80 * layer;
        dot(context, x, -4, 4, cssColor(LAYERS[layer % LAYERS.length]));
        context.fillStyle = cssColor("--soft");
        context.fillText(`layer ${layer}`, x + 10, 0);
      }
    },
  };
}

// The lines that are on the screen, and which units they are.
function pictureOfLines() {
  const picture = $("lines-box").firstElementChild;
  const { from, size } = page.lines;
  const rows = [...$("lines-legend").children];
  const { width, height } = picture.getBoundingClientRect();
  const { noun, length } = page.data;
  return {
    ...{ name: "lines", about: "lines", width, height: height + LINE * rows.length + 8 },
    words: [`${noun}s ${counted(from + 1)} to ${counted(from + size)} of ${counted(length)}: ${$("lines-note").textContent}`],
    paint(context) {
      context.drawElement(picture);
      for (const [k, row] of rows.entries()) {
        const y = height + LINE * k + 14;
        context.drawElement(row.querySelector("svg"), 0, y - 4);
        const text = [...row.querySelectorAll(".name, .figure")].map(({ textContent }) => textContent).join("  ");
        Object.assign(context, { fillStyle: cssColor("--ink"), font: `12px ${SANS}` });
        context.fillText(text, 36, y + 4);
      }
    },
  };
}

function pictureOfContext() {
  const picture = $("reach-box").firstElementChild;
  if (!picture) return null;
  const { width, height } = picture.getBoundingClientRect();
  const words = [$("reach-note").textContent];
  return { name: "context", about: "context", words, width, height, paint: (context) => context.drawElement(picture) };
}

// All matrices between sources and targets, as they lie on the page.
function pictureOfPairs() {
  const box = $("pairs");
  const { left, top } = box.getBoundingClientRect();
  const origin = { left: left - box.scrollLeft, top: top - box.scrollTop };
  const ramp = { low: "0 %", high: "100 %", colors: page.ramps.chance };
  const title = $("between-title").textContent;
  const ends = pairs.tables.map(({ table }) => table.getBoundingClientRect());
  const width = Math.max(...ends.map(({ right }) => right - origin.left)) + 2;
  const height = Math.max(...ends.map(({ bottom }) => bottom - origin.top)) + 2;
  return {
    ...{ name: title, about: title, ramp, words: [pairs.meaning], width, height },
    paint: (context) => pairs.tables.forEach(({ table }) => paintTable(context, table, origin)),
  };
}

function paintTable(context, table, origin) {
  const { fontFamily } = getComputedStyle(table);
  Object.assign(context, { textAlign: "center", font: `13px ${fontFamily}`, lineWidth: 1, strokeStyle: cssColor("--line") });
  const place = ({ left, top, width, height }) => [left - origin.left, top - origin.top, width, height];
  for (const cell of table.querySelectorAll("th, td")) {
    const [x, y, width, height] = place(cell.getBoundingClientRect());
    const { backgroundColor, color } = getComputedStyle(cell);
    if (cell.style.background) {
      context.fillStyle = backgroundColor;
      context.fillRect(x, y, width, height);
    }
    context.fillStyle = color;
    if (cell.textContent) context.fillText(cell.textContent, x + width / 2, y + height / 2 + 4.5);
  }
  context.strokeRect(...place(table.getBoundingClientRect()));
}

function offerPictures() {
  offerPicture($("reading").querySelector(".bar"), "the text", pictureOfText);
  offerPicture($("map").querySelector(".bar"), "the heat map", pictureOfMap);
  offerPicture($("gates").querySelector(".bar"), "the gates", pictureOfGates);
  offerPicture($("curves").querySelector(".bar"), "the lines", pictureOfLines);
  offerPicture($("reach").querySelector(".bar"), "the context curve", pictureOfContext);
  offerPicture($("between").querySelector(".bar"), "the matrices", pictureOfPairs);
}
