// A table of many files, what is in each of them, and its CSV.

import { open } from "./pictures.js";
import { FILE_TIMEOUT, read } from "./server.js";
import { element } from "./shared.js";

const CONCURRENT = 2; // one file is read while the other is on its way
const MAX_TRIES = 5; // of a file, while the server is ready: one that makes it fail doesn't hold up the rest
const BOM = "\ufeff"; // else Excel takes UTF-8 for another encoding
// What makes a spreadsheet compute a cell, or a part of it where `;` separates cells, but no number.
const FORMULA = /(?<=^|;)(?!-?[0-9.]+$)[-+=@\uff0b\uff0d\uff1d\uff20]/g;

export class FileTable {
  #rows = []; // { file, line, text, sure, status, note, done }
  #aborter = new AbortController();
  #reading = Promise.resolve();

  /** onChoose(file): called when a person wants to see the file of a row. */
  constructor(section, onChoose) {
    Object.assign(this, { section, onChoose });
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
    this.#showProgress();
    const { signal } = this.#aborter;
    const readInTurn = async () => {
      while (rows.length && !signal.aborted) await this.#read(rows.shift(), signal);
    };
    this.#reading = this.#reading.then(() => Promise.all(Array.from({ length: CONCURRENT }, readInTurn)));
  }

  #append(file) {
    const line = this.body.insertRow();
    const row = { file, line, text: "", sure: "", status: "", note: "Not read yet.", done: false };
    const header = element("th", "", { scope: "row" });
    header.append(element("button", file.name, { type: "button" })); // its row hears the click
    line.append(header);
    line.insertCell().append(element("span"), element("small", row.note));
    line.insertCell();
    line.addEventListener("click", () => this.onChoose(file));
    this.#rows.push(row);
    return row;
  }

  async #read(row, signal) {
    const say = (problem) => this.#showProgress(problem);
    try {
      const { image, blob } = await open(row.file);
      image?.close?.(); // a large picture's memory, before the next one
      const options = { timeout: FILE_TIMEOUT, signal, say, tries: MAX_TRIES };
      const { text, status, numbers } = await read(blob, options);
      row.text = text;
      row.sure = status === "accepted" ? "yes" : "no";
      row.status = [...new Set(numbers.map((number) => number.status))].join(" ");
      row.note = text ? "" : "No digit was found.";
    } catch (error) {
      row.note = error.message;
    }
    if (signal.aborted) return;
    const [, answer, sure] = row.line.cells;
    answer.firstChild.textContent = row.text;
    answer.lastChild.textContent = row.note;
    sure.textContent = row.sure;
    row.done = true;
    this.#showProgress();
  }

  #showProgress(problem = "") {
    const total = this.#rows.length;
    const done = this.#rows.filter((row) => row.done).length;
    const [yes, no] = ["yes", "no"].map((sure) => this.#rows.filter((row) => row.sure === sure).length);
    [this.progress.max, this.progress.value] = [total, done];
    this.progress.hidden = done === total;
    this.status.textContent = done < total ? problem
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

/** The rows as CSV (RFC 4180), in which no cell is a formula. */
function csv(rows) {
  const columns = ["file", "text", "sure", "status", "note"];
  const lines = rows.map(({ file, text, sure, status, note }) => [file.name, text, sure, status, note]);
  const quoted = (cell) => `"${cell.replace(FORMULA, "'$&").replaceAll('"', '""')}"`;
  return [columns, ...lines].map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
}
