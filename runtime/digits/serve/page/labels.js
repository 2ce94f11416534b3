// "Wrong? Tap the right digit.": what visitors say that a digit is, where the server keeps it to train on.

import { cropped } from "./crop.js";
import { keypad, labelKeys, LABELS, words } from "./keypad.js";
import { post, SMALL_TIMEOUT } from "./server.js";

export class Labels {
  #digit = null; // of the answer, as the API describes it
  #image = null; // where it is
  #sending = Promise.resolve();

  /**
   * box: the buttons, and what is said of them. answer: where the keys 0 to 9 and n do as much.
   * labelled(digit): called when a digit of the answer has a new `label`, one of LABELS.
   */
  constructor(box, answer, labelled) {
    Object.assign(this, { box, labelled });
    this.saves = document.querySelector("main").dataset.saves === "yes";
    this.status = box.querySelector("p");
    const keys = labelKeys((label) => this.#digit && this.#label(label));
    this.buttons = keypad(box.querySelector("[role=group]"), answer, keys);
  }

  /** Ask about a digit, or about nothing: null. image: where it is, or null. */
  offer(digit, image) {
    [this.#digit, this.#image] = [this.saves && image ? digit : null, image];
    this.box.hidden = !this.#digit;
    this.buttons.forEach((each, index) => (each.ariaPressed = LABELS[index] === digit?.label));
  }

  #label(label) {
    const picture = cropped(this.#image, this.#digit.box);
    this.#digit.label = label;
    this.labelled(this.#digit);
    this.offer(this.#digit, this.#image);
    this.#sending = this.#sending.then(() => this.#send(label, picture));
  }

  async #send(label, picture) {
    const form = new FormData();
    form.append(label, await picture, "digit.png");
    const say = (sentence) => (this.status.textContent = sentence);
    try {
      await post("labelled", form, { timeout: SMALL_TIMEOUT, say });
      say(`The server has kept it as ${words(label)}.`);
    } catch (error) {
      say(error.message);
    }
  }
}
