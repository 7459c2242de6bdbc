// Texts, elements, data. Every text enters the document as a text node; nothing here writes HTML.
const $ = (id) => document.getElementById(id);
// Everything that the page says but for what is unpacked when somebody comes near it. Set once, before anything is shown.
let D = null;

const PLAIN = new Set(["id", "class", "type", "href", "for", "scope", "role", "value", "name", "title", "tabindex", "download",
  "colspan", "min", "max", "size", "open", "accept", "placeholder", "disabled", "selected", "checked"]);

// h("td", {class: "n", onclick: f}, "text", element, null)
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (PLAIN.has(key) || key.startsWith("aria-") || key.startsWith("data-")) {
      if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : String(value));
    } else throw new Error(`attribute ${key} is not allowed`);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}
const fill = (element, ...children) => element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
const say = (text) => { $("said").textContent = text; };

const inflate = async (id) => JSON.parse(await inflated(id));
async function inflated(id) {
  const packed = atob($(id).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i += 1) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// "1 model", "2,000 models"
const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
const digits = (v, n) => (v === null || v === undefined ? "–" : v.toFixed(n));
// "p=0.012", "q<0.001"
const pValue = (name, p) => (p === null || p === undefined ? `no ${name}` : p < 0.001 ? `${name}<0.001` : `${name}=${p.toFixed(3)}`);
const modelName = (i) => {
  if (i === null || i === undefined) return "–";
  const of = D.controls[i];
  return D.models[i] + (of === undefined ? "" : ` (control of ${typeof of === "number" ? D.models[of] : of})`);
};

let uid = 0;
function select(label, options, chosen, changed) {
  const id = `s${(uid += 1)}`;
  const box = h("select", { id, onchange: () => changed(box.value) },
    options.map(([value, text]) => h("option", { value, selected: String(value) === String(chosen) }, text)));
  return { box, all: h("span", { class: "field" }, h("label", { for: id }, label), box) };
}
function input(label, kind, changed, attributes) {
  const id = `s${(uid += 1)}`;
  const box = h("input", { id, type: kind, ...attributes, oninput: () => changed(kind === "checkbox" ? box.checked : box.value) });
  const name = h("label", { for: id }, label);
  return { box, all: h("span", { class: "field" }, kind === "checkbox" ? [box, name] : [name, box]) };
}
const button = (text, clicked, attributes) => h("button", { type: "button", ...attributes, onclick: clicked }, text);

function theme() {
  const wanted = matchMedia("(prefers-color-scheme: dark)");
  const set = (dark, told) => {
    if (told) document.documentElement.setAttribute("data-theme", dark ? "dark" : "light");
    $("theme").setAttribute("aria-pressed", String(dark));
    document.dispatchEvent(new Event("themed"));
  };
  $("theme").addEventListener("click", () => set(!isDark(), true));
  wanted.addEventListener("change", () => set(isDark(), false));
  set(isDark(), false);
}
function isDark() {
  const told = document.documentElement.getAttribute("data-theme");
  return told ? told === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
