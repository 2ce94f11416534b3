// Talks to the server that this page came from, and says in a visitor's words what goes wrong.

import { storage } from "./shared.js";
import { authorization, refuseToken } from "./token.js";

// The server's limits, which it writes into the page.
const { bytes, pixels, seconds } = document.querySelector("main").dataset;
export const MAX_BYTES = Number(bytes); // of a picture's file
export const MAX_PIXELS = Number(pixels);
// Milliseconds until an answer is given up.
export const SMALL_TIMEOUT = 5_000; // thrice what the 64 that may wait before it take, of 25 ms each
export const FILE_TIMEOUT = 1000 * (Number(seconds) + 5); // to arrive and be answered; 5 s for the way
const RETRY = 1000; // milliseconds from one try to the next

const MEGABYTES = Number((MAX_BYTES / 2 ** 20).toPrecision(2));
const MEGAPIXELS = Number((MAX_PIXELS / 1e6).toPrecision(2));
const REFUSED = {
  413: `This picture is too large. At most ${MEGABYTES} MB and ${MEGAPIXELS} million pixels can be read.`,
  422: "This is no picture that can be read here, or it is damaged. JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF can.",
};
const [BUSY, LOST] = ["The server is busy.", "The server can't be reached."];
// What to say of statuses after which the same request may work later.
const TEMPORARY = { 429: BUSY, 503: BUSY, 502: LOST, 504: LOST, lost: LOST, late: "The server doesn't answer." };

// Which numbers are possible. What is entered stays in this browser.
const constraints = document.getElementById("constraints");
const fields = [...constraints.querySelectorAll("[name]")];
const stored = storage("localStorage");

/**
 * Have the server read a picture: post it until there is an answer, and return the answer.
 *
 * Throws an Error that a visitor can read.
 *
 * timeout: milliseconds for each try.
 * say(sentence): called with what is wrong before it tries again.
 * signal: aborts it.
 * tries: how often it tries at most while the server is ready.
 */
export async function read(picture, { timeout, say, signal, tries = Infinity }) {
  if (picture.size > MAX_BYTES) throw new Error(REFUSED[413]);
  while (tries > 0) {
    const headers = await authorization(signal, say);
    const request = { method: "POST", body: picture, headers };
    const { status, answer } = await send(`read?${constraintsQuery()}`, request, timeout, signal);
    signal.throwIfAborted();
    if (status === 200) return answer;
    if (status === 401) refuseToken(headers);
    else if (status in TEMPORARY) {
      tries -= 1;
      say(`${TEMPORARY[status]} Trying again …`);
      do {
        await new Promise((resolve) => setTimeout(resolve, RETRY));
        signal.throwIfAborted();
      } while ((await send("health", {}, 2 * RETRY, signal)).status !== 200);
    } else throw new Error(reason(status, String(answer?.error)));
  }
  throw new Error("The server couldn't answer; try this file again later.");
}

/** { status, answer }: the status is "late" or "lost" if nothing comes back, or not from this server. */
async function send(address, request, timeout, signal) {
  const late = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(address, { ...request, signal: AbortSignal.any([signal, late]) });
    const answer = await response.json().catch(() => null);
    return { status: response.status === 200 && !answer ? "lost" : response.status, answer };
  } catch {
    return { status: late.aborted ? "late" : "lost" };
  }
}

/** Why a request was refused; if its constraints are to blame, they are shown. */
function reason(status, sentence) {
  // 400 is uvicorn's answer to large headers, and of nginx and Caddy these are.
  const isTooLong = [400, 414, 431].includes(status);
  const problem = isTooLong ? "the list is too long" : sentence.match(/^constraints: (.*)/)?.[1];
  if (!problem) return REFUSED[status] ?? "The server failed on this picture.";
  constraints.open = true;
  return (constraints.lastElementChild.textContent = `Not read: ${problem}.`);
}

/** The constraints as a query, such as "length=6". */
function constraintsQuery() {
  const entered = fields.map(({ name, value }) => [name, value.trim().replace(/\s+/g, " ")]);
  return new URLSearchParams(entered.filter(([, value]) => value));
}

for (const field of fields) field.value = stored[`digits-${field.name}`] ?? "";
constraints.addEventListener("change", ({ target }) => {
  constraints.lastElementChild.textContent = "";
  stored[`digits-${target.name}`] = target.value;
});
