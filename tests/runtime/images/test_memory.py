"""The memory that the largest pictures take."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from digits.images import decoder, picture
from tests.robustness.sandbox import measured
from tests.runtime.images.test_picture import encoded


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 65_535])
def test_memory_of_large_ppm(most: int, tmp_path: Path) -> None:
    (tmp_path / "large.ppm").write_bytes(b"P6 5000 5000 %d\n" % most)
    os.truncate(tmp_path / "large.ppm", 25_000_000 * (3 if most < 256 else 6) + 20)  # sparse
    with measured() as usage:
        picture.load(tmp_path / "large.ppm")
    assert usage.megabytes < 200  # four bytes for each pixel, and a band


@pytest.mark.slow
@pytest.mark.parametrize("size", [(250_000, 100), (5000, 5000)])
def test_memory_of_large_picture_with_transparency(size: tuple[int, int]) -> None:
    raw = encoded(Image.new("RGBA", size), "PNG", compress_level=1)
    with measured() as usage:
        picture.load(raw)
    assert usage.megabytes < 200


@pytest.mark.slow
@pytest.mark.parametrize("progressive", [False, True])
def test_largest_jpeg_is_read(progressive: bool) -> None:
    raw = encoded(Image.new("RGB", (10_000, 10_000)), "JPEG", progressive=progressive)
    assert decoder.open_image("it", io.BytesIO(raw)).size == (10_000, 10_000)


@pytest.mark.slow
@pytest.mark.linux
@pytest.mark.parametrize(
    "source",
    [
        "np.zeros((6000, 6000, 3), np.uint8)",
        "Image.new('RGBA', (6000, 6000))",
        "np.zeros((6000, 6000), np.uint16)",
    ],
)
def test_memory_of_large_picture(source: str) -> None:
    # Not getrusage, whose peak begins at that of the process which started this one.
    code = f"""
import numpy as np
from PIL import Image
from digits.images import picture
from digits.images.grey import to_grey

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

source = {source}
before = peak()
picture.load(source)
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(done.stdout) / 1024 < 400
