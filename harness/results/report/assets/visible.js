// Texts that others wrote, as a page may show them: what would hide, turn or repaint is spelled out. The same as
// harness.core.visible, and tests/cases/visible.json holds both to it. A character that only the newer Unicode of the
// two knows is text on one side and spelled out on the other.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

function spelled(c) {
  const code = c.codePointAt(0);
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
const visible = (text) => text.replace(/\r\n|\n|\t/g, " ").replace(UNSEEN, spelled);
// Lines and tabs kept, for texts in a block of their own.
const visibleLines = (text) => text.replace(/\r\n/g, "\n").replace(UNSEEN, (c) => (c === "\n" || c === "\t" ? c : spelled(c)));
