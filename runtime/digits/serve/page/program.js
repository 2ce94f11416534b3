// The request for the picture on the paper, for programs.

import { copies } from "./helpers.js";
import { constraints } from "./constraints.js";
import { isNeeded } from "./token.js";

export class Program {
  /** box: a <details> with a link to the picture, a button that copies the request, and a <pre>. */
  constructor(box) {
    this.box = box;
    this.link = box.querySelector("a");
    this.curl = box.querySelector("pre");
    copies(box.querySelector("button"), () => this.curl.textContent);
  }

  /** picture: { blob, name }, or null while there is none. */
  offer(picture) {
    this.box.classList.toggle("empty", !picture);
    if (!picture) return;
    const { blob, name } = picture;
    URL.revokeObjectURL(this.link.href);
    this.link.href = URL.createObjectURL(blob);
    this.link.download = this.link.textContent = name;
    // The token is in the variable that `digits serve` takes it from.
    const header = isNeeded() ? ' -H "Authorization: Bearer $DIGITS_TOKEN"' : "";
    const file = name.replaceAll("'", "'\\''");
    const url = new URL(`read${constraints().replace("&", "?")}`, document.baseURI).href;
    this.curl.textContent = `curl${header} --data-binary @'${file}' '${url}'`;
  }
}
