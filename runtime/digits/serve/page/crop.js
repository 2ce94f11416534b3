// The picture of one digit, with paper around it.

const MARGIN = 0.4; // of the longer side of its box, on each side: a lone digit's, as in MNIST
const HALO = 0.05; // of that: the box needn't hold all its ink
const LONGEST = 256; // pixels

/** A PNG of a square with what is in a box of an image, [left, top, right, bottom], in the middle. */
export function cropped(image, [left, top, right, bottom]) {
  const longer = Math.max(right - left, bottom - top);
  const halo = HALO * longer;
  const [width, height] = [right - left + 2 * halo, bottom - top + 2 * halo];
  const whole = (1 + 2 * MARGIN) * longer;
  const scale = Math.min(1, LONGEST / whole);
  const side = Math.ceil(scale * whole);
  const box = [(side - scale * width) / 2, (side - scale * height) / 2, scale * width, scale * height];
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const draw = () => context.drawImage(image, left - halo, top - halo, width, height, ...box);
  context.fillStyle = "white"; // for what is transparent
  context.fillRect(0, 0, side, side);
  draw();
  context.fillStyle = median(context.getImageData(...box.map(Math.round)).data);
  context.fillRect(0, 0, side, side);
  draw();
  return canvas.convertToBlob();
}

/** The median colour of pixels: the paper's, of which there is more than ink. */
function median(data) {
  const channel = (offset) => data.filter((_, index) => index % 4 === offset).sort()[data.length >> 3];
  return `rgb(${[0, 1, 2].map(channel)})`;
}
