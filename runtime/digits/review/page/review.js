// The page: it shows one picture after the other, and has the server store what a person says.

import { bars, button, DIGITS, element } from "./shared.js";

const SIDE = 28; // pixels of what the network sees of a digit
const AHEAD = 4; // pictures that are loaded before they are shown
const RETRY = 1000; // milliseconds from one try to the next
const TIMEOUT = 30_000; // of each

const OPEN = "Open the address that `digits review` has printed; each start prints another.";
const headers = { authorization: `Bearer ${location.hash.slice("#token=".length)}` };
const find = (id) => document.getElementById(id);
const showBars = bars(find("bars"), DIGITS);
const views = new Map(); // promises of what is shown, by the item's number
let [number, shown, typed] = [0, null, null]; // the item; its view, once it may be labelled; its text
let [waiting, storing] = [0, Promise.resolve()]; // what isn't stored yet

/** What the server answers, however late: an object, with an `error` if it refuses; nothing after a restart. */
async function ask(address, method = "GET") {
  for (;;) {
    let trouble = "The server can't be reached";
    try {
      const response = await fetch(address, { method, headers, signal: AbortSignal.timeout(TIMEOUT) });
      const answer = await response.json();
      find("trouble").textContent = "";
      if (response.status === 401) {
        find("trouble").textContent = OPEN;
        await new Promise(() => {}); // until then
      }
      if (response.status < 500) return answer;
      trouble = answer.error;
    } catch {} // as there is no answer
    find("trouble").textContent = `${trouble}. Trying again …`;
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

const state = await ask("state");
const labelled = new Set(state.labelled); // numbers of items
const stored = new Set(labelled); // those of them that the server has stored
const done = [...labelled]; // those that were labelled or skipped, the last to undo

/** The next item that has no label. */
function next(after) {
  do after += 1; while (labelled.has(after));
  return after;
}

async function load(item) {
  const view = await ask(`items/${item}`);
  if (view.error) return view;
  const bytes = Uint8Array.from(atob(view.picture), (byte) => byte.charCodeAt(0));
  view.image = element("img", "", { src: URL.createObjectURL(new Blob([bytes])), alt: "" });
  await view.image.decode();
  URL.revokeObjectURL(view.image.src);
  return view;
}

async function show(item) {
  views.delete(number);
  [number, shown] = [item, null];
  find("paper").textContent = item < state.total ? "Loading …" : ""; // and nobody labels the one before again
  find("remark").textContent = find("file").textContent = "";
  write(typed);
  for (let ahead = item; ahead < state.total && views.size < AHEAD; ahead = next(ahead))
    if (!views.has(ahead)) views.set(ahead, load(ahead));
  tell();
  const view = (await views.get(item)) ?? {};
  if (number !== item) return;
  if (view.image) shown = view;
  find("paper").replaceChildren(view.image ?? "");
  find("file").textContent = view.file ?? "";
  find("remark").textContent = view.error ?? view.remark ?? "";
  showBars(view.probabilities ?? null);
  const context = find("frame").getContext("2d");
  context.clearRect(0, 0, SIDE, SIDE);
  if (view.frame) context.putImageData(pixels(view.frame), 0, 0);
  write(typed); // by who is faster than the picture
}

function write(text) {
  typed = text?.slice(0, 64);
  find("text").textContent = toStore() === "none" ? "no digit" : toStore();
  find("refusal").textContent = "";
  storeButton.ariaDisabled = !toStore();
}

/** What was typed, or else the guess. */
function toStore() {
  return typed ?? shown?.guess ?? "";
}

function tell() {
  const left = state.total - stored.size;
  const unsure = state.unsure - [...stored].filter((item) => item < state.unsure).length;
  const pending = waiting ? ` ${waiting} not stored yet.` : "";
  find("progress").textContent =
    `${state.before + stored.size} labelled, ${left} left, ${unsure} of them unsure.${pending}`;
  if (number < state.total || waiting) return;
  find("status").textContent = left ? "The others were skipped; reload the page to see them again."
    : `All have a label. Next: ${state.next}`;
}

/** Have a label stored, after those before it. method: POST, or DELETE to take it back. */
function store(method, item, label = "") {
  waiting += 1;
  storing = storing.then(async () => {
    const query = new URLSearchParams({ label });
    const { error } = await ask(`items/${item}?${query}`, method);
    waiting -= 1;
    find("status").textContent = error ? `${method === "POST" ? `${label} isn't stored` : "Not undone"}: ${error}.` : "";
    if (!error) stored[method === "POST" ? "add" : "delete"](item);
    tell();
  });
}

/** Store a label and go on. What the form forbids is stored only if the person insists. */
async function label(text) {
  if (!shown || text === "") return;
  const [item, view] = [number, shown];
  const insist = () => {
    store("POST", item, text);
    labelled.add(item);
    leave();
  };
  shown = null; // so that it is stored once
  write(null);
  const query = new URLSearchParams({ label: text });
  const { refusal } = view.has_form ? await ask(`items/${item}/refusal?${query}`) : {};
  if (number !== item) return;
  if (!refusal) return insist();
  shown = view;
  write(text);
  find("refusal").replaceChildren(`${refusal}. Change it, skip it, or `, button("store it all the same", insist));
}

function leave() {
  done.push(number);
  show(next(number));
}

function skip() {
  write(null);
  if (number < state.total) leave();
}

/** rows: of grey levels. */
function pixels(rows) {
  const data = Uint8ClampedArray.from(rows.flat().flatMap((grey) => [grey, grey, grey, 255]));
  return new ImageData(data, SIDE);
}

function undo() {
  write(null);
  if (!done.length) return;
  const item = done.pop();
  if (labelled.delete(item)) store("DELETE", item);
  show(item);
}

/** Fill a group with buttons, and return them. keys: [name, key or keys, act] of each. */
function keypad(group, keys) {
  const buttons = keys.map(([name, , act]) => button(name, act));
  group.append(...buttons);
  addEventListener("keydown", (event) => {
    const pressed = event.key.toLowerCase().replace(",", ".");
    const act = keys.find(([, key]) => [key].flat().includes(pressed))?.[2];
    const isOther = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
    if (!act || isOther || ([" ", "enter"].includes(pressed) && event.target.matches("button"))) return;
    event.preventDefault();
    act();
  });
  return buttons;
}

const numberKeys = [
  ...[..."123456789-0."].map((symbol) => [symbol, symbol, () => write((typed ?? "") + symbol)]),
  ["⌫", "backspace", () => write(toStore().slice(0, -1))],
  ["nothing (n)", "n", () => label("none")],
];
const digitKeys = [
  ...[..."1234567890"].map((digit) => [digit, digit, () => label(digit)]), // as on a telephone
  ["no digit", "n", () => label("none")],
];
const moves = [
  ["Store (enter)", ["enter", " "], () => label(toStore())],
  ["Skip (s)", "s", skip],
  ["Undo (u)", "u", undo],
];
keypad(document.querySelector("[role=group]"), state.numbers ? numberKeys : digitKeys);
const [storeButton] = keypad(document.querySelector(".buttons"), moves);
storeButton.className = "primary";
document.body.classList.toggle("numbers", state.numbers);
// A tap doesn't move the focus: or the next Space would tap again.
addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault());
addEventListener("beforeunload", (event) => waiting && event.preventDefault());
addEventListener("hashchange", () => location.reload()); // another address was opened in this tab
show(next(-1));
