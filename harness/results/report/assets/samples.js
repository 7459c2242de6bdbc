// Every answer: an index in the page; texts from packed blocks in it, or from a Parquet file beside it.
let browser = null;

const openItem = (task, item) => browser && browser.item(task, item);

async function samples() {
  const S = D.samples;
  const I = await inflate("index");
  const host = $("browser");
  const all = Array.from({ length: S.n }, (_, i) => i);
  const want = { model: "", task: "", status: "", verdict: "", item: null, text: "" };
  let found = null;
  let search = 0;

  const statusLine = h("p", { class: "hint", role: "status" });
  const detail = h("div", { id: "detail" });
  const source = S.file ? beside(S, (ready) => { statusLine.textContent = ready; }) : embedded(S);
  const fits = (i) => (want.model === "" || I.model[i] === Number(want.model)) && (want.task === "" || I.task[i] === Number(want.task)) &&
    (want.status === "" || I.status[i] === Number(want.status)) && (want.verdict === "" || (want.verdict === "none" ? I.verdict[i] === null : I.verdict[i] === Number(want.verdict))) &&
    (want.item === null || I.item[i] === want.item) && (found === null || found.has(i));
  const verdict = (i) => (I.verdict[i] === null ? "not scored by design" : I.verdicts[I.verdict[i]]);

  const list = table("Samples", [
    { name: "sample", head: true, number: true, key: (i) => i, cell: (i) => button(`Open ${i + 1}`, () => open(i), { "aria-label": `open sample ${i + 1}: ${D.models[I.model[i]]} on ${I.tasks[I.task[i]]}, item ${I.doc[i]}` }) },
    { name: "model", key: (i) => D.models[I.model[i]], cell: (i) => modelName(I.model[i]) },
    { name: "task", key: (i) => I.tasks[I.task[i]], cell: (i) => I.tasks[I.task[i]] },
    { name: "item", number: true, key: (i) => I.doc[i], cell: (i) => String(I.doc[i]) },
    { name: "repeat", number: true, key: (i) => I.repeat[i], cell: (i) => String(I.repeat[i]) },
    { name: "status", key: (i) => I.statuss[I.status[i]], cell: (i) => I.statuss[I.status[i]] },
    { name: "verdict", key: (i) => (I.verdict[i] === null ? null : I.verdicts[I.verdict[i]]), cell: verdict },
    { name: "score", number: true, key: (i) => I.value[i], cell: (i) => digits(I.value[i], 2) },
    { name: "tokens", number: true, key: (i) => I.tokens[i], cell: (i) => (I.tokens[i] === null ? "–" : String(I.tokens[i])) },
  ], all, { page: 50, filter: fits, empty: "No sample fits." });

  let opened = null;
  const nameOf = (i) => [I.item[i] === null ? "" : I.items[I.item[i]], I.repeat[i], I.tasks[I.task[i]], D.models[I.model[i]]].join("/");
  const remember = () => noted("samples", {
    model: want.model === "" ? null : D.models[want.model], task: want.task === "" ? null : I.tasks[want.task],
    status: want.status === "" ? null : I.statuss[want.status], verdict: want.verdict === "" ? null : want.verdict === "none" ? "none" : I.verdicts[want.verdict],
    item: want.item === null ? null : I.items[want.item], text: want.text, open: opened && nameOf(opened[0]), with: opened && opened[1] !== null ? nameOf(opened[1]) : null,
  });
  const again = () => { list.refresh(); remember(); };
  const counted = (name, list2) => [["", "all"], ...list2.map((word, i) => [i, word])];
  const used = [...new Set(I.model)].sort((a, b) => (D.models[a] < D.models[b] ? -1 : 1));
  const pickModel = select("Model", [["", "all"], ...used.map((m) => [m, modelName(m)])], "", (v) => { want.model = v; again(); });
  const pickTask = select("Task", counted("task", I.tasks), "", (v) => { want.task = v; want.item = null; again(); });
  const pickStatus = select("Status", counted("status", I.statuss), "", (v) => { want.status = v; again(); });
  const pickVerdict = select("Verdict", [...counted("verdict", I.verdicts), ["none", "not scored by design"]], "", (v) => { want.verdict = v; again(); });
  const text = input("Text", "search", (v) => { want.text = v; }, { placeholder: "in prompts, answers, traces" });
  text.box.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); seek(); } });
  const go = button("Search", () => seek());
  const stop = button("Stop", () => { search += 1; }, { disabled: true });
  const clear = button("Clear all", () => {
    search += 1;
    Object.assign(want, { model: "", task: "", status: "", verdict: "", item: null, text: "" });
    found = null;
    [pickModel, pickTask, pickStatus, pickVerdict, text].forEach((x) => { x.box.value = ""; });
    statusLine.textContent = "";
    again();
  });

  // Reads the texts of every sample that fits the other filters, block by block; results come as they are found.
  async function seek() {
    const mine = (search += 1);
    found = null;
    if (!want.text) { statusLine.textContent = ""; again(); return; }
    const needle = want.text.toLowerCase();
    const open2 = all.filter(fits);
    const blocks = [...new Set(open2.map((i) => Math.floor(i / S.block)))];
    const inside = new Set(open2);
    found = new Set();
    again();
    stop.disabled = false;
    const began = performance.now();
    let shownAt = 0;
    try {
      for (let k = 0; k < blocks.length && mine === search; k += 1) {
        const rows = await source.block(blocks[k]);
        rows.forEach((row, j) => {
          const i = blocks[k] * S.block + j;
          if (inside.has(i) && ["prompt", "messages", "doc", "output", "reasoning", "extracted", "target", "error"].some((f) => contains(row[f], needle))) found.add(i);
        });
        statusLine.textContent = `Searched ${Math.round((100 * (k + 1)) / blocks.length)} % of ${open2.length.toLocaleString("en")} samples: ${found.size.toLocaleString("en")} found.`;
        if (performance.now() - shownAt > 500) { shownAt = performance.now(); list.refresh(true); }
        await new Promise((next) => { setTimeout(next, 0); });
      }
      if (mine === search) statusLine.textContent = `${found.size.toLocaleString("en")} of ${open2.length.toLocaleString("en")} samples hold the text (${((performance.now() - began) / 1000).toFixed(1)} s).`;
      else statusLine.textContent += " Stopped.";
    } catch (error) { statusLine.textContent = error.message; }
    stop.disabled = true;
    list.refresh(true);
  }
  // Messages are JSON: what they say is searched, not how it is written down.
  const contains = (value, needle) => typeof value === "string" && (value.toLowerCase().includes(needle) || (value.includes("\\") && value.startsWith("[") && plain(value).toLowerCase().includes(needle)));
  const plain = (value) => { try { return JSON.parse(value).map((m) => (typeof m.content === "string" ? m.content : JSON.stringify(m.content))).join("\n"); } catch { return value; } };

  // Back to the button that opened the sample, so that who works with the keyboard goes on from there.
  function close() {
    const label = opened && `Open ${opened[0] + 1}`;
    opened = null;
    remember();
    fill(detail);
    list.all.scrollIntoView();
    const back = [...list.all.querySelectorAll("button")].find((b) => b.textContent === label);
    if (back) back.focus();
  }
  detail.addEventListener("keydown", (event) => { if (event.key === "Escape" && opened && event.target.tagName !== "SELECT") close(); });

  async function open(i, other = null) {
    opened = [i, other];
    remember();
    const rows = list.rows;
    const k = rows.indexOf(i);
    const heading = h("h3", { tabindex: "-1" }, `Sample ${i + 1}: ${modelName(I.model[i])} on ${I.tasks[I.task[i]]}, item ${I.doc[i]}`);
    const bar = h("div", { class: "controls" },
      button("Previous", () => open(rows[k - 1]), { disabled: k <= 0 }),
      button("Next", () => open(rows[k + 1]), { disabled: k < 0 || k === rows.length - 1 }),
      button("All models on this item", () => { want.item = I.item[i]; want.task = String(I.task[i]); want.model = ""; pickModel.box.value = ""; pickTask.box.value = want.task; again(); }),
      button("Close", close),
      compared(i, other));
    let row;
    let second = null;
    try {
      const rowsOf = await source.block(Math.floor(i / S.block));
      row = rowsOf[i % S.block];
      if (other !== null) second = (await source.block(Math.floor(other / S.block)))[other % S.block];
    } catch (error) {
      fill(detail, heading, bar, h("p", { class: "warn" }, error.message), source.picker ? source.picker(() => open(i, other)) : null);
      heading.focus();
      return;
    }
    const facts = [["status", I.statuss[I.status[i]]], ["verdict", verdict(i)], ["score", I.value[i] === null ? null : String(I.value[i])],
      ["why", row.explanation], ["error", row.error], ["finish reason", row.finish_reason],
      ["tokens", ["prompt", "completion", "reasoning"].map((w) => (row[`${w}_tokens`] === null ? null : `${row[`${w}_tokens`]} ${w}`)).filter(Boolean).join(", ") || null],
      ["seconds", row.latency_s === null ? null : digits(row.latency_s, 2)], ["decoding", row.decoding], ["seed", row.seed === null ? null : String(row.seed)],
      ["repeat", String(I.repeat[i])], ["run", row.run_id], ["sample id", row.sample_id]];
    const long = (title, value, open3 = true) => (value === null || value === undefined ? null
      : h("details", { open: open3 }, h("summary", {}, title), h("pre", { tabindex: "0", role: "region", "aria-label": title }, written(value))));
    let parts = null;
    if (row.messages) {
      try { parts = JSON.parse(row.messages).map((m) => long(`Prompt: ${visible(String(m.role))}`, typeof m.content === "string" ? m.content : JSON.stringify(m.content, null, 1))); } catch { parts = long("Prompt", row.messages); }
    }
    fill(detail, heading, bar,
      h("dl", {}, facts.filter(([, v]) => v !== null && v !== undefined && v !== "").map(([key, v]) => [h("dt", {}, key), h("dd", {}, visible(v))])),
      parts, long("Prompt", row.prompt), row.doc ? documented(row.doc, long) : null, long("Reasoning trace", row.reasoning, false),
      second ? sideBySide(i, row, other, second) : long("Answer", row.output), long("Extracted answer", row.extracted), long("Expected", row.target),
      row.attempts ? long("Attempts that did not succeed", row.attempts, false) : null);
    heading.focus();
  }

  // Another answer to the same prompt.
  function compared(i, other) {
    const others = all.filter((j) => j !== i && I.item[j] === I.item[i] && I.task[j] === I.task[i]);
    if (!others.length) return null;
    const called = (j) => `${modelName(I.model[j])}${I.repeat[j] ? `, repeat ${I.repeat[j]}` : ""}`;
    const options = others.map((j) => [j, called(j)]).sort((x, y) => (x[1] < y[1] ? -1 : 1));
    return select("Side by side with", [["", "nobody"], ...options], other ?? "", (v) => open(i, v === "" ? null : Number(v))).all;
  }
  function sideBySide(i, one, j, two) {
    const texts = [one, two].map((row) => visibleLines(row.output ?? ""));
    const spans = passages(...texts);
    const side = (k, row, at) => h("div", {}, h("h4", {}, modelLink(I.model[k]), h("small", {}, ` ${verdict(k)}${row.extracted ? `, read as ${visible(row.extracted).slice(0, 60)}` : ""}`)),
      h("pre", { tabindex: "0", role: "region", "aria-label": `answer of ${D.models[I.model[k]]}` }, row.output === null ? "no answer" : withMarks(texts[at], spans[at])));
    return [h("p", { class: "hint" }, spans[0].length ? `Marked: ${spans[0].length} ${spans[0].length === 1 ? "passage" : "passages"} of ${WORDS} words and more that both write.` : `No passage of ${WORDS} words stands in both.`),
      h("div", { class: "pair" }, side(i, one, 0), side(j, two, 1))];
  }

  // Of imported answers there may be no record of what was sent, but for the document.
  const documented = (doc, long) => {
    let value = null;
    try { value = JSON.parse(doc); } catch { /* shown as it is */ }
    return typeof value?.prompt === "string" ? long("Prompt, as its document says", value.prompt) : long("Document", doc);
  };

  browser = {
    item(task, item) {
      const t = I.tasks.indexOf(task);
      const k = I.items.indexOf(item);
      Object.assign(want, { model: "", status: "", verdict: "", task: String(t), item: k });
      [pickModel, pickStatus, pickVerdict].forEach((x) => { x.box.value = ""; });
      pickTask.box.value = String(t);
      found = null;
      again();
      $("samples").scrollIntoView();
      const first = list.all.querySelector("tbody button");
      if (first) first.focus();
      say(`${list.rows.length} samples of this item`);
    },
  };
  // A link names filters, the sample that is open, and the one beside it.
  linked("samples", async (told) => {
    const at = (words, word) => (word === undefined ? "" : words.indexOf(word) < 0 ? "" : String(words.indexOf(word)));
    Object.assign(want, { model: at(D.models, told.model), task: at(I.tasks, told.task), status: at(I.statuss, told.status),
      verdict: told.verdict === "none" ? "none" : at(I.verdicts, told.verdict), text: told.text ?? "",
      item: told.item !== undefined && I.items.includes(told.item) ? I.items.indexOf(told.item) : null });
    [[pickModel, want.model], [pickTask, want.task], [pickStatus, want.status], [pickVerdict, want.verdict], [text, want.text]].forEach(([x, v]) => { x.box.value = v; });
    found = null;
    list.refresh();
    $("samples").scrollIntoView();
    if (want.text) await seek();
    const sample = (name) => {
      const [item, repeat, task, ...model] = name.split("/");
      const [k, t, m] = [I.items.indexOf(item), I.tasks.indexOf(task), D.models.indexOf(model.join("/"))];
      return all.find((i) => I.item[i] === k && I.task[i] === t && I.model[i] === m && I.repeat[i] === Number(repeat));
    };
    const i = told.open === undefined ? undefined : sample(told.open);
    const j = told.with === undefined ? undefined : sample(told.with);
    if (i !== undefined) await open(i, j ?? null);
    else if (told.open !== undefined) statusLine.textContent = "The sample of this link is not in this page.";
  });
  fill(host, h("p", {}, `${S.n.toLocaleString("en")} samples: one answer of one model to one item, of the runs that speak for each model. `,
    S.file ? ["Their texts are in ", h("code", {}, S.file), " beside this page."] : "All of their texts are in this page."),
    source.picker ? source.picker(() => {}) : null,
    h("div", { class: "controls" }, pickModel.all, pickTask.all, pickStatus.all, pickVerdict.all, text.all, go, stop, clear),
    statusLine, list.all, detail);
}

