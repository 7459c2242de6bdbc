// A card per model: whom it answers like and why, in quotes, in the null, with its rivals, and what that does not show.
let dealt = null;
const CARDS = 24;

async function dealCards() {
  if (!dealt) dealt = await inflate("cards");
  return dealt;
}

// The verdict of the set with most power; of a model that nobody compared, that.
const firstSet = (card) => card.sets[0] ?? null;
function verdictLine(card) {
  const set = firstSet(card);
  if (!set) return ["It is compared with nobody, because it answered no open prompts that others answered."];
  const like = set.verdict === "resembles" ? ["Answers ", h("b", {}, set.said)] : [h("b", {}, set.said)];
  return [set.same ? [h("b", {}, `${set.same[0].toUpperCase()}${set.same.slice(1)}. `)] : null, like, set.power ? `. ${set.power}` : "."];
}

function models() {
  const order = D.board.rows.map((row) => row.model);
  const rowOf = new Map(D.board.rows.map((row) => [row.model, row]));
  let text = "";
  let shown = CARDS;
  const list = h("div", { class: "deck" });
  const more = h("p");
  const place = h("div", { id: "card" });

  async function draw() {
    const cards = await dealCards();
    const fit = order.filter((m) => `${D.models[m]} ${cards[m].lab ?? ""}`.toLowerCase().includes(text));
    fill(list, fit.slice(0, shown).map((m) => small(m, cards[m], rowOf.get(m))));
    fill(more, `${Math.min(shown, fit.length)} of ${fit.length} models. `, fit.length > shown ? button("Show more", () => { shown += CARDS; draw(); }) : null);
  }
  const search = input("Find a model or a lab", "search", (v) => { text = v.toLowerCase(); shown = CARDS; draw(); });
  fill($("deck"), h("div", { class: "controls" }, search.all), place, list, more);
  linked("model", async ({ name }) => {
    const m = D.models.indexOf(name);
    if (m < 0) {
      fill(place, h("p", { class: "warn" }, `No model of this page is called ${name}.`));
      place.scrollIntoView();
      return;
    }
    await large(place, m, (await dealCards())[m], rowOf.get(m));
    place.scrollIntoView();
    place.querySelector("h3").focus({ preventScroll: true });
    say(`card of ${D.models[m]}`);
  });
  return draw();
}

function performanceOf(row) {
  if (row.mean && row.mean.v !== null) {
    const part = row.mean.tasks === row.mean.of ? `mean of ${row.mean.of} tasks` : `mean of ${row.mean.tasks} of ${row.mean.of} tasks`;
    return [h("b", {}, digits(row.mean.v, 3)), range(row.mean), ` ${part}`, placedAt(row)];
  }
  const i = row.cells.findIndex((cell) => cell && cell.v !== null);
  return i < 0 ? "not scored" : [h("b", {}, digits(row.cells[i].v, 3)), range(row.cells[i]), ` ${D.board.columns[i].task}`, placedAt(row)];
}
// Where a model stands that was not asked what the others were.
const placedAt = (row) => (!row.place || row.place.whole ? null : row.place.group ? ", apart from the others" : `, stands at ≈${digits(row.place.v, 3)}`);

function small(m, card, row) {
  const set = firstSet(card);
  return h("article", { class: `tile ${set ? set.strength ?? "" : ""}` },
    h("h4", {}, modelLink(m)),
    h("p", {}, performanceOf(row)),
    h("p", {}, verdictLine(card)),
    h("p", { class: "hint" }, [card.lab, card.released, card.weights ? `${card.weights} weights` : null].filter(Boolean).join(" · ")));
}

async function large(place, m, card, row) {
  const used = card.used;
  const facts = [["made by", card.lab], ["released", card.released], ["weights", card.weights],
    ["an answer takes", used ? [used.completion === null ? null : `${digits(used.completion, 0)} tokens`, used.reasoning ? `${digits(used.reasoning, 0)} of them reasoning` : null,
      used.seconds === null ? null : `${digits(used.seconds, 1)} s`, used.usd === null ? null : `$${digits(used.usd / 1000, 4)}`].filter(Boolean).join(", ") : null],
    ["answers here", used ? used.answers.toLocaleString("en") : null]];
  const scores = D.board.columns.map((c, i) => ({ c, x: row.cells[i] })).filter(({ x }) => x);
  fill(place, h("article", { class: `card ${firstSet(card)?.strength ?? ""}` },
    h("h3", { tabindex: "-1" }, anchor(modelName(m), "model", { name: D.models[m] })),
    h("p", { class: "verdict" }, verdictLine(card)),
    h("dl", {}, facts.filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])),
    card.statement ? h("p", { class: "note" }, card.statement) : null,
    scores.length ? [h("h4", {}, "Scores"), h("ul", {}, scores.map(({ c, x }) => h("li", {}, anchor(c.task, "samples", { model: D.models[m], task: c.task }), " ",
      h("b", {}, x.v === null ? "not scored" : digits(x.v, 3)), range(x), x.letters ? ` rank ${x.best === x.worst ? x.best : `${x.best}–${x.worst}`}` : null,
      x.notes.length ? h("small", { class: "warn" }, ` ${x.notes.join(", ")}`) : null)))] : null,
    await Promise.all(card.sets.map((set) => evidenceOf(m, set))),
    card.texts.map((t) => h("p", {}, t))));
}

