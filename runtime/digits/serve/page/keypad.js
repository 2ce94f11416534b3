// Buttons for what a person says that there is, and a key for each.

import { DIGITS } from "./evidence.js";
import { button } from "./helpers.js";

export const LABELS = [...DIGITS, "none"]; // the folders that `digits train --data` reads

export function words(label) {
  return label === "none" ? "no digit" : label;
}

/** Fill a group with buttons, and return them. keys: [name, key, act] of each; area: of the keys. */
export function keypad(group, area, keys) {
  const buttons = keys.map(([name, , act]) => button(name, act));
  group.append(...buttons);
  area.addEventListener("keydown", (event) => {
    const pressed = event.key.toLowerCase().replace(",", ".");
    const act = keys.find(([, key]) => key === pressed)?.[2];
    const isOther = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
    if (!act || isOther || ([" ", "enter"].includes(pressed) && event.target.matches("button"))) return;
    event.preventDefault();
    act();
  });
  return buttons;
}

/** The keys of LABELS. act(label): what they do. */
export function labelKeys(act) {
  return LABELS.map((label) => [words(label), label === "none" ? "n" : label, () => act(label)]);
}
