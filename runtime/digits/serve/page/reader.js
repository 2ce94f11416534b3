// Asks the server what is in a picture. Only the last question is answered.

import { post } from "./server.js";

const SLOW = 1500; // milliseconds until a word: after 1 s a wait interrupts one's thought (Nielsen)

export class Reader {
  #aborter = null;
  #slow = null; // the timer of the oldest question without an answer

  /**
   * answered(answer): called with { lines, text, image, blob }: the API's answer, and the picture.
   * failed(sentence): the server refuses the picture. say(sentence): it takes long, and why.
   */
  constructor(answered, failed, say) {
    Object.assign(this, { answered, failed, say });
  }

  /**
   * Read a picture instead of the one before.
   *
   * picture: { image, blob }, to show and to send, or the promise of it. timeout: milliseconds.
   */
  async read(picture, timeout) {
    this.#aborter?.abort();
    const { signal } = (this.#aborter = new AbortController());
    const say = (sentence) => {
      this.#heard();
      this.say(sentence);
    };
    // What a newer question aborts is still waited for.
    this.#slow ??= setTimeout(() => this.say("The server is slow to answer. Waiting …"), SLOW);
    try {
      const { image, blob } = await picture;
      signal.throwIfAborted();
      const answer = await post("read?frame=true", blob, { timeout, signal, say });
      this.#heard();
      this.answered({ ...answer, image, blob });
    } catch (error) {
      if (signal.aborted) return;
      this.#heard();
      this.failed(error.message);
    }
  }

  /** Forget what is being read. */
  stop() {
    this.#aborter?.abort();
    this.#heard();
  }

  #heard() {
    clearTimeout(this.#slow);
    this.#slow = null;
  }
}
