"""Films for Chromium's fake camera."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FRAMES = 2


def write_film(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a still grey image as YUV4MPEG2. image: uint8 [height, width]."""
    height, width = image.shape
    no_colour = np.full(height * width // 2, 128, np.uint8).tobytes()
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode())
        for _ in range(_FRAMES):
            file.write(b"FRAME\n" + image.tobytes() + no_colour)


def camera_showing(film: Path) -> tuple[str, ...]:
    """Return Chromium's arguments for a fake camera that shows a film."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
