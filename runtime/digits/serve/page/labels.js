// "Wrong? Tap the right digit.": what visitors say that a digit is, kept to train on.

import { Collection } from "./collection.js";
import { cropped } from "./crop.js";
import { encoded } from "./file.js";
import { save } from "./save.js";
import { drawnDigit } from "./strokes.js";
import { Upload } from "./upload.js";

const LABELS = [..."0123456789", "none"]; // the folders that `digits train --data` reads

export class Labels {
  #digits = []; // of the answer
  #chosen = -1;
  #image = null;
  #strokes = null;
  #latest = "";
  #collection = new Collection();
  #upload = null; // if the server keeps digits too

  /**
   * box: the buttons, and what is said of them. text: the answer's digits, where keys label too.
   * labelled(index): called when a digit of the answer has a new `label`, one of LABELS.
   */
  constructor(box, text, labelled) {
    Object.assign(this, { box, labelled });
    [this.question, this.status] = [box.querySelector("h2"), box.querySelector("p")];
    const [download, forget] = (this.kept = box.lastElementChild).children;
    this.buttons = LABELS.map((label) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words(label);
      button.addEventListener("click", () => this.#label(label));
      return button;
    });
    box.querySelector("[role=group]").append(...this.buttons);
    download.addEventListener("click", () => save(this.#collection.zip(), "digits.zip"));
    forget.addEventListener("click", () => this.#forget());
    text.addEventListener("keydown", (event) => this.#key(event));
    if (document.querySelector("main").dataset.saves === "yes")
      this.#upload = new Upload(this.#collection, () => this.#tell());
    this.#tell();
  }

  /**
   * Ask about a digit of the answer. image: the picture that the digits' boxes are of; null where
   * the browser can't show it. strokes: where it is a drawing, else null.
   */
  offer(digits, chosen, image, strokes) {
    [this.#digits, this.#chosen] = [image ? digits : [], chosen];
    [this.#image, this.#strokes] = [image, strokes];
    this.#show();
  }

  #show() {
    const count = this.#digits.length;
    this.box.classList.toggle("idle", !count);
    this.box.hidden = !count && !this.#collection.size;
    const which = count > 1 ? `Is digit ${this.#chosen + 1} of ${count} wrong?` : "Wrong?";
    this.question.textContent = `${which} Tap the right digit.`;
    const { label } = this.#digits[this.#chosen] ?? {};
    this.buttons.forEach((button, index) =>
      button.setAttribute("aria-pressed", LABELS[index] === label));
  }

  #key(event) {
    const label = event.key === "n" ? "none" : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || !LABELS.includes(label)) return;
    event.preventDefault();
    if (this.#digits.length) this.#label(label);
  }

  async #label(label) {
    const digit = this.#digits[this.#chosen];
    const picture = this.#picture();
    digit.label = label;
    this.labelled(this.#chosen);
    this.#show();
    await this.#collection.add(label, encoded(picture));
    this.#latest = label;
    this.#upload?.start();
    this.#tell();
  }

  /** A canvas with the chosen digit alone. */
  #picture() {
    const boxes = this.#digits.map(({ box }) => box);
    const shares = boxes.map((box) => box.map((edge) => edge / this.#image.width));
    const drawn = this.#strokes && drawnDigit(this.#strokes, shares, this.#chosen);
    return drawn ?? cropped(this.#image, boxes, this.#chosen);
  }

  #forget() {
    this.#upload?.stop();
    this.#collection.clear();
    this.#digits.forEach((digit, index) => {
      delete digit.label;
      this.labelled(index);
    });
    this.#show();
    this.#tell();
    this.buttons[0].focus(); // the one that was pressed is gone
  }

  #tell() {
    const { size, dropped } = this.#collection;
    this.kept.hidden = !size;
    if (!size) {
      const server = this.#upload ? ", and on the server, where it stays" : " and nowhere else";
      this.status.textContent = `What you tap is kept in this page until it closes${server}.`;
      return;
    }
    const saved = this.#upload && !this.#collection.unsent.length;
    const sentences = [
      `Kept as ${words(this.#latest)} in this page until it closes${saved ? ", and on the server" : ""}; `
        + `${size} ${size === 1 ? "digit" : "digits"} so far.`,
      dropped && `There is no room for more: the oldest ${dropped} are gone.`,
      this.#upload && !saved && this.#untold(),
    ];
    this.status.textContent = sentences.filter(Boolean).join(" ");
  }

  /** Why some aren't on the server. */
  #untold() {
    const { running, trouble } = this.#upload;
    if (!trouble) return running ? "Sending to the server …" : "";
    const count = this.#collection.unsent.length;
    const again = running ? "" : " They are sent again with the next one.";
    return `Not on the server yet: ${count}. ${trouble}${again}`;
  }
}

function words(label) {
  return label === "none" ? "no digit" : label;
}
