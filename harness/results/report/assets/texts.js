// Texts as they were written: code in colours, and what two answers share in marks. Only text nodes and spans come of it.
const LONGEST = 40000;
const KEYWORDS = "and|as|assert|async|await|break|case|catch|class|const|continue|def|default|del|do|elif|else|enum|except|export|extends|False|false|finally|fn|for|from|func|function|global|if|impl|import|in|include|interface|is|lambda|let|match|mut|new|nil|None|not|null|or|package|pass|private|public|raise|return|self|static|struct|super|switch|this|throw|True|true|try|type|typedef|use|using|var|void|while|with|yield";
const STRINGS = String.raw`"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'`;
const SLASHES = /^(c|cc|cpp|c\+\+|cs|csharp|go|java|javascript|js|jsx|kotlin|php|rust|rs|scala|swift|ts|tsx|typescript)$/i;
const LOOKS_LIKE_CODE = /^(def |class |async def |import |from [\w.]+ import |#include |function |public |fn |func )/m;

function coloured(code, language) {
  if (code.length > LONGEST) return [code];
  const comments = SLASHES.test(language) ? String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/` : "#[^\\n]*";
  const tokens = new RegExp(`(${STRINGS})|(${comments})|\\b(${KEYWORDS})\\b|\\b(\\d[\\d_.]*)\\b`, "g");
  const parts = [];
  let end = 0;
  for (const found of code.matchAll(tokens)) {
    parts.push(code.slice(end, found.index), h("span", { class: found[1] ? "string" : found[2] ? "comment" : found[3] ? "keyword" : "digit" }, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, code.slice(end)];
}

// An answer: what stands between fences in colours, or all of it where it is a program.
function written(text) {
  const shown = visibleLines(text);
  const pieces = shown.split(/^([ \t]*```[^\n]*\n)/m);
  if (pieces.length === 1) return LOOKS_LIKE_CODE.test(shown) ? coloured(shown, "") : [shown];
  let inside = false;
  let language = "";
  return pieces.map((piece, i) => {
    if (i % 2 === 0) return inside ? coloured(piece, language) : piece;
    inside = !inside;
    language = inside ? piece.trim().slice(3).trim() : "";
    return h("span", { class: "comment" }, piece);
  });
}

// Spans of both texts in passages of WORDS words and more that stand in the other, too.
const WORDS = 5;
const MOST_WORDS = 6000;
function passages(a, b) {
  const words = [a, b].map((text) => [...text.matchAll(/[\p{L}\p{N}]+/gu)].slice(0, MOST_WORDS).map((m) => ({ at: m.index, to: m.index + m[0].length, word: m[0].toLowerCase() })));
  const runs = words.map((list) => list.slice(0, Math.max(0, list.length - WORDS + 1)).map((_, i) => list.slice(i, i + WORDS).map((w) => w.word).join(" ")));
  const known = runs.map((list) => new Set(list));
  return words.map((list, side) => {
    const spans = [];
    runs[side].forEach((run, i) => {
      if (!known[1 - side].has(run)) return;
      const last = spans[spans.length - 1];
      const to = list[i + WORDS - 1].to;
      if (last && list[i].at <= last[1]) last[1] = to;
      else spans.push([list[i].at, to]);
    });
    return spans;
  });
}
function withMarks(text, spans) {
  const parts = [];
  let end = 0;
  for (const [from, to] of spans) { parts.push(text.slice(end, from), h("mark", {}, text.slice(from, to))); end = to; }
  return [...parts, text.slice(end)];
}
