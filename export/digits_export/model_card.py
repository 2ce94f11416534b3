"""The model card: what a model is, how well it works and where its limits are.

M. Mitchell et al., "Model cards for model reporting" (FAT* 2019).
"""

from collections.abc import Sequence
from dataclasses import asdict

from digits.inference.interface import INTERFACES, add_batch, describe
from digits.inference.metadata import ModelMetadata
from digits_train.data.datasets import OWN_CHECKSUM_NAME
from digits_train.experiment import Experiment, changes

_CARD = """\
# {architecture} for handwritten digits

- **Network**: {architecture}, a {task}, trained on {examples} with seed {seed}
- **Data**: {data}
- **Recipe**: {recipe}{changes}
- **Quantization**: {quantization}; fastest with {compute_type} kernels
- **Made by**: digits {digits_version}, from a checkpoint with SHA-256 `{checkpoint_sha256}`

## Use

Input: {input}. Output: {output}. Scaling and calibration (temperature {temperature:g}) are inside;
docs/export.md says what the values mean. `digits {command} PICTURE` does the rest.

## Figures

{table}

They are of what was held back from training, on which calibration was chosen, too; nothing was
chosen on test digits. Those of detectors and recognizers are of synthetic pages.

## Limits

It has seen the handwriting of its data, and what its recipe adds; a recipe without `frames` or
`outlier_weight` reads letters and drawings as digits, often confidently. MNIST was written by
employees of the US Census Bureau and American high-school students. It has not been tested for
decisions about people, money or health; keep the original picture, and have a person check what is
unsure.
"""


def render(metadata: ModelMetadata, experiment: Experiment, table: Sequence[Sequence[str]]) -> str:
    """Render the card, in Markdown, of the file with this metadata.

    table: of the file's forms.
    """
    values, interface = asdict(metadata), INTERFACES[metadata.task]
    [(kind, count)] = [item for item in values.items() if item[0].startswith("training_")]
    changed = [f"`{change}`" for change in changes(experiment)]
    data = "MNIST (LeCun, Cortes, Burges, 1998)"
    if "pictures" in experiment.data_sha256:
        data = "custom images"
    if OWN_CHECKSUM_NAME in experiment.data_sha256:
        data += " and its owner's pictures"
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    return _CARD.format(
        **values
        | {
            "examples": f"{count:,} {kind.removeprefix('training_')}",
            "data": data,
            "recipe": experiment.recipe.name,
            "changes": f" with {', '.join(changed)}" if changed else "",
            "input": describe(add_batch([interface.input])),
            "output": describe(add_batch(interface.outputs)),
            "command": "predict" if metadata.task == "classifier" else "read",
            "table": "\n".join([head, "|" + "---|" * len(table[0]), *rows]),
        }
    )
