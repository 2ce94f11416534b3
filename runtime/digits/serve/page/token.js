// The token of a server that wants one. It stays in this tab, and goes to this server alone.

import { storage } from "./shared.js";

const KEY = "digits-token";
const tab = storage("sessionStorage");
const form = document.getElementById("token");
const [input] = form;
let token = tab[KEY] ?? "";

/** The headers that carry the token; where it is needed, a person is asked for it before. */
export async function authorization(signal, say) {
  if (isMissing()) {
    say("This server wants a token.");
    if (form.hidden) showForm("");
    await new Promise((resolve) => {
      form.addEventListener("reset", resolve, { signal });
      signal.addEventListener("abort", resolve);
    });
    signal.throwIfAborted();
  }
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** Ask for another token, as the server has answered 401 to these headers. */
export function refuseToken({ authorization = "" }) {
  form.dataset.needed = "";
  if (authorization.slice("Bearer ".length) !== token) return; // there is a new one since
  showForm(token && "This token is wrong.");
  token = tab[KEY] = "";
}

function isMissing() {
  return "needed" in form.dataset && !token;
}

/** Show the form. error: why the last token is refused. */
function showForm(error) {
  form.hidden = false;
  form.querySelector("p").textContent = error;
  input.ariaInvalid = Boolean(error);
  if (document.activeElement === document.body) input.focus(); // else somebody draws
}

function take(newToken) {
  if (!/^[!-~]+$/.test(newToken)) return showForm("This token is wrong."); // no header could carry it
  token = tab[KEY] = newToken;
  form.hidden = true;
  form.reset(); // whoever waits goes on
}

/** Take the token in the address, /#token=…, percent-encoded, and take it out of there. */
function takeFromAddress() {
  const linkedToken = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!linkedToken) return;
  history.replaceState(null, "", location.pathname + location.search);
  take(linkedToken);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  take(input.value.trim());
});
addEventListener("hashchange", takeFromAddress);
takeFromAddress();
if (isMissing()) showForm("");
