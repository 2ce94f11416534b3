// The picture of one digit, with room around it and without its neighbours.

const MARGIN = 0.4; // of the longer side of its box, on each side: a lone digit's, as in MNIST
const LONGEST = 512; // pixels
const HALO = 0.1; // of the longer side of a neighbour's box: boxes needn't hold all its ink

/**
 * A square canvas with the digit in the middle.
 *
 * image: the paper, or what lies on it. boxes: [left, top, right, bottom] of all its digits, in the
 * image's pixels. Where there is a neighbour or no image, the colour is that of the surroundings.
 */
export function cropped(image, boxes, index) {
  const [left, top, right, bottom] = boxes[index];
  const longer = Math.max(right - left, bottom - top);
  const margin = Math.ceil(MARGIN * longer);
  const side = longer + 2 * margin;
  const [x, y] = [Math.round((left + right - side) / 2), Math.round((top + bottom - side) / 2)];
  const canvas = square(side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.translate(-x, -y); // from here on in the image's pixels
  const region = intersection([x, y, x + side, y + side], [0, 0, image.width, image.height]);
  const paste = (box) => context.drawImage(image, ...rectangle(box), ...rectangle(box));
  const fill = (box) => context.fillRect(...rectangle(box));
  context.fillStyle = "white"; // for what is transparent
  fill(region);
  paste(region);
  context.fillStyle = surroundings(context, [region[0] - x, region[1] - y, region[2] - x, region[3] - y]);
  context.globalCompositeOperation = "destination-over"; // where nothing is yet
  fill([x, y, x + side, y + side]);
  context.globalCompositeOperation = "source-over";
  boxes.forEach(([l, t, r, b], other) => {
    const halo = HALO * Math.max(r - l, b - t);
    if (other !== index) fill([l - halo, t - halo, r + halo, b + halo]);
  });
  paste(intersection(boxes[index], region)); // in case a neighbour's box reached into it
  return smaller(canvas);
}

/** The median colour along the edges of a part of a canvas. */
function surroundings(context, [left, top, right, bottom]) {
  const edges = [
    ...[[left, top, right, top + 1], [left, bottom - 1, right, bottom]],
    ...[[left, top, left + 1, bottom], [right - 1, top, right, bottom]],
  ].map((edge) => context.getImageData(...rectangle(edge)).data);
  const median = [0, 1, 2].map((channel) => {
    const values = edges.flatMap((data) => [...data.filter((_, at) => at % 4 === channel)]);
    return values.sort((one, other) => one - other)[values.length >> 1];
  });
  return `rgb(${median})`;
}

function smaller(canvas) {
  if (canvas.width <= LONGEST) return canvas;
  const copy = square(LONGEST);
  const context = copy.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, LONGEST, LONGEST);
  return copy;
}

function square(side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  return canvas;
}

function intersection(one, other) {
  return one.map((value, edge) => Math[edge < 2 ? "max" : "min"](value, other[edge]));
}

/** [left, top, width, height] of a box. */
function rectangle([left, top, right, bottom]) {
  return [left, top, right - left, bottom - top];
}
