// The answer: the symbols, the probabilities of one of them, and what the network saw of it.

const SYMBOLS = "0123456789-."; // in the order of their probabilities
const BARS = [..."0123456789", "none"];
const SIDE = 28; // pixels of what the network sees of a digit
const ADVANCE = 0.72; // of the font's size, from one symbol to the next (style.css)
const GAP = 0.6; // between columns

export class Answer {
  #symbols = [];
  #lines = []; // of columns of them
  #least = -1; // which is the least sure
  #image = null;
  #buttons = [];
  copied = ""; // the text, to be copied

  /** chose(symbols, index, image): called when one of them is looked at; -1 when there is none. */
  constructor(elements, chose) {
    Object.assign(this, elements); // region, text, status, bars, frame
    this.chose = chose;
    this.rows = BARS.map((name) => {
      const row = document.createElement("li");
      const meter = document.createElement("meter");
      meter.setAttribute("aria-label", name === "none" ? "No digit" : name);
      row.append(element("span", name), meter, element("span", ""));
      this.bars.append(row);
      return row;
    });
  }

  /** More is to come: nothing of it is read aloud yet. */
  set busy(busy) {
    this.region.setAttribute("aria-busy", busy);
  }

  /** Nothing but a sentence. text: in place of the digits. */
  say(sentence, text = "") {
    this.#symbols = [];
    this.copied = "";
    this.#fit([[text]]);
    this.text.textContent = text;
    this.status.textContent = sentence;
    this.#probabilities(null);
    this.#pixels(null);
    this.chose([], -1, null);
  }

  /** The API's answer for a picture. image: the picture, to draw; null if the page can't. */
  show({ lines, text, image }) {
    const found = lines.map(({ columns }) => columns);
    const symbols = found.flat(2);
    if (!symbols.length) {
      this.say("No digit found.", "?");
      this.#probabilities(Array(12).fill(0));
      return;
    }
    const focused = this.text.contains(document.activeElement);
    // Any that is rejected is less sure than all that aren't.
    const sureness = symbols.map(({ symbol, confidence }) => confidence + (symbol !== null));
    [this.#symbols, this.#lines] = [symbols, found];
    this.#least = sureness.indexOf(Math.min(...sureness));
    this.#image = image;
    this.copied = text;
    this.#write(found);
    if (focused) this.#buttons[this.#least].focus();
    this.choose(this.#least);
  }

  choose(index) {
    const symbol = this.#symbols[index];
    this.#buttons.forEach((button, at) => button.setAttribute("aria-pressed", at === index));
    this.status.textContent = this.#sentence(index);
    this.#probabilities(symbol.probabilities);
    if (symbol.frame) this.#pixels(symbol.frame);
    else this.#crop(symbol.box);
    this.chose(this.#symbols, index, this.#image);
  }

  /** Show what a person says that a symbol is: its `label`, a digit or "none", if it has one. */
  correct(index) {
    const { symbol, label = symbol } = this.#symbols[index];
    const button = this.#buttons[index];
    const read = symbol ?? "?";
    button.className = label === "none" ? "none" : label === symbol ? "" : "corrected";
    button.textContent = label === "none" ? read : label ?? "?";
    button.title = label === symbol ? "" : `Corrected: ${read} was read`;
    if (label === "none") button.setAttribute("aria-label", `${read}: no digit`);
    else button.removeAttribute("aria-label");
    this.copied = written(this.#lines);
  }

  /** lines: of columns of symbols. */
  #write(lines) {
    this.#buttons = [];
    this.#fit(lines);
    this.text.replaceChildren(...lines.map((columns) => {
      const line = element("div", "");
      line.append(...columns.map((column) => {
        const group = element("span", "");
        group.append(...column.map((symbol) => this.#button(symbol)));
        return group;
      }));
      return line;
    }));
  }

  #button({ symbol }) {
    const index = this.#buttons.length;
    const button = element("button", symbol ?? "?");
    button.type = "button";
    if (index === this.#least && this.#symbols.length > 1) {
      button.className = "least";
      button.title = "The least sure";
    }
    button.addEventListener("focus", () => this.choose(index)); // what keys label
    button.addEventListener("click", () => this.choose(index)); // Safari focuses no button
    this.#buttons.push(button);
    return button;
  }

  /** Tell the style sheet how much has to fit, in the font's size and in lines. */
  #fit(lines) {
    const widths = lines.map((columns) => ADVANCE * columns.flat().length + GAP * (columns.length - 1));
    this.text.style.setProperty("--width", Math.max(...widths));
    this.text.style.setProperty("--lines", lines.length);
  }

  #sentence(index) {
    const symbols = this.#symbols;
    const unsure = symbols.filter(({ symbol }) => symbol === null).length;
    const read = likeliest(symbols[index]);
    const alone = unsure && read.digit ? `Not sure: ${read.words}` : capital(read.words);
    if (symbols.length === 1) return `${alone}.`;
    const signs = symbols.some(({ symbol }) => symbol === "-" || symbol === ".");
    const count = `${symbols.length} ${signs ? "symbols" : "digits"}${unsure ? `, ${unsure} unsure` : ""}.`;
    return `${count} ${index === this.#least ? `Least sure: ${read.words}` : capital(read.words)}.`;
  }

  #probabilities(probabilities) {
    const shares = probabilities?.slice(0, 10) ?? [];
    if (probabilities) shares.push(none(probabilities));
    const largest = Math.max(...shares);
    this.rows.forEach((row, index) => {
      row.children[1].value = shares[index] ?? 0;
      row.children[2].textContent = probabilities ? percent(shares[index]) : "";
      row.classList.toggle("likeliest", shares[index] === largest);
    });
  }

  set #hasFrame(has) {
    this.frame.parentElement.classList.toggle("empty", !has);
  }

