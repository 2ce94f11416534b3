// A pen that is moved over the paper by keys.

const STEP = 0.04; // of the paper's side, when an arrow key moves it
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keyboard {
  #place = [0.5, 0.5];
  #stroke = null;
  #shown = false;

  /** spoken: an element that is read aloud. ended(stroke): called when the pen is lifted. */
  constructor(canvas, spoken, paper, ended) {
    Object.assign(this, { spoken, paper, ended });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
  }

  get strokes() {
    return this.#stroke ? [this.#stroke] : [];
  }

  cancel() {
    this.#stroke = null;
  }

  /** width: of the pen, in pixels. */
  draw(context, width, colour) {
    if (!this.#shown) return;
    const { width: side } = context.canvas;
    context.beginPath();
    context.arc(this.#place[0] * side, this.#place[1] * side, width / 2, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = side / 200;
    if (this.#stroke) context.fill();
    context.stroke();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) this.#step(MOVES[event.key]);
    else if (event.key === " ") this.#toggle();
    else if (event.key === "Backspace") this.paper.undo();
    else if (event.key === "Delete") this.paper.clear();
    else return;
    event.preventDefault();
    this.#show(true);
  }

  #step(move) {
    this.#place = this.#place.map((at, axis) => Math.min(1, Math.max(0, at + STEP * move[axis])));
    if (!this.#stroke) return;
    this.#stroke.push(this.#place);
    this.paper.changed();
  }

  #toggle() {
    if (this.#stroke) {
      this.#lift();
    } else {
      this.#stroke = [this.#place];
      this.paper.changed();
    }
  }

  #lift() {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.ended(stroke);
  }

  #leave() {
    this.#lift();
    this.#show(false);
  }

  /** Show where the pen is, and say so to those who can't see it. */
  #show(shown) {
    this.#shown = shown;
    this.paper.draw();
    const [right, down] = this.#place.map((share) => Math.round(100 * share));
    const pen = `Pen ${this.#stroke ? "down" : "up"}, ${right} right, ${down} down`;
    if (shown) this.spoken.textContent = pen;
  }
}
