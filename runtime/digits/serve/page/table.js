// A table of many files, what is in each of them, and its CSV.

import { open } from "./pictures.js";
import { FILE_TIMEOUT, post } from "./server.js";
import { element } from "./shared.js";

const AT_ONCE = 2; // one is read while the other is on its way
const TRIES = 5; // of a file, while the server is ready: one that makes it fail shan't hold up the rest
const BOM = "\ufeff"; // else Excel takes UTF-8 for another encoding
// The CSV (RFC 4180) is escaped as `digits predict --csv` does, in text.py and tables.py, so that spreadsheets take it for text.
// Control, invisible and direction-changing characters, without those that join letters or choose an emoji; blanks at the ends.
const CONTROL = /(?![\u200c\u200d\ufe00-\ufe0f\u{10000}-\u{10ffff}])[\p{Cc}\p{DI}\u2028\u2029\ufff9-\ufffb\ufffe\uffff]|^\s|\s$/gu;
const FORMULA = /(?<=^|;)(?!-?[0-9.]+$)[-+=@\uff0b\uff0d\uff1d\uff20]/g;

export class FileTable {
  #rows = []; // { file, line, text, sure, status, note, done }
  #aborter = new AbortController();
  #reading = Promise.resolve();

  /** chose(file): called when a person wants to see the file of a row. */
  constructor(section, chose) {
    Object.assign(this, { section, chose });
    this.body = section.querySelector("tbody");
    this.progress = section.querySelector("progress");
    this.status = section.querySelector("p");
    section.querySelector("a").addEventListener("click", ({ target }) =>
      (target.href = URL.createObjectURL(new Blob([BOM, csv(this.#rows)], { type: "text/csv" }))));
    section.querySelector("button").addEventListener("click", () => this.#close());
  }

  /** Read more files, after those that wait. */
  add(files) {
    const rows = files.map((file) => this.#append(file));
    this.section.hidden = false;
    this.section.scrollIntoView();
    this.#tell();
    const { signal } = this.#aborter;
    const read = async () => {
      while (rows.length && !signal.aborted) await this.#read(rows.shift(), signal);
    };
    this.#reading = this.#reading.then(() => Promise.all(Array.from({ length: AT_ONCE }, read)));
  }

  #append(file) {
    const line = this.body.insertRow();
    const row = { file, line, text: "", sure: "", status: "", note: "Not read yet.", done: false };
    const header = element("th", "", { scope: "row" });
    header.append(element("button", file.name, { type: "button" })); // its row hears the click
    line.append(header);
    line.insertCell().append(element("span"), element("small", row.note));
    line.insertCell();
    line.addEventListener("click", () => this.chose(file));
    this.#rows.push(row);
    return row;
  }

  async #read(row, signal) {
    const say = (sentence) => this.#tell(sentence);
    try {
      const { image, blob } = await open(row.file);
      image?.close?.(); // a large picture's memory, before the next one
      const options = { timeout: FILE_TIMEOUT, signal, say, tries: TRIES };
      const { text, status, numbers } = await post("read", blob, options);
      row.text = text;
      row.sure = status === "sure" ? "yes" : "no";
      row.status = [...new Set(numbers.map((number) => number.status))].join(" ");
      row.note = text ? "" : "No digit was found.";
    } catch (error) {
      row.note = error.message;
    }
    if (signal.aborted) return;
    const [, answer, last] = row.line.cells;
    answer.firstChild.textContent = row.text;
    answer.lastChild.textContent = row.note;
    last.textContent = row.sure;
    row.done = true;
    this.#tell();
  }

  #tell(trouble = "") {
    const total = this.#rows.length;
    const done = this.#rows.filter((row) => row.done).length;
    const [yes, no] = ["yes", "no"].map((sure) => this.#rows.filter((row) => row.sure === sure).length);
    [this.progress.max, this.progress.value] = [total, done];
    this.progress.hidden = done === total;
    this.status.textContent = done < total ? trouble
      : `${total} files: ${yes} sure, ${no} not sure, ${total - yes - no} not read.`;
  }

  #close() {
    this.#aborter.abort();
    this.#aborter = new AbortController();
    this.body.replaceChildren();
    this.#rows = [];
    this.section.hidden = true;
  }
}

/** rows: of { file, text, sure, status, note }. */
function csv(rows) {
  const cells = rows.map(({ file, text, sure, status, note }) => [
    file.name.replace(CONTROL, escape).replace(FORMULA, escape),
    text.replace(FORMULA, escape),
    sure,
    status,
    note,
  ]);
  const lines = [["file", "text", "sure", "status", "note"], ...cells]
    .map((line) => line.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(","));
  return lines.map((line) => `${line}\r\n`).join("");
}

function escape(character) {
  const code = character.charCodeAt(0);
  const hexadecimal = code.toString(16);
  return code < 128 ? `\\x${hexadecimal.padStart(2, "0")}` : `\\u${hexadecimal.padStart(4, "0")}`;
}
