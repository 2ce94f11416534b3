// What an answer rests on: the probabilities, and the pixels that the network saw.

import { element } from "./helpers.js";

export const DIGITS = [..."0123456789"];
const NAMES = { "-": "minus", ".": "point" };
export const SIDE = 28; // pixels of what the network sees of a digit

/** Fill a list with a bar for each symbol, and for none. Returns what shows probabilities, or null. */
export function bars(list, symbols) {
  const rows = [...symbols.map(named), "none"].map((name) => {
    const row = element("li");
    const meter = element("meter", "", { ariaLabel: name === "none" ? "No digit" : name });
    row.append(element("span", name), meter, element("span"));
    list.append(row);
    return row;
  });
  return (probabilities) => {
    const shares = probabilities ? [...probabilities, none(probabilities)] : [];
    const largest = Math.max(...shares);
    rows.forEach((row, index) => {
      const [, meter, number] = row.children;
      meter.value = shares[index] ?? 0;
      number.textContent = probabilities ? percent(shares[index]) : "";
      row.classList.toggle("likeliest", shares[index] === largest);
    });
  };
}

/** rows: of grey levels. */
export function pixels(rows) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const data = Uint8ClampedArray.from(rows.flat().flatMap((grey) => [grey, grey, grey, 255]));
  canvas.getContext("2d").putImageData(new ImageData(data, SIDE), 0, 0);
  return canvas;
}

export function named(symbol) {
  return NAMES[symbol] ?? symbol;
}

/** The probability that there is no symbol. */
export function none(probabilities) {
  return Math.max(0, 1 - probabilities.reduce((sum, share) => sum + share, 0));
}

export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
