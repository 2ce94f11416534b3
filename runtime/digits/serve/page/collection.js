// Digits that visitors have labelled, in this page's memory.

import { crc32, zip } from "./zip.js";

const MOST = 1000; // digits,
const MOST_BYTES = 2 ** 26; // and their size

export class Collection {
  #digits = new Map(); // by the name of the picture's content, the oldest first
  dropped = 0; // the oldest of them, when there were too many

  get size() {
    return this.#digits.size;
  }

  /** { label, blob, sent } of those that aren't on the server, the oldest first. */
  get unsent() {
    return [...this.#digits.values()].filter(({ sent }) => !sent);
  }

  /** Keep the picture of a digit. If it is there under another label, that was wrong. */
  async add(label, blob) {
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const name = crc.toString(16).padStart(8, "0");
    if (this.#digits.get(name)?.label === label) return;
    this.#digits.delete(name);
    this.#digits.set(name, { label, blob, crc, date: new Date(), sent: false });
    this.#dropOldest();
  }

  /** Labels are folders, as `digits train --data` reads them. */
  zip() {
    const files = [...this.#digits].map(([name, digit]) =>
      ({ ...digit, name: `${digit.label}/${name}.png` }));
    return zip(files);
  }

  clear() {
    this.#digits.clear();
    this.dropped = 0;
  }

  #dropOldest() {
    let bytes = [...this.#digits.values()].reduce((sum, { blob }) => sum + blob.size, 0);
    for (const [name, { blob }] of this.#digits) {
      if (this.size <= MOST && bytes <= MOST_BYTES) return;
      this.#digits.delete(name);
      this.dropped += 1;
      bytes -= blob.size;
    }
  }
}
