// Fingers, pens and the mouse: which of them write, and what.

const RESTING = 8; // CSS pixels that a finger at rest may slip: Android's touch slop, 8 dp

export class Pointers {
  #down = new Map(); // pointers that touch the paper, by their id

  /**
   * onChange(): called when a stroke has grown.
   * onEnd(stroke): called when its pointer is lifted; the stroke is null if it wrote nothing.
   */
  constructor(canvas, onChange, onEnd) {
    Object.assign(this, { canvas, onChange, onEnd });
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.#lift(event));
    // Or a swift stroke is a fling to Chromium, and the next tap, on Undo, does no more than end it.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }

  /** The strokes that are being drawn. */
  get strokes() {
    return [...this.#down.values()].filter(writes).map(({ stroke }) => stroke);
  }

  /** Forget what is being drawn, until the pointers come down again. */
  cancel() {
    this.#down.clear();
  }

  #press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    for (const pointer of this.#down.values()) pointer.alone = false;
    const start = [event.clientX, event.clientY];
    const stroke = [this.#point(event)];
    this.#down.set(event.pointerId, { start, stroke, moved: false, alone: !this.#down.size });
    this.onChange();
  }

  #move(event) {
    const pointer = this.#down.get(event.pointerId);
    if (!pointer) return;
    const [x, y] = pointer.start;
    pointer.moved ||= Math.hypot(event.clientX - x, event.clientY - y) > RESTING;
    // Plain HTTP has no coalesced events, and a coarser stroke.
    const events = [...(event.getCoalescedEvents?.() ?? []), event];
    pointer.stroke.push(...events.map((moved) => this.#point(moved)));
    this.onChange();
  }

  #lift(event) {
    const pointer = this.#down.get(event.pointerId);
    if (!pointer) return;
    this.#down.delete(event.pointerId);
    this.onEnd(writes(pointer) ? pointer.stroke : null);
  }

  #point(event) {
    const area = this.canvas.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }
}

/** Two that touch the paper together are a hand: what of it doesn't move doesn't write. */
function writes({ moved, alone }) {
  return moved || alone;
}
