// The paper: strokes that are drawn on it, or a picture that is laid on it.

const WIDTH = 0.06; // of the pen, as a share of the paper's side
const STEP = 0.04; // of the pen when an arrow key moves it
const SENT = 280; // pixels of the paper's side in what is sent

export class Paper {
  /** spoken: an element whose text is read aloud. changed(): called after each change. */
  constructor(canvas, spoken, changed) {
    this.canvas = canvas;
    this.spoken = spoken;
    this.changed = changed;
    this.strokes = []; // lists of [x, y], from 0 to 1
    this.stroke = null; // the one that is being drawn
    this.picture = null; // { image, boxes, chosen }; it lies on the strokes
    this.pen = { x: 0.5, y: 0.5, down: false, shown: false };
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.#release(event));
    // Or a swift stroke is a fling to Chromium, and the next tap, on Undo, does no more than end it.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#showPen(false));
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  get empty() {
    return !this.picture && !this.strokes.length;
  }

  clear() {
    this.#lift();
    this.strokes = [];
    this.picture = null;
    this.#after();
  }

  /** Take away the picture, or the last stroke. */
  undo() {
    this.#lift();
    if (this.picture) this.picture = null;
    else this.strokes.pop();
    this.#after();
  }

  /** Lay a picture on the paper. image may be null, where the browser can't show it. */
  lay(image) {
    this.#lift();
    this.picture = { image, boxes: [], chosen: -1 };
    this.draw();
  }

  /** Draw boxes, [left, top, right, bottom] in the picture's pixels. */
  box(boxes, chosen) {
    if (this.picture) Object.assign(this.picture, { boxes, chosen });
    this.draw();
  }

  /** The strokes as a PNG, black on white whatever the colours of the page. */
  png() {
    const canvas = new OffscreenCanvas(SENT, SENT);
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, SENT, SENT);
    this.#ink(context, SENT, "black");
    return canvas.convertToBlob();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const side = this.canvas.width;
    const style = getComputedStyle(this.canvas);
    context.clearRect(0, 0, side, side);
    if (this.picture) this.#drawPicture(context, side, style.getPropertyValue("--accent"));
    else this.#ink(context, side, style.color);
    if (this.pen.shown) this.#drawPen(context, side, style.getPropertyValue("--accent"));
  }

  #after() {
    this.draw();
    this.changed();
  }

  #fit() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (side === this.canvas.width) return;
    this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  #press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    this.canvas.focus({ preventScroll: true, focusVisible: false });
    this.canvas.setPointerCapture(event.pointerId);
    this.#lift();
    this.pen.shown = false;
    this.pointer = event.pointerId;
    this.#begin(this.#place(event));
  }

  #move(event) {
    if (event.pointerId !== this.pointer || !this.stroke) return;
    for (const one of event.getCoalescedEvents()) this.stroke.push(this.#place(one));
    this.stroke.push(this.#place(event));
    this.#after();
  }

  #release(event) {
    if (event.pointerId === this.pointer) this.#lift();
  }

  /** Begin a stroke; on a picture it begins a new drawing. */
  #begin(place) {
    if (this.picture) this.strokes = [];
    this.picture = null;
    this.stroke = [place];
    this.strokes.push(this.stroke);
    this.#after();
  }

  /** End the stroke, whoever draws it. */
  #lift() {
    this.stroke = this.pointer = null;
    this.pen.down = false;
  }

  #place(event) {
    const area = this.canvas.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) this.#step(...move);
    else if (event.key === " ") this.#setDown(!this.pen.down);
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    this.#showPen(true);
  }

  #step(right, down) {
    const within = (value) => Math.min(1, Math.max(0, value));
    this.pen.x = within(this.pen.x + STEP * right);
    this.pen.y = within(this.pen.y + STEP * down);
    if (!this.pen.down) return;
    this.stroke.push([this.pen.x, this.pen.y]);
    this.#after();
  }

  #setDown(down) {
    this.#lift();
    this.pen.down = down;
    if (down) this.#begin([this.pen.x, this.pen.y]);
  }

  /** Show where the pen of the keyboard is, and say so to who can't see it. */
  #showPen(shown) {
    this.pen.shown = shown;
    this.draw();
    const { x, y, down } = this.pen;
    const [right, below] = [x, y].map((share) => Math.round(100 * share));
    if (shown) this.spoken.textContent = `Pen ${down ? "down" : "up"}, ${right} right, ${below} down`;
  }

  #ink(context, side, colour) {
    context.strokeStyle = colour;
    context.lineWidth = WIDTH * side;
    context.lineCap = context.lineJoin = "round";
    for (const [first, ...others] of this.strokes) {
      context.beginPath();
      context.moveTo(first[0] * side, first[1] * side);
      context.lineTo(first[0] * side, first[1] * side); // a dot, where nothing follows
      for (const [x, y] of others) context.lineTo(x * side, y * side);
      context.stroke();
    }
  }

  #drawPen(context, side, colour) {
    context.beginPath();
    context.arc(this.pen.x * side, this.pen.y * side, (WIDTH * side) / 2, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = side / 200;
    if (this.pen.down) context.fill();
    context.stroke();
  }

  #drawPicture(context, side, colour) {
    const { image, boxes, chosen } = this.picture;
    if (!image) return;
    const scale = side / Math.max(image.width, image.height);
    const [x, y] = [(side - image.width * scale) / 2, (side - image.height * scale) / 2];
    context.drawImage(image, x, y, image.width * scale, image.height * scale);
    context.strokeStyle = colour;
    boxes.forEach(([left, top, right, bottom], index) => {
      context.lineWidth = (index === chosen ? 3 : 1.5) * devicePixelRatio;
      context.strokeRect(
        x + left * scale, y + top * scale, (right - left) * scale, (bottom - top) * scale,
      );
    });
  }
}
