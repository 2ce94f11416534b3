// "Wrong? Tap the right digit.": what visitors say that a digit is, where the server keeps it to train on.

import { cropped } from "./crop.js";
import { keypad, labelKeys, LABELS, words } from "./keypad.js";
import { png } from "./pictures.js";
import { post, SMALL_TIMEOUT } from "./server.js";

const PEN = 0.1; // of the longer side of a digit: MNIST's, so that a thin bar is no ruled line

export class Labels {
  #digits = []; // of the answer
  #chosen = -1;
  #picture = null;
  #sending = Promise.resolve();

  /**
   * box: the buttons, and what is said of them. answer: where the keys 0 to 9 and n do as much.
   * labelled(index): called when a digit of the answer has a new `label`, one of LABELS.
   */
  constructor(box, answer, labelled) {
    Object.assign(this, { box, labelled });
    this.saves = document.querySelector("main").dataset.saves === "yes";
    [this.question, this.status] = box.querySelectorAll("h2, p");
    const keys = labelKeys((label) => this.#digits.length && this.#label(label));
    this.buttons = keypad(box.querySelector("[role=group]"), answer, keys);
  }

  /** Ask about a digit of the answer. picture: where it is, { image, redraw }, or null. */
  offer(digits, chosen, picture) {
    this.#digits = this.saves && picture?.image ? digits : [];
    [this.#chosen, this.#picture] = [chosen, picture];
    this.#show();
  }

  #show() {
    const count = this.#digits.length;
    this.box.hidden = !count;
    const which = count > 1 ? `Is digit ${this.#chosen + 1} of ${count} wrong?` : "Wrong?";
    this.question.textContent = `${which} Tap the right digit.`;
    const { label } = this.#digits[this.#chosen] ?? {};
    this.buttons.forEach((each, index) => (each.ariaPressed = LABELS[index] === label));
  }

  #label(label) {
    const boxes = this.#digits.map(({ box }) => box);
    const [left, top, right, bottom] = boxes[this.#chosen];
    const { image, redraw } = this.#picture;
    const drawn = redraw?.(PEN * Math.max(right - left, bottom - top));
    const blob = png(cropped(drawn ?? image, boxes, this.#chosen));
    this.#digits[this.#chosen].label = label;
    this.labelled(this.#chosen);
    this.#show();
    this.#sending = this.#sending.then(() => this.#send(label, blob));
  }

  async #send(label, blob) {
    const form = new FormData();
    form.append(label, blob, "digit.png");
    const say = (sentence) => (this.status.textContent = sentence);
    try {
      await post("labelled", form, { timeout: SMALL_TIMEOUT, say });
      say(`The server has kept it as ${words(label)}.`);
    } catch (error) {
      say(error.message);
    }
  }
}
