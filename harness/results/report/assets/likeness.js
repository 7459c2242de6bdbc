// Similarity on one prompt set: matrix, tree, one pair in full, null, and what the set is worth.
const openPools = new Map();
async function poolOf(i) {
  if (!openPools.has(i)) openPools.set(i, await inflate(`pool-${i}`));
  return openPools.get(i);
}

function likeness() {
  if (!D.pools.length) {
    fill($("pool"), h("p", { class: "note" }, "No provenance task was answered by two models, and none was read against a panel, so nothing here can be compared."));
    return;
  }
  const host = h("div");
  let shown = null;
  const show = async (i, pair) => {
    shown = i;
    const P = await poolOf(i);
    (D.pools[i].panel ? onePanel : onePool)(host, P, i, pair);
  };
  const pick = select("Prompt set", D.pools.map((p, i) => [i, p.panel ? `${p.task} (against the panel)` : p.task]), 0, (v) => { show(Number(v)); noted("likeness", { set: D.pools[Number(v)].task }); });
  fill($("pool"), h("div", { class: "controls" }, pick.all), host);
  linked("likeness", async ({ set, a, b, around: near }) => {
    const i = Math.max(0, D.pools.findIndex((p) => p.task === set));
    pick.box.value = String(i);
    const P = await poolOf(i);
    const place = (name) => (D.pools[i].panel ? -1 : P.models.indexOf(D.models.indexOf(name)));
    await show(i, place(a) >= 0 && place(b) >= 0 ? [place(a), place(b)] : null);
    const missing = [a, b, near].filter((name) => name !== undefined && !D.models.includes(name));
    if (missing.length) host.prepend(h("p", { class: "warn" }, `No model of this page is called ${missing.join(" or ")}.`));
    if (near && D.pools[i].panel) zoomPanel(P, Math.max(0, P.rows.indexOf(D.models.indexOf(near))));
    else if (near && place(near) >= 0) {
      zoom(P, i, place(near));
      host.querySelector(".zoom select").value = String(place(near));
    }
    $(a ? "pair" : "likeness").scrollIntoView();
  });
  // Opened when somebody comes near it: pools are the largest part of the page.
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    seen.disconnect();
    if (shown === null) show(0);
  }, { rootMargin: "600px" });
  seen.observe($("likeness"));
  addEventListener("beforeprint", () => { if (shown === null) show(0); });
}

function onePool(host, P, i, pair) {
  const name = (k) => modelName(P.models[k]);
  fill(host,
    h("p", {}, `${P.models.length} models, ${P.prompts} prompts. `, P.tested
      ? `Scores are read against ${P.null.length.toLocaleString("en")} pairs that cannot be related.`
      : "Nobody here can be tested. Calibration needs at least five models that cannot be related to the candidate. What follows is raw likeness, not calibrated: it has no known zero and no p-value."),
    P.notes.map((note) => h("p", { class: "hint" }, note)),
    matrixControls(P, i),
    h("div", { id: "fig-matrix", class: "figure" }),
    h("div", { id: "fig-tree", class: "figure" }),
    P.tree ? h("p", { class: "hint" }, `Numbers at branchings: share, in per cent, of ${P.support_draws} random halves of the prompts whose tree has the branching too. Branchings that fewer than half have are not drawn.`) : null,
    h("h3", {}, "What is said of each model"),
    table(`Verdicts on ${P.task}`, [
      { name: "model", head: true, key: (r) => D.models[P.models[r]], cell: (r) => modelLink(P.models[r]) },
      { name: "verdict", key: (r) => P.verdicts[r], cell: (r) => P.verdicts[r] + (P.strengths[r] && P.strengths[r] !== "none" ? `, ${P.strengths[r]}` : "") },
      { name: "prompts", number: true, key: (r) => P.answered[r], cell: (r) => String(P.answered[r]) },
      { name: "in words", cell: (r) => h("details", {}, h("summary", {}, P.paragraphs[r].slice(0, 90), P.paragraphs[r].length > 90 ? "…" : ""), P.paragraphs[r]) },
    ], P.models.map((_, k) => k), { page: 25 }).all,
    h("h3", {}, "One pair"),
    h("div", { id: "pair" }));
  zoom(P, i, null);
  figure("fig-tree", P.figures.tree);
  const best = P.findings.flatMap((list, a) => list.filter((f) => f.q !== null).map((f) => [f.q, -f.z, a, f.candidate])).sort((x, y) => x[0] - y[0] || x[1] - y[1])[0];
  const words = Object.keys(P.words)[0];
  const [a, b] = pair ? pair : best ? best.slice(2) : words ? words.split(" ").map(Number) : [0, 1];
  pairOf(P, i, a, b, Boolean(pair));
  worth(P);
}

