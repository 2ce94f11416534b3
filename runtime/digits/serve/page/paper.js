// The paper: strokes that are drawn on it, or a picture that lies on it.

import { encoded } from "./file.js";
import { History } from "./history.js";
import { Keyboard } from "./keyboard.js";
import { Pointers } from "./pointers.js";
import { drawStrokes } from "./strokes.js";

const SENT = 280; // pixels of the paper's side in what is sent
// Shares of the paper's side.
const PEN = 1 / 56; // so that eight digits side by side keep their holes and the gaps between them
const LEGIBLE = 20 / SENT; // MNIST's digits have 20 pixels; what is smaller is a dot

export class Paper {
  #history = new History({ strokes: [], picture: null });
  #live = null; // the camera's picture, while it runs
  #boxes = [];
  #chosen = -1;

  /** spoken: an element that is read aloud. changed(): called when there is something new to read. */
  constructor(canvas, spoken, changed) {
    Object.assign(this, { canvas, changed });
    this.pointers = new Pointers(canvas, () => this.#after(), (stroke) => this.#ended(stroke));
    this.keyboard = new Keyboard(canvas, spoken, this, (stroke) => this.#ended(stroke));
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Strokes, of places [x, y] from 0 to 1: those that are finished and those that are not. */
  get strokes() {
    const { strokes, picture } = this.#history.current;
    return [...(picture && this.writing ? [] : strokes), ...this.#unfinished];
  }

  /** Whether a stroke is being drawn. */
  get writing() {
    return this.#unfinished.length > 0;
  }

  /** { image, blob, ... } that lies on the paper, or null. */
  get picture() {
    return this.writing ? null : this.#history.current.picture;
  }

  get isBlank() {
    return !(this.#live ?? this.picture) && !this.strokes.length;
  }

  get canUndo() {
    return this.writing || this.#history.can(-1);
  }

  get canRedo() {
    return !this.writing && this.#history.can(1);
  }

  /** Whether all that is drawn is too small for a digit. */
  get isDot() {
    const [xs, ys] = [0, 1].map((axis) => this.strokes.flat().map((place) => place[axis]));
    const extent = Math.max(...[xs, ys].map((all) => Math.max(...all) - Math.min(...all)));
    return extent + PEN < LEGIBLE;
  }

  get #unfinished() {
    return [...this.pointers.strokes, ...this.keyboard.strokes];
  }

  clear() {
    this.#cancel();
    const { strokes, picture } = this.#history.current;
    if (strokes.length || picture) this.#history.push({ strokes: [], picture: null });
    this.#after();
  }

  undo() {
    if (!this.canUndo) return;
    if (this.writing) this.#cancel(); // the stroke that is being drawn is the last one
    else this.#history.go(-1);
    this.#after();
  }

  redo() {
    if (!this.canRedo) return;
    this.#history.go(1);
    this.#after();
  }

  /** Lay a picture on the paper. Its image may be null, where the browser can't show it. */
  lay(picture) {
    this.#cancel();
    this.#history.push({ strokes: [], picture });
    this.#after();
  }

  /** Show a picture that moves, a video, or no longer: null. */
  show(live) {
    this.#live = live;
    this.draw();
  }

  /** Draw boxes, [left, top, right, bottom] in the picture's pixels. */
  box(boxes, chosen) {
    this.#boxes = boxes;
    this.#chosen = chosen;
    this.draw();
  }

  /** { image, blob } of the strokes: a PNG, black on white whatever the colours of the page. */
  get sheet() {
    const image = document.createElement("canvas");
    image.width = image.height = SENT;
    const context = image.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, SENT, SENT);
    drawStrokes(context, this.strokes, SENT, PEN);
    return { image, blob: encoded(image) };
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const side = this.canvas.width;
    const style = getComputedStyle(this.canvas);
    const accent = style.getPropertyValue("--accent");
    context.clearRect(0, 0, side, side);
    if (this.#live ?? this.picture) this.#drawPicture(context, side, accent);
    else {
      context.strokeStyle = style.color;
      drawStrokes(context, this.strokes, side, PEN);
    }
    this.keyboard.draw(context, PEN * side, accent);
  }

  #ended(stroke) {
    if (stroke) {
      const { strokes, picture } = this.#history.current;
      this.#history.push({ strokes: [...(picture ? [] : strokes), stroke], picture: null });
    }
    this.#after();
  }

  #cancel() {
    this.pointers.cancel();
    this.keyboard.cancel();
  }

  #after() {
    this.#boxes = [];
    this.draw();
    this.changed();
  }

  #fit() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (side === this.canvas.width) return;
    this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  #drawPicture(context, side, colour) {
    const image = this.#live ?? this.picture.image;
    if (!image) return;
    const [width, height] = [image.videoWidth ?? image.width, image.videoHeight ?? image.height];
    const scale = side / Math.max(width, height);
    const [x, y] = [(side - width * scale) / 2, (side - height * scale) / 2];
    context.drawImage(image, x, y, width * scale, height * scale);
    context.strokeStyle = colour;
    this.#boxes.forEach(([left, top, right, bottom], index) => {
      context.lineWidth = (index === this.#chosen ? 3 : 1.5) * devicePixelRatio;
      context.strokeRect(
        x + left * scale, y + top * scale, (right - left) * scale, (bottom - top) * scale,
      );
    });
  }
}
