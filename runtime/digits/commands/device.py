"""What is measured on: the processor, the versions, and whether it is slowed down just now."""

import platform
from pathlib import Path

import numpy as np
import onnxruntime
import PIL

from digits import __version__
from digits.system import cpu_count

_BOARD = Path("/proc/device-tree/model")  # of a Raspberry Pi and its kind
_CPUINFO = Path("/proc/cpuinfo")
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_PI_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_PI_NOW = {0: "the voltage is low", 1: "its clock is capped", 2: "it is throttled", 3: "it is hot"}
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_TEMPERATURES = Path("/sys/class/thermal")
_HOT = 80  # degrees Celsius, from which a Raspberry Pi lowers its clock
_SLOW = 0.9  # of the highest clock


def processor() -> str:
    """The board's name, or the processor's."""
    board = _text(_BOARD).rstrip("\0")
    lines = _text(_CPUINFO).splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return board or (names[0] if names else platform.processor() or platform.machine())


def versions() -> dict[str, str]:
    """Of digits, Python and what the runtime is made of."""
    return {
        "digits": __version__,
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def about() -> dict[str, str | int]:
    """What a collector of figures wants to know of the device."""
    return {"device": processor(), "cores": cpu_count(), **versions()}


def throttled() -> list[str]:
    """Why the processor is slower just now than it can be; empty where nothing is known."""
    reasons = []
    bits = int(_text(_PI_THROTTLED) or "0", 16)
    reasons += [text for bit, text in _PI_NOW.items() if bits >> bit & 1]
    now, highest = (
        int(_text(_FREQUENCY / name) or "0") for name in ("scaling_cur_freq", "cpuinfo_max_freq")
    )
    if 0 < now < _SLOW * highest:
        reasons.append(f"its clock is at {now // 1000} of {highest // 1000} MHz")
    hottest = max(
        (int(_text(zone / "temp") or "0") for zone in _TEMPERATURES.glob("thermal_zone*")),
        default=0,
    )
    if hottest >= 1000 * _HOT:
        reasons.append(f"it has {hottest // 1000} degrees Celsius")
    return reasons


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
