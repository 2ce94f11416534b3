// Shows the request for the picture on the paper, ready to copy.

import { copies } from "./copy.js";
import { programs } from "./program.js";
import { isNeeded } from "./token.js";

export class ProgramBox {
  #offered = null;

  /** box: a <details>, of which each <pre> has the language as its id. */
  constructor(box) {
    this.box = box;
    this.save = box.querySelector("a");
    this.texts = box.querySelectorAll("pre");
    box.addEventListener("toggle", () => this.#write());
    for (const button of box.querySelectorAll("button"))
      copies(button, () => document.getElementById(button.value).textContent);
  }

  /** picture: { blob, name, address, converted }, or null while there is none. */
  offer(picture) {
    this.#offered = picture;
    this.#write();
  }

  async #write() {
    if (!this.box.open) return;
    const offered = this.#offered;
    this.box.classList.toggle("empty", !offered);
    if (!offered) return;
    const { blob, name, converted } = offered;
    this.save.hidden = !converted; // else the visitor has the file
    URL.revokeObjectURL(this.save.href);
    this.save.href = converted ? URL.createObjectURL(blob) : "";
    this.save.download = this.save.textContent = name ?? "";
    const written = await programs(offered, isNeeded());
    if (offered === this.#offered)
      for (const text of this.texts) text.textContent = written[text.id];
  }
}
