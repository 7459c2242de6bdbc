// A table that sorts by its headings, filters, and turns pages: real table, real buttons.
// columns: {name, cell(row) -> node or text, key(row) -> number or text to sort by, number: bool, head: bool, wide: bool}
function table(caption, columns, rows, options) {
  const opt = { page: 100, filter: () => true, ...options };
  let sorted = opt.sorted ?? null;
  const toSort = (i, up) => { sorted = i === null ? null : { i, up }; page = 0; draw(); };
  let page = 0;
  const body = h("tbody");
  const heads = columns.map((column, i) => {
    if (!column.key) return h("th", { scope: "col" }, column.name);
    return h("th", { scope: "col", "aria-sort": "none", class: column.number && !column.wide ? "n" : null },
      button(column.name, () => {
        choose(i, sorted && sorted.i === i ? !sorted.up : !column.number);
      }));
  });
  const choose = (i, up) => {
    const name = i === null ? null : columns[i].name;
    toSort(i, up);
    if (opt.sortedBy) opt.sortedBy(name, up);
    say(i === null ? `${caption}: in the order of the page` : `${caption}: sorted by ${name}, ${up ? "ascending" : "descending"}`);
  };
  // On a telephone rows are cards and the headings are not there, so the choice stands above the cards.
  const sorter = select("Sort by", [["", "order of the page"], ...columns.map((c, i) => [i, c.name]).filter(([i]) => columns[i].key)], "",
    (i) => choose(i === "" ? null : Number(i), i !== "" && !columns[i].number));
  const turned = button("", () => choose(sorted.i, !sorted.up));
  const pager = h("div", { class: "pager" });
  const all = h("div", { class: "tabled" },
    columns.some((c) => c.key) ? h("div", { class: "controls sorter" }, sorter.all, turned) : null,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h("table", { class: "cards" }, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads)), body)),
    pager);

  function order(list) {
    if (!sorted) return list;
    const { key } = columns[sorted.i];
    const turn = sorted.up ? 1 : -1;
    // Unknown values are last, whichever way the rest is turned; ties keep the order they came in.
    const keyed = list.map((row, i) => [key(row), i, row]);
    keyed.sort(([a, i], [b, j]) => {
      const none = (a === null || a === undefined) - (b === null || b === undefined);
      if (none) return none;
      if (a === null || a === undefined) return i - j;
      const by = typeof a === "string" ? (a < b ? -1 : a > b ? 1 : 0) : a - b;
      return by * turn || i - j;
    });
    return keyed.map(([, , row]) => row);
  }

  let shown = [];
  function draw() {
    heads.forEach((head, i) => {
      if (columns[i].key) head.setAttribute("aria-sort", sorted && sorted.i === i ? (sorted.up ? "ascending" : "descending") : "none");
    });
    sorter.box.value = sorted ? String(sorted.i) : "";
    turned.disabled = !sorted;
    turned.textContent = sorted && sorted.up ? "lowest first ↑" : "highest first ↓";
    shown = order(rows.filter(opt.filter));
    const pages = Math.max(1, Math.ceil(shown.length / opt.page));
    page = Math.min(page, pages - 1);
    const part = shown.slice(page * opt.page, (page + 1) * opt.page);
    fill(body, part.map((row) => {
      const cells = columns.map((column) => {
        const inside = column.cell(row);
        return column.head ? h("th", { scope: "row" }, inside) : h("td", { class: column.wide ? "w" : column.number ? "n" : null, "data-name": column.name }, inside);
      });
      const line = h("tr", opt.attributes ? opt.attributes(row) : {}, cells);
      return line;
    }));
    if (!part.length) fill(body, h("tr", {}, h("td", { colspan: columns.length }, opt.empty || "Nothing fits.")));
    const turn = (to) => { page = to; draw(); say(`page ${page + 1} of ${pages}`); };
    fill(pager,
      h("span", {}, `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`),
      pages > 1 ? [
        button("First", () => turn(0), { disabled: page === 0 }),
        button("Previous", () => turn(page - 1), { disabled: page === 0 }),
        h("span", {}, `page ${page + 1} of ${pages}`),
        button("Next", () => turn(page + 1), { disabled: page === pages - 1 }),
        button("Last", () => turn(pages - 1), { disabled: page === pages - 1 }),
      ] : null);
  }
  draw();
  return {
    all, draw,
    sort(name, up) { toSort(name === null ? null : columns.findIndex((c) => c.name === name && c.key), up); },
    refill(list) { rows = list; page = 0; draw(); },
    refresh(keep) { if (!keep) page = 0; draw(); },
    get rows() { return shown; },
  };
}
