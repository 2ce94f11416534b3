// The paper: strokes that are drawn on it, or a picture that lies on it.

import { element } from "./shared.js";

const SENT_SIDE = 280; // pixels of the paper's side in the picture that is sent
const PEN_WIDTH = 1 / 56; // of the side, so that eight digits side by side keep their holes and the gaps between them
const RESTING = 0.02; // of the side: how far a hand at rest may slip
const BLANK = { strokes: [], picture: null };
const COLOURS = { accepted: "#1c71d8", review: "#e66100" }; // of boxes

export class Paper {
  #states = [BLANK]; // what is on it now, the last one, and what was before
  #stroke = null; // that is being drawn: points [x, y] from 0 to 1
  #pointer = 0; // the id of what draws it
  #numbers = [];
  #chosen = -1;

  /** onChange(): called when there is something new to read. */
  constructor(canvas, onChange) {
    [this.canvas, this.onChange] = [canvas, onChange];
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.#lift(event));
    // Or a swift stroke is a fling to Chromium, and the next tap, on Undo, does no more than end it.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }

  get #strokes() {
    const { strokes } = this.#states.at(-1);
    return this.#stroke ? [...strokes, this.#stroke] : strokes;
  }

  get isWriting() {
    return this.#stroke !== null;
  }

  /** { image, blob } that lies on the paper, or null. */
  get #picture() {
    return this.isWriting ? null : this.#states.at(-1).picture;
  }

  get isBlank() {
    return !this.#picture && !this.#strokes.length;
  }

  get canUndo() {
    return this.#states.length > 1;
  }

  clear() {
    if (!this.isBlank) this.#put(BLANK);
  }

  undo() {
    if (!this.canUndo) return;
    this.#states.pop();
    this.#change();
  }

  /** Lay a picture on the paper. Its image may be null, where the browser can't show it. */
  lay(picture) {
    this.#put({ strokes: [], picture });
  }

  /** Draw the boxes of numbers, [left, top, right, bottom] in the picture's pixels. */
  box(numbers, chosen) {
    this.#numbers = numbers;
    this.#chosen = chosen;
    this.#draw();
  }

  /** The picture's file, or one of the strokes: black on white whatever the colours of the page. */
  get blob() {
    if (this.#picture) return this.#picture.blob;
    const sheet = element("canvas", "", { width: SENT_SIDE, height: SENT_SIDE });
    const context = sheet.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, SENT_SIDE, SENT_SIDE);
    drawStrokes(context, this.#strokes);
    // Not by toBlob, which waits until the browser is idle: up to a second.
    const png = Uint8Array.from(atob(sheet.toDataURL().split(",")[1]), (byte) => byte.charCodeAt(0));
    return new Blob([png], { type: "image/png" });
  }

  #press(event) {
    if (event.button !== 0 || (this.isWriting && !isResting(this.#stroke))) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#stroke = [this.#point(event)];
    this.#change();
  }

  #move(event) {
    if (!this.isWriting || event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [event]; // plain HTTP has no finer ones
    this.#stroke.push(...events.map((moved) => this.#point(moved)));
    this.#draw();
  }

  #lift({ pointerId }) {
    if (this.isWriting && pointerId === this.#pointer) this.#put({ strokes: this.#strokes, picture: null });
  }

  #point(event) {
    const area = this.canvas.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }

  #put(state) {
    this.#stroke = null;
    this.#states.push(state);
    this.#change();
  }

  #change() {
    this.#numbers = [];
    this.#draw();
    this.onChange();
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    const { width: side } = this.canvas;
    context.clearRect(0, 0, side, side);
    context.strokeStyle = getComputedStyle(this.canvas).color;
    if (!this.#picture) return drawStrokes(context, this.#strokes);
    if (!this.#picture.image) return;
    const { image } = this.#picture;
    const scale = side / Math.max(image.width, image.height);
    const [x, y] = [(side - scale * image.width) / 2, (side - scale * image.height) / 2];
    context.drawImage(image, x, y, scale * image.width, scale * image.height);
    this.#numbers.forEach(({ box: [left, top, right, bottom], status }, index) => {
      context.strokeStyle = COLOURS[status];
      context.lineWidth = index === this.#chosen ? 7 : 3;
      context.strokeRect(x + scale * left, y + scale * top, scale * (right - left), scale * (bottom - top));
    });
  }
}

/** Whether a stroke is that of a hand, which makes way for what comes down after it. */
function isResting([[x, y], ...following]) {
  return following.every((point) => Math.hypot(point[0] - x, point[1] - y) < RESTING);
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
