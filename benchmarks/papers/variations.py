"""Eight variations on digits and shapes (Vincent et al. 2010, tables 3 and 4): does denoising help?

The data sets are generated anew (`benchmarks/datasets.py`): they are not the samples that the paper had.
Networks of three layers of 1,000 logistic units, tied weights, cross-entropy: from random weights,
pretrained as plain autoencoders (SAE-3), as denoising ones with masking noise (SDAE-3), and with
salt-and-pepper noise and emphasis on what it hit (alpha 1, beta 0.5). Fine-tuning with early stopping on
the validation set. The grid below, a subset of the paper's, was written down before the run; what is chosen
is chosen on the validation set. The test set is read once per cell, and only that of the chosen cell is
shown. One seed.
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
GRID = {
    "no pretraining": [{"rate": rate} for rate in (0.2, 1.0)],
    "SAE-3": [{"rate": 1.0, "corruption_level": 0}],
    "SDAE-3": [{"rate": 1.0, "corruption_level": level} for level in (0.1, 0.25, 0.4)],
    "SDAE-3 salt and pepper, emphasis": [
        {"rate": 1.0, "corruption": "salt_and_pepper", "emphasis": [1, 0.5], "corruption_level": level}
        for level in (0.1, 0.25)
    ],
}


def train(data_set, options, folder, quick):
    """Return the errors of the network with some options on a data set."""
    rate, pretrain = options["rate"], len(options) > 1
    stack = StackedAutoencoderTransformer(
        (50, 50, 50) if quick else (1000, 1000, 1000),
        activation="logistic",
        loss="cross_entropy",
        max_iter=EPOCHS,
        random_state=SEED,
        **{name: value for name, value in options.items() if name != "rate"},
    )
    phases = [
        {"learning_rate_init": rate, "max_iter": 60, "patience": 15},
        {"learning_rate_init": rate / 5, "max_iter": 15, "patience": 8},
    ]
    parts = load(data_set, folder, seed=SEED, sizes=(500, 200, 500) if quick else None)
    return train_network(stack, parts, phases, pretrain=pretrain, quick=quick)


def main():
    """Compute the missing cells, choose on the validation set, print the table."""
    parser = argument_parser(__doc__, "papers/variations")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=NAMES, nargs="+", default=NAMES, help="data sets")
    args = parser.parse_args()
    table = Table(args, published=PUBLISHED, grid=GRID, seed=SEED)
    for data_set in args.only:
        cells = {
            f"{data_set}, {model} {options}": (train, data_set, options, args.data, args.quick)
            for model, grid in GRID.items()
            for options in (grid[:1] if args.quick else grid)
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
