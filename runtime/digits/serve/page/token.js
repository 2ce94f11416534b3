// The token of a server that wants one. It stays in this tab, and goes to this server alone.

import { storage } from "./helpers.js";

const KEY = "digits-token";
const tab = storage("sessionStorage");
const TIMEOUT = 5_000; // milliseconds
const form = document.getElementById("token");
const [input] = form;
let token = tab[KEY] ?? "";

/** Whether requests need one, as far as is known. */
export function isNeeded() {
  return "needed" in form.dataset;
}

/** The headers that carry the token; where it is needed, a person is asked for it before. */
export async function authorization(signal, say) {
  if (isNeeded() && !token) {
    say("This server wants a token.");
    if (form.hidden) ask("");
    await new Promise((resolve) => {
      form.addEventListener("reset", resolve, { signal });
      signal.addEventListener("abort", resolve);
    });
    signal.throwIfAborted();
  }
  return bearer(token);
}

/** The server has answered 401 to these headers. */
export function refused(headers) {
  form.dataset.needed = "";
  if (headers.authorization !== bearer(token).authorization) return; // there is a new one since
  ask(token && "The server wants another token now.");
  token = tab[KEY] = "";
}

function bearer(given) {
  return given ? { authorization: `Bearer ${given}` } : {};
}

/** Show the form. error: why what was given is none. */
function ask(error) {
  form.hidden = false;
  form.querySelector("p").textContent = error;
  input.ariaInvalid = Boolean(error);
  if (document.activeElement === document.body) input.focus(); // else somebody draws
}

/** Take a token, unless it is wrong. */
async function take(given) {
  if (await isWrong(given)) {
    if (!form.hidden || !token) ask("This token is wrong."); // else it is a link's, and there is one
    return;
  }
  token = tab[KEY] = given;
  form.hidden = true;
  form.reset(); // whoever waits goes on
}

async function isWrong(given) {
  if (!/^[!-~]+$/.test(given)) return true; // no header could carry it
  const options = { headers: bearer(given), signal: AbortSignal.timeout(TIMEOUT) };
  const { status } = await fetch("v2", options).catch(() => ({})); // the next request will show it
  return status === 401;
}

/** Take the token in the address, /#token=…, and take it out of there. */
async function takeFromAddress() {
  const [, given] = location.hash.match(/^#token=(.+)/) ?? [];
  if (!given) return;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await take(decodeURIComponent(given));
  } catch {
    await take(given); // a % that encodes nothing
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  take(input.value.trim());
});
addEventListener("hashchange", takeFromAddress);
takeFromAddress().then(() => {
  if (isNeeded() && !token && form.hidden) ask("");
});
