// Shows the request for the picture on the paper, ready to copy.

import { programs } from "./program.js";
import { isNeeded } from "./token.js";

const COPIED = 1500; // milliseconds that a word is shown: it takes a glance, of half a second, to see it

export class ProgramBox {
  #offered = null;

  /** box: a <details>, of which each <pre> has the language as its id. */
  constructor(box) {
    this.box = box;
    this.save = box.querySelector("a");
    this.texts = box.querySelectorAll("pre");
    box.addEventListener("toggle", () => this.#write());
    for (const button of box.querySelectorAll("button"))
      button.addEventListener("click", () => this.#copy(button));
  }

  /** picture: { blob, name, address, converted }, or null while there is none. */
  offer(picture, path) {
    this.#offered = picture && { picture, path };
    this.#write();
  }

  async #write() {
    if (!this.box.open) return;
    const offered = this.#offered;
    this.box.classList.toggle("empty", !offered);
    if (!offered) return;
    const { blob, name, converted } = offered.picture;
    this.save.hidden = !converted; // else the visitor has the file
    URL.revokeObjectURL(this.save.href);
    this.save.href = converted ? URL.createObjectURL(blob) : "";
    this.save.download = this.save.textContent = name ?? "";
    const written = await programs(offered.picture, offered.path, isNeeded());
    if (offered === this.#offered)
      for (const text of this.texts) text.textContent = written[text.id];
  }

  async #copy(button) {
    const text = document.getElementById(button.value);
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Plain HTTP has no clipboard, but a selection can be copied.
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), COPIED);
  }
}
