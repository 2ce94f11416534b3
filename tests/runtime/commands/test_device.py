from pathlib import Path

import pytest

from digits.commands import device


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Raspberry Pi's files, on which nothing is wrong."""
    for name, text in {
        "model": "Raspberry Pi 4 Model B Rev 1.5\0",
        "throttled": "0",
        "frequency/scaling_cur_freq": "1800000",
        "frequency/cpuinfo_max_freq": "1800000",
        "thermal/thermal_zone0/temp": "48312",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(device, "_BOARD", tmp_path / "model")
    monkeypatch.setattr(device, "_PI_THROTTLED", tmp_path / "throttled")
    monkeypatch.setattr(device, "_FREQUENCY", tmp_path / "frequency")
    monkeypatch.setattr(device, "_TEMPERATURES", tmp_path / "thermal")
    return tmp_path


def test_a_board_that_is_well(board: Path) -> None:
    assert device.processor() == "Raspberry Pi 4 Model B Rev 1.5"
    assert device.throttled() == []


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("throttled", "50005", "the voltage is low"),
        ("throttled", "e0008", "it is hot"),
        ("frequency/scaling_cur_freq", "600000", "its clock is at 600 of 1800 MHz"),
        ("thermal/thermal_zone0/temp", "81500", "it has 81 degrees Celsius"),
    ],
)
def test_what_slows_a_board(board: Path, file: str, text: str, reason: str) -> None:
    (board / file).write_text(text)
    assert reason in device.throttled()


def test_a_machine_that_says_nothing(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_BOARD", "_CPUINFO", "_PI_THROTTLED", "_FREQUENCY", "_TEMPERATURES"):
        monkeypatch.setattr(device, name, board / "nowhere")
    assert device.throttled() == []
    assert device.processor()
