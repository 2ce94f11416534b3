// The camera's picture, as a video.

const VGA = { width: { ideal: 640 }, height: { ideal: 480 } };

export class Camera {
  video = document.createElement("video");
  #stream = null;

  constructor() {
    this.video.muted = this.video.playsInline = true;
  }

  /** Whether there is one that this page may use: browsers keep it from plain HTTP. */
  static async available() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.some(({ kind }) => kind === "videoinput");
  }

  get running() {
    return Boolean(this.#stream);
  }

  /** Throws an Error that a visitor can read. shown(): called for each new picture. */
  async start(shown) {
    const video = { ...VGA, facingMode: "environment" };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video });
    } catch (error) {
      const refused = error.name === "NotAllowedError";
      throw new Error(
        refused ? "The browser may not use the camera." : "The camera can't be used now.",
      );
    }
    this.video.srcObject = this.#stream;
    await this.video.play();
    const next = () => {
      if (!this.running) return;
      shown();
      this.video.requestVideoFrameCallback(next);
    };
    next();
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }
}
