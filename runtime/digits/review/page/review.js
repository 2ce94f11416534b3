// The page: it shows one picture after the other, and has the server store a person's labels.

import { bars, button, DIGITS, element } from "./shared.js";

const SIDE = 28; // pixels of a digit as the network sees it
const AHEAD = 4; // pictures that are loaded before they are shown
const RETRY = 1000; // milliseconds from one try to the next
const TIMEOUT = 30_000; // milliseconds of a try

const OPEN = "Open the address that `digits review` has printed; each start prints another.";
const headers = { authorization: `Bearer ${location.hash.slice("#token=".length)}` };
const find = (id) => document.getElementById(id);
const showBars = bars(find("bars"), DIGITS);
const views = new Map(); // promises of what the page shows of an item, by its index
let index = 0; // of the item on the page
let view = null; // of this item, once it may be labelled
let typed = null; // the text for it; null: nobody has typed
let refused = null; // the text that the form forbids; storing it once more insists
let unstored = 0; // labels
let storing = Promise.resolve(); // once they are stored

/** The server's answer, however late: an object, with an `error` if it refuses. After a restart there is none. */
async function fetchAnswer(address, method = "GET") {
  for (;;) {
    let problem = "The server can't be reached";
    try {
      const response = await fetch(address, { method, headers, signal: AbortSignal.timeout(TIMEOUT) });
      const answer = await response.json();
      find("trouble").textContent = "";
      if (response.status === 401) {
        find("trouble").textContent = OPEN;
        await new Promise(() => {}); // for ever
      }
      if (response.status < 500) return answer;
      problem = answer.error;
    } catch {} // as there is no answer
    find("trouble").textContent = `${problem}. Trying again …`;
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

const state = await fetchAnswer("state");
const labelled = new Set(state.labelled); // indices of items
const stored = new Set(labelled); // those of them that the server has stored
const visited = [...labelled]; // those that were labelled or skipped; Undo goes back to the last one

/** The next item that has no label. */
function next(after) {
  do after += 1; while (labelled.has(after));
  return after;
}

/** Promise what the page shows of an item, or its sheet: an object, with an `error` or an `image`. */
async function load(address) {
  const loaded = await fetchAnswer(address);
  if (loaded.error) return loaded;
  const bytes = Uint8Array.from(atob(loaded.picture), (byte) => byte.charCodeAt(0));
  loaded.image = element("img", "", { src: URL.createObjectURL(new Blob([bytes])), alt: "" });
  await loaded.image.decode();
  URL.revokeObjectURL(loaded.image.src);
  return loaded;
}

async function show(item) {
  views.delete(index);
  [index, view] = [item, null];
  find("paper").textContent = item < state.total ? "Loading …" : ""; // and nobody labels the one before again
  find("remark").textContent = find("file").textContent = "";
  write(typed);
  for (let ahead = item; ahead < state.total && views.size < AHEAD; ahead = next(ahead))
    if (!views.has(ahead)) views.set(ahead, load(`items/${ahead}`));
  showProgress();
  const loaded = (await views.get(item)) ?? {};
  if (index !== item) return;
  if (loaded.image) view = loaded;
  find("paper").replaceChildren(loaded.image ?? "");
  find("file").textContent = loaded.file ?? "";
  find("remark").textContent = loaded.error ?? loaded.remark ?? "";
  sheetButton.hidden = !loaded.has_form;
  showBars(loaded.probabilities ?? null);
  const context = find("frame").getContext("2d");
  context.clearRect(0, 0, SIDE, SIDE);
  if (loaded.frame) context.putImageData(pixels(loaded.frame), 0, 0);
  write(typed); // somebody may be faster than the picture
}

function write(text) {
  typed = text?.slice(0, 64);
  find("text").textContent = toStore() === "none" ? "no digit" : toStore();
  find("refusal").textContent = "";
  refused = null;
  storeButton.ariaDisabled = !toStore();
  showDetails(toStore());
}

/** Ask the server for `details` or a `refusal` of a text for an item. */
function ask(what, item, text) {
  return fetchAnswer(`items/${item}/${what}?${new URLSearchParams({ label: text })}`);
}

async function showDetails(text) {
  find("details").textContent = "";
  if (!view?.has_form || !text) return;
  const { details } = await ask("details", index, text);
  if (text === toStore()) find("details").textContent = details ?? "";
}

/** Show the whole sheet instead of the field, or the field again. */
async function toggleSheet() {
  if (!view?.has_form) return;
  const current = view;
  current.sheet ??= await load(`items/${index}/sheet`);
  if (view !== current) return;
  const { image } = current.sheet;
  find("paper").replaceChildren(image && !image.isConnected ? image : current.image);
}

/** What was typed, or else the guess. */
function toStore() {
  return typed ?? view?.guess ?? "";
}

/** What was typed, to go on with. */
function typedNumber() {
  return typed === "none" ? "" : typed ?? "";
}

function showProgress() {
  const unlabelled = state.total - stored.size;
  const unsure = state.unsure - [...stored].filter((item) => item < state.unsure).length;
  const pending = unstored ? ` ${unstored} not stored yet.` : "";
  const doubt = unsure ? `, ${unsure} of ${state.unsure} in doubt` : `, all ${state.unsure} in doubt done`;
  find("progress").textContent =
    `${state.before + stored.size} labelled, ${unlabelled} left${state.unsure ? doubt : ""}.${pending}`;
  find("bar").hidden = !state.unsure;
  [find("bar").max, find("bar").value] = [state.unsure, state.unsure - unsure];
  if (index < state.total || unstored) return;
  find("status").textContent = unlabelled ? "The others were skipped; reload the page to see them again."
    : `All have a label.${state.next && ` Next: ${state.next}`}`;
}

/** Have a label stored, after those before it. method: POST, or DELETE to take it back. */
function store(method, item, label = "") {
  unstored += 1;
  storing = storing.then(async () => {
    const query = new URLSearchParams({ label });
    const { error } = await fetchAnswer(`items/${item}?${query}`, method);
    unstored -= 1;
    find("status").textContent = error ? `${method === "POST" ? `${label} isn't stored` : "Not undone"}: ${error}.` : "";
    if (!error && method === "POST") stored.add(item);
    if (!error && method === "DELETE") stored.delete(item);
    showProgress();
  });
}

/** Store a label and go on. What the form forbids is stored only if the person insists. */
async function label(text) {
  if (!view || text === "") return;
  const [item, labelledView, insists] = [index, view, text === refused];
  const kept = text === "none" ? text : typed; // the guess stays one, which typing replaces
  view = null; // so that it is stored once
  write(null);
  if (labelledView.has_form) await storing; // a rule needs the sheet's other fields
  const { refusal } = labelledView.has_form && !insists ? await ask("refusal", item, text) : {};
  if (index !== item) return;
  if (refusal) {
    view = labelledView;
    write(kept);
    refused = text;
    const insist = button("store it all the same (enter)", () => label(text));
    find("refusal").replaceChildren(`${refusal}. Change it, skip it, or `, insist);
    return;
  }
  store("POST", item, text);
  labelled.add(item);
  leave();
}

function leave() {
  visited.push(index);
  show(next(index));
}

function skip() {
  write(null);
  if (index < state.total) leave();
}

/** The pixels of a canvas from rows of grey levels. */
function pixels(rows) {
  const data = Uint8ClampedArray.from(rows.flat().flatMap((grey) => [grey, grey, grey, 255]));
  return new ImageData(data, SIDE);
}

function undo() {
  write(null);
  if (!visited.length) return;
  const item = visited.pop();
  if (labelled.delete(item)) store("DELETE", item);
  show(item);
}

/** Fill a group with buttons, and return them. keys: a list of [name, key or keys, action]. */
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
  ...[..."123456789-0."].map((symbol) => [symbol, symbol, () => write(typedNumber() + symbol)]),
  ["⌫", "backspace", () => write(typed === "none" ? null : toStore().slice(0, -1))],
  ["nothing (n)", "n", () => label("none")],
];
const digitKeys = [
  ...[..."1234567890"].map((digit) => [digit, digit, () => label(digit)]), // as on a telephone
  ["no digit", "n", () => label("none")],
];
const actionKeys = [
  ["Store (enter)", ["enter", " "], () => label(toStore())],
  ["Skip (s)", "s", skip],
  ["Undo (u)", "u", undo],
  ["Sheet (w)", "w", toggleSheet],
];
keypad(document.querySelector("[role=group]"), state.numbers ? numberKeys : digitKeys);
const [storeButton, , , sheetButton] = keypad(document.querySelector(".buttons"), actionKeys);
storeButton.className = "primary";
document.body.classList.toggle("numbers", state.numbers);
// A tap doesn't move the focus: or the next Space would tap again.
addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault());
addEventListener("beforeunload", (event) => unstored && event.preventDefault());
addEventListener("hashchange", () => location.reload()); // another address was opened in this tab
show(next(-1));
