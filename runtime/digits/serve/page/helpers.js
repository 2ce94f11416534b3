// Elements, buttons that copy, and what the browser keeps.

const COPIED = 1500; // milliseconds that a word is shown: it takes a glance, of half a second, to see it

export function element(name, text = "", properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

export function button(text, clicked) {
  const made = element("button", text, { type: "button" });
  made.addEventListener("click", clicked);
  return made;
}

/** Let a button copy what text() returns; nothing while it is empty. */
export function copies(button, text) {
  const name = button.textContent;
  button.addEventListener("click", () => {
    if (!text()) return;
    // Not by navigator.clipboard, which plain HTTP lacks.
    const copied = element("pre", text());
    document.body.append(copied);
    getSelection().selectAllChildren(copied);
    document.execCommand("copy");
    copied.remove();
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = name), COPIED);
  });
}

/** The browser's storage of that name, or an object where it keeps nothing for pages. */
export function storage(name) {
  try {
    return window[name];
  } catch {
    return {};
  }
}
