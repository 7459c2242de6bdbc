// One task at a time: scores, difficulty of items, and what flips between two models.
const at = (values, i) => (typeof values === "string" ? (values[i] === "1" ? 1 : values[i] === "0" ? 0 : null) : values[i]);

function tasks() {
  if (!D.tasks.length) { fill($("task"), h("p", {}, "No task was scored.")); return; }
  const host = h("div");
  const whole = new Map();
  let shown = null;
  const show = async (i, pair) => {
    shown = i;
    if (!whole.has(i)) whole.set(i, await inflate(`task-${i}`));
    one(host, whole.get(i), pair);
  };
  const pick = select("Task", D.tasks.map((t, i) => [i, `${t.task} (${t.metric})`]), 0, (v) => { show(Number(v)); noted("tasks", { task: D.tasks[Number(v)].task }); });
  fill($("task"), h("div", { class: "controls" }, pick.all), host);
  linked("tasks", async ({ task, a, b }) => {
    const i = Math.max(0, D.tasks.findIndex((t) => t.task === task));
    pick.box.value = String(i);
    const [first, second] = [D.models.indexOf(a), D.models.indexOf(b)];
    await show(i, first >= 0 && second >= 0 ? [first, second] : null);
    (a ? host.querySelector(".flips") : $("tasks")).scrollIntoView();
  });
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    seen.disconnect();
    if (shown === null) show(0);
  }, { rootMargin: "600px" });
  seen.observe($("tasks"));
  addEventListener("beforeprint", () => { if (shown === null) show(0); });
}

function one(host, t, pair) {
  const models = Object.keys(t.values).map(Number);
  const column = D.board.columns.findIndex((c) => c.task === t.task && c.metric === t.metric);
  const scores = D.board.rows.filter((r) => r.cells[column]).map((r) => ({ model: r.model, ...r.cells[column] }));
  const means = t.items.map((_, i) => {
    const known = models.map((m) => at(t.values[m], i)).filter((v) => v !== null);
    return { i, n: known.length, mean: known.length ? known.reduce((a, b) => a + b, 0) / known.length : null };
  });
  const scoreTable = table(`Scores on ${t.task}`, [
    { name: "model", head: true, key: (r) => D.models[r.model], cell: (r) => modelLink(r.model) },
    { name: `${t.metric}${t.lower ? ", lower is better" : ""}`, number: true, key: (r) => r.v, cell: (r) => (r.v === null ? "not scored" : [digits(r.v, 3), range(r)]) },
    { name: "ranks", number: true, key: (r) => r.best ?? null, cell: (r) => (r.letters ? `${r.best === r.worst ? r.best : `${r.best}–${r.worst}`} (${fewLetters(r.letters)})` : "–") },
    { name: "notes", cell: (r) => r.notes.join(", ") },
  ], scores);
  const items = table(`Items of ${t.task}, the hardest first`, [
    { name: "item", head: true, number: true, key: (r) => t.docs[r.i], cell: (r) => button(`${t.docs[r.i]}`, () => openItem(t.task, t.items[r.i]), { "aria-label": `samples of item ${t.docs[r.i]}` }) },
    { name: "mean score", number: true, key: (r) => r.mean, cell: (r) => digits(r.mean, 2) },
    { name: "models", number: true, key: (r) => r.n, cell: (r) => String(r.n) },
    { name: "prompt begins", cell: (r) => h("span", { class: "cut" }, t.texts[r.i]) },
  ], means, { page: 20, sorted: { i: 1, up: !t.lower } });
  const flips = h("div", { class: "flips" });
  fill(host, scoreTable.all,
    h("h3", {}, "Difficulty of items"), h("div", { id: "fig-difficulty", class: "figure" }), items.all,
    h("h3", {}, "Flips between two models"), flips);
  figure("fig-difficulty", D.figures.difficulty, { items: means.filter((m) => m.mean !== null).map((m) => ({ v: m.mean })) });
  const ranked = D.board.rows.map((r) => r.model).filter((m) => models.includes(m));
  flip(flips, t, ranked, ...(pair ?? ranked.slice(0, 2)));
}

function flip(host, t, models, a, b) {
  if (models.length < 2) { fill(host, h("p", {}, "One model alone was scored on this task.")); return; }
  const options = models.map((m) => [m, modelName(m)]);
  const again = (x, y) => {
    flip(host, t, models, Number(x), Number(y));
    noted("tasks", { task: t.task, a: D.models[Number(x)], b: D.models[Number(y)] });
  };
  const pickA = select("First model", options, a, (v) => again(v, b));
  const pickB = select("Second model", options, b, (v) => again(a, v));
  const better = t.lower ? -1 : 1;
  const rows = t.items.map((_, i) => ({ i, a: at(t.values[a], i), b: at(t.values[b], i) }))
    .filter((r) => r.a !== null && r.b !== null && r.a !== r.b).map((r) => ({ ...r, to: (r.a - r.b) * better > 0 ? a : b }));
  const pair = t.pairs.find((p) => (p[0] === a && p[1] === b) || (p[0] === b && p[1] === a));
  let said = "The two were never scored on the same item.";
  if (pair) {
    const [first, , difference, low, high, n, p, test] = pair;
    const turn = first === a ? 1 : -1;
    const limits = [low, high].map((v) => (v === null ? null : v * turn)).sort((x, y) => x - y);
    said = `Difference, first less second: ${digits(difference * turn, 3)} ${limits[0] === null ? "[no interval]" : `[${digits(limits[0], 3)}, ${digits(limits[1], 3)}]`}, ` +
      `n=${n} items both were scored on, ${pValue("p", p)} (${test}, not adjusted for the other pairs). ${rows.length} items flip: ` +
      `${rows.filter((r) => r.to === a).length} to the first, ${rows.filter((r) => r.to === b).length} to the second.`;
  }
  fill(host, h("div", { class: "controls" }, pickA.all, pickB.all), h("p", {}, said),
    table("Items that one of the two got better", [
      { name: "item", head: true, number: true, key: (r) => t.docs[r.i], cell: (r) => button(`${t.docs[r.i]}`, () => openItem(t.task, t.items[r.i]), { "aria-label": `samples of item ${t.docs[r.i]}` }) },
      { name: "better", key: (r) => D.models[r.to], cell: (r) => modelName(r.to) },
      { name: "first", number: true, key: (r) => r.a, cell: (r) => digits(r.a, 2) },
      { name: "second", number: true, key: (r) => r.b, cell: (r) => digits(r.b, 2) },
      { name: "prompt begins", cell: (r) => h("span", { class: "cut" }, t.texts[r.i]) },
    ], rows, { page: 20, empty: "No item flips." }).all);
}
