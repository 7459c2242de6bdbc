// Links: what is shown stands in the address, #view?key=value&…, so that a link restores it.
const views = new Map();
let followed = "";

// What shows a view; it gets the keys and values of the link, all of them texts.
const linked = (view, show) => { views.set(view, show); };

function address(view, values) {
  const told = new URLSearchParams(Object.entries(values || {}).filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) => [k, String(v)]));
  return `#${view}${String(told) ? `?${told}` : ""}`;
}

// The address of what the reader has just chosen; the page stays where it is.
function noted(view, values) {
  followed = address(view, values);
  history.replaceState(null, "", followed);
}

const go = (view, values) => { location.hash = address(view, values); };

async function follow() {
  if (location.hash === followed || !location.hash.includes("?")) return;
  followed = location.hash;
  const [view, told] = [location.hash.slice(1).split("?")[0], location.hash.slice(location.hash.indexOf("?") + 1)];
  if (views.has(view)) await views.get(view)(Object.fromEntries(new URLSearchParams(told)));
}
addEventListener("hashchange", follow);

// An anchor to a view, which a reader may open, copy or send.
const anchor = (text, view, values, attributes) => h("a", { href: address(view, values), ...attributes }, text);
const modelLink = (i) => (i === null || i === undefined ? "–" : anchor(modelName(i), "model", { name: D.models[i] }));
