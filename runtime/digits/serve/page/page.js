// The page: what is on the paper is sent to this server, and what comes back is shown.

import { Answer } from "./answer.js";
import { Camera } from "./camera.js";
import { copied, jpeg, open } from "./file.js";
import { MAX_SECONDS } from "./limits.js";
import { Paper } from "./paper.js";
import { ProgramBox } from "./program_box.js";
import { Reader } from "./reader.js";

// Milliseconds until an answer is given up.
const SMALL_TIMEOUT = 5_000; // thrice what the 64 that may wait before it take, of 25 ms each
// The server's own limits for a picture to arrive and to be answered, and 5 s for the way.
const FILE_TIMEOUT = 1000 * (MAX_SECONDS + 5);
const FRAME = 640; // pixels of a camera's picture

const find = (id) => document.getElementById(id);
const [region, text, status, bars, frame] = ["answer", "text", "status", "bars", "frame"].map(find);
const answer = new Answer({ region, text, status, bars, frame }, choose);
const reader = new Reader(answered, failed, (sentence) => (status.textContent = sentence));
const programBox = new ProgramBox(find("program"));
const camera = new Camera();
const paper = new Paper(find("paper"), find("pen"), changed);
let lines = []; // of columns of digits: what is shown
let turn = 0; // grows with each change of what is on the paper

/** Read what is on the paper now. */
function changed() {
  turn += 1;
  stopCamera();
  answer.busy = true;
  programBox.offer(null);
  const { picture, writing } = paper;
  if (picture) reader.read({ blob: () => picture.blob, timeout: FILE_TIMEOUT });
  else if (!paper.strokes.length) settle([], "Draw a digit.");
  else if (!paper.isDot) reader.read({ blob: () => paper.png(), timeout: SMALL_TIMEOUT, writing });
  else if (!writing) settle([], "Too small for a digit.", "?");
}

/** Lay a file, or the promise of one, on the paper. address: that of an example. */
async function opened(file, address) {
  const asked = ++turn;
  stopCamera();
  settle([], "Reading …");
  answer.busy = true;
  const picture = await open(await file);
  if (asked === turn) paper.lay({ ...picture, address });
}

async function openExample(address) {
  const opening = opened(fetch(address).then((response) => response.blob()), address);
  const asked = turn;
  try {
    await opening;
  } catch {
    if (asked === turn) failed("The server can't be reached. Try again later.");
  }
}

function answered({ lines: found, path, picture, settled }) {
  if (camera.running) {
    show(found);
    watch();
  } else if (settled) {
    show(found);
    answer.busy = false;
    programBox.offer({ ...paper.picture, blob: picture }, path);
  } else if (paper.writing && lines.flat(2).length < 2) {
    // Several that were read stay until all that is drawn has been read.
    answer.follow(found.flat(2)[0]);
  }
}

function failed(sentence) {
  stopCamera();
  settle([], sentence);
}

/** There is nothing more to read. */
function settle(found, sentence, instead) {
  reader.stop();
  lines = found;
  answer.say(sentence, instead);
  paper.box([], -1);
  answer.busy = false;
}

function show(found) {
  lines = found;
  answer.show(lines, 0);
  choose(0);
}

function choose(index) {
  const digits = lines.flat(2);
  answer.choose(digits, index);
  paper.box(digits.map(({ box }) => box), index);
}

/** Read the picture that the camera shows now; `answered` goes on with the next one. */
function watch() {
  reader.read({ blob: () => jpeg(copied(camera.video, FRAME)), timeout: SMALL_TIMEOUT });
}

async function startCamera() {
  const asked = ++turn;
  settle([], "Starting the camera …");
  try {
    await camera.start(() => paper.draw());
  } catch (error) {
    if (asked === turn) settle([], error.message);
    return;
  }
  if (asked !== turn) {
    camera.stop(); // something else has come onto the paper meanwhile
    return;
  }
  find("live").setAttribute("aria-pressed", true);
  answer.busy = true;
  paper.show(camera.video);
  watch();
}

function stopCamera() {
  if (!camera.running) return;
  camera.stop();
  reader.stop();
  find("live").setAttribute("aria-pressed", false);
  paper.show(null);
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
find("live").addEventListener("click", () => (camera.running ? keepFrame() : startCamera()));
for (const id of ["file", "camera"])
  find(id).addEventListener("change", ({ target }) => {
    if (target.files.length) opened(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
for (const button of document.querySelectorAll("#examples button"))
  button.addEventListener("click", () => openExample(button.firstElementChild.getAttribute("src")));
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) opened(clipboardData.files[0]);
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
  if (event.dataTransfer.files.length) opened(event.dataTransfer.files[0]);
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
