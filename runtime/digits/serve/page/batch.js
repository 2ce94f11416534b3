// Reads many files, a few at a time.

import { encoded, open, UNREADABLE } from "./file.js";
import { MAX_SECONDS } from "./limits.js";
import { post } from "./server.js";

const AT_ONCE = 2; // one is read while the other is on its way
const TIMEOUT = 1000 * (MAX_SECONDS + 5); // milliseconds for each, as in page.js
const TRIES = 5; // of a file, while the server is ready: one that makes it fail shan't hold up the rest
const THUMBNAIL = 128; // pixels: thrice the size that it is shown in

export class Batch {
  #waiting = []; // rows
  #reading = 0; // of them, at this moment
  #aborter = null; // while it runs

  /**
   * read(row): called when a row { name, file() } has got its text and whether it is sure, or else a
   * note that says why not; and a thumbnail, where the browser can show one. changed(trouble): it runs
   * or it doesn't, or there is trouble, a sentence.
   */
  constructor(read, changed) {
    Object.assign(this, { read, changed });
  }

  get running() {
    return Boolean(this.#aborter);
  }

  /** How many rows aren't read yet. */
  get left() {
    return this.#waiting.length + this.#reading;
  }

  /** Read these rows after those that wait. */
  add(rows) {
    this.#waiting.push(...rows);
    this.start();
  }

  async start() {
    if (this.running || !this.#waiting.length) return;
    const { signal } = (this.#aborter = new AbortController());
    this.changed("");
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work(signal)));
    if (signal.aborted) return;
    this.#aborter = null;
    this.changed("");
  }

  /** What isn't read yet waits for `start`. */
  stop() {
    this.#aborter?.abort();
    this.#aborter = null;
    this.changed("");
  }

  clear() {
    this.#waiting = [];
    this.stop();
  }

  async #work(signal) {
    const say = (sentence) => this.changed(sentence);
    while (this.#waiting.length && !signal.aborted) {
      const row = this.#waiting.shift();
      this.#reading += 1;
      try {
        Object.assign(row, await readRow(row, signal, say));
      } catch (error) {
        if (signal.aborted) this.#waiting.unshift(row);
        else row.note = error.message;
      }
      this.#reading -= 1;
      if (!signal.aborted) this.read(row);
    }
  }
}

/** Throws an Error that a visitor can read. */
async function readRow(row, signal, say) {
  const { image, blob } = await opened(row);
  if (image) row.thumbnail = thumbnail(image);
  image?.close?.(); // a large picture's memory, before the next one
  const { text, lines } = await ask(blob, signal, say);
  const symbols = lines.flatMap(({ columns }) => columns.flat());
  const sure = symbols.length > 0 && symbols.every(({ symbol }) => symbol !== null);
  return { text, sure, note: symbols.length ? "" : "No digit was found." };
}

function thumbnail(image) {
  const scale = Math.min(1, THUMBNAIL / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height].map((side) => Math.ceil(side * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // for what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return encoded(canvas, "image/jpeg");
}

async function opened({ file }) {
  try {
    return await open(await file());
  } catch {
    throw new Error(UNREADABLE);
  }
}

async function ask(blob, signal, say) {
  const giveUp = new AbortController();
  let tries = 0;
  const count = (sentence) => {
    tries += 1;
    if (tries === TRIES) giveUp.abort(new Error("The server couldn't answer; try this file again later."));
    else say(sentence);
  };
  const either = AbortSignal.any([signal, giveUp.signal]);
  return post("read", blob, { timeout: TIMEOUT, signal: either, say: count });
}
