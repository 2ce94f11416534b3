// Strokes as ink: lists of places [x, y], as shares of the paper's side.

const MARGIN = 0.4; // of the longer side of a digit, on each side
const PEN = 0.1; // of it: MNIST's, so that a thin bar isn't taken for a ruled line
const SIDE = 256; // pixels of a digit's picture
const MOSTLY = 0.8; // of a stroke's places, which make all of it a digit's

/** Draw strokes. pen: the width, as a share of the side, which has so many pixels. */
export function drawStrokes(context, strokes, side, pen) {
  context.lineWidth = pen * side;
  context.lineCap = context.lineJoin = "round";
  for (const [first, ...others] of strokes) {
    context.beginPath();
    context.moveTo(first[0] * side, first[1] * side);
    // A dot, where nothing follows; a canvas leaves out a line without length.
    context.lineTo(first[0] * side + 0.01, first[1] * side);
    for (const [x, y] of others) context.lineTo(x * side, y * side);
    context.stroke();
  }
}

/**
 * A square canvas with one of several digits, black on white; null if there is no stroke in its box.
 *
 * boxes: of all digits, [left, top, right, bottom] as shares of the paper's side.
 */
export function drawnDigit(strokes, boxes, index) {
  const own = strokes.flatMap((stroke) => partsOf(stroke, boxes, index));
  const [xs, ys] = [0, 1].map((axis) => own.flat().map((place) => place[axis]));
  const [left, top, right, bottom] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  const longer = Math.max(right - left, bottom - top);
  if (!(longer > 0)) return null;
  const side = (1 + 2 * MARGIN) * longer;
  const place = ([x, y]) =>
    [(x - (left + right) / 2) / side + 0.5, (y - (top + bottom) / 2) / side + 0.5];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, SIDE, SIDE);
  drawStrokes(context, own.map((stroke) => stroke.map(place)), SIDE, PEN * longer / side);
  return canvas;
}

/** What of a stroke belongs to a digit: all, nothing, or runs of it where it joins several digits. */
function partsOf(stroke, boxes, index) {
  const owners = stroke.map((place) => nearest(place, boxes));
  const shares = boxes.map((_, digit) => owners.filter((owner) => owner === digit).length / stroke.length);
  const owner = shares.findIndex((share) => share >= MOSTLY);
  if (owner >= 0) return owner === index ? [stroke] : [];
  const runs = [[]];
  stroke.forEach((place, at) => {
    if (owners[at] === index) runs.at(-1).push(place);
    else if (runs.at(-1).length) runs.push([]);
  });
  return runs.filter(({ length }) => length);
}

/** The digit whose box a place is in or next to; -1 if it is far from all of them. */
function nearest([x, y], boxes) {
  const distances = boxes.map(([left, top, right, bottom]) => Math.max(
    Math.abs(x - (left + right) / 2) / (right - left), Math.abs(y - (top + bottom) / 2) / (bottom - top),
  ));
  const least = Math.min(...distances);
  return least < 1 ? distances.indexOf(least) : -1;
}
