// The answer: the symbols, the probabilities of one of them, and what the network saw of it.

import { Bars, DIGITS, named, none, percent, pixels, SIDE } from "./evidence.js";
import { button, element } from "./helpers.js";
import { drawFitted } from "./pictures.js";

const SYMBOLS = [...DIGITS, "-", "."]; // in the order of their probabilities
const ADVANCE = 0.72; // of the font's size, from one symbol to the next (style.css)
const GAP = 0.6; // between columns

export class Answer {
  #lines = []; // of numbers
  #symbols = []; // all of them
  #least = -1; // which is the least sure
  #picture = null;
  #buttons = [];

  /** chose(symbols, index, picture): called when one of them is looked at; -1 when there is none. */
  constructor(elements, chose) {
    Object.assign(this, elements); // region, text, status, bars, frame
    this.chose = chose;
    this.probabilities = new Bars(this.bars, SYMBOLS);
  }

  /** More is to come: nothing of it is read aloud yet. */
  set busy(busy) {
    this.region.ariaBusy = busy;
  }

  /** Nothing but a sentence. text: in place of the digits. */
  say(sentence, text = "") {
    this.#lines = this.#symbols = [];
    this.#fit([[]]);
    this.text.textContent = text;
    this.status.textContent = sentence;
    this.probabilities.show(null);
    this.#showFrame(null);
    this.chose([], -1, null);
  }

  /** The API's answer for a picture. Its image is null where the browser can't show it. */
  show({ numbers }, picture) {
    this.#lines = Object.values(Object.groupBy(numbers, ({ line }) => line));
    this.#symbols = numbers.flatMap(({ symbols }) => symbols);
    if (!this.#symbols.length) {
      this.say("No digit found.", "?");
      this.probabilities.show(Array(12).fill(0));
      return;
    }
    // Any that is rejected is less sure than all that aren't.
    const sureness = this.#symbols.map(({ symbol, confidence }) => confidence + (symbol !== null));
    this.#least = sureness.indexOf(Math.min(...sureness));
    this.#picture = picture;
    this.#write();
    this.#choose(this.#least);
  }

  /** The text as the API writes it, with the labels that a person gave. */
  get written() {
    const said = ({ symbol, label }) => (label === "none" ? "" : label ?? symbol ?? "?");
    const texts = this.#lines.map((numbers) =>
      numbers.map(({ symbols }) => symbols.map(said).join("")).filter(Boolean).join("  "));
    return texts.filter(Boolean).join("\n");
  }

  /** Show what a person says that a symbol is: its `label`, a digit or "none", if it has one. */
  correct(index) {
    const { symbol, label = symbol } = this.#symbols[index];
    const corrected = this.#buttons[index];
    const isNone = label === "none";
    corrected.className = isNone ? "none" : label === symbol ? "" : "corrected";
    corrected.textContent = (isNone ? symbol : label) ?? "?";
    corrected.ariaLabel = isNone ? `${corrected.textContent}: no digit` : null;
  }

  #choose(index) {
    const { probabilities, frame, box } = this.#symbols[index];
    this.#buttons.forEach((each, position) => (each.ariaPressed = position === index));
    this.status.textContent = this.#sentence(index);
    this.probabilities.show(probabilities);
    this.#showFrame(frame ? pixels(frame) : this.#picture.image, frame ? [0, 0, SIDE, SIDE] : box);
    this.chose(this.#symbols, index, this.#picture);
  }

  #write() {
    this.#buttons = this.#symbols.map(({ symbol }, index) => this.#button(symbol ?? "?", index));
    this.#fit(this.#lines);
    const unplaced = [...this.#buttons];
    this.text.replaceChildren(...this.#lines.map((numbers) => {
      const line = element("div");
      line.append(...numbers.map((number) => {
        const group = element("span", "", { role: "group", title: doubt(number) });
        group.append(...unplaced.splice(0, number.symbols.length));
        if (number.status === "unreadable") group.append(element("small", number.free));
        return group;
      }));
      return line;
    }));
  }

  #button(text, index) {
    const made = button(text, () => this.#choose(index));
    if (index === this.#least && this.#symbols.length > 1)
      Object.assign(made, { className: "least", title: "The least sure" });
    return made;
  }

  /** Tell the style sheet how much has to fit, in the font's size and in lines. */
  #fit(lines) {
    const widths = lines.map((numbers) =>
      ADVANCE * numbers.flatMap(({ symbols }) => symbols).length + GAP * (numbers.length - 1));
    this.text.style.setProperty("--width", Math.max(...widths));
    this.text.style.setProperty("--lines", lines.length);
  }

  #sentence(index) {
    const symbols = this.#symbols;
    const number = this.#lines.flat().find(({ symbols: each }) => each.includes(symbols[index]));
    const unsure = symbols.filter(({ symbol }) => symbol === null).length;
    const signs = this.#lines.flat().some(({ free }) => /[-.]/.test(free));
    const all = `${symbols.length} ${signs ? "symbols" : "digits"}${unsure ? `, ${unsure} unsure` : ""}. `;
    const count = symbols.length > 1 ? all : "";
    if (number.status === "unreadable") return count + doubt(number); // however sure its symbols are
    const { words, isDigit } = likeliest(symbols[index]);
    if (!count) return `${unsure && isDigit ? `Not sure: ${words}` : capital(words)}.`;
    return `${count}${index === this.#least ? `Least sure: ${words}` : capital(words)}. ${doubt(number)}`;
  }

  /** Show the part of an image in a box, or nothing: null. */
  #showFrame(image, box) {
    this.frame.parentElement.classList.toggle("empty", !image);
    const context = this.frame.getContext("2d");
    context.clearRect(0, 0, SIDE, SIDE);
    if (image) drawFitted(context, image, box);
  }
}

/** What a symbol is most likely, and whether that is a symbol at all. */
function likeliest({ symbol, confidence, probabilities }) {
  const nothing = none(probabilities);
  if (symbol === null && nothing > confidence)
    return { words: `no digit, ${percent(nothing)}`, isDigit: false };
  const read = named(symbol ?? SYMBOLS[probabilities.indexOf(confidence)]);
  return { words: `${symbol === null ? "perhaps " : ""}${read}, ${percent(confidence)}`, isDigit: true };
}

/** Why a number can't be taken as it is; empty if it can. */
function doubt({ status, text, probability, second, free }) {
  if (status === "unreadable") return `Unreadable: it looks like ${free}, which isn't possible.`;
  const or = second ? `, or ${second}` : "";
  return status === "review" ? `To review: ${text}, ${percent(probability)}${or}.` : "";
}

function capital(words) {
  return words[0].toUpperCase() + words.slice(1);
}
