// The page: boxes on a sheet, and what each field may hold. The server checks and stores them.

// CSS pixels: that a tap may move, around a corner that takes hold of it, and to an edge to which a box snaps.
const [SLIP, REACH, SNAP] = [8, 14, 5];

const [paper, entries, group] = ["#paper", "form", "fieldset"].map((name) => document.querySelector(name));
const say = (sentence) => (document.querySelector("#status").textContent = sentence);

/** Fetch an address. After a restart of the server, wait until the address that it prints is opened in this tab. */
async function fetchWithToken(address, request) {
  const headers = { authorization: `Bearer ${location.hash.slice("#token=".length)}` };
  const response = await fetch(address, { ...request, headers });
  if (response.status !== 401) return response;
  say("Open the address that `digits form edit` has printed; each start prints another.");
  await new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
  say("");
  return fetchWithToken(address, request);
}

let { form, version } = await (await fetchWithToken("form")).json(); // version: of the form's file
const sheet = await createImageBitmap(await (await fetchWithToken("sheet")).blob());
[paper.width, paper.height] = [sheet.width, sheet.height];
const [pen, thick] = [paper.getContext("2d"), Math.max(...form.size) / 500];
pen.scale(sheet.width / form.size[0], sheet.height / form.size[1]);
Object.assign(pen, { lineWidth: thick, font: `${10 * thick}px sans-serif` });
const states = [JSON.stringify(form)]; // of the form, for undoing; the last is what it was before a change
let [chosen, drag, saved] = [null, null, states[0]]; // a field, what a pointer does, what is stored

function draw() {
  pen.drawImage(sheet, 0, 0, ...form.size);
  for (const field of form.fields) {
    const [left, top, right, bottom] = field.box;
    const cells = Math.min(field.cells || 1, 64);
    pen.fillStyle = pen.strokeStyle = field === chosen ? "#c64600" : "#1a5fb4";
    for (let cell = 1; cell <= cells; cell += 1)
      pen.strokeRect(left, top, ((right - left) * cell) / cells, bottom - top);
    pen.fillText(field.name ?? "", left, top - 2 * thick);
    if (field === chosen) pen.fillRect(right, bottom, 6 * thick, 6 * thick);
  }
}

const owner = (entry) => (group.contains(entry) ? chosen : form); // the field or the form, whose value it shows

/** Choose a field, or none, and show what it may hold. */
function choose(field) {
  [chosen, group.disabled] = [field, !field];
  for (const entry of entries.querySelectorAll("[name]")) {
    const value = owner(entry)?.[entry.name] ?? "";
    if (entry.type === "checkbox") entry.checked = value;
    else entry.value = [value].flat().join("\n");
  }
  draw();
}

/** Remember a change. */
function commit() {
  const state = JSON.stringify(form);
  if (state !== states.at(-1)) states.push(state);
}

/** Make the form what it was before the change that isn't remembered. */
function restore() {
  const index = form.fields.indexOf(chosen);
  [form, drag] = [JSON.parse(states.at(-1)), null];
  choose(form.fields[index]);
}

function undo() {
  commit();
  if (states.length > 1) states.pop();
  restore();
}

function remove() {
  form.fields = form.fields.filter((field) => field !== chosen);
  choose(null);
}

/** Add a field to the form, and choose it. values: all but its name. */
function add(values) {
  const numbers = form.fields.map((field) => /^field(\d+)$/.exec(field.name)?.[1] ?? 0);
  const name = `field${Math.max(0, ...numbers) + 1}`;
  form.fields.push({ name, ...values });
  choose(form.fields.at(-1));
}

/** Add what the chosen field is, below it. */
function duplicate() {
  const { name, key, ...values } = chosen;
  add(values);
  move(values.box, [0, 1.5 * (values.box[3] - values.box[1])]);
}

/** By how much to move edges for one to meet that of another box; 0 if none is within reach. */
function snap(edges, axis, reach) {
  const unchosen = form.fields.filter((field) => field !== chosen);
  const targets = unchosen.flatMap(({ box }) => [box[axis], box[axis + 2]]);
  const gaps = edges.flatMap((edge) => targets.map((target) => target - edge));
  const small = gaps.filter((gap) => Math.abs(gap) < reach);
  return small.sort((a, b) => Math.abs(a) - Math.abs(b))[0] ?? 0;
}

