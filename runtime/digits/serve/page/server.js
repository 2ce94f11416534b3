// Opens pictures, has the server read them, and says in a visitor's words what goes wrong.

import { element } from "./shared.js";

const { bytes, pixels, seconds } = document.querySelector("main").dataset; // the server's limits
const TIMEOUT = 1000 * (Number(seconds) + 5); // milliseconds; 5 s for the way
const MAX_SIDE = 4096; // pixels of a picture that has to be made smaller
const LOCKED = "This server wants a token: open a link to it that ends in #token=TOKEN.";
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const headers = /^[!-~]+$/.test(token) ? { authorization: `Bearer ${token}` } : {}; // what it can carry

/**
 * { image, blob }: to show, null where the browser can't; to send.
 *
 * Throws an Error that a visitor can read for a folder, and a file that is gone or may not be read.
 */
export async function open(file) {
  const image = await createImageBitmap(file).catch(() => null); // upright
  if (!image)
    await file.slice(0, 1).arrayBuffer().catch(() => Promise.reject(new Error("This file can't be opened.")));
  if (!image || (file.size <= Number(bytes) && image.width * image.height <= Number(pixels)))
    return { image, blob: file };
  const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((side) => Math.ceil(scale * side));
  const canvas = element("canvas", "", { width, height });
  canvas.getContext("2d").drawImage(image, 0, 0, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  return { image: canvas, blob };
}

/**
 * The API's answer to a picture, which is posted until there is one. Throws an Error that a visitor can read.
 *
 * signal: aborts it. say(sentence): called with what is wrong before it tries again.
 */
export async function read(picture, signal, say) {
  for (;;) {
    const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]);
    const request = { method: "POST", body: picture, headers, signal: either };
    const response = await fetch("read", request).catch(() => null);
    const answer = await response?.json().catch(() => null); // a proxy's isn't JSON
    signal.throwIfAborted();
    if (answer && response.ok) return answer;
    if (answer && response.status !== 429)
      throw new Error(response.status === 401 ? LOCKED : `Not read: ${answer.error}.`);
    say(`The server ${answer ? "is busy" : "can't be reached"}. Trying again …`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    signal.throwIfAborted();
  }
}
