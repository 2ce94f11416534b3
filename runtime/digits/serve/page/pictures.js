// Pictures from files and from the camera, as the browser shows them and as the server takes them.

import { MAX_BYTES, MAX_PIXELS } from "./server.js";
import { element } from "./shared.js";

const READABLE = ["bmp", "gif", "jpeg", "png", "tiff", "webp"].map((name) => `image/${name}`);
const MAX_SIDE = 4096; // pixels of a picture that has to be made smaller
const FRAME_SIDE = 640; // pixels of a camera's picture
const VGA = { width: { ideal: FRAME_SIDE }, height: { ideal: 480 } };
const UNREADABLE = "This file can't be opened. Instead of a folder, choose its files.";

/**
 * { image, blob }: to show, null where the browser can't; to send.
 * Throws an Error that a visitor can read for a folder, and for a file that has been removed or may
 * not be read: `fetch` would fail as if offline.
 */
export async function open(file) {
  const image = await decoded(file);
  if (!image && file.size <= MAX_BYTES)
    await file.arrayBuffer().catch(() => Promise.reject(new Error(UNREADABLE)));
  const fits = file.size <= MAX_BYTES && (!image || image.width * image.height <= MAX_PIXELS);
  if (!image || (fits && READABLE.includes(file.type))) return { image, blob: file };
  const canvas = copied(image, MAX_SIDE);
  return { image: canvas, blob: await jpeg(canvas) };
}

/** The picture in a file, or null where the browser can't show it. */
async function decoded(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return await createImageBitmap(image); // upright
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/**
 * A video of what the camera sees, until the signal aborts. Throws an Error that a visitor can read.
 *
 * onFrame(): called for each new picture.
 */
export async function startCamera(signal, onFrame) {
  const video = element("video", "", { muted: true, playsInline: true });
  const settings = { video: { ...VGA, facingMode: "environment" } };
  video.srcObject = await navigator.mediaDevices.getUserMedia(settings).catch(({ name }) => {
    const isForbidden = name === "NotAllowedError";
    throw new Error(isForbidden ? "The browser may not use the camera." : "The camera can't be used now.");
  });
  const stop = () => video.srcObject.getTracks().forEach((track) => track.stop());
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  signal.throwIfAborted();
  await video.play();
  const next = () => {
    if (signal.aborted) return;
    onFrame();
    video.requestVideoFrameCallback(next);
  };
  next();
  return video;
}

/** { image, blob } of what a video shows now. */
export async function frameOf(video) {
  const image = copied(video, FRAME_SIDE);
  return { image, blob: await jpeg(image) };
}

/** A copy of an image or a video's frame on white, at most maxSide pixels wide and high. */
function copied(image, maxSide) {
  const [width, height] = size(image);
  const scale = Math.min(1, maxSide / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.ceil(width * scale), Math.ceil(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // for what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Draw the part of an image in a box as large as it fits into a square canvas, in the middle. */
export function drawFitted(context, image, [left, top, right, bottom]) {
  const { width: side } = context.canvas;
  const [width, height] = [right - left, bottom - top];
  const scale = side / Math.max(width, height);
  const [x, y] = [(side - width * scale) / 2, (side - height * scale) / 2];
  context.drawImage(image, left, top, width, height, x, y, width * scale, height * scale);
  return { x, y, scale };
}

export function size(image) {
  return [image.videoWidth ?? image.width, image.videoHeight ?? image.height];
}

function jpeg(canvas) {
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}
