// The leaderboard, and the table of performance against similarity.
function range(x, n) {
  const inside = x.lo === null || x.hi === null ? "no interval" : `${digits(x.lo, 2)}, ${digits(x.hi, 2)}`;
  return h("small", {}, ` [${inside}] n=${n ?? x.n}`);
}

const FACTS = [["lab", "lab", (v) => v], ["released", "released", (v) => v], ["weights", "weights", (v) => v], ["usd", "cost of 1,000 answers", (v) => `$${v.toFixed(2)}`],
  ["written", "tokens an answer", (v) => v.toFixed(0)], ["seconds", "seconds an answer", (v) => v.toFixed(1)]];

// Of a model that shares a letter with many, the first: the button marks them all, and its label has every letter.
function fewLetters(letters) {
  const parts = letters.split(",");
  return parts.length > 6 ? `${parts.slice(0, 5).join(",")},…` : letters;
}

function board() {
  const B = D.board;
  const rows = B.rows.map((row) => ({ ...row, name: D.models[row.model] }));
  let text = "";
  let controls = true;
  let column = null;
  let tied = null;

  const tieOf = (cell, key, row) => {
    if (!cell || !cell.letters) return null;
    const ranks = cell.best === cell.worst ? `${cell.best}` : `${cell.best}–${cell.worst}`;
    return button(`${ranks} (${fewLetters(cell.letters)})`, () => {
      const same = column === key && tied && tied.model === row.model;
      column = same ? null : key;
      tied = same ? null : { model: row.model, groups: new Set(cell.groups) };
      shown.refresh(true);
      const who = rows.filter((r) => r !== row && isTied(r)).map((r) => r.name);
      say(same ? "marks removed" : who.length ? `${row.name} cannot be told apart from ${who.join(", ")}` : `${row.name} is told apart from all others`);
    }, { class: "rank", "aria-pressed": String(Boolean(tied && column === key && tied.model === row.model)),
      "aria-label": `rank ${ranks}, letters ${cell.letters}: mark who cannot be told apart from ${row.name}` });
  };
  const at = (row, key) => (key === "mean" ? row.mean : row.cells[key]);
  const isTied = (row) => {
    const cell = tied && at(row, column);
    return Boolean(cell && cell.groups && cell.groups.some((g) => tied.groups.has(g)));
  };
  const score = (key) => (row) => {
    const x = at(row, key);
    if (!x) return "–";
    const decides = key === "mean" || (!B.averaged.length && B.columns.length === 1);
    const short = key === "mean" && x.tasks !== x.of ? h("small", {}, ` ${x.tasks} of ${x.of} tasks`) : null;
    return [decides && row.place && !row.place.whole ? h("small", {}, row.place.group ? "apart: " : `≈${digits(row.place.v, 3)}; `) : null,
      h("b", {}, x.v === null ? "not scored" : digits(x.v, 3)), range(x), " ", tieOf(x, key, row), short,
      x.unsafe ? h("small", { class: "warn" }, " (unsafe)") : null,
      x.notes && x.notes.length ? h("small", { class: "warn" }, ` † ${x.notes.join(", ")}`) : null];
  };
  const columns = [{ name: "model", head: true, key: (r) => r.name,
    cell: (r) => [modelLink(r.model), D.imported.includes(r.model) ? h("small", {}, " imported") : null,
      r.notes.map((note) => h("small", { class: "warn" }, ` † ${note}`))] }];
  if (B.averaged.length) {
    columns.push({ name: `mean of ${B.averaged.length} tasks`, number: true, key: (r) => (r.mean ? r.mean.v : null), cell: score("mean") });
  }
  B.columns.forEach((c, i) => columns.push({ name: `${c.task} (${c.metric}${c.lower ? ", lower is better" : ""})`, number: true,
    key: (r) => (r.cells[i] ? r.cells[i].v : null), cell: score(i) }));
  const relative = (e, model) => {
    const month = e.dated || D.imported.includes(model) ? null : h("small", { class: "warn" }, " add released: YYYY-MM to its model file");
    return [e.same === null ? null : `${e.same}; `, e.said, several ? h("small", {}, ` on ${e.set}`) : null, month];
  };
  const several = new Set(B.rows.flatMap((r) => r.evidence.map((e) => e.set))).size > 1;
  columns.push({ name: "answers like (calibrated, exploratory)", wide: true, key: (r) => (r.evidence.length ? r.evidence[0].score : null), number: true,
    cell: (r) => (r.evidence.length ? r.evidence.map((e) => h("div", {}, relative(e, r.model))) : "–") });
  for (const [key, name, cell] of FACTS) {
    if (B.rows.some((r) => r[key] !== undefined)) columns.push({ name, key: (r) => r[key] ?? null, number: typeof B.rows.find((r) => r[key] !== undefined)[key] === "number", cell: (r) => (r[key] === undefined ? "–" : cell(r[key])) });
  }
  if (!B.calibrated) {
    columns.push({ name: "most similar words (not calibrated)", wide: true, key: (r) => (r.near.length ? r.near[0].v : null), number: true,
      cell: (r) => (r.near.length ? r.near.map((x) => h("div", {}, `${modelName(x.other)} ${digits(x.v, 3)}`, range(x))) : "–") });
  }
  if (B.rows.some((r) => r.claims.length)) {
    columns.push({ name: "says it is (share of answers)", wide: true, cell: (r) => (r.claims.length ? r.claims.slice(0, 3).map((x) =>
      h("div", {}, `${x.who === "(none)" ? "no known model" : x.who} ${digits(x.v, 2)}`, range(x), x.of ? h("small", {}, ` ${x.others} of ${x.of} others too`) : null)) : "–") });
  }
  if (B.rows.some((r) => r.wrong)) {
    columns.push({ name: "shares wrong answers with (excess, not calibrated)",
      cell: (r) => (r.wrong ? [modelName(r.wrong.other), h("small", {}, ` ${r.wrong.text}`)] : "–") });
  }
  for (const probe of B.probed) {
    const said = new Map(probe.rows);
    columns.push({ name: probe.heading, wide: true, cell: (r) => said.get(r.model) ?? "–" });
  }
  let by = null;
  const remember = () => noted("leaderboard", { filter: text, controls: controls ? null : "no", sort: by && by[0], up: by && by[1] ? 1 : null });
  const shown = table("Leaderboard", columns, rows, {
    page: 50,
    filter: (r) => r.name.toLowerCase().includes(text) && (controls || D.controls[r.model] === undefined),
    attributes: (r) => ({ class: isTied(r) ? "tied" : null }),
    sortedBy: (name, up) => { by = name === null ? null : [name, up]; remember(); },
  });
  const search = input("Filter models", "search", (v) => { text = v.toLowerCase(); shown.refresh(); remember(); });
  const hide = input("Hide controls", "checkbox", (v) => { controls = !v; shown.refresh(); remember(); });
  const start = button("Order of the mean", () => { by = null; shown.sort(null); remember(); say("back to the order of the mean"); });
  fill($("board"), h("div", { class: "controls" }, search.all, Object.keys(D.controls).length ? hide.all : null, start), shown.all,
    h("p", { class: "hint" }, "The button with a rank marks every model that cannot be told apart from that one. ≈ means that the model was not asked what the others were, and stands where shared documents put it. “apart” means that it shares none with them."));
  linked("leaderboard", ({ filter, controls: shownToo, sort, up }) => {
    text = search.box.value = filter ?? "";
    controls = shownToo !== "no";
    hide.box.checked = !controls;
    by = sort ? [sort, up === "1"] : null;
    shown.sort(sort ?? null, up === "1");
    $("leaderboard").scrollIntoView();
  });
  figure("fig-scores", D.figures.scores);
  for (const name of ["trend", "cost"]) if (D.figures[name].spec) figure(`fig-${name}`, D.figures[name]);
}
