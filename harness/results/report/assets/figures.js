// Figures: Vega-Lite specifications drawn by the library in the page, without eval (ast), in the page's colours.
const LIGHT = { ink: "#1d2327", soft: "#59636b", line: "#d5d9dc" };
const DARK = { ink: "#e7eaec", soft: "#a7b0b7", line: "#3a4248" };

function config(dark) {
  const c = dark ? DARK : LIGHT;
  return {
    background: null,
    font: "system-ui, sans-serif",
    axis: { labelColor: c.ink, titleColor: c.soft, gridColor: c.line, domainColor: c.line, tickColor: c.line, labelLimit: 190, titleFontWeight: "normal", tickCount: 8 },
    legend: { labelColor: c.ink, titleColor: c.soft, titleFontWeight: "normal" },
    view: { stroke: c.line },
    text: { fill: c.ink },
    rule: { stroke: c.soft },
  };
}

// A tooltip made of text nodes.
function tooltip(handler, event, item, value) {
  const box = $("tip") || document.body.appendChild(h("div", { id: "tip", role: "presentation" }));
  if (value === null || value === undefined || value === "") { box.hidden = true; return; }
  const pairs = typeof value === "object" ? Object.entries(value) : [["", value]];
  fill(box, pairs.map(([key, text]) => h("div", {}, key ? `${key}: ` : "", h("b", {}, String(text)))));
  box.hidden = false;
  box.style.left = `${Math.min(event.pageX + 12, document.documentElement.scrollLeft + innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${event.pageY + 14}px`;
}

const drawnFigures = new Map();

function figure(id, entry, data) {
  const place = $(id);
  drawnFigures.set(id, { place, entry, data, stale: true, busy: null });
  if (!entry || !entry.spec) {
    fill(place, entry ? h("p", { class: "hint" }, `No figure here: ${entry.why.replace("this figure cannot be drawn: ", "")}.`) : null);
    return;
  }
  watcher.unobserve(place);
  watcher.observe(place);
}

// Drawn when they come into sight, and before printing.
const watcher = new IntersectionObserver((entries) => {
  entries.filter((e) => e.isIntersecting).forEach((e) => paint(e.target.id));
}, { rootMargin: "400px" });

// Titles of axes and legends in lines that fit.
function wrapped(part, letters) {
  if (!part || typeof part !== "object") return;
  for (const [key, value] of Object.entries(part)) {
    if (key === "title" && typeof value === "string" && value.length > letters) {
      part[key] = value.split(" ").reduce((lines, word) => {
        const last = lines[lines.length - 1];
        if (last !== undefined && last.length + word.length < letters) lines[lines.length - 1] = `${last} ${word}`;
        else lines.push(word);
        return lines;
      }, []);
    } else if (key !== "values" && key !== "datasets") wrapped(value, letters);
  }
}

async function paint(id) {
  const state = drawnFigures.get(id);
  if (!state || !state.entry || !state.entry.spec || !state.stale) return;
  state.stale = false;
  const spec = structuredClone(state.entry.spec);
  const many = JSON.stringify(spec).length > 400000;
  if (typeof spec.width === "number") spec.width = Math.max(200, Math.min(860, state.place.clientWidth - 20));
  const stepped = spec.height && typeof spec.height === "object";
  if (typeof spec.width === "number" && !stepped) spec.autosize = { type: "fit-x", contains: "padding" };
  else if (typeof spec.width === "number") spec.width = Math.max(160, spec.width - 220);
  // Where there is little room, names alone, and short.
  if (state.place.clientWidth < 520) (spec.layer || []).filter((l) => l.mark && l.mark.type === "text" && l.encoding.text.field === "label").forEach((l) => { l.mark.limit = 84; l.encoding.text.field = "model"; });
  let beside = 0;
  if (state.place.clientWidth < 520) {
    const parts = (spec.layer || []).map((l) => l.encoding || {});
    const names = parts.map((e) => e.y && e.y.axis).filter((axis) => axis && axis.labelLimit);
    beside = names.length ? 130 : 0;
    names.forEach((axis) => { axis.labelLimit = beside; });
    parts.map((e) => e.color && e.color.legend).filter(Boolean).forEach((legend) => { legend.columns = names.length ? 1 : 2; });
  }
  wrapped(spec, Math.floor(((typeof spec.width === "number" ? spec.width : 560) - beside) / 6.2));
  Object.assign(spec.datasets || {}, state.data || {});
  const host = h("div", { class: "drawing" });
  fill(state.place, h("figure", {}, host, h("figcaption", {}, spec.description, " ",
    button("Save as SVG", () => save(state, id), { class: "quiet" }), " ", button("Save as PNG", () => savePicture(state, id), { class: "quiet" }))));
  await library();
  const dark = isDark();
  const view = { ...config(dark).view, ...(spec.config && spec.config.view) };
  const drawn = await vegaEmbed(host, spec, {
    ast: true, actions: false, defaultStyle: false, renderer: many ? "canvas" : "svg", tooltip, config: { ...config(dark), view },
    loader: { load: () => Promise.reject(new Error("this page loads nothing")) },
  });
  state.view = drawn.view;
  // A point that carries a model's name leads to its card.
  drawn.view.addEventListener("click", (event, item) => {
    const name = item && item.datum && item.datum.model;
    if (typeof name === "string" && D.models.includes(name)) go("model", { name });
  });
}

// The library is unpacked when the first figure comes into sight: a page opens without it.
let drawer = null;
function library() {
  drawer ??= inflated("library").then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  });
  return drawer;
}

function download(url, name) {
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
async function save(state, id) {
  download(URL.createObjectURL(new Blob([await state.view.toSVG()], { type: "image/svg+xml" })), `${id.replace("fig-", "")}.svg`);
}
// Two pixels for one, on the page's own paper.
async function savePicture(state, id) {
  const drawn = await state.view.toCanvas(2);
  const paper = document.createElement("canvas");
  [paper.width, paper.height] = [drawn.width, drawn.height];
  const pen = paper.getContext("2d");
  pen.fillStyle = isDark() ? "#14181b" : "#ffffff";
  pen.fillRect(0, 0, paper.width, paper.height);
  pen.drawImage(drawn, 0, 0);
  paper.toBlob((blob) => download(URL.createObjectURL(blob), `${id.replace("fig-", "")}.png`), "image/png");
}

function repaint() {
  for (const [id, state] of drawnFigures) {
    const seen = !state.stale;
    state.stale = true;
    if (seen) paint(id);
  }
}
document.addEventListener("themed", repaint);
let wide = document.documentElement.clientWidth;
let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (document.documentElement.clientWidth === wide) return;
    wide = document.documentElement.clientWidth;
    repaint();
  }, 200);
});
addEventListener("beforeprint", () => { for (const id of drawnFigures.keys()) paint(id); });
