// The answer: the digits, the probabilities of one of them, and what the network saw of it.

const SYMBOLS = "0123456789-."; // in the order of their probabilities

export class Answer {
  /** chose(index): called when a person wants to see another digit. */
  constructor(elements, chose) {
    Object.assign(this, elements); // region, text, status, bars, frame
    this.chose = chose;
    this.rows = Array.from({ length: 10 }, (_, digit) => {
      const row = document.createElement("li");
      const meter = document.createElement("meter");
      meter.setAttribute("aria-label", `${digit}`);
      row.append(element("span", digit), meter, element("span", ""));
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
    this.text.textContent = text;
    this.status.textContent = sentence;
    this.#probabilities(null);
    this.#pixels(null);
  }

  /** What is likely while a stroke is being drawn. */
  follow({ digit, probabilities, frame }) {
    this.text.textContent = digit ?? "…";
    this.status.textContent = "";
    this.#probabilities(probabilities);
    this.#pixels(frame);
  }

  /** lines of columns of digits or symbols, as the API gives them, and which is looked at. */
  show(lines, chosen) {
    const digits = lines.flat(2);
    const focused = this.text.contains(document.activeElement);
    let index = 0;
    this.buttons = [];
    this.text.classList.toggle("many", digits.length > 8);
    this.text.replaceChildren(...lines.map((columns) => {
      const line = element("div", "");
      line.append(...columns.map((column) => {
        const group = element("span", "");
        group.className = "column";
        group.append(...column.map((digit) => this.#button(digit, index++)));
        return group;
      }));
      return line;
    }));
    if (focused) this.buttons[chosen].focus();
    this.choose(digits, chosen);
  }

  choose(digits, chosen) {
    this.buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === chosen));
    const digit = digits[chosen];
    this.status.textContent = sentence(digits, digit);
    this.#probabilities(digit.frame !== null && digit.probabilities);
    this.#pixels(digit.frame);
  }

  #button({ digit, symbol }, index) {
    const button = element("button", digit ?? symbol ?? "?");
    button.type = "button";
    button.addEventListener("click", () => this.chose(index));
    this.buttons.push(button);
    return button;
  }

  #probabilities(probabilities) {
    const largest = probabilities && Math.max(...probabilities);
    this.rows.forEach((row, digit) => {
      const share = probabilities?.[digit] ?? 0;
      row.children[1].value = share;
      row.children[2].textContent = probabilities ? percent(share) : "";
      row.classList.toggle("likeliest", Boolean(probabilities) && share === largest);
    });
  }

  #pixels(rows) {
    const context = this.frame.getContext("2d");
    const image = context.createImageData(28, 28);
    rows?.flat().forEach((value, index) => image.data.set([value, value, value, 255], 4 * index));
    context.putImageData(image, 0, 0);
  }
}

function sentence(digits, { digit, symbol, confidence, probabilities, frame }) {
  if (frame === null) return "There is no ink on it.";
  const read = digit ?? symbol ?? null;
  const sure = read === null
    ? `Not sure: perhaps ${SYMBOLS[probabilities.indexOf(confidence)]}, ${percent(confidence)}.`
    : `${read}, ${percent(confidence)}.`;
  return digits.length > 1 ? `${digits.length} digits. ${sure}` : sure;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