async function evidenceOf(m, set) {
  const i = D.pools.findIndex((p) => p.task === set.set);
  const P = i < 0 ? null : await poolOf(i);
  const listed = (title, texts) => (texts.length ? [h("h5", {}, title), h("ul", {}, texts.map((t) => h("li", {}, t)))] : null);
  const x = set.numbers;
  return h("section", { class: "set" },
    h("h4", {}, `On ${set.set}: ${set.said}`),
    x ? h("p", {}, `Nearest of those tested: ${set.near}, `, h("b", {}, digits(x.v, 2)), range({ lo: x.lo, hi: x.hi, n: set.n }), ` standard deviations above unrelated models, ${pValue("q", x.q)}.`) : null,
    listed("Because", set.because),
    P ? nullOf(P, m, set) : null,
    P ? quotes(P, m, set) : null,
    listed("What else would explain it", set.rivals),
    listed("What it does not show", set.not),
    set.notes.length ? h("details", {}, h("summary", {}, `${set.notes.length} notes to it`), h("ul", {}, set.notes.map((t) => h("li", {}, t)))) : null);
}

// Three wordings that both have, side by side, if their texts are here: the most frequent, without what many others write.
function quotes(P, m, set) {
  const [a, b] = P.columns ? [-1, -1] : [P.models.indexOf(m), P.models.indexOf(D.models.indexOf(set.near))];
  const words = a < 0 || b < 0 ? null : P.words[`${a} ${b}`];
  if (!words) {
    const why = P.columns ? "The panel keeps no texts of its models, so there is nothing to quote." : "Quotes of this pair are not in the page.";
    return set.near ? h("p", { class: "hint" }, why, P.columns ? null : [" This prints them: ", h("code", {}, `harness provenance explain ${quoted(D.models[m])} ${quoted(set.near)}`)]) : null;
  }
  const said = new Set();
  // What stands in two answers of hundreds is chance as often as not, so a passage of both answers to a prompt comes before it.
  const often = (r) => (r[2] === null ? 0.02 : Math.min(r[2], r[3]));
  const best = words.filter((r) => r[0] !== "habit" && !r[7] && r[5] && r[6] && !said.has(r[5]) && said.add(r[5])).sort((r, s) => often(s) - often(r)).slice(0, 3);
  if (!best.length) return h("p", { class: "hint" }, words.length ? D.only_common : "The two share no wording that others do not write as often.");
  return [h("h5", {}, "In their words"), h("div", { class: "quotes" }, best.map((r) => h("div", { class: "pair" },
    [[D.models[m], r[5], r[2]], [set.near, r[6], r[3]]].map(([who, text, share]) => h("blockquote", {}, marked(r, text), h("footer", {}, share === null ? `${who}; in ${digits(r[4], 2)} of others' answers to that prompt` : `${who}, in ${digits(share, 2)} of its answers; others ${digits(r[4], 2)}`))))))];
}

// Scores of unrelated pairs as bars, the model's own scores as lines.
function nullOf(P, m, set) {
  if (!P.null || !P.null.length || !set.numbers || set.numbers.v === null) return null;
  const mine = set.numbers.v;
  const low = Math.min(P.null[0], mine) - 0.2;
  const high = Math.max(P.null[P.null.length - 1], mine) + 0.2;
  const bins = new Array(48).fill(0);
  P.null.forEach((v) => { bins[Math.min(47, Math.floor((48 * (v - low)) / (high - low)))] += 1; });
  const top = Math.max(...bins);
  const at = (v) => (480 * (v - low)) / (high - low);
  const above = P.null.filter((v) => v >= mine).length;
  const said = `Of ${P.null.length.toLocaleString("en")} pairs that cannot be related, ${above.toLocaleString("en")} score as high as ${D.models[m]} with ${set.near} (${digits(mine, 2)}).`;
  return h("figure", { class: "null" }, svg("svg", { viewBox: "0 0 480 100", role: "img", "aria-label": said },
    bins.map((n, k) => svg("rect", { class: "bar", x: k * 10, y: 84 - (78 * n) / top, width: 9, height: (78 * n) / top })),
    svg("line", { class: "axis", x1: 0, x2: 480, y1: 84, y2: 84 }),
    svg("line", { class: "mine", x1: at(mine), x2: at(mine), y1: 2, y2: 84 }),
    [Math.ceil(low), 0, Math.floor(high)].filter((v, k, all) => all.indexOf(v) === k).map((v) => svg("text", { class: "tick", x: at(v), y: 97, "text-anchor": "middle" }, String(v)))),
  h("figcaption", {}, said));
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children.flat(Infinity));
  return element;
}
