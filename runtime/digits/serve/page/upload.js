// Sends labelled digits to a server that keeps them.

import { post } from "./server.js";

const TIMEOUT = 5_000; // milliseconds, as for a small picture (page.js)

export class Upload {
  #aborter = null; // while something is sent
  trouble = ""; // a sentence for the visitor, or nothing

  /** changed(): called when some are on the server, or there is trouble. */
  constructor(collection, changed) {
    Object.assign(this, { collection, changed });
  }

  get running() {
    return Boolean(this.#aborter);
  }

  /** Send what isn't there yet, one by one; also what was refused before. */
  async start() {
    if (this.running) return;
    const { signal } = (this.#aborter = new AbortController());
    const refused = new Set();
    const next = () => this.collection.unsent.find((digit) => !refused.has(digit));
    this.trouble = "";
    for (let digit = next(); digit && !signal.aborted; digit = next()) {
      try {
        await this.#send(digit, signal);
      } catch (error) {
        if (signal.aborted) return;
        refused.add(digit);
        this.trouble = error.message;
      }
      this.changed();
    }
    if (signal.aborted) return;
    this.#aborter = null;
    this.changed();
  }

  stop() {
    this.#aborter?.abort();
    this.#aborter = null;
    this.trouble = "";
  }

  async #send(digit, signal) {
    const form = new FormData();
    form.append(digit.label, digit.blob, "digit.png");
    const say = (sentence) => {
      this.trouble = sentence;
      this.changed();
    };
    await post("labelled", form, { timeout: TIMEOUT, signal, say });
    digit.sent = true;
    this.trouble = "";
  }
}
