// Runs, versions, commands; then everything begins.
function made() {
  const M = D.made;
  const json = (value) => visibleLines(JSON.stringify(value, null, 1));
  const many = (what, parts) => (parts.length > 8 ? h("details", {}, h("summary", {}, `${parts.length} ${what}`), parts) : parts);
  fill($("runs"), M.runs.map((run, i) => h("details", { open: i === 0 },
    h("summary", {}, `${visible(run.run_id)}: harness ${run.harness_version}, ${run.status}${run.imported ? ", imported" : ""}`),
    h("pre", { tabindex: "0", role: "region", "aria-label": "command" }, visible(run.argv) || "no command was recorded"),
    h("dl", {}, [["commit", run.git_commit ? `${run.git_commit}${run.git_dirty ? " with uncommitted changes" : ""}` : "no git checkout"],
      ["began, ended (UTC)", `${run.started_at ?? "?"}, ${run.finished_at ?? "?"}`],
      ["samples", `${run.samples}: ${run.answered} answered, ${run.truncated} truncated, ${run.refused} refused, ${run.failed} failed`],
      ["cost", run.cost_usd === undefined ? null : `$${run.cost_usd.toFixed(2)}`]].filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", {}, visible(String(v)))])),
    many("models", M.models.filter((m) => m.run_id === run.run_id).map((m) => h("details", {}, h("summary", {}, `model ${visible(m.model)}: ${visible(m.backend)}`), h("pre", { tabindex: "0" }, json(m))))),
    many("tasks", M.tasks.filter((t) => t.run_id === run.run_id).map((t) => h("details", {}, h("summary", {}, `task ${visible(t.task)}${t.version ? ` ${visible(t.version)}` : ""}`), h("pre", { tabindex: "0" }, json(t))))),
    ["spec", "packages", "platform"].filter((k) => run[k]).map((k) => h("details", {}, h("summary", {}, { spec: "what was asked, resolved", packages: "package versions", platform: "machine" }[k]), h("pre", { tabindex: "0" }, json(run[k])))))));
}

async function begin() {
  D = await inflate("data");
  $("summary").textContent = `${counted(D.models.length, "model")}, ${counted(D.board.columns.length, "scored task")}, ${counted(D.samples.n, "sample")}. Made with harness ${D.version}.`;
  theme();
  opening();
  board();
  tasks();
  detection();
  made();
  likeness();
  await Promise.all([models(), samples()]);
  await follow();
  document.documentElement.setAttribute("data-ready", "");
}
begin();
