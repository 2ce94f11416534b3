// What pages share: elements, copying, and probabilities.

const COPIED_SHOWN = 1500; // milliseconds; it takes a glance, of half a second, to see the word
export const DIGITS = [..."0123456789"];
const NAMES = { "-": "minus", ".": "point" };

export function element(name, text = "", properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

export function button(text, onClick) {
  const made = element("button", text, { type: "button" });
  made.addEventListener("click", onClick);
  return made;
}

/** Have a click on a button copy what text() returns, unless that is empty. */
export function copyOnClick(button, text) {
  const name = button.textContent;
  button.addEventListener("click", () => {
    if (!text()) return;
    // Not by navigator.clipboard, which plain HTTP lacks.
    const copied = element("pre", text());
    document.body.append(copied);
    getSelection().selectAllChildren(copied);
    document.execCommand("copy");
    copied.remove();
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = name), COPIED_SHOWN);
  });
}

/** Fill a list with a bar for each symbol, and for none. Returns a function that shows probabilities, or no bars for null. */
export function bars(list, symbols) {
  const rows = [...symbols.map(named), "none"].map((name) => {
    const row = element("li");
    const meter = element("meter", "", { ariaLabel: name === "none" ? "No digit" : name });
    row.append(element("span", name), meter, element("span"));
    list.append(row);
    return row;
  });
  return (probabilities) => {
    const shares = probabilities ? [...probabilities, noSymbolProbability(probabilities)] : [];
    const largest = Math.max(...shares);
    rows.forEach((row, index) => {
      const [, meter, caption] = row.children;
      meter.value = shares[index] ?? 0;
      caption.textContent = probabilities ? percent(shares[index]) : "";
      row.classList.toggle("likeliest", shares[index] === largest);
    });
  };
}

export function named(symbol) {
  return NAMES[symbol] ?? symbol;
}

/** The probability that there is no symbol. */
export function noSymbolProbability(probabilities) {
  return Math.max(0, 1 - probabilities.reduce((sum, share) => sum + share, 0));
}

export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
