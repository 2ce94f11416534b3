// The page: has the server read what is on the paper, and shows the answer.

import { Answer } from "./answer.js";
import { Paper } from "./paper.js";
import { open, read } from "./server.js";
import { copyOnClick } from "./shared.js";

const find = (id) => document.getElementById(id);
const answer = new Answer(find("answer"), showBoxes);
const paper = new Paper(find("paper"), changed);
let task = new AbortController(); // the reading that is under way

/** Read what is on the paper now; while a stroke is being drawn, the last answer stays. */
async function changed() {
  task.abort();
  task = new AbortController();
  const { signal } = task;
  find("answer").ariaBusy = true; // so nothing of it is read aloud yet
  // They stay where they are, so that the keyboard doesn't lose its place.
  find("undo").ariaDisabled = !paper.canUndo;
  find("clear").ariaDisabled = paper.isBlank;
  if (paper.isWriting) return;
  if (paper.isBlank) return answer.say("Draw a digit.");
  try {
    answer.show(await read(paper.blob, signal, (problem) => answer.say(problem)));
  } catch (error) {
    if (!signal.aborted) answer.say(error.message);
  }
}

/** Lay a file on the paper, if there is one. */
async function lay([file]) {
  try {
    if (file) paper.lay(await open(file));
  } catch (error) {
    answer.say(error.message);
  }
}

function showBoxes(numbers, chosen) {
  paper.box(numbers, chosen);
  find("copy").ariaDisabled = !numbers.length;
}

find("undo").addEventListener("click", () => paper.undo());
find("clear").addEventListener("click", () => paper.clear());
copyOnClick(find("copy"), () => answer.plainText);
for (const id of ["file", "camera"])
  find(id).addEventListener("change", ({ target }) => {
    lay(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
document.addEventListener("paste", ({ clipboardData }) => lay(clipboardData.files));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  lay(event.dataTransfer.files);
});
addEventListener("hashchange", () => location.reload()); // another token
changed();
