// Asks the server what is on a picture.

const KNOWN = ["bmp", "gif", "jpeg", "png", "tiff", "webp"].map((name) => `image/${name}`);
const MOST_BYTES = 16 * 2 ** 20;
const LONGEST = 4096; // pixels of a picture that has to be made smaller

/** Lines of columns of digits. Throws an Error that a person can read. */
export async function read(picture) {
  const single = await post("/predict?frame=true", picture);
  if (single.digit !== null) return [[[single]]];
  // It isn't one digit for sure: perhaps there are several.
  const page = await post("/read?frame=true", picture).catch(() => null);
  const several = page && page.lines.map(({ columns }) => columns);
  return several?.flat(2).length > 1 ? several : [[[single]]];
}

/** The file, or a JPEG of it where the server wouldn't take the file. */
export async function sendable(file) {
  if (KNOWN.includes(file.type) && file.size <= MOST_BYTES) return file;
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return file; // the server says what is wrong with it
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(image.width * scale, image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}

async function post(address, body) {
  let response;
  try {
    response = await fetch(address, { method: "POST", body });
  } catch {
    throw new Error("The server can't be reached.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
