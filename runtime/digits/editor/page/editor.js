// The page: boxes on a sheet, and what each field may hold. The server checks and stores them.

const [SLIP, REACH] = [8, 14]; // CSS pixels that a tap may move, and around a corner that takes hold of it

const [paper, entries, group] = ["#paper", "form", "fieldset"].map((each) => document.querySelector(each));
const { form } = await (await fetch("form")).json();
const sheet = Object.assign(new Image(), { src: "sheet" });
await sheet.decode();
[paper.width, paper.height] = [sheet.width, sheet.height];
const [pen, thick] = [paper.getContext("2d"), Math.max(...form.size) / 500];
pen.scale(sheet.width / form.size[0], sheet.height / form.size[1]);
Object.assign(pen, { lineWidth: thick, font: `${10 * thick}px sans-serif` });
let [chosen, drag, saved] = [null, null, JSON.stringify(form)]; // a field, what a pointer does, what is stored

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

const owner = (entry) => (group.contains(entry) ? chosen : form); // what has the entry's value

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

/** Replace all fields, none of which is chosen then. */
function replace(fields) {
  [form.fields, drag] = [fields, null];
  choose(null);
}

const remove = () => replace(form.fields.filter((field) => field !== chosen));

/** Give the chosen field a box that was moved, or only its lower right corner, as far as the sheet goes. */
function move(box, way, corner) {
  const [x, y] = form.size.map((end, axis) => {
    const [first, last] = [box[axis], box[axis + 2]];
    const by = Math.min(Math.max(way[axis], corner ? -last : -first), end - last);
    const edges = [corner ? first : first + by, last + by].sort((a, b) => a - b);
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
  if (drag) replace(drag.fields); // a second finger: the two scroll and zoom
  if (!event.isPrimary || event.button) return;
  const [x, y, pixel] = locate(event);
  const corner = chosen && Math.hypot(chosen.box[2] - x, chosen.box[3] - y) < REACH * pixel;
  if (!corner) choose(form.fields.find(({ box }) => x > box[0] && y > box[1] && x < box[2] && y < box[3]));
  const fields = structuredClone(form.fields);
  drag = { x, y, fields, corner: corner || !chosen, box: chosen?.box ?? [x, y, x, y] };
  paper.setPointerCapture(event.pointerId);
});
paper.addEventListener("pointermove", (event) => {
  const [x, y, pixel] = locate(event);
  if (!drag || Math.hypot(x - drag.x, y - drag.y) < SLIP * pixel) return;
  if (!chosen) {
    const numbers = form.fields.map(({ name }) => /^field(\d+)$/.exec(name)?.[1] ?? 0);
    form.fields.push({ name: `field${Math.max(0, ...numbers) + 1}`, box: drag.box });
    choose(form.fields.at(-1));
  }
  move(drag.box, [x - drag.x, y - drag.y], drag.corner);
});
paper.addEventListener("pointerup", () => (drag = null));
paper.addEventListener("pointercancel", () => drag && replace(drag.fields));
// Or a swift stroke is a fling to Chromium, and the next tap, on Save, does no more than end it.
paper.addEventListener("touchmove", (event) => event.touches[1] || event.preventDefault(), { passive: false });
paper.addEventListener("keydown", (event) => {
  const ways = { ArrowLeft: [-thick, 0], ArrowUp: [0, -thick], ArrowRight: [thick, 0], ArrowDown: [0, thick] };
  const way = ways[event.key];
  if (event.key === "Enter") choose(form.fields[form.fields.indexOf(chosen) + 1]);
  else if (event.key === "Delete") remove();
  else if (way && chosen) move(chosen.box, way);
  if (way) event.preventDefault(); // or the page scrolls
});
document.querySelector("#delete").addEventListener("click", remove);
entries.addEventListener("input", ({ target }) => {
  const { name, type, value, checked } = target;
  const values = { checkbox: checked, number: Number(value), textarea: value.match(/.*\S.*/g) };
  owner(target)[name] = (type in values ? values[type] : value) || undefined;
  draw();
});
entries.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify(form);
  const sent = fetch("form", { method: "PUT", body }).then((response) => response.json());
  const { error, next } = await sent.catch(() => ({ error: "the server can't be reached" }));
  if (!error) saved = body;
  document.querySelector("#status").textContent = error ? `Not saved: ${error}.` : `Saved. Next: ${next}`;
});
addEventListener("beforeunload", (event) => JSON.stringify(form) !== saved && event.preventDefault());
choose(null);
