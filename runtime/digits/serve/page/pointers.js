// Fingers, pens and the mouse: which of them write, and what.

const RESTING = 8; // CSS pixels that a finger at rest may slip: Android's touch slop, 8 dp

export class Pointers {
  #down = new Map(); // pointers that touch the paper, by their id

  /** changed(): a stroke has grown. ended(stroke): its pointer was lifted; null if it wrote nothing. */
  constructor(canvas, changed, ended) {
    Object.assign(this, { canvas, changed, ended });
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this.#lift(event));
    // Or a swift stroke is a fling to Chromium, and the next tap, on Undo, does no more than end it.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }

  /** The strokes that are being drawn. A finger that rests beside another one draws none. */
  get strokes() {
    const writing = [...this.#down.values()].filter(({ moved, alone }) => moved || alone);
    return writing.map(({ stroke }) => stroke);
  }

  /** Forget what is being drawn, until the pointers come down again. */
  cancel() {
    this.#down.clear();
  }

  #press(event) {
    if (event.button !== 0) return;
    this.canvas.focus({ preventScroll: true, focusVisible: false });
    this.canvas.setPointerCapture(event.pointerId);
    // Two that touch the paper together are a hand: what of it doesn't move doesn't write.
    for (const other of this.#down.values()) other.alone = false;
    const place = [event.clientX, event.clientY];
    const stroke = [this.#place(event)];
    this.#down.set(event.pointerId, { place, stroke, moved: false, alone: !this.#down.size });
    this.changed();
  }

  #move(event) {
    const pointer = this.#down.get(event.pointerId);
    if (!pointer) return;
    const [x, y] = pointer.place;
    pointer.moved ||= Math.hypot(event.clientX - x, event.clientY - y) > RESTING;
    // Plain HTTP has no coalesced events, and a coarser stroke.
    for (const one of event.getCoalescedEvents?.() ?? []) pointer.stroke.push(this.#place(one));
    pointer.stroke.push(this.#place(event));
    this.changed();
  }

  #lift(event) {
    const pointer = this.#down.get(event.pointerId);
    if (!pointer) return;
    this.#down.delete(event.pointerId);
    this.ended(pointer.moved || pointer.alone ? pointer.stroke : null);
  }

  #place(event) {
    const area = this.canvas.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }
}
