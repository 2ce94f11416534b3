// The picture of one digit, with room around it and without its neighbours.

const MARGIN = 0.4; // of the longer side of its box, on each side: a lone digit's, as in MNIST
const LONGEST = 256; // pixels
const HALO = 0.1; // of the longer side of a neighbour's box: boxes needn't hold all its ink

/**
 * A square canvas with the digit in the middle.
 *
 * image: the paper, or what lies on it. boxes: [left, top, right, bottom] of all its digits, in the
 * image's pixels. Where there is a neighbour or no image, the colour is that of the surroundings.
 */
export function cropped(image, boxes, index) {
  const [left, top, right, bottom] = boxes[index];
  const side = Math.ceil((1 + 2 * MARGIN) * Math.max(right - left, bottom - top));
  const [x, y] = [Math.round((left + right - side) / 2), Math.round((top + bottom - side) / 2)];
  const scale = Math.min(1, LONGEST / side);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(scale * side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.scale(scale, scale);
  context.translate(-x, -y); // from here on in the image's pixels
  context.fillStyle = "white"; // for what is transparent
  context.fillRect(0, 0, image.width, image.height);
  context.drawImage(image, x, y, side, side, x, y, side, side);
  context.fillStyle = median(context);
  context.globalCompositeOperation = "destination-over"; // where nothing is yet
  context.fillRect(x, y, side, side);
  context.globalCompositeOperation = "source-over";
  boxes.forEach(([l, t, r, b], neighbour) => {
    const halo = HALO * Math.max(r - l, b - t);
    if (neighbour !== index) context.fillRect(l - halo, t - halo, r - l + 2 * halo, b - t + 2 * halo);
  });
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip(); // in case a neighbour's box reaches into it
  context.drawImage(image, x, y, side, side, x, y, side, side);
  return canvas;
}

/** The median colour of what is on a canvas: the paper's, of which there is more than ink. */
function median(context) {
  const { data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  const levels = [[], [], []];
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] === 255) levels.forEach((channel, offset) => channel.push(data[at + offset]));
  return `rgb(${levels.map((channel) => channel.sort((a, b) => a - b)[channel.length >> 1])})`;
}
