// Talks to the server that this page came from, and says in a visitor's words what goes wrong.

import { MAX_BYTES, MAX_PIXELS } from "./limits.js";
import { authorization, refused } from "./token.js";

const RETRY = 1000; // milliseconds from one try to the next

/** The server can't be reached, or not now: the same request may work later. */
class Unavailable extends Error {}

/** The server wants a token, or another one. */
class Locked extends Error {}

const MEGABYTES = Number((MAX_BYTES / 2 ** 20).toPrecision(2));
const MEGAPIXELS = Number((MAX_PIXELS / 1e6).toPrecision(2));
const REFUSED = {
  413: `This picture is too large. At most ${MEGABYTES} MB and ${MEGAPIXELS} million pixels can be read.`,
  507: "The server has no room for more digits.",
  422: "This is no picture that can be read here, or it is damaged. JPEG, PNG, WebP, GIF, BMP and TIFF can.",
};
const UNAVAILABLE = {
  429: "The server is busy. Trying again …",
  503: "The server is busy. Trying again …",
};

/**
 * Post a picture as often as it takes until the server answers, and return the answer.
 *
 * timeout: milliseconds for each try. signal: aborts it. say(sentence): tells that there is trouble.
 * Throws an Error that a visitor can read when the server refuses the picture.
 */
export async function post(address, picture, { timeout, signal, say }) {
  if (picture.size > MAX_BYTES) throw new Error(REFUSED[413]);
  for (;;) {
    const headers = await authorization(signal, say);
    try {
      return await answer(address, { method: "POST", body: picture, headers }, timeout, signal);
    } catch (error) {
      if (error instanceof Locked) {
        refused(headers);
        continue;
      }
      if (!(error instanceof Unavailable)) throw error;
      say(error.message);
    }
    await untilReady(signal);
  }
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
    throw failure(response.status);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new Unavailable("The server doesn't answer. Trying again …");
    // What fetch throws when there is no connection, and what is no JSON comes from somebody else.
    const lost = error instanceof TypeError || error instanceof SyntaxError;
    throw lost ? new Unavailable("The server can't be reached. Trying again …") : error;
  }
}

function failure(status) {
  if (status === 401) return new Locked("This server wants a token.");
  if (status in REFUSED) return new Error(REFUSED[status]);
  if (status in UNAVAILABLE) return new Unavailable(UNAVAILABLE[status]);
  if (status > 500) return new Unavailable("The server can't be reached. Trying again …"); // a proxy
  return new Error("The server failed on this picture.");
}
