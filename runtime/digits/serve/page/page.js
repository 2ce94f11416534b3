// The page: sends what is on the paper to this server, and shows the answer.

import { AnswerView } from "./answer.js";
import { Paper } from "./paper.js";
import { frameOf, open, startCamera } from "./pictures.js";
import { FILE_TIMEOUT, read, SMALL_TIMEOUT } from "./server.js";
import { copyOnClick } from "./shared.js";
import { FileTable } from "./table.js";

const find = (id) => document.getElementById(id);
const [region, text, status, bars, closeUp] = ["answer", "text", "status", "bars", "close-up"].map(find);
const answer = new AnswerView({ region, text, status, bars, closeUp }, showBoxes);
const table = new FileTable(find("files"), openFile);
const paper = new Paper(find("paper"), changed);
let task = new AbortController(); // what is under way for the paper
let video = null; // the camera's, while it runs

/** End what is under way for the paper; returns the signal of what follows. */
function restart() {
  task.abort();
  task = new AbortController();
  answer.busy = true;
  return task.signal;
}

/** Read what is on the paper now; while a stroke is being drawn, the last answer stays. */
async function changed() {
  const signal = restart();
  updateButtons();
  if (paper.writing) return;
  if (paper.isBlank) return finish("Draw a digit.");
  const picture = paper.picture ?? paper.sheet;
  try {
    await readAndShow(picture, paper.picture ? FILE_TIMEOUT : SMALL_TIMEOUT, signal);
    answer.busy = false;
  } catch (error) {
    if (!signal.aborted) finish(error.message);
  }
}

/** Have a picture read, and show the answer. Throws an Error that a visitor can read. */
async function readAndShow(picture, timeout, signal) {
  const reading = await read(picture.blob, { timeout, signal, say });
  answer.show(reading, picture.image);
}

const say = (sentence) => (status.textContent = sentence);

/** Say a sentence; there is nothing more to read. */
function finish(sentence) {
  answer.say(sentence);
  answer.busy = false;
}

/** Lay a promised file on the paper. */
async function lay(file) {
  const signal = restart();
  answer.say("Reading …");
  try {
    const picture = await open(await file);
    if (!signal.aborted) paper.lay(picture);
  } catch (error) {
    if (!signal.aborted) finish(error.message);
  }
}

/** Lay the only file on the paper, or make a table of several. */
function take(files) {
  if (files.length > 1) table.add([...files]);
  else if (files.length) openFile(files[0]);
}

function openFile(file) {
  find("paper").scrollIntoView({ block: "nearest" }); // from the table it may be out of sight
  lay(file);
}

function showBoxes(symbols, index) {
  paper.box(symbols.map(({ box }) => box), index);
  find("copy").ariaDisabled = !symbols.length;
}

/** Buttons that do nothing now stay where they are, so that the keyboard doesn't lose its place. */
function updateButtons() {
  find("undo").ariaDisabled = !paper.canUndo;
  find("clear").ariaDisabled = paper.isBlank;
}

/** Read what the camera sees, again and again, until something else comes onto the paper. */
async function readCamera() {
  const signal = restart();
  signal.addEventListener("abort", () => setVideo(null));
  answer.say("Starting the camera …");
  try {
    setVideo(await startCamera(signal, () => paper.draw()));
    while (!signal.aborted) await readAndShow(await frameOf(video), SMALL_TIMEOUT, signal);
  } catch (error) {
    if (signal.aborted) return;
    task.abort();
    finish(error.message);
  }
}

/** newVideo: the camera's, or null when it stops. */
function setVideo(newVideo) {
  video = newVideo;
  find("live").ariaPressed = Boolean(video);
  paper.setVideo(video);
  updateButtons();
}

/** Keep the last picture of the camera on the paper. */
async function keepFrame() {
  paper.lay(await frameOf(video));
}

/** A live picture where the browser gives one; else the file picker of a phone takes a photo. */
async function offerCamera() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? []; // plain HTTP has none
  const live = devices.some(({ kind }) => kind === "videoinput");
  find("live").hidden = !live;
  find("photo").hidden = live;
}

find("undo").addEventListener("click", () => paper.undo());
find("clear").addEventListener("click", () => paper.clear());
copyOnClick(find("copy"), () => answer.plainText);
find("live").addEventListener("click", () => (video ? keepFrame() : readCamera()));
for (const id of ["file", "camera"])
  find(id).addEventListener("change", ({ target }) => {
    take(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
for (const button of document.querySelectorAll("#examples button"))
  button.addEventListener("click", () => lay(fetch(button.firstElementChild.src).then((file) => file.blob())));
document.addEventListener("paste", ({ clipboardData }) => take(clipboardData.files));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  paper.undo();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden && video) keepFrame(); // nobody looks
});
find("constraints").addEventListener("change", () => video ?? changed()); // the camera goes on asking
navigator.mediaDevices?.addEventListener("devicechange", offerCamera);
offerCamera();
changed();
