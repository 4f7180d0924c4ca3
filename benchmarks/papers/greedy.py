"""Labels or reconstruction in greedy pretraining (Bengio et al. 2007): a network with 20 units at the top.

MNIST (50,000 / 10,000 / 10,000), 784-500-500-20-10, logistic units. In the paper a top layer as
small as this one could not be trained well from random weights; the question was whether greedy pretraining
should see the labels. Three starts: random, layers trained with labels only (supervision=1), plain
autoencoders. Fine-tuning with early stopping on the validation set. What is chosen on the validation set is
in the grid below, which was written down before the run; the test set is read once per cell, and only that of
the chosen cell is shown. One seed.
"""

from _table import Table, argument_parser, interval, mnist, train_network

from sklearn_sda import StackedAutoencoderTransformer

SEED = 0
# Test errors in percent.
PUBLISHED = {"no pretraining": 2.2, "greedy supervised": 1.9, "autoencoders": 1.6}
GRID = {
    "no pretraining": [{"rate": rate} for rate in (0.2, 1.0)],
    "greedy supervised": [
        {"rate": rate, "supervision": 1, "max_iter": epochs} for rate in (0.2, 1.0) for epochs in (3, 15)
    ],
    "autoencoders": [{"rate": rate, "max_iter": 15} for rate in (0.2, 1.0)],
}


def train(options, folder, quick):
    """Return the errors of the network with some options."""
    rate, pretrain = options["rate"], len(options) > 1
    stack = StackedAutoencoderTransformer(
        (50, 50, 20) if quick else (500, 500, 20),
        activation="logistic",
        corruption_level=0,
        random_state=SEED,
        **{name: value for name, value in options.items() if name != "rate"},
    )
    phases = [
        {"learning_rate_init": rate, "max_iter": 40, "patience": 8},
        {"learning_rate_init": rate / 5, "max_iter": 5, "patience": 3},
    ]
    parts = mnist(folder, 2000 if quick else 50000)
    return train_network(stack, parts, phases, pretrain=pretrain, quick=quick)


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
