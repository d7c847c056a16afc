// The model of the server, charrnn/web/live.py. The rows of the last text are kept, and only those of new symbols sent.

const GONE = "no answer from the model: is charrnn serve still running?";

class ServedModel {
  // raw: what charrnn/web/live.py puts into the page.
  constructor({ title, about }) {
    this.about = { title, ...about };
    this.isServed = true;
    this.last = null; // what was read last: {key, text, rows}
  }

  // The data of the text with which the page opens.
  async first(text, counts) {
    for await (const [{ data }] of this.read({ text, counts })) return asFirst(this.about, data);
    throw new Error(GONE);
  }

  async *read({ text, edits = "", counts = false, learn = [] }) {
    const key = JSON.stringify([edits, counts, learn]);
    const last = this.last?.key === key && !learn.length ? this.last : { key, text: "", rows: new Rows(this.about) };
    for await (const [{ kept, rows, ...line }] of send("read", { text, had: last.text, edits, counts, learn })) {
      if (rows) this.last = { ...last, text };
      yield [{ ...line, data: rows && extended(last.rows, kept, await unpackAll(rows)).data() }];
    }
  }

  async *gates({ text, edits, counts, learn }) {
    yield* send("gates", { text, edits, counts, learn });
  }

  async *trace(request) {
    for await (const [line] of send("trace", request)) yield [await unpackAll(line)];
  }

  write(request, signal) {
    return send("write", request, signal);
  }

  saliency(request, signal) {
    return send("saliency", request, signal);
  }

  context(request, signal) {
    return send("context", request, signal);
  }

  card(request) {
    return send("card", request);
  }
}

// The rows of a text after the first `kept`, and what follows them: see `row_data` in charrnn/web/rows.py.
function extended(rows, kept, { edits, pieces, ids, surprisal, guesses, chances, values, fromCounts }) {
  rows.cut(kept);
  rows.edits = edits;
  const some = (array, t) => array.subarray((t * array.length) / pieces.length, ((t + 1) * array.length) / pieces.length);
  pieces.forEach((piece, t) =>
    rows.add({
      ...{ symbol: ids[t], piece, surprisal: surprisal[t], fromCounts: fromCounts?.[t] },
      ...{ guesses: some(guesses, t), chances: some(chances, t), values: some(values, t) },
    }),
  );
  return rows;
}

// The lines of a reply, in groups as they arrive.
async function* send(name, request, signal) {
  const headers = { "Content-Type": "application/json" };
  const gone = () => {
    throw new Error(GONE);
  };
  const body = JSON.stringify(request);
  const reply = await fetch(name, { method: "POST", headers, body, signal }).catch(gone);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = [];
  for (;;) {
    const { done, value } = await reader.read().catch(gone);
    if (done) return;
    const [first, ...more] = value.split("\n"); // parts of a long line are joined once
    rest.push(first);
    if (!more.length) continue;
    const lines = [rest.join(""), ...more];
    rest = [lines.pop()];
    yield lines.map((line) => answered(JSON.parse(line)));
  }
}

function answered(line) {
  if (line.error) throw new Error(line.hint ? `${line.error} (${line.hint})` : line.error);
  return line;
}
