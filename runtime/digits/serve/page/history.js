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

  /** Whether there is anything to undo, -1, or to redo, 1. */
  can(steps) {
    return this.#at + steps in this.#states;
  }

  /** Undo, -1, or redo, 1, if there is anything to. */
  go(steps) {
    if (this.can(steps)) this.#at += steps;
  }
}
