// Talks to the server that this page came from, and says in a visitor's words what goes wrong.

import { changed, constraints } from "./constraints.js";
import { authorization, refused } from "./token.js";

// The server's limits, which it writes into the page.
const { bytes, pixels, seconds } = document.querySelector("main").dataset;
export const MAX_BYTES = Number(bytes); // of a picture's file
export const MAX_PIXELS = Number(pixels);
// Milliseconds until an answer is given up.
export const SMALL_TIMEOUT = 5_000; // thrice what the 64 that may wait before it take, of 25 ms each
export const FILE_TIMEOUT = 1000 * (Number(seconds) + 5); // to arrive and be answered; 5 s for the way
const RETRY = 1000; // milliseconds from one try to the next

/** The server can't be reached, or not now: the same request may work later. */
class Unavailable extends Error {}

/** No number can be as a person wants it. */
class Unsatisfiable extends Error {}

/** The server wants a token, or another one. */
class Locked extends Error {}

const MEGABYTES = Number((MAX_BYTES / 2 ** 20).toPrecision(2));
const MEGAPIXELS = Number((MAX_PIXELS / 1e6).toPrecision(2));
const REFUSED = {
  413: `This picture is too large. At most ${MEGABYTES} MB and ${MEGAPIXELS} million pixels can be read.`,
  422: "This is no picture that can be read here, or it is damaged. JPEG, PNG, WebP, GIF, BMP and TIFF can.",
  507: "The server has no room for more digits.",
};

/**
 * Post a picture until the server answers, and return the answer.
 *
 * timeout: milliseconds for each try. say(sentence): tells that there is trouble. signal: aborts it.
 * tries: the most, while the server is ready. Throws an Error that a visitor can read.
 */
export async function post(
  address, picture, { timeout, say, signal = new AbortController().signal, tries = Infinity },
) {
  if (picture.size > MAX_BYTES) throw new Error(REFUSED[413]);
  while (tries > 0) {
    const headers = await authorization(signal, say);
    const asked = address === "labelled" ? "" : constraints();
    try {
      return await answer(address + asked, { method: "POST", body: picture, headers }, timeout, signal);
    } catch (error) {
      if (error instanceof Locked) refused(headers);
      else if (error instanceof Unsatisfiable) await changed(asked, error.message, say, signal);
      else if (error instanceof Unavailable) {
        tries -= 1;
        say(error.message);
        await untilReady(signal);
      } else throw error;
    }
  }
  throw new Error("The server couldn't answer; try this file again later.");
}

async function untilReady(signal) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, RETRY));
    signal.throwIfAborted();
    try {
      return await answer("v2/health/ready", {}, 2 * RETRY, signal);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }
}

async function answer(address, request, timeout, signal) {
  const late = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(address, { ...request, signal: AbortSignal.any([signal, late]) });
    if (response.status === 204) return null;
    if (response.ok) return await response.json();
    const { error } = await response.json().catch(() => ({}));
    throw failure(response.status, String(error));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new Unavailable("The server doesn't answer. Trying again …");
    // What fetch throws when there is no connection, and what is no JSON comes from somebody else.
    const lost = error instanceof TypeError || error instanceof SyntaxError;
    throw lost ? new Unavailable("The server can't be reached. Trying again …") : error;
  }
}

function failure(status, sentence) {
  if (status === 401) return new Locked();
  const wrong = [414, 431].includes(status) ? "the list is too long" : sentence.match(/^constraints: (.*)/)?.[1];
  if (wrong) return new Unsatisfiable(`Not read: ${wrong}.`);
  if (status in REFUSED) return new Error(REFUSED[status]);
  if (status === 429 || status === 503) return new Unavailable("The server is busy. Trying again …");
  if (status > 500) return new Unavailable("The server can't be reached. Trying again …"); // a proxy
  return new Error("The server failed on this picture.");
}
