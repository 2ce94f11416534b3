// The page: what is on the paper is sent to this server, and what comes back is shown.

import { Answer } from "./answer.js";
import { Paper } from "./paper.js";
import { read, sendable, shown } from "./reader.js";

const find = (id) => document.getElementById(id);
const paper = new Paper(find("paper"), find("pen"), drawn);
const answer = new Answer(
  { text: find("text"), status: find("status"), bars: find("bars"), frame: find("frame") },
  choose,
);
let lines = []; // of columns of digits: what is shown
let turn = 0; // grows with each change of what is on the paper
let busy = false;

/** One drawing is under way at a time; when it is answered, the newest follows. */
async function drawn() {
  turn += 1;
  if (busy) return;
  busy = true;
  for (let asked = -1; asked !== turn && !paper.picture; ) {
    asked = turn;
    if (paper.empty) show([], "Draw a digit.");
    else await ask(await paper.png(), () => !paper.picture && !paper.empty);
  }
  busy = false;
}

/** A picture is read unless something else has come onto the paper meanwhile. */
async function opened(file) {
  const asked = ++turn;
  show([], "Reading …");
  const picture = await sendable(file, await shown(file));
  if (asked !== turn) return;
  paper.lay(picture.image);
  await ask(picture.blob, () => asked === turn);
}

/** wanted(): whether the answer still matters when it comes. */
async function ask(blob, wanted) {
  try {
    const found = await read(blob);
    if (wanted()) show(found);
  } catch (error) {
    if (wanted()) show([], error.message);
  }
}

function show(found, sentence) {
  lines = found;
  if (lines.length) {
    answer.show(lines, 0);
    choose(0);
  } else {
    answer.say(sentence);
    paper.box([], -1);
  }
}

function choose(index) {
  const digits = lines.flat(2);
  answer.choose(digits, index);
  paper.box(digits.map(({ box }) => box), index);
}

find("undo").addEventListener("click", () => paper.undo());
find("clear").addEventListener("click", () => paper.clear());
for (const id of ["file", "camera"])
  find(id).addEventListener("change", ({ target }) => {
    if (target.files.length) opened(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) opened(clipboardData.files[0]);
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) opened(event.dataTransfer.files[0]);
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    paper.undo();
  }
});