// Models that were asked a panel's prompts, against the panel's possible teachers.
function onePanel(host, P, i) {
  fill(host,
    h("p", {}, `${P.rows.length} models asked, each read against the panel ${P.task}: ${P.models} models, ${P.columns.length} of them possible teachers with a score.`),
    P.rows.length <= 2 * AROUND + 1 ? null : h("div", { class: "controls" }, select("Zoom to the models around", [["", "all models"], ...P.rows.map((m, k) => [k, modelName(m)])], "", (v) => {
      zoomPanel(P, v === "" ? null : Number(v));
      noted("likeness", { set: P.task, around: v === "" ? null : D.models[P.rows[Number(v)]] });
    }).all),
    h("div", { id: "fig-matrix", class: "figure" }),
    h("p", { class: "hint" }, "A score is evidence, not proof of copying. The verdict below says what is made of it. Point at a cell to read it, or why the candidate can be no teacher (later, of the same lab or base). A blank cell has no score."),
    h("h3", {}, "What is said of each model"),
    table(`Verdicts against ${P.task}`, [
      { name: "model", head: true, key: (r) => D.models[P.rows[r]], cell: (r) => modelLink(P.rows[r]) },
      { name: "verdict", key: (r) => P.verdicts[r], cell: (r) => P.verdicts[r] + (P.strengths[r] && P.strengths[r] !== "none" ? `, ${P.strengths[r]}` : "") },
      { name: "prompts", number: true, key: (r) => P.prompts[r], cell: (r) => String(P.prompts[r]) },
      { name: "in words", cell: (r) => h("details", {}, h("summary", {}, P.paragraphs[r].slice(0, 90), P.paragraphs[r].length > 90 ? "…" : ""), P.paragraphs[r]) },
    ], P.rows.map((_, k) => k), { page: 25 }).all);
  zoomPanel(P, null);
  fill($("worth"), h("h3", {}, `What ${P.task} is worth`), h("p", {}, "How often it finds the documented students of each teacher: ", h("code", {}, `harness panel show ${quoted(P.task)} power`)));
}

// All models asked, or those around one, which have room for their names.
function zoomPanel(P, centre) {
  const entry = P.figures.matrix;
  if (!entry.spec) { figure("fig-matrix", entry); return; }
  const from = centre === null ? 0 : Math.max(0, Math.min(centre - AROUND, P.rows.length - 2 * AROUND - 1));
  const to = centre === null ? P.rows.length : Math.min(P.rows.length, from + 2 * AROUND + 1);
  const step = to - from <= 2 * AROUND + 1 ? 16 : Math.max(3, Math.floor(720 / (to - from)));
  const spec = structuredClone(entry.spec);
  const names = P.rows.slice(from, to).map((m) => D.models[m]);
  spec.data = { values: P.cells.filter(([row]) => row >= from && row < to).map(([row, column, v, verdict]) => ({ model: D.models[P.rows[row]], candidate: P.columns[column], v, verdict })) };
  spec.height = { step };
  spec.encoding.y.sort = names;
  spec.encoding.y.axis = { ...spec.encoding.y.axis, labels: step >= 7, labelFontSize: Math.min(10, step) };
  figure("fig-matrix", { spec });
}

function standing(P, a, b) {
  const values = P.raw.flatMap((row) => row.filter((v) => v !== null));
  const mine = rawOf(P, a, b);
  return mine === null ? null : { above: values.filter((v) => v > mine).length, of: values.length };
}

// The whole matrix, or the models around one in the order of the tree, which have room for their names.
const AROUND = 12;
function zoom(P, i, centre) {
  const entry = P.figures.matrix;
  if (!entry.spec) { figure("fig-matrix", entry); return; }
  const from = centre === null ? 0 : Math.max(0, Math.min(centre - AROUND, P.models.length - 2 * AROUND - 1));
  const to = centre === null ? P.models.length : Math.min(P.models.length, from + 2 * AROUND + 1);
  const names = P.models.slice(from, to).map((m) => D.models[m]);
  const values = [];
  for (let a = from; a < to; a += 1) for (let b = from; b < to; b += 1) if (a !== b && rawOf(P, a, b) !== null) values.push({ a: D.models[P.models[a]], b: D.models[P.models[b]], v: rawOf(P, a, b) });
  const spec = structuredClone(entry.spec);
  const step = names.length <= 2 * AROUND + 1 ? 18 : Math.max(3, Math.floor(Math.min(720, document.documentElement.clientWidth - 60) / names.length));
  spec.data = { values };
  spec.width = { step };
  spec.height = { step };
  for (const axis of [spec.encoding.x, spec.encoding.y]) {
    axis.sort = names;
    axis.axis = { ...axis.axis, labels: step >= 7, labelFontSize: Math.min(10, step) };
  }
  if (centre !== null) spec.description = `The ${names.length} models around ${D.models[P.models[centre]]} on ${P.task}, in the order of the tree`;
  figure("fig-matrix", { spec });
}
function matrixControls(P, i) {
  const options = P.models.map((m, k) => [k, modelName(m)]).sort((x, y) => (x[1] < y[1] ? -1 : 1));
  if (P.models.length <= 2 * AROUND + 1) return null;
  const near = select("Zoom to the models around", [["", "all models"], ...options], "", (v) => {
    zoom(P, i, v === "" ? null : Number(v));
    noted("likeness", { set: P.task, around: v === "" ? null : D.models[P.models[Number(v)]] });
  });
  return h("div", { class: "controls zoom" }, near.all);
}
// Half of a symmetrical matrix is in the page.
const rawOf = (P, a, b) => half(P.raw, a, b);
function half(rows, a, b) {
  if (a === b) return null;
  return rows[Math.max(a, b)][Math.min(a, b)];
}

