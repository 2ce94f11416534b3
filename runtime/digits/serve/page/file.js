// A file that was chosen, as the browser shows it and as the server takes it.

import { MAX_BYTES, MAX_PIXELS } from "./limits.js";

const KNOWN = ["bmp", "gif", "jpeg", "png", "tiff", "webp"].map((name) => `image/${name}`);
const LONGEST = 4096; // pixels of a picture that has to be made smaller

export const UNREADABLE = "This file can't be opened.";

/**
 * { image, blob, name }: to show, null where the browser can't; to send; what the file is called.
 * Rejects a file that has been removed, or that may not be read: `fetch` would fail as if offline.
 */
export async function open(file) {
  const image = await decoded(file);
  if (!image && file.size <= MAX_BYTES) await file.arrayBuffer();
  const fits = file.size <= MAX_BYTES && (!image || image.width * image.height <= MAX_PIXELS);
  const name = file.name ?? "picture"; // a Blob has none
  if (!image || (fits && KNOWN.includes(file.type))) return { image, blob: file, name };
  const canvas = copied(image, LONGEST);
  return { image: canvas, blob: await jpeg(canvas), name: `${name}.jpg`, converted: true };
}

/** A copy of an image or a video's frame on white, at most so many pixels wide and high. */
export function copied(image, longest) {
  const [width, height] = [image.videoWidth ?? image.width, image.videoHeight ?? image.height];
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.ceil(width * scale), Math.ceil(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // for what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Not by convertToBlob, which waits until the browser is idle: after a touch, up to a second. */
export function encoded(canvas, type = "image/png") {
  const bytes = atob(canvas.toDataURL(type).split(",")[1]);
  return new Blob([Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))], { type });
}

export function jpeg(canvas) {
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}

async function decoded(file) {
  const element = new Image();
  element.src = URL.createObjectURL(file);
  try {
    await element.decode();
    return await createImageBitmap(element); // upright
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(element.src);
  }
}