// The last few blocks are kept, so that paging through neighbours reads nothing twice.
function remembered(read) {
  const held = new Map();
  return async (i) => {
    if (!held.has(i)) {
      if (held.size > 7) held.delete(held.keys().next().value);
      held.set(i, read(i).catch((error) => { held.delete(i); throw error; }));
    }
    return held.get(i);
  };
}

function embedded(S) {
  return { block: remembered(async (i) => (await inflate(`block-${i}`)).map((row) => Object.fromEntries(S.texts.map((name, k) => [name, row[k]])))) };
}

// A Parquet file: over http read in ranges; from disk the reader has to name it, because browsers refuse to.
function beside(S, told) {
  let file = null;
  const pickers = [];
  const url = location.protocol.startsWith("http") ? new URL(S.file, location.href) : null;

  async function opened() {
    if (!file) {
      if (!url) throw new Error(`Your browser does not let this page read the file beside it. Choose ${S.file} above, or run: harness report --serve`);
      const head = await fetch(url, { method: "HEAD" });
      if (!head.ok) throw new Error(`${S.file} is not beside this page (${head.status}).`);
      const slice = async (start, end) => {
        const reply = await fetch(url, { headers: { Range: `bytes=${start}-${end - 1}` } });
        if (!reply.ok) throw new Error(`${S.file}: ${reply.status}`);
        const bytes = await reply.arrayBuffer();
        return reply.status === 206 ? bytes : bytes.slice(start, end);
      };
      file = await checked({ byteLength: Number(head.headers.get("Content-Length")), slice });
    }
    return file;
  }
  async function checked(buffer) {
    let metadata;
    try { metadata = await hyparquet.parquetMetadataAsync(buffer); } catch (error) { throw new Error(`${S.file} cannot be read: ${error.message}`); }
    const key = (metadata.key_value_metadata || []).find((x) => x.key === "harness_report");
    if (!key || key.value !== S.key) throw new Error(`That file belongs to another report. This page needs ${S.file} as it was written with it.`);
    const starts = [0];
    metadata.row_groups.forEach((g) => starts.push(starts[starts.length - 1] + Number(g.num_rows)));
    return { buffer, metadata, starts };
  }
  async function read(i) {
    const { buffer, metadata, starts } = await opened();
    // One range holds the whole row group: its columns stand side by side.
    const spans = metadata.row_groups[i].columns.map(({ meta_data: m }) => {
      const from = Number(m.dictionary_page_offset ?? m.data_page_offset);
      return [from, from + Number(m.total_compressed_size)];
    });
    const from = Math.min(...spans.map((s) => s[0]));
    const bytes = await buffer.slice(from, Math.max(...spans.map((s) => s[1])));
    const part = { byteLength: buffer.byteLength, slice: (start, end) => bytes.slice(start - from, end - from) };
    const rows = await hyparquet.parquetReadObjects({ file: part, metadata, rowStart: starts[i], rowEnd: starts[i + 1], columns: S.texts });
    rows.forEach((row) => {
      for (const name of S.texts) {
        if (typeof row[name] === "bigint") row[name] = Number(row[name]);
        if (row[name] === undefined) row[name] = null;
      }
    });
    return rows;
  }
  function picker(then) {
    if (url) return null;
    const take = async (chosen) => {
      if (!chosen) return;
      try {
        file = await checked({ byteLength: chosen.size, slice: (start, end) => chosen.slice(start, end).arrayBuffer() });
        pickers.forEach((p) => p.remove());
        told(`${chosen.name} is open.`);
        then();
      } catch (error) { told(error.message); }
    };
    const box = input(`Choose or drop ${S.file}`, "file", () => take(box.box.files[0]), { accept: ".parquet" });
    const all = h("div", { class: "drop", ondragover: (e) => e.preventDefault(), ondrop: (e) => { e.preventDefault(); take(e.dataTransfer.files[0]); } },
      h("p", {}, "You opened this page from disk, so your browser does not let it read the file beside it. Lists and filters work. Texts need that file."), box.all);
    pickers.push(all);
    return all;
  }
  return { block: remembered(read), picker };
}
