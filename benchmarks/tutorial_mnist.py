"""The deep-learning tutorial's stacked denoising autoencoder on MNIST, reproduced.

784-1000-1000-1000-10, logistic units, tied weights, masking noise 0.1 / 0.2 / 0.3, 15 epochs of
pretraining per layer, the tutorial's split (50,000 / 10,000 / 10,000) and fine-tuning with early
stopping on the validation set. Batch sizes, solvers and learning rates were chosen on the validation
set alone (see CHOSEN); the test set is read once, with the parameters that were best in validation.

Beside it the same with dropout in the fine-tuning, which the tutorial did not have, whose probabilities were
chosen on the validation set too, and the same networks from random initial weights: as they are, which have
the rates and the epochs that were chosen for the pretrained ones, and given more time ("longer"): up to 100
epochs, more than pretraining and fine-tuning take together, as long as the validation error falls,
and two rates, of which that with the first seed's lower validation error serves all seeds. Written down
before they were run.
"""

import time

import numpy as np
from _validation import error, fine_tune
from sklearn.frozen import FrozenEstimator

from _cells import Table
from _common import argument_parser, load_images
from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer

# The published figures (2.66 GHz Xeon E5430, one thread, batch size 1).
TUTORIAL = {
    "pretraining minutes": 585.01,
    "fine-tuning minutes": 444.2,
    "validation error %": 1.39,
    "test error %": 1.30,
}
# The first seed is that of the reproduction; all three serve the comparison. Fixed beforehand.
SEEDS = (89677, 1, 2)
CHOSEN = {
    "pretraining": {
        "solver": "adam",
        "learning_rate_init": 0.001,
        "batch_size": 50,
        "max_iter": 15,
        "tol": 0.0,
    },
    "fine-tuning": {"solver": "sgd", "momentum": 0.0, "batch_size": 20, "alpha": 0.0, "tol": 0.0},
}
DROPOUT = {"dropout": 0.2, "input_dropout": 0.2}
# One after the other, each from the best parameters so far.
PHASES = [
    {"learning_rate_init": 1.0, "max_iter": 12, "patience": 5},
    {"learning_rate_init": 0.2, "max_iter": 4, "patience": 3},
]
PHASES_WITH_DROPOUT = [
    {"learning_rate_init": 1.0, "max_iter": 26, "patience": 26},
    {"learning_rate_init": 0.2, "max_iter": 8, "patience": 8},
]
LONGER = [
    [
        {"learning_rate_init": rate, "max_iter": 80, "patience": 15},
        {"learning_rate_init": rate / 5, "max_iter": 20, "patience": 10},
    ]
    for rate in (1.0, 0.25)
]
# Whether each starts from a pretrained stack, its dropout, and the phases of which the validation error of
# the first seed chooses.
VARIANTS = {
    "pretrained": (True, {}, [PHASES]),
    "pretrained, dropout": (True, DROPOUT, [PHASES_WITH_DROPOUT]),
    "random weights": (False, {}, [PHASES]),
    "random weights, longer": (False, {}, LONGER),
    "random weights, dropout, longer": (False, DROPOUT, LONGER),
}


def run(seed, pretrain, dropout, phases, folder, quick):
    """Return the figures of one training with a seed, in one of the variants."""
    X, y, X_test, y_test = load_images("mnist", folder)
    X, X_test = X / np.float32(255), X_test / np.float32(255)
    n = 2000 if quick else 50000
    train, validation, test = (X[:n], y[:n]), (X[50000:], y[50000:]), (X_test, y_test)
    # compiling kernels is not what is measured
    SdAClassifier((3,), solver="sgd").partial_fit(X[:100], y[:100], classes=np.unique(y))

    options = {**CHOSEN["pretraining"], **({"max_iter": 1} if quick else {})}
    stack = StackedAutoencoderTransformer(
        (100, 100, 100) if quick else (1000, 1000, 1000),
        activation="logistic",
        tied_weights=True,
        corruption_level=(0.1, 0.2, 0.3),
        random_state=seed,
        **options,
    )
    record = {"seed": seed}
    start = time.perf_counter()
    if pretrain:
        stack.fit(train[0])
        record["pretraining seconds"] = round(time.perf_counter() - start, 1)
        record["pretraining loss of each layer"] = [layer.loss_ for layer in stack]
        stack = FrozenEstimator(stack)
    clf = SdAClassifier(
        stack,
        pretrain=pretrain,
        n_iter_no_change=np.inf,
        random_state=seed,
        **CHOSEN["fine-tuning"],
        **dropout,
    )
    start = time.perf_counter()
    best, errors = fine_tune(clf, train, validation, phases, quick)
    record["fine-tuning seconds"] = round(time.perf_counter() - start, 1)
    record["validation errors %"] = [round(value, 2) for value in errors]
    record["validation error %"] = error(best, *validation)
    record["test error %"] = error(best, *test)
    return record


def cell_name(variant, phases, seed):
    """Return the name of a cell."""
    return f"{variant}, rate {phases[0]['learning_rate_init']}, seed {seed}"


def chosen_phases(cells):
    """Return the phases of each variant with which the first seed has the lowest validation error."""
    return {
        variant: min(
            choices, key=lambda phases: cells[cell_name(variant, phases, SEEDS[0])]["validation error %"]
        )
        for variant, (_, _, choices) in VARIANTS.items()
    }


def rows_of(cells, seeds=SEEDS):
    """Return the cells of each variant, one for each seed."""
    return {
        variant: [cells[cell_name(variant, phases, seed)] for seed in seeds]
        for variant, phases in chosen_phases(cells).items()
    }


def main():
    """Run the reproduction and the comparison, print both and record them."""
    args = argument_parser(__doc__, "tutorial_mnist").parse_args()
    table = Table(args, tutorial=TUTORIAL, chosen=CHOSEN, grid={"variants": VARIANTS, "seeds": SEEDS})
    first, others = SEEDS[:1], () if args.quick else SEEDS[1:]
    pairs = [(variant, phases) for variant, (_, _, choices) in VARIANTS.items() for phases in choices]

    def calls(pairs, seeds):
        return {
            cell_name(variant, phases, seed): (
                run, seed, *VARIANTS[variant][:2], phases, args.data, args.quick,
            )
            for seed in seeds
            for variant, phases in pairs
        }  # fmt: skip

    # the first two have the machine for themselves: their times are reported; the others, from the longest
    # on, run two at a time
    table.run(calls(pairs[:2], first))
    table.run(calls(pairs[::-1], first), n_jobs=2)
    table.run(calls(list(chosen_phases(table.cells).items())[::-1], others), n_jobs=2)

    rows = rows_of(table.cells, first + others)
    ours = [rows[variant][0] for variant, _ in pairs[:2]]
    print(f"\n{'':24}{'tutorial':>10}{'sklearn_sda':>13}{'dropout':>10}")
    for phase in ("pretraining", "fine-tuning"):
        minutes = [cell[f"{phase} seconds"] / 60 for cell in ours]
        name = f"{phase} minutes"
        print(f"{name:24}{TUTORIAL[name]:>10.1f}{minutes[0]:>13.1f}{minutes[1]:>10.1f}")
    for name in ("validation error %", "test error %"):
        print(f"{name:24}{TUTORIAL[name]:>10.2f}{ours[0][name]:>13.2f}{ours[1][name]:>10.2f}")
    for variant, cells in rows.items():
        errors = [cell["test error %"] for cell in cells]
        print(f"{variant}: test error {np.mean(errors):.2f} % on average of {len(errors)}, {errors}")


if __name__ == "__main__":
    main()
