"""What is added to the training digits."""

import pytest
from msgspec.structs import replace

from digits.data.split import Split
from digits_train.camera.ranges import RANGES, changed
from digits_train.data import pools
from digits_train.experiment import Experiment
from digits_train.models.network import NONE
from digits_train.recipes import ClassifierRecipe


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist")
def test_generate_pools(train_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MAX_FRAMES", 20)
    monkeypatch.setattr(pools, "MAX_OUTLIERS", 12)
    recipe, mine = ClassifierRecipe(name="test", epochs=1), train_slice[:5]
    experiment = Experiment(network="lenet5", recipe=recipe, camera=RANGES)
    assert pools.generate_pools(experiment, train_slice) == []
    recipe = replace(recipe, frames=0.3, outlier_weight=0.1, own=0.4)
    experiment = replace(experiment, recipe=recipe)
    shown, others, own = pools.generate_pools(experiment, train_slice, mine)
    bold = replace(experiment, camera=changed(RANGES, hand={"pen": (0.2, 0.22)}))
    assert (pools.generate_pools(bold, train_slice)[0].images != shown.images).any()
    assert (shown.share, len(shown.images)) == (0.3, 20) and set(shown.labels) <= set(range(10))
    assert (others.share, len(others.images), set(others.labels)) == (0.25, 12, {NONE})
    assert (own.images is mine.images, own.labels is mine.labels, own.share) == (True, True, 0.4)
