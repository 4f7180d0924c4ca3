"""Labels or reconstruction in greedy pretraining (Bengio et al. 2007): a network with 20 units at the top.

MNIST (50,000 / 10,000 / 10,000), 784-500-500-20-10, logistic units. A top layer as small as this one can't
be trained well from random weights; the question is whether greedy pretraining should see the labels. Three
starts: random, layers trained with labels only (supervision=1), plain autoencoders. Fine-tuning with early
stopping on the validation set. What is chosen on the validation set is in the grid below, which was written
down before the run; the test set is read once per cell, and only that of the chosen cell is shown. One
seed.
"""

import numpy as np
from _table import Table, argument_parser, error, fine_tune, interval, mnist
from sklearn.frozen import FrozenEstimator

from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer

SEED = 0
# Test errors in percent.
PUBLISHED = {"no pretraining": 2.2, "greedy supervised": 1.9, "autoencoders": 1.6}
PRETRAINING = {"solver": "adam", "learning_rate_init": 0.001, "batch_size": 50, "tol": 0.0}
FINE_TUNING = {"solver": "sgd", "momentum": 0.0, "batch_size": 20, "alpha": 0.0, "tol": 0.0}
GRID = {
    "no pretraining": [{"rate": rate} for rate in (0.2, 1.0)],
    "greedy supervised": [
        {"rate": rate, "supervision": 1, "max_iter": epochs} for rate in (0.2, 1.0) for epochs in (3, 15)
    ],
    "autoencoders": [{"rate": rate, "max_iter": 15} for rate in (0.2, 1.0)],
}


def train(options, folder, quick):
    """Return the errors and the number of epochs of the network with some options."""
    training, validation, test = mnist(folder, 2000 if quick else 50000)
    options = {**options}
    rate, pretrain = options.pop("rate"), bool(options)
    stack = StackedAutoencoderTransformer(
        (50, 50, 20) if quick else (500, 500, 20),
        activation="logistic",
        corruption_level=0,
        random_state=SEED,
        **{**PRETRAINING, **options, **({"max_iter": 1} if quick else {})},
    )
    if pretrain:
        stack = FrozenEstimator(stack.fit(*training))
    clf = SdAClassifier(stack, pretrain=pretrain, n_iter_no_change=np.inf, random_state=SEED, **FINE_TUNING)
    phases = [
        {"learning_rate_init": rate, "max_iter": 40, "patience": 8},
        {"learning_rate_init": rate / 5, "max_iter": 5, "patience": 3},
    ]
    best, errors = fine_tune(clf, training, validation, phases, quick)
    return {
        "validation error %": error(best, *validation),
        "test error %": error(best, *test),
        "training error %": error(best, *training),
        "epochs": len(errors),
    }


def main():
    """Compute the missing cells, choose on the validation set, print the table."""
    args = argument_parser(__doc__, "papers/greedy").parse_args()
    table = Table(args, published=PUBLISHED, grid=GRID, seed=SEED)
    cells = {
        f"{start} {options}": (train, options, args.data, args.quick)
        for start, grid in GRID.items()
        for options in (grid[:1] if args.quick else grid)
    }
    table.run(cells, n_jobs=2)
    print(f"\n{'':18}{'published':>10}{'sklearn_sda':>20}  chosen")
    for start, published in PUBLISHED.items():
        name = table.best([name for name in cells if name.startswith(start)], "validation error %")
        test_error = table.cells[name]["test error %"]
        print(f"{start:18}{published:>10.2f}{test_error:>12.2f} ± {interval(test_error, 10000):.2f}  {name}")


if __name__ == "__main__":
    main()
