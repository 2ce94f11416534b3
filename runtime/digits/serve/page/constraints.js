// Which numbers are possible. What is entered stays in this browser.

import { storage } from "./shared.js";

const box = document.getElementById("constraints");
const fields = [...box.querySelectorAll("[name]")];
const kept = storage("localStorage");

/** A request's query, such as "length=6". */
export function constraints() {
  const entered = fields.map(({ name, value }) => [name, value.trim().replace(/\s+/g, " ")]);
  return new URLSearchParams(entered.filter(([, value]) => value));
}

/** Show where to change them. sentence: why the server refuses them; returns it. */
export function refuse(sentence) {
  box.open = true;
  return (box.lastElementChild.textContent = sentence);
}

for (const field of fields) field.value = kept[`digits-${field.name}`] ?? "";
box.addEventListener("change", ({ target }) => {
  box.lastElementChild.textContent = "";
  kept[`digits-${target.name}`] = target.value;
});
