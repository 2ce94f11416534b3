// Keeps the answer up with what is on the paper.

import { post } from "./server.js";

const SLOW = 1500; // milliseconds until a word: after 1 s a wait interrupts one's thought (Nielsen)

export class Reader {
  #next = null;
  #running = null; // { writing, aborter }
  #slow = null; // the timer of the oldest question without an answer

  /**
   * answered(answer): called with { lines, path, picture, settled }: lines of columns of digits or
   * symbols, the address that gave them for this picture, and whether it is all that is on the paper.
   * failed(sentence): the server refuses the picture. say(sentence): it takes long, and why.
   */
  constructor(answered, failed, say) {
    Object.assign(this, { answered, failed, say });
  }

  /**
   * Read what is on the paper now: { blob(), timeout, writing }.
   *
   * While a stroke is being drawn, only the single digit is asked for. That is answered so soon that
   * it isn't worth aborting: the newest strokes are sent after it. Anything else is out of date.
   */
  read(content) {
    this.#next = content;
    if (this.#running?.writing) return;
    this.#running?.aborter.abort();
    this.#run();
  }

  /** Forget what is being read. */
  stop() {
    this.#next = null;
    this.#running?.aborter.abort();
    this.#running = null;
    this.#heard();
  }

  #heard() {
    clearTimeout(this.#slow);
    this.#slow = null;
  }

  async #run() {
    const running = { writing: true, aborter: new AbortController() };
    const { signal } = running.aborter;
    this.#running = running;
    try {
      while (this.#next) {
        const content = this.#next;
        this.#next = null;
        running.writing = Boolean(content.writing);
        await this.#readOne(content, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.failed(error.message);
    }
    if (this.#running === running) this.#running = null;
  }

  async #readOne({ blob, timeout, writing }, signal) {
    const picture = await blob();
    signal.throwIfAborted();
    const say = (sentence) => {
      this.#heard();
      this.say(sentence);
    };
    const ask = async (path) => {
      this.#slow ??= setTimeout(() => this.say("The server is slow to answer. Waiting …"), SLOW);
      try {
        return await post(`${path}?frame=true`, picture, { timeout, signal, say });
      } finally {
        if (!signal.aborted) this.#heard(); // else who asks anew has waited since
      }
    };
    const answered = (lines, path) => this.answered({ lines, path, picture, settled: !writing });
    const single = await ask("predict");
    if (writing || single.digit !== null) return answered([[[single]]], "predict");
    const lines = await several(ask);
    signal.throwIfAborted();
    if (lines) answered(lines, "read");
    else answered([[[single]]], "predict");
  }
}

/** Lines of columns of symbols, or null unless most of them are sure. */
async function several(ask) {
  const reading = await ask("read").catch(() => null); // it found no digit at all
  const lines = (reading?.lines ?? []).map(({ columns }) => columns);
  const symbols = lines.flat(2);
  const sure = symbols.filter(({ symbol }) => symbol !== null);
  return symbols.length > 1 && sure.length > symbols.length / 2 ? lines : null;
}
