// A table of many files: what is in each of them.

import { Batch } from "./batch.js";
import { copies } from "./copy.js";
import { csv } from "./csv.js";
import { save } from "./save.js";

export const MOST = 5000; // rows
const BOM = "\ufeff"; // else Excel takes UTF-8 for another encoding

export class FileTable {
  #rows = []; // { name, file(), text, sure, note, thumbnail, line }
  #full = false; // there were more
  #batch = new Batch((row) => this.#fill(row), (trouble) => this.#tell(trouble));

  /** chose(file()): called when a person wants to see the file of a row. */
  constructor(section, chose) {
    this.section = section;
    this.body = section.querySelector("tbody");
    this.progress = section.querySelector("progress");
    [this.count, this.status] = section.querySelectorAll("p");
    const [stop, copy, download, close] = section.querySelectorAll("button");
    this.stop = stop;
    stop.addEventListener("click", () =>
      this.#batch.running ? this.#batch.stop() : this.#batch.start());
    copies(copy, () => csv(this.#rows));
    download.addEventListener("click", () =>
      save(new Blob([BOM, csv(this.#rows)], { type: "text/csv" }), "digits.csv"));
    close.addEventListener("click", () => this.#close());
    this.body.addEventListener("click", ({ target }) =>
      chose(this.#rows[target.closest("tr").sectionRowIndex].file));
  }

  /** files: { name, file() }. */
  add(files) {
    const rows = files.slice(0, MOST - this.#rows.length);
    this.#full ||= rows.length < files.length;
    for (const row of rows) this.#append(row);
    this.section.hidden = false;
    this.section.scrollIntoView();
    this.#batch.add(rows);
  }

  #append(row) {
    row.note = "Not read yet.";
    row.line = this.body.insertRow();
    const name = document.createElement("button");
    name.type = "button";
    name.textContent = row.name;
    const header = document.createElement("th");
    header.scope = "row";
    header.append(name);
    row.line.insertCell().append(document.createElement("img"));
    row.line.append(header);
    row.line.insertCell().append(document.createElement("span"), document.createElement("small"));
    row.line.insertCell();
    this.#rows.push(row);
    this.#show(row);
  }

  #fill(row) {
    this.#show(row);
    this.#tell("");
  }

  #show({ line, text = "", note, sure, thumbnail }) {
    const [picture, , answer, last] = line.cells;
    const [image] = picture.children;
    image.alt = "";
    if (thumbnail) image.src = URL.createObjectURL(thumbnail);
    image.hidden = !thumbnail;
    answer.firstChild.textContent = text;
    answer.lastChild.textContent = note;
    last.textContent = sure === undefined ? "" : sure ? "yes" : "no";
  }

  #tell(trouble) {
    const { running } = this.#batch;
    const total = this.#rows.length;
    const left = this.#batch.left;
    this.stop.textContent = running ? "Stop" : "Go on";
    this.stop.hidden = !running && !left;
    this.progress.hidden = this.count.hidden = this.stop.hidden;
    [this.progress.max, this.progress.value] = [total, total - left];
    this.count.textContent = `${total - left} of ${total} files`;
    this.status.textContent = running ? trouble : this.#summary(total);
  }

  #summary(total) {
    const sure = this.#rows.filter((row) => row.sure).length;
    const unsure = this.#rows.filter((row) => row.sure === false).length;
    const room = this.#full ? ` A table has room for ${MOST}; the others were left out.` : "";
    return `${total} files: ${sure} sure, ${unsure} not sure, ${total - sure - unsure} not read.${room}`;
  }

  #close() {
    this.#batch.clear();
    for (const { line } of this.#rows) URL.revokeObjectURL(line.querySelector("img").src);
    this.body.replaceChildren();
    [this.#rows, this.#full] = [[], false];
    this.section.hidden = true;
  }
}