  /** rows: of grey levels, or null. */
  #pixels(rows) {
    this.#hasFrame = Boolean(rows);
    const context = this.frame.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    rows?.flat().forEach((value, index) => image.data.set([value, value, value, 255], 4 * index));
    context.putImageData(image, 0, 0);
  }

  /** The part of the picture in a box, where the network saw it only as a part of the picture. */
  #crop([left, top, right, bottom]) {
    this.#pixels(null);
    this.#hasFrame = Boolean(this.#image);
    if (!this.#image) return;
    const [width, height] = [right - left, bottom - top];
    const scale = SIDE / Math.max(width, height);
    const [x, y] = [(SIDE - width * scale) / 2, (SIDE - height * scale) / 2];
    const context = this.frame.getContext("2d");
    context.drawImage(this.#image, left, top, width, height, x, y, width * scale, height * scale);
  }
}

/** As the API writes it, with the labels that a person gave. */
function written(lines) {
  const said = ({ symbol, label }) => (label === "none" ? "" : label ?? symbol ?? "?");
  const texts = lines.map((columns) =>
    columns.map((column) => column.map(said).join("")).filter(Boolean).join("  "));
  return texts.filter(Boolean).join("\n");
}

/** What a symbol is most likely, and whether that is a symbol at all. */
function likeliest({ symbol, confidence, probabilities }) {
  const nothing = none(probabilities);
  if (symbol === null && nothing > confidence)
    return { words: `no digit, ${percent(nothing)}`, digit: false };
  const read = symbol ?? `perhaps ${SYMBOLS[probabilities.indexOf(confidence)]}`;
  return { words: `${read}, ${percent(confidence)}`, digit: true };
}

/** The probability that there is no digit. */
function none(probabilities) {
  return Math.max(0, 1 - probabilities.slice(0, 10).reduce((sum, share) => sum + share, 0));
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function capital(words) {
  return words[0].toUpperCase() + words.slice(1);
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
