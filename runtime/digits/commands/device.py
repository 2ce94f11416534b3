"""Describe the device, and find out what slows it down at the moment."""

import platform
from pathlib import Path

import numpy as np
import onnxruntime
import PIL

from digits import __version__
from digits.system import cpu_count

ROOT = Path("/")  # of Linux's system files

_BOARD = "proc/device-tree/model"  # of a Raspberry Pi and similar boards
_CPUINFO = "proc/cpuinfo"
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_PI_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
_PI_REASONS = {
    0: "its voltage is low",
    1: "its clock is capped",
    2: "it is throttled",
    3: "it is hot",
}
_FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq"
_TEMPERATURES = "sys/class/thermal/thermal_zone*/temp"
_MAX_CELSIUS = 80  # a Raspberry Pi lowers its clock from there on
_MIN_CLOCK = 0.9  # of the highest one


def device_info() -> dict[str, str | int]:
    """The device and the versions of what runs on it, for collected measurements."""
    return {
        "device": _processor(),
        "cores": cpu_count(),
        "digits_version": __version__,
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def throttle_reasons() -> list[str]:
    """Return why the processor is slowed down at the moment; empty if unknown."""
    bits = int(_read_text(_PI_THROTTLED) or "0", 16)
    reasons = [text for bit, text in _PI_REASONS.items() if bits >> bit & 1]
    clock = int(_read_text(f"{_FREQUENCY}/scaling_cur_freq") or "0")
    highest = int(_read_text(f"{_FREQUENCY}/cpuinfo_max_freq") or "0")
    if 0 < clock < _MIN_CLOCK * highest:
        reasons.append(f"its clock is at {clock // 1000} of {highest // 1000} MHz")
    sensors = [str(path) for path in ROOT.glob(_TEMPERATURES)]
    hottest = max((int(_read_text(sensor) or "0") for sensor in sensors), default=0)
    if hottest >= 1000 * _MAX_CELSIUS:
        reasons.append(f"its temperature is {hottest // 1000} degrees Celsius")
    return reasons


def _processor() -> str:
    """Name the board, or else the processor."""
    board = _read_text(_BOARD).rstrip("\0")
    lines = _read_text(_CPUINFO).splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return board or (names[0] if names else platform.processor() or platform.machine())


def _read_text(path: str) -> str:
    try:
        return (ROOT / path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
