// CSV (RFC 4180) that spreadsheets take as text, escaped as `digits predict --csv` does: text.py.

const NUMBER = /^-?[0-9.]+$/;
const ESCAPED = /\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})/g; // looks as if it were
// Control, invisible and direction-changing characters, without those that join letters.
const CONTROL = new RegExp(
  "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200e"
    + "\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb]",
  "g",
);
const FORMULA = /(^|;)([-+=@\uff0b\uff0d\uff1d\uff20])/g;

/** rows: of { name, text, sure, note }, as they are read; what isn't known is empty. */
export function csv(rows) {
  const cells = rows.map(({ name, text, sure, note }) =>
    [nameCell(name), textCell(text), { true: "yes", false: "no" }[sure], note]);
  return [["file", "text", "sure", "note"], ...cells].map(line).join("");
}

function line(cells) {
  return `${cells.map(quoted).join(",")}\r\n`;
}

function quoted(cell = "") {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function nameCell(name) {
  return withoutFormula(name.replace(ESCAPED, "\\x5c").replace(CONTROL, escape));
}

/** A negative number is one; what else begins with a minus would be computed. */
function textCell(text = "") {
  return NUMBER.test(text) ? text : withoutFormula(text);
}

function withoutFormula(cell) {
  return cell.replace(FORMULA, (_, before, sign) => before + escape(sign));
}

function escape(character) {
  const code = character.charCodeAt(0);
  const hexadecimal = code.toString(16);
  return code < 128 ? `\\x${hexadecimal.padStart(2, "0")}` : `\\u${hexadecimal.padStart(4, "0")}`;
}
