// The paper: strokes that are drawn on it, or a picture that lies on it.

import { drawFitted, size } from "./pictures.js";
import { Pointers } from "./pointers.js";
import { element } from "./shared.js";

const SENT_SIDE = 280; // pixels of the paper's side in the picture that is sent
const PEN_WIDTH = 1 / 56; // of the side, so that eight digits side by side keep their holes and the gaps between them
const BLANK = { strokes: [], picture: null };

export class Paper {
  #states = [BLANK]; // what is on it now, the last one, and what was before
  #video = null; // the camera's, while it runs
  #boxes = [];
  #chosen = -1;

  /** onChange(): called when there is something new to read. */
  constructor(canvas, onChange) {
    Object.assign(this, { canvas, onChange });
    this.pointers = new Pointers(canvas, () => this.#change(), (stroke) => this.#end(stroke));
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  get #state() {
    return this.#states.at(-1);
  }

  /** The finished strokes and those that are being drawn, of points [x, y] from 0 to 1. */
  get #strokes() {
    return [...this.#state.strokes, ...this.pointers.strokes];
  }

  /** Whether a stroke is being drawn. */
  get writing() {
    return this.pointers.strokes.length > 0;
  }

  /** { image, blob } that lies on the paper, or null. */
  get picture() {
    return this.writing ? null : this.#state.picture;
  }

  get isBlank() {
    return !(this.#video ?? this.picture) && !this.#strokes.length;
  }

  get canUndo() {
    return this.writing || this.#states.length > 1;
  }

  clear() {
    this.pointers.cancel();
    if (this.#state.strokes.length || this.#state.picture) this.#states.push(BLANK);
    this.#change();
  }

  undo() {
    if (!this.canUndo) return;
    if (this.writing) this.pointers.cancel(); // the stroke that is being drawn is the last one
    else this.#states.pop();
    this.#change();
  }

  /** Lay a picture on the paper. Its image may be null, where the browser can't show it. */
  lay(picture) {
    this.pointers.cancel();
    this.#states.push({ strokes: [], picture });
    this.#change();
  }

  /** Show a video; null: no longer. */
  setVideo(video) {
    this.#video = video;
    this.draw();
  }

  /** Draw boxes, [left, top, right, bottom] in the picture's pixels. */
  box(boxes, chosen) {
    this.#boxes = boxes;
    this.#chosen = chosen;
    this.draw();
  }

  /** { image, blob } of the strokes: black on white whatever the colours of the page. */
  get sheet() {
    const image = element("canvas", "", { width: SENT_SIDE, height: SENT_SIDE });
    const context = image.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, SENT_SIDE, SENT_SIDE);
    drawStrokes(context, this.#strokes);
    // Not by convertToBlob, which waits until the browser is idle: up to a second.
    const bytes = atob(image.toDataURL().split(",")[1]);
    const png = Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
    return { image, blob: new Blob([png], { type: "image/png" }) };
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const side = this.canvas.width;
    const style = getComputedStyle(this.canvas);
    const image = this.#video ?? this.picture?.image;
    context.clearRect(0, 0, side, side);
    context.strokeStyle = image ? style.accentColor : style.color;
    if (image) this.#drawImage(context, image);
    else drawStrokes(context, this.#strokes);
  }

  /** stroke: null if nothing was written. */
  #end(stroke) {
    if (stroke) this.#states.push({ strokes: [...this.#state.strokes, stroke], picture: null });
    this.#change();
  }

  #change() {
    this.#boxes = [];
    this.draw();
    this.onChange();
  }

  #fit() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (side === this.canvas.width) return;
    this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  #drawImage(context, image) {
    const { x, y, scale } = drawFitted(context, image, [0, 0, ...size(image)]);
    this.#boxes.forEach(([left, top, right, bottom], index) => {
      context.lineWidth = (index === this.#chosen ? 3 : 1.5) * devicePixelRatio;
      context.strokeRect(
        x + left * scale, y + top * scale, (right - left) * scale, (bottom - top) * scale,
      );
    });
  }
}

function drawStrokes(context, strokes) {
  const { width: side } = context.canvas;
  context.lineWidth = PEN_WIDTH * side;
  context.lineCap = context.lineJoin = "round";
  for (const [first, ...following] of strokes) {
    context.beginPath();
    context.moveTo(first[0] * side, first[1] * side);
    // A dot, where nothing follows; a canvas leaves out a line without length.
    context.lineTo(first[0] * side + 0.01, first[1] * side);
    for (const [x, y] of following) context.lineTo(x * side, y * side);
    context.stroke();
  }
}