/**
 * Give the chosen field a box, moved as far as the sheet goes.
 * shift: to the right, and down.
 * corner: whether only the lower right corner is moved.
 * reach: how near the edges of other boxes attract it.
 */
function move(box, shift, corner, reach = 0) {
  const [x, y] = form.size.map((end, axis) => {
    const [first, last] = [box[axis], box[axis + 2]];
    const moved = (corner ? [last] : [first, last]).map((edge) => edge + shift[axis]);
    const snapped = shift[axis] + snap(moved, axis, reach);
    const allowed = Math.min(Math.max(snapped, corner ? -last : -first), end - last);
    const edges = [corner ? first : first + allowed, last + allowed].sort((a, b) => a - b);
    return edges.map((edge) => Math.round(10 * edge) / 10);
  });
  chosen.box = [x[0], y[0], x[1], y[1]];
  draw();
}

/** The point of the sheet under a pointer, and how much of the sheet a CSS pixel of the screen shows. */
function locate({ offsetX, offsetY }) {
  const unit = form.size[0] / paper.clientWidth;
  return [offsetX * unit, offsetY * unit, unit / visualViewport.scale];
}

paper.addEventListener("pointerdown", (event) => {
  if (drag) restore(); // a second finger: the two scroll and zoom
  if (!event.isPrimary || event.button) return;
  const [x, y, pixel] = locate(event);
  const corner = chosen && Math.hypot(chosen.box[2] - x, chosen.box[3] - y) < REACH * pixel;
  if (!corner) choose(form.fields.find(({ box }) => x > box[0] && y > box[1] && x < box[2] && y < box[3]));
  drag = { x, y, corner: corner || !chosen, box: chosen?.box ?? [x, y, x, y] };
  paper.setPointerCapture(event.pointerId);
});
paper.addEventListener("pointermove", (event) => {
  const [x, y, pixel] = locate(event);
  if (!drag || Math.hypot(x - drag.x, y - drag.y) < SLIP * pixel) return;
  if (!chosen) add({ box: drag.box });
  move(drag.box, [x - drag.x, y - drag.y], drag.corner, SNAP * pixel);
});
paper.addEventListener("pointerup", () => (drag = null));
paper.addEventListener("pointercancel", () => drag && restore());
// Or a swift stroke is a fling to Chromium, and the next tap, on Save, does no more than end it.
paper.addEventListener("touchmove", (event) => event.touches[1] || event.preventDefault(), { passive: false });
paper.addEventListener("keydown", (event) => {
  const shifts = { ArrowLeft: [-thick, 0], ArrowUp: [0, -thick], ArrowRight: [thick, 0], ArrowDown: [0, thick] };
  const shift = shifts[event.key];
  if (event.key === "Enter") choose(form.fields[form.fields.indexOf(chosen) + 1]);
  else if (event.key === "Delete") remove();
  else if (shift && chosen) move(chosen.box, shift);
  if (shift) event.preventDefault(); // or the page scrolls
});
for (const action of [undo, duplicate, remove])
  document.getElementById(action.name).addEventListener("click", action);
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  undo();
});
for (const end of ["pointerup", "keyup", "click", "change"]) addEventListener(end, commit);
entries.addEventListener("input", ({ target }) => {
  const { name, type, value, checked } = target;
  const values = { checkbox: checked, number: Number(value), textarea: value.match(/.*\S.*/g) };
  owner(target)[name] = (type in values ? values[type] : value) || undefined;
  draw();
});
entries.addEventListener("submit", async (event) => {
  event.preventDefault();
  say("Saving …");
  const body = JSON.stringify(form);
  const sent = fetchWithToken(`form?version=${version}`, { method: "PUT", body }).then((response) => response.json());
  const answer = await sent.catch(() => ({ error: "the server can't be reached" }));
  if (!answer.error) [saved, version] = [body, answer.version];
  say(answer.error ? `Not saved: ${answer.error}.` : `Saved. Next: ${answer.next}`);
});
addEventListener("beforeunload", (event) => JSON.stringify(form) !== saved && event.preventDefault());
choose(null);
