// Asks the server what is on a picture.

const KNOWN = ["bmp", "gif", "jpeg", "png", "tiff", "webp"].map((name) => `image/${name}`);
const MOST_BYTES = 16 * 2 ** 20; // as the server's, in limits.py
const MOST_PIXELS = 25e6; // the same
const LONGEST = 4096; // pixels of a picture that has to be made smaller

/** Lines of columns of digits. Throws an Error that a person can read. */
export async function read(picture) {
  const single = await post("predict?frame=true", picture);
  if (single.digit !== null) return [[[single]]];
  // It isn't one digit for sure: perhaps there are several.
  const page = await post("read?frame=true", picture).catch(() => null);
  const several = page && page.lines.map(({ columns }) => columns);
  return several?.flat(2).length > 1 ? several : [[[single]]];
}

/** The picture as the browser shows it, or null where it can't. */
export async function shown(file) {
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

/** What to send: the file, or a JPEG of it where the server wouldn't take the file. */
export async function sendable(file, image) {
  const fits = file.size <= MOST_BYTES && (!image || image.width * image.height <= MOST_PIXELS);
  if (!image || (fits && KNOWN.includes(file.type))) return { blob: file, image };
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((side) => Math.ceil(side * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // for what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  return { blob: await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 }), image: canvas };
}

async function post(address, body) {
  let response;
  try {
    response = await fetch(address, { method: "POST", body });
  } catch {
    throw new Error("The server can't be reached.");
  }
  const answer = await response.json().catch(() => null);
  if (!answer) throw new Error(`The server answered with ${response.status}.`);
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
