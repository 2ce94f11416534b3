// The page: what is on the paper is sent to this server, and what comes back is shown.

import { Answer } from "./answer.js";
import { Camera } from "./camera.js";
import { copies } from "./copy.js";
import { filesOf, plain } from "./dropped.js";
import { copied, jpeg, open, UNREADABLE } from "./file.js";
import { Labels } from "./labels.js";
import { MAX_SECONDS } from "./limits.js";
import { Paper } from "./paper.js";
import { ProgramBox } from "./program_box.js";
import { Reader } from "./reader.js";
import { FileTable, MOST } from "./table.js";

// Milliseconds until an answer is given up.
const SMALL_TIMEOUT = 5_000; // thrice what the 64 that may wait before it take, of 25 ms each
// The server's own limits for a picture to arrive and to be answered, and 5 s for the way.
const FILE_TIMEOUT = 1000 * (MAX_SECONDS + 5);
const FRAME = 640; // pixels of a camera's picture

const find = (id) => document.getElementById(id);
const [region, text, status, bars, frame] = ["answer", "text", "status", "bars", "frame"].map(find);
const answer = new Answer({ region, text, status, bars, frame }, chose);
const reader = new Reader(answered, failed, (sentence) => (status.textContent = sentence));
const labels = new Labels(find("labels"), text, (index) => answer.correct(index));
const table = new FileTable(find("files"), openFile);
const programBox = new ProgramBox(find("program"));
const camera = new Camera();
const paper = new Paper(find("paper"), find("pen"), changed);
let drawn = null; // the strokes that were read; null for a picture
let turn = 0; // grows with each change of what is on the paper

/** Read what is on the paper now; while a stroke is being drawn, the last answer stays. */
function changed() {
  turn += 1;
  stopCamera();
  answer.busy = true;
  programBox.offer(null);
  offerButtons();
  if (paper.writing) return;
  if (paper.picture) reader.read(paper.picture, FILE_TIMEOUT);
  else if (paper.isBlank) settle("Draw a digit.");
  else if (paper.isDot) settle("Too small for a digit.", "?");
  else reader.read(paper.sheet, SMALL_TIMEOUT);
}

/** Lay a promised file on the paper. otherwise: why it can't be. address: that of an example. */
async function lay(file, otherwise, address) {
  const asked = ++turn;
  stopCamera();
  settle("Reading …");
  answer.busy = true;
  try {
    const picture = await open(await file);
    if (asked === turn) paper.lay({ ...picture, address });
  } catch {
    if (asked === turn) failed(otherwise);
  }
}

/** Lay the only file on the paper, or make a table of several. files: as of `filesOf`. */
async function take(files) {
  const found = [];
  for await (const file of files) {
    found.push(file);
    if (found.length > MOST) break;
  }
  if (found.length > 1) table.add(found);
  else if (found.length) openFile(found[0].file);
}

function openFile(file) {
  find("paper").scrollIntoView({ block: "nearest" }); // from the table it may be out of sight
  lay(file(), UNREADABLE);
}

function openExample(address) {
  const file = fetch(address).then((response) => response.blob());
  lay(file, "The server can't be reached. Try again later.", address);
}

function answered(reading) {
  if (paper.writing) return; // there is more to read already
  drawn = paper.picture ? null : paper.strokes;
  answer.show(reading);
  if (camera.running) return watch();
  answer.busy = false;
  programBox.offer({ ...paper.picture, blob: reading.blob });
}

function failed(sentence) {
  stopCamera();
  settle(sentence);
}

/** There is nothing more to read. */
function settle(sentence, instead) {
  reader.stop();
  answer.say(sentence, instead);
  answer.busy = false;
}

function chose(symbols, index, image) {
  paper.box(symbols.map(({ box }) => box), index);
  find("copy").setAttribute("aria-disabled", !symbols.length);
  labels.offer(symbols, index, camera.running ? null : image, drawn);
}

/** What does nothing now stays where it is, so that the keyboard doesn't lose its place. */
function offerButtons() {
  const can = { undo: paper.canUndo, redo: paper.canRedo, clear: !paper.isBlank };
  for (const id in can) find(id).setAttribute("aria-disabled", !can[id]);
}

/** Read the picture that the camera shows now; `answered` goes on with the next one. */
function watch() {
  const image = copied(camera.video, FRAME);
  reader.read(jpeg(image).then((blob) => ({ image, blob })), SMALL_TIMEOUT);
}

async function startCamera() {
  const asked = ++turn;
  settle("Starting the camera …");
  try {
    await camera.start(() => paper.draw());
  } catch (error) {
    if (asked === turn) settle(error.message);
    return;
  }
  if (asked !== turn) {
    camera.stop(); // something else has come onto the paper meanwhile
    return;
  }
  find("live").setAttribute("aria-pressed", true);
  answer.busy = true;
  paper.show(camera.video);
  offerButtons();
  watch();
}

function stopCamera() {
  if (!camera.running) return;
  camera.stop();
  reader.stop();
  find("live").setAttribute("aria-pressed", false);
  paper.show(null);
  offerButtons();
}

/** Keep the last picture of the camera on the paper. */
async function keepFrame() {
  const image = copied(camera.video, FRAME);
  stopCamera();
  paper.lay({ image, blob: await jpeg(image), name: "camera.jpg", converted: true });
}

/** A live picture where the browser gives one; else the file picker of a phone takes a photo. */
async function offerCamera() {
  const live = await Camera.available();
  find("live").hidden = !live;
  find("photo").hidden = live;
  find("insecure").hidden = isSecureContext;
}

find("undo").addEventListener("click", () => paper.undo());
find("redo").addEventListener("click", () => paper.redo());
find("clear").addEventListener("click", () => paper.clear());
copies(find("copy"), () => answer.copied);
find("live").addEventListener("click", () => (camera.running ? keepFrame() : startCamera()));
for (const id of ["file", "camera"])
  find(id).addEventListener("change", ({ target }) => {
    take(plain([...target.files]));
    target.value = ""; // so that the same file can be chosen again
  });
for (const button of document.querySelectorAll("#examples button"))
  button.addEventListener("click", () => openExample(button.firstElementChild.getAttribute("src")));
document.addEventListener("paste", ({ clipboardData }) => {
  take(filesOf(clipboardData));
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.toggle("dropping", event.dataTransfer.types.includes("Files"));
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("dropping"); // it has left the window
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(filesOf(event.dataTransfer));
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  if (key === "y" || (key === "z" && event.shiftKey)) paper.redo();
  else if (key === "z") paper.undo();
  else return;
  event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden && camera.running) keepFrame(); // nobody looks
});
navigator.mediaDevices?.addEventListener("devicechange", offerCamera);
offerCamera();
changed();
// Not before the page has loaded, so that both needn't load the same files. Plain HTTP allows none.
addEventListener("load", () => navigator.serviceWorker?.register("worker.js").catch(() => {}));
