// The answer: all numbers in their lines, and how sure one of them is.

import { button, element, percent } from "./shared.js";

export class Answer {
  plainText = ""; // as the API writes it
  #numbers = [];
  #buttons = [];

  /** onChoose(numbers, index): called when a number is shown more closely; the index is -1 if none is. */
  constructor(region, onChoose) {
    Object.assign(this, { region, onChoose });
    [this.text, this.status] = ["#text", "#status"].map((id) => region.querySelector(id));
  }

  /** Show nothing but a sentence. */
  say(sentence) {
    this.show({ numbers: [], text: "" });
    this.status.textContent = sentence;
  }

  /** Show the API's answer to a picture. */
  show({ numbers, text }) {
    this.region.ariaBusy = false;
    this.plainText = text;
    this.#numbers = numbers;
    this.#buttons = numbers.map((number, index) =>
      Object.assign(button(mark(number), () => this.#choose(index)), { className: number.status }));
    const lines = text.split("\n");
    this.text.style.setProperty("--width", Math.max(...lines.map((line) => line.length + 1)));
    this.text.style.setProperty("--lines", lines.length);
    const rows = lines.map(() => element("div"));
    numbers.forEach(({ line }, index) => rows[line - 1].append(this.#buttons[index]));
    this.text.replaceChildren(...rows);
    this.#choose(numbers.length === 1 ? 0 : numbers.findIndex(isDoubtful));
  }

  #choose(index) {
    this.#buttons.forEach((other, position) => (other.ariaPressed = position === index));
    this.status.textContent = this.#sentence(index);
    this.onChoose(this.#numbers, index);
  }

  #sentence(index) {
    const numbers = this.#numbers;
    if (!numbers.length) return "No digit found.";
    const doubtful = numbers.filter(isDoubtful).length;
    const count = numbers.length > 1 ? `${numbers.length} numbers, ${doubtful || "none"} to review. ` : "";
    return index < 0 ? count : count + describe(numbers[index]);
  }
}

const isDoubtful = ({ status }) => status !== "accepted";

/** A number's text; what may be wrong has a question mark. */
function mark(number) {
  return isDoubtful(number) ? `${number.text}?` : number.text;
}

function describe(number) {
  const sure = `${number.text}, ${percent(number.confidence)}`;
  const other = number.second_best ? `, or ${number.second_best}` : "";
  return isDoubtful(number) ? `To review: ${sure}${other}.` : `${sure}.`;
}
