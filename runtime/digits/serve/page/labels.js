// "Wrong? Tap the right digit.": what visitors say that a digit is, kept to train on.

import { cropped } from "./crop.js";
import { button, download } from "./helpers.js";
import { keypad, labelKeys, LABELS, words } from "./keypad.js";
import { png } from "./pictures.js";
import { post, SMALL_TIMEOUT } from "./server.js";
import { crc32, zip } from "./zip.js";

const PEN = 0.1; // of the longer side of a digit: MNIST's, so that a thin bar is no ruled line

export class Labels {
  #digits = []; // of the answer
  #chosen = -1;
  #picture = null;
  #kept = new Map(); // { label, blob, crc, sent } by the name of the picture's content
  #latest = "";
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
    this.save = button("Download (ZIP)", () => download(this.#zip(), "digits.zip"));
    box.append(this.save);
    this.#tell();
  }

  /** Ask about a digit of the answer. picture: where it is, { image, redraw }, or null. */
  offer(digits, chosen, picture) {
    [this.#digits, this.#chosen, this.#picture] = [picture?.image ? digits : [], chosen, picture];
    this.#show();
  }

  #show() {
    const count = this.#digits.length;
    this.box.classList.toggle("idle", !count);
    this.box.hidden = !count && !this.#kept.size;
    const which = count > 1 ? `Is digit ${this.#chosen + 1} of ${count} wrong?` : "Wrong?";
    this.question.textContent = `${which} Tap the right digit.`;
    const { label } = this.#digits[this.#chosen] ?? {};
    this.buttons.forEach((each, index) => (each.ariaPressed = LABELS[index] === label));
  }

  async #label(label) {
    const boxes = this.#digits.map(({ box }) => box);
    const [left, top, right, bottom] = boxes[this.#chosen];
    const { image, redraw } = this.#picture;
    const drawn = redraw?.(PEN * Math.max(right - left, bottom - top));
    const blob = png(cropped(drawn ?? image, boxes, this.#chosen));
    this.#digits[this.#chosen].label = label;
    this.labelled(this.#chosen);
    this.#show();
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const digit = { label, blob, crc, sent: false };
    this.#kept.set(crc.toString(16).padStart(8, "0"), digit); // another label for it was wrong
    this.#latest = label;
    this.#tell();
    if (this.saves) this.#sending = this.#sending.then(() => this.#send(digit));
  }

  async #send(digit) {
    const form = new FormData();
    form.append(digit.label, digit.blob, "digit.png");
    const say = (sentence) => this.#tell(sentence);
    try {
      await post("labelled", form, { timeout: SMALL_TIMEOUT, say });
      digit.sent = true;
      say();
    } catch (error) {
      say(error.message);
    }
  }

  /** Labels are folders, as `digits train --data` reads them. */
  #zip() {
    const files = [...this.#kept].map(([name, { label, blob, crc }]) =>
      ({ name: `${label}/${name}.png`, blob, crc }));
    return zip(files);
  }

  #tell(trouble = "") {
    const { size } = this.#kept;
    this.save.hidden = !size;
    if (!size) {
      const where = this.saves ? ", and on the server, where it stays" : " and nowhere else";
      this.status.textContent = `What you tap is kept in this page until it closes${where}.`;
      return;
    }
    const sent = [...this.#kept.values()].filter((digit) => digit.sent).length;
    const count = `${size} ${size === 1 ? "digit" : "digits"} so far`;
    const server = this.saves ? `, ${sent} on the server` : "";
    this.status.textContent =
      `Kept as ${words(this.#latest)} in this page until it closes; ${count}${server}. ${trouble}`;
  }
}
