// CSV (RFC 4180) that spreadsheets take as text, escaped as `digits predict --csv` does: text.py.

const ESCAPED = /\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})/g; // looks as if it were
// Control, invisible and direction-changing characters, without those that join letters.
const CONTROL = new RegExp(
  "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200e"
    + "\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb]",
  "g",
);
const FORMULA = /(?<=^|;)(?!-?[0-9.]+$)[-+=@\uff0b\uff0d\uff1d\uff20]/g;

/** rows: of { file, text, sure, status, note }. */
export function csv(rows) {
  const cells = rows.map(({ file, text, sure, status, note }) => [
    file.name.replace(ESCAPED, "\\x5c").replace(CONTROL, escape).replace(FORMULA, escape),
    text.replace(FORMULA, escape),
    sure,
    status,
    note,
  ]);
  const lines = [["file", "text", "sure", "status", "note"], ...cells].map((line) => line.map(quoted).join(","));
  return lines.map((line) => `${line}\r\n`).join("");
}

function quoted(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function escape(character) {
  const code = character.charCodeAt(0);
  const hexadecimal = code.toString(16);
  return code < 128 ? `\\x${hexadecimal.padStart(2, "0")}` : `\\u${hexadecimal.padStart(4, "0")}`;
}