function pairOf(P, i, a, b, chosen) {
  const options = P.models.map((m, k) => [k, modelName(m)]).sort((x, y) => (x[1] < y[1] ? -1 : 1));
  const pickA = select("Model", options, a, (v) => pairOf(P, i, Number(v), b, true));
  const pickB = select("Candidate", options, b, (v) => pairOf(P, i, a, Number(v), true));
  const head = h("div", { class: "controls" }, pickA.all, pickB.all);
  if (chosen) noted("likeness", { set: P.task, a: D.models[P.models[a]], b: D.models[P.models[b]] });
  if (a === b) { fill($("pair"), head, h("p", {}, "Name two models.")); return; }
  const column = P.candidates.indexOf(b);
  const z = column < 0 ? null : P.z[a][column];
  const p = column < 0 ? null : P.p[a][column];
  const apart = P.apart[`${a} ${b}`];
  const finding = P.findings[a].find((f) => f.candidate === b);
  const place = standing(P, a, b);
  const rows = P.channels.map((c) => ({ c, raw: half(P.by_channel[c], a, b), z: P.z_by_channel[c] && column >= 0 ? P.z_by_channel[c][a][column] : null }));
  const said = [];
  if (finding) said.push(finding.sentence);
  if (finding && finding.rank) said.push(`Rank ${finding.rank[0]} of ${finding.rank[3]} candidates tested, ${finding.rank[1]} to ${finding.rank[2]} with other prompts and null models (95% interval).`);
  else if (apart) said.push(`Set apart, not tested: ${apart}.`);
  if (z !== null) said.push(`Score ${digits(z, 2)}, ${p === null ? "not tested" : `${pValue("p", p)} against unrelated pairs (one pair alone, not adjusted for the others)`}, ${P.null_size[a][column]} models of its null have a score too, ${half(P.n, a, b)} prompts both answered.`);
  else said.push(`Not calibrated: the candidate has too few models to be read against. ${half(P.n, a, b)} prompts both answered.`);
  if (place) said.push(`Of ${place.of.toLocaleString("en")} pairs of this set, ${place.above.toLocaleString("en")} are more alike.`);
  const words = P.words[`${a} ${b}`];
  fill($("pair"), head, said.map((text) => h("p", {}, text)),
    table("Evidence by channel", [
      { name: "channel", head: true, key: (r) => r.c, cell: (r) => r.c },
      { name: "similarity, as measured", number: true, key: (r) => r.raw, cell: (r) => digits(r.raw, 3) },
      { name: "score (standard deviations)", number: true, key: (r) => r.z, cell: (r) => digits(r.z, 2) },
    ], rows).all,
    h("div", { id: "fig-channels", class: "figure" }),
    h("div", { id: "fig-null", class: "figure" }),
    h("h4", {}, "What both write"),
    words ? shared(words, a, b, P) : h("p", {}, "The words of this pair are not in the page. This prints them: ",
      h("code", {}, `harness provenance explain ${quoted(D.models[P.models[a]])} ${quoted(D.models[P.models[b]])} --task ${quoted(P.task)}`)));
  const data = z === null ? [] : [{ v: z, who: `${D.models[P.models[a]]} to ${D.models[P.models[b]]}` }];
  figure("fig-null", P.figures.null, { pair: data, null: P.null.map((v) => ({ v })) });
  const bars = rows.filter((r) => r.z !== null).map((r) => ({ channel: r.c, v: r.z }));
  const entry = P.figures.channels;
  const named = entry.spec ? { spec: { ...entry.spec, description: `Score by channel of ${D.models[P.models[a]]} to ${D.models[P.models[b]]}. Dashed: one unrelated pair in twenty is above.` } } : entry;
  figure("fig-channels", z === null && entry.spec ? { why: "This pair has no calibrated score to draw." } : named, { pair: [...bars, ...(z === null ? [] : [{ channel: "all together", v: z }])] });
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function shared(words, a, b, P) {
  if (!words.length) return h("p", {}, "Nothing that others do not write as often.");
  const name = (k) => D.models[P.models[k]];
  return [words.every((r) => r[7]) ? h("p", {}, D.only_common) : null, h("p", { class: "hint" }, "Share is of a model's answers. Elsewhere is the mean share of the other models. Of a passage it is the share of the other answers to that prompt. These are examples, not evidence. What the words are worth is the score."),
    table("Shared openings, sentences, habits and passages", [
      { name: "kind", key: (r) => r[0], cell: (r) => r[0] },
      { name: "what", head: true, key: (r) => r[1], cell: (r) => h("q", {}, r[1]) },
      { name: name(a), number: true, key: (r) => r[2], cell: (r) => digits(r[2], 2) },
      { name: name(b), number: true, key: (r) => r[3], cell: (r) => digits(r[3], 2) },
      { name: "elsewhere", number: true, key: (r) => r[4], cell: (r) => digits(r[4], 2) },
      { name: `in an answer of ${name(a)}`, cell: (r) => h("span", { class: "cut" }, marked(r, r[5])) },
      { name: `in an answer of ${name(b)}`, cell: (r) => h("span", { class: "cut" }, marked(r, r[6])) },
    ], words).all];
}

// The shared words, marked where they stand. Tokens may touch or be apart; a habit of layout has no words to mark.
function marked([kind, what], text) {
  if (kind === "habit") return text;
  const words = what.split(" ").filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const found = text.match(new RegExp(words.join("\\s*"), "i"));
  if (!found || !found[0]) return text;
  return [text.slice(0, found.index), h("mark", {}, found[0]), text.slice(found.index + found[0].length)];
}

function worth(P) {
  const name = (k) => modelName(P.models[k]);
  const parts = [h("h3", {}, `Measured here, on ${P.task}`)];
  if (P.null_p.n) {
    parts.push(h("p", {}, `Of ${P.null_p.n} pairs that cannot be related, ${P.null_p.below} have p ≤ ${P.null_p.alpha} (${(P.null_p.below / P.null_p.n).toFixed(3)}; ${P.null_p.alpha} is what p promises; pairs share models, so this has no interval). One pair alone needs a score of ${digits(P.needed, 2)} for that.`));
  } else {
    parts.push(h("p", {}, "No pair here is known to be unrelated, so nothing can be said of false alarms on this set."));
  }
  if (P.controls.length) {
    parts.push(table("Positive controls: is the known relative the most similar?", [
      { name: "control", head: true, key: (r) => D.models[P.models[r.model]], cell: (r) => D.models[P.models[r.model]] },
      { name: "known relative", key: (r) => D.models[P.models[r.of]], cell: (r) => D.models[P.models[r.of]] },
      { name: "rank of the relative", number: true, key: (r) => r.rank, cell: (r) => `${r.rank} of ${r.among}` },
    ], P.controls).all);
  } else {
    parts.push(h("p", {}, "This set has no positive control, so nothing can be said of what it would find."));
  }
  parts.push(table("Candidates: who could be tested", [
    { name: "candidate", head: true, key: (r) => D.models[P.models[r.candidate]], cell: (r) => name(r.candidate) },
    { name: "lab", key: (r) => r.lab ?? null, cell: (r) => r.lab ?? "not documented" },
    { name: "released", key: (r) => r.released ?? null, cell: (r) => r.released ?? "not documented" },
    { name: "models of its null, with a score", number: true, key: (r) => r.null, cell: (r) => String(r.null) },
    { name: "testable", key: (r) => (r.testable ? "yes" : "no"), cell: (r) => (r.testable ? "yes" : "no, too few") },
  ], P.candidates_known, { page: 15 }).all);
  fill($("worth"), parts);
}

function detection() {
  $("detection-source").textContent = `${D.detection.source}. It says what the method can find there, not what it finds here. Students of one data set are not independent, so the intervals are too short.`;
  figure("fig-detection", D.figures.detection);
  fill($("detection-table"), table("What the detector found among documented students, and its false alarms", [
    { name: "what", head: true, cell: (r) => r.what },
    { name: "value", cell: (r) => r.value },
  ], [...D.detection.rates.map((r) => ({ what: `detected at 5 %: taught by ${r.teacher}`, value: `${r.found} of ${r.of}` })), ...D.detection.figures]).all);
}
