// The token of a server that wants one. It stays in this tab, and goes to this server alone.

const KEY = "digits-token"; // in the tab's storage
const TIMEOUT = 5_000; // milliseconds, as for a small picture (page.js)
const WRONG = "This token is wrong.";
const form = document.getElementById("token");
const [input] = form;
const message = form.querySelector("p");
let token = "";

/** Whether requests need one, as far as is known. */
export function isNeeded() {
  return "needed" in form.dataset;
}

/** The headers that carry the token; where it is needed, a person is asked for it before. */
export async function authorization(signal, say) {
  if (isNeeded() && !token) {
    say("This server wants a token.");
    if (form.hidden) ask();
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
  keep("");
}

function bearer(given) {
  return given ? { authorization: `Bearer ${given}` } : {};
}

function keep(given) {
  token = given;
  try {
    sessionStorage.setItem(KEY, given);
  } catch {
    // The browser keeps nothing for pages; the token lasts until the next reload.
  }
}

/** Show the form. error: why what was given is none. */
function ask(error = "") {
  form.hidden = false;
  message.textContent = error;
  input.setAttribute("aria-invalid", error === WRONG);
  if (document.activeElement === document.body) input.focus(); // else somebody draws
}

/** What is wrong with a token, or nothing. */
async function validate(given) {
  if (!/^[!-~]+$/.test(given)) return WRONG; // no header could carry it
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    const { ok, status } = await fetch("v2", { headers: bearer(given), signal });
    if (ok) return "";
    if (status === 401) return WRONG;
  } catch {
    // As when a proxy or a busy server answers for it.
  }
  return "The server can't be reached. Try again later.";
}

async function submit(event) {
  event.preventDefault();
  const given = input.value.trim();
  const error = await validate(given);
  if (error) {
    if (form.hidden && token) return; // a link's; the one that opened the page still does
    ask(error);
    input.select();
    return;
  }
  keep(given);
  if (form.contains(document.activeElement)) document.getElementById("paper").focus();
  form.hidden = true;
  form.reset(); // whoever waits goes on
}

/** Try the token in the address, /#token=…, and take it out of there. Returns whether there is one. */
function takeFromAddress() {
  const [, given] = location.hash.match(/^#token=(.*)/) ?? [];
  if (given === undefined) return false;
  history.replaceState(null, "", location.pathname + location.search);
  if (!given) return false;
  try {
    input.value = decodeURIComponent(given);
  } catch {
    input.value = given; // a % that encodes nothing
  }
  form.requestSubmit();
  return true;
}

try {
  token = sessionStorage.getItem(KEY) ?? "";
} catch {
  // As above: there is nothing.
}
form.addEventListener("submit", submit);
addEventListener("hashchange", takeFromAddress);
if (!takeFromAddress() && isNeeded() && !token) ask();
