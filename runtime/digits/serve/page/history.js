// What was on the paper before, for undo and redo.

export class History {
  #states;
  #at = 0;

  constructor(first) {
    this.#states = [first];
  }

  get current() {
    return this.#states[this.#at];
  }

  /** What was undone until now can't be redone any more. */
  push(state) {
    this.#states.splice(++this.#at, Infinity, state);
  }

  /** steps: -1 to undo, 1 to redo. Returns whether there was anything to. */
  go(steps) {
    const possible = this.#at + steps in this.#states;
    if (possible) this.#at += steps;
    return possible;
  }
}
