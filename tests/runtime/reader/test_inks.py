import numpy as np
import pytest

from digits.reader.inks import cut_inks


@pytest.mark.parametrize(("paper", "ink"), [(220, 20), (40, 240)])
def test_ink_is_cut_out_of_its_paper(paper: int, ink: int) -> None:
    """Of either polarity; there is none in the second box."""
    page = np.full((60, 90), paper, np.uint8)
    page[12:38, 15:25] = ink
    page[12:20, 15:18] = (paper + ink) // 2
    digit, blank = cut_inks(page, np.array([(10.0, 10, 30, 40), (60, 10, 80, 40)]))
    expected = np.full((26, 10), 255)
    expected[:8, :3] = 127
    np.testing.assert_array_equal(digit, expected)
    assert blank.size == 0
