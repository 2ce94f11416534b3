import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digits import DataError
from digits.constraints.constraints import Constraints
from digits.evaluation import acceptance
from digits.evaluation.acceptance import RiskBound, calibrate, parse_max_errors, save
from digits.inference.model_file import BUNDLED, BUNDLED_READER

FILES = None, Path(BUNDLED_READER)
SIX = Constraints(length=6)
BOUND = RiskBound(0.25, 0.01, 400, 330, 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What is promised of numbers with six digits, by the bundled reader."""
    path = tmp_path / "promise.json"
    save(path, BOUND, FILES, SIX)
    return path


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.1%", 0.001), ("0,1 %", 0.001), (" 1e-3", 0.001), ("0.99", 0.99), ("99.9%", 0.999)],
)
def test_share(text: str, share: float) -> None:
    assert parse_max_errors(text, FILES, SIX) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        *((text, "") for text in ("0", "0%", "-1%", "nan", "inf%")),
        *(("100%", ""), ("100", ""), ("1", "; is 1% meant[?]"), ("99,9", "; is 99.9% meant[?]")),
    ],
)
def test_share_out_of_range(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"must lie between 0 and 100%, not '{text}'{hint}$"):
        parse_max_errors(text, FILES, SIX)


def test_file(file: Path) -> None:
    assert parse_max_errors(str(file), FILES, SIX) == 0.25
    bundled = None, None
    assert parse_max_errors(str(file), bundled, Constraints(length=(6, 6))) == 0.25
    values = json.loads(file.read_text())
    assert {key: values[key] for key in BOUND._fields} == BOUND._asdict()


@pytest.mark.parametrize(
    ("files", "constraints", "cause"),
    [
        (FILES, Constraints(length=7), "is for the constraints --length 6, not --length 7$"),
        (FILES, replace(SIX, digits_only=True), "--length 6, not --length 6 --digits-only$"),
        (FILES, Constraints(), "--length 6, not none$"),
        (FILES, Constraints((6, 8), "2.*", "luhn"), "length 6-8 --pattern 2.* --check luhn$"),
        (FILES, Constraints(range=(-0.5, 5_000_000)), "not --range -0.5-5000000$"),
        ((None, Path(BUNDLED)), SIX, "is for the reader [0-9a-f]{64}, not [0-9a-f]{64}$"),
        ((Path(BUNDLED_READER), None), SIX, "is for the model [0-9a-f]{64}, not [0-9a-f]{64}$"),
    ],
)
def test_file_holds_for_its_networks_and_constraints(
    file: Path, files: acceptance.Files, constraints: Constraints, cause: str
) -> None:
    with pytest.raises(DataError, match=cause):
        parse_max_errors(str(file), files, constraints)


def test_another_list_is_another_constraint(tmp_path: Path) -> None:
    file = tmp_path / "promise.json"
    save(file, BOUND, FILES, Constraints(values=["123456", "7"]))
    assert parse_max_errors(str(file), FILES, Constraints(values=["7", "123456"])) == 0.25
    with pytest.raises(DataError, match="2 allowed numbers.*, not .*1 allowed numbers"):
        parse_max_errors(str(file), FILES, Constraints(values=["123456"]))


@pytest.mark.unix
def test_any_other_file_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_text()
    contents = [
        *(whole.replace("0.25", value) for value in ("0", "1", "NaN", '"0.1"')),
        *('{"max_error_probability": 0.25}', "[0.25]", whole[:40], "[" * 60_000, "\0"),
        " " * (1 << 16) + whole,
    ]
    paths = [tmp_path / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for path in (*paths, tmp_path, tmp_path / "pipe", tmp_path / "link", Path("/dev/zero")):
        with pytest.raises(DataError, match=f"^{path} isn't a file from `digits eval --calibrate`"):
            parse_max_errors(str(path), FILES, SIX)


def test_as_many_as_possible_are_accepted() -> None:
    probabilities = np.linspace(1, 0.5, 1000).tolist()
    promise = calibrate(probabilities, [1] * 800 + [0] * 200, 0.02)
    assert promise.accepted == pytest.approx(800, rel=0.05)
    assert 1 - promise.max_error_probability == pytest.approx(probabilities[promise.accepted - 1])
    assert promise.errors < 0.02 * promise.accepted


def test_equally_probable_numbers_are_accepted_together() -> None:
    right = [1] * 300 + [0] * 30 + [1] * 70
    assert calibrate(np.linspace(1, 0.5, 400).tolist(), right, 0.02).accepted > 280
    # Of 400 at a rate of 2 %, at most 3 are wrong with a chance of 4.1 %, at most 4 of 9.7 %.
    assert calibrate([0.9] * 400, [1] * 397 + [0] * 3, 0.02).errors == 3
    with pytest.raises(DataError, match="can't promise"):
        calibrate([0.9] * 400, [1] * 396 + [0] * 4, 0.02)


@pytest.mark.parametrize("probability", [1.0, 0.3, 1e-20])
def test_threshold_is_one_that_can_be_loaded(probability: float, tmp_path: Path) -> None:
    promise = calibrate([probability] * 300, [1] * 300, 0.01)
    assert promise.accepted == 300
    save(tmp_path / "promise.json", promise, FILES, SIX)
    max_errors = parse_max_errors(str(tmp_path / "promise.json"), FILES, SIX)
    assert 1 - max_errors == pytest.approx(probability, abs=1e-15)


@pytest.mark.parametrize(
    ("right", "wanted", "cause"),
    [
        ([1] * 28, 0.1, "28 labelled numbers were read; to promise at most 10% wrong takes 1 more"),
        ([], 0.01, "takes 299 more"),
        ([1] * 1000, 0.001, "to promise at most 0.1% wrong takes 1,995 more"),
        ([1, 0] * 500, 0.1, "1,000 numbers can't promise at most 10% wrong, but at most 5[4-9]%"),
        ([0] * 300, 0.1, "but at most 100%"),
    ],
)
def test_no_promise(right: list[int], wanted: float, cause: str) -> None:
    with pytest.raises(DataError, match=cause):
        calibrate(np.linspace(1, 0.5, len(right)).tolist(), right, wanted)


def test_documentation_says_how_many_it_takes() -> None:
    text = (Path(__file__).parents[3] / "docs" / "numbers.md").read_text()
    percent, tenth = map(acceptance.minimum_sample_size, (0.01, 0.001))
    assert f"1 % takes {percent} right ones, 0.1 % {tenth:,}." in text


def test_what_is_possible_can_be_promised() -> None:
    probabilities, right = np.linspace(1, 0.5, 1000).tolist(), [1, 1, 1, 1, 0] * 200
    with pytest.raises(DataError, match="but at most 2[0-9]%") as raised:
        calibrate(probabilities, right, 0.01)
    assert str(raised.value).endswith("or a stronger constraint, such as a check digit")
    possible = acceptance.parse_share(str(raised.value).split("at most ")[2].split(";")[0])
    assert calibrate(probabilities, right, possible).wanted == possible


@pytest.mark.slow
def test_promise_holds_at_95_of_100_sites() -> None:
    """Whatever the probabilities are worth, as long as others are like those measured."""
    random = np.random.default_rng(0)
    broken = given = 0
    wanted, n = 0.02, 1000
    for _ in range(400):
        logits = random.normal(random.uniform(2, 8), random.uniform(1, 3), n + 5000)
        probabilities = 1 / (1 + np.exp(-logits))
        slope, shift, slips = random.uniform(0.2, 2), random.uniform(-2, 2), random.uniform(0, 0.01)
        truth = (1 - slips) / (1 + np.exp(-slope * logits - shift))
        right = random.random(n) < truth[:n]
        try:
            promise = calibrate(probabilities[:n].tolist(), right.tolist(), wanted)
        except DataError:
            continue
        given += 1
        accepted = probabilities[n:] >= 1 - promise.max_error_probability
        broken += (1 - truth[n:][accepted]).mean() > wanted
    assert given > 100
    assert broken <= 0.05 * given
