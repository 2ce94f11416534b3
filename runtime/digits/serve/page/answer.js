// The answer: the symbols, and of one of them the probabilities and a close-up.

import { drawFitted } from "./pictures.js";
import { bars, button, DIGITS, element, named, noSymbolProbability, percent } from "./shared.js";

const SYMBOLS = [...DIGITS, "-", "."]; // in the order of their probabilities
const ADVANCE = 0.72; // of the font's size, from one symbol to the next (style.css)
const GAP = 0.6; // between columns

export class AnswerView {
  plainText = ""; // as the API writes it
  #lines = []; // of numbers
  #numbers = []; // all of them
  #symbols = []; // all of them
  #leastSure = -1; // the index of the symbol
  #image = null; // the picture; null where the browser can't show it
  #buttons = [];

  /** onChoose(symbols, index): called when a symbol is shown more closely; the index is -1 if there is none. */
  constructor(elements, onChoose) {
    Object.assign(this, elements); // region, text, status, bars, closeUp
    this.onChoose = onChoose;
    this.showBars = bars(this.bars, SYMBOLS);
  }

  /** More is to come: nothing of it is read aloud yet. */
  set busy(busy) {
    this.region.ariaBusy = busy;
  }

  /** Show nothing but a sentence, and a text in place of the digits. */
  say(sentence, text = "") {
    this.plainText = "";
    this.#lines = this.#numbers = this.#symbols = [];
    this.#fit([[]]);
    this.text.textContent = text;
    this.status.textContent = sentence;
    this.showBars(null);
    this.#showCloseUp(null);
    this.onChoose([], -1);
  }

  /** Show the API's answer to a picture. */
  show({ numbers, text }, image) {
    this.#lines = Object.values(Object.groupBy(numbers, ({ line }) => line));
    this.#numbers = numbers;
    this.#symbols = numbers.flatMap(({ symbols }) => symbols);
    if (!this.#symbols.length) {
      this.say("No digit found.", "?");
      this.showBars(Array(12).fill(0));
      return;
    }
    const confidences = this.#symbols.map(({ confidence }) => confidence);
    this.#leastSure = confidences.indexOf(Math.min(...confidences));
    this.#image = image;
    this.plainText = text;
    this.#write();
    this.#choose(this.#leastSure);
  }

  #choose(index) {
    const { probabilities, box } = this.#symbols[index];
    this.#buttons.forEach((other, position) => (other.ariaPressed = position === index));
    this.status.textContent = this.#sentence(index);
    this.showBars(probabilities);
    this.#showCloseUp(this.#image, box);
    this.onChoose(this.#symbols, index);
  }

  #write() {
    const texts = this.#numbers.flatMap(({ status, symbols }) =>
      symbols.map(({ symbol }) => (status === "none" ? "?" : symbol)));
    this.#buttons = texts.map((text, index) => button(text, () => this.#choose(index)));
    if (texts.length > 1)
      Object.assign(this.#buttons[this.#leastSure], { className: "least", title: "The least sure" });
    this.#fit(this.#lines);
    const unplaced = [...this.#buttons];
    this.text.replaceChildren(...this.#lines.map((numbers) => {
      const line = element("div");
      line.append(...numbers.map((number) => {
        const group = element("span", "", { role: "group", title: doubt(number) });
        group.append(...unplaced.splice(0, number.symbols.length));
        if (number.status === "none") group.append(element("small", number.unconstrained));
        else group.append(mark(number.status));
        return group;
      }));
      return line;
    }));
  }

  /** Tell the style sheet how much has to fit, in the font's size and in lines. */
  #fit(lines) {
    const widths = lines.map((numbers) =>
      ADVANCE * numbers.reduce((sum, { symbols, status }) =>
        sum + symbols.length + mark(status).length, 0) + GAP * (numbers.length - 1));
    this.text.style.setProperty("--width", Math.max(...widths));
    this.text.style.setProperty("--lines", lines.length);
  }

  #sentence(index) {
    const symbols = this.#symbols;
    const numbers = this.#numbers;
    const number = numbers.find((candidate) => candidate.symbols.includes(symbols[index]));
    const unsure = numbers.filter(({ status }) => status !== "accepted").length;
    const doubts = unsure && numbers.length > 1 ? `, ${unsure} of ${numbers.length} numbers unsure` : "";
    const count = symbols.length > 1 ? `${symbols.length} digits${doubts}. ` : "";
    if (number.status === "none") return count + doubt(number); // however sure its symbols are
    const rank = count && index === this.#leastSure ? "Least sure: " : "";
    return `${count}${rank}${likeliest(symbols[index])}. ${doubt(number)}`;
  }

  /** Show the part of an image in a box, or nothing: null. */
  #showCloseUp(image, box) {
    this.closeUp.parentElement.classList.toggle("empty", !image);
    const context = this.closeUp.getContext("2d");
    context.clearRect(0, 0, this.closeUp.width, this.closeUp.height);
    if (image) drawFitted(context, image, box);
  }
}

/** What is most likely in the place of a symbol. */
function likeliest({ symbol, confidence, probabilities }) {
  const nothing = noSymbolProbability(probabilities);
  return nothing > confidence ? `No digit, ${percent(nothing)}` : `${named(symbol)}, ${percent(confidence)}`;
}

/** The mark behind a number that may be wrong. */
function mark(status) {
  return status === "accepted" ? "" : "?";
}

/** Why a number can't be taken as it is; empty if it can. */
function doubt({ status, text, confidence, second_best: secondBest, unconstrained }) {
  if (status === "none") return `Unreadable: it looks like ${unconstrained}, which isn't possible.`;
  const alternative = secondBest ? `, or ${secondBest}` : "";
  return status === "review" ? `To review: ${text}, ${percent(confidence)}${alternative}.` : "";
}
