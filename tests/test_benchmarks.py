"""What benchmarks draw, as far as it is quick to draw."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.forms import blank_sheet

from digits.forms.form import FindBy
from digits_train.camera import fonts
from tests.conftest import Patch


@pytest.mark.parametrize("find", ["marks", "blank"])
def test_forms_with_and_without_units_behind_their_boxes(
    find: FindBy, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(fonts, "printed", fonts.bundled)  # which needn't be downloaded
    for seed in range(4):
        form = blank_sheet(np.random.default_rng(seed), tmp_path, find).form
        assert [field.name for field in form.fields][::8] == ["student", "total"]
