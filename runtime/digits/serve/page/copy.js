// Buttons that copy a text.

const COPIED = 1500; // milliseconds that a word is shown: it takes a glance, of half a second, to see it

/** Let a button copy what text() returns; nothing while it is empty. */
export function copies(button, text) {
  const name = button.textContent;
  button.addEventListener("click", async () => {
    if (!text()) return;
    await copy(text());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = name), COPIED);
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain HTTP has no clipboard, but a selection can be copied.
    const copied = document.createElement("pre");
    copied.textContent = text;
    document.body.append(copied);
    getSelection().selectAllChildren(copied);
    document.execCommand("copy");
    copied.remove();
  }
}
