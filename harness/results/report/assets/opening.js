// What the page opens with: sentences to quote, and performance against similarity with every point named.
function opening() {
  fill($("sentences"), D.summary.map((text) => h("li", {}, text)));
  $("explanations").textContent = D.explanations;
  const entry = D.figures.performance;
  figure("fig-performance", entry);
  if (!entry.spec) return;
  const rows = entry.spec.data.values;
  if (rows.every((r) => r.y === null)) $("h-against").textContent = "The models that are nearest to another";
  else if (rows.every((r) => r.x === null)) $("h-against").textContent = "Performance";
  fill($("against-table"), h("details", {}, h("summary", {}, `The same as a table: ${counted(rows.length, "model")}`), table("Performance and similarity", [
    { name: "model", head: true, key: (r) => r.model, cell: (r) => modelLink(D.models.indexOf(r.model)) },
    { name: "performance", number: true, key: (r) => r.y, cell: (r) => (r.y === null ? "not scored" : [r.placed ? "≈ " : null, digits(r.y, 3), r.placed ? null : range({ lo: r.ylo, hi: r.yhi, n: r.n_documents })]) },
    { name: "nearest relative", key: (r) => r.nearest, cell: (r) => r.nearest ?? "–" },
    { name: "similarity", number: true, key: (r) => r.x, cell: (r) => (r.x === null ? "not tested" : [digits(r.x, 2), r.xlo === r.xhi ? h("small", {}, ` no interval n=${r.n_prompts}`) : range({ lo: r.xlo, hi: r.xhi, n: r.n_prompts })]) },
    { name: "verdict", key: (r) => r.verdict, cell: (r) => r.verdict },
  ], rows).all));
}
