"""One layer as initialisation (Rifai et al. 2011, table 1): which autoencoder is the best start?

A network 784-1000-10 of logistic units on MNIST (50,000 / 10,000 / 10,000) whose hidden layer is pretrained
as an autoencoder (AE), one with weight decay (AE+wd), a denoising one with binary or Gaussian noise (DAE-b,
DAE-g) or a contractive one (CAE); all with tied weights and cross-entropy. Then it is fine-tuned with early
stopping on the validation set. The strength of each regulariser is chosen on the validation set from the grid
below, which was written down before the run; the test set is read once per cell, and only that of the chosen
cell is shown. One seed.
"""

from _table import Table, argument_parser, interval, mnist, train_network

from sklearn_sda import StackedAutoencoderTransformer

SEED = 0
# Test errors in percent, from memory.
PUBLISHED = {"CAE": 1.14, "DAE-g": 1.18, "DAE-b": 1.57, "AE+wd": 1.68, "AE": 1.78}
PHASES = [
    {"learning_rate_init": 1.0, "max_iter": 20, "patience": 5},
    {"learning_rate_init": 0.2, "max_iter": 5, "patience": 3},
]
EPOCHS = 20
GRID = {
    "AE": [{}],
    "AE+wd": [{"alpha": alpha} for alpha in (0.001, 0.01, 0.1)],
    "DAE-b": [{"corruption_level": level} for level in (0.1, 0.25, 0.4)],
    "DAE-g": [{"corruption": "gaussian_absolute", "corruption_level": level} for level in (0.15, 0.3, 0.5)],
    "CAE": [{"contraction": strength} for strength in (0.03, 0.1, 0.3)],
}


def train(options, folder, quick):
    """Return the errors of the network with a layer of some options."""
    layer = StackedAutoencoderTransformer(
        (50 if quick else 1000,),
        activation="logistic",
        loss="cross_entropy",
        max_iter=EPOCHS,
        random_state=SEED,
        **{"corruption_level": 0, **options},
    )
    parts = mnist(folder, 2000 if quick else 50000)
    return train_network(layer, parts, PHASES, pretrain=True, quick=quick)


def main():
    """Compute the missing cells, choose on the validation set, print the table."""
    args = argument_parser(__doc__, "papers/single_layer").parse_args()
    table = Table(args, published=PUBLISHED, grid=GRID, seed=SEED)
    cells = {
        f"{model} {options}": (train, options, args.data, args.quick)
        for model, grid in GRID.items()
        for options in (grid[:1] if args.quick else grid)
    }
    table.run(cells, n_jobs=2)
    print(f"\n{'':8}{'published':>10}{'sklearn_sda':>20}  chosen")
    for model, published in PUBLISHED.items():
        name = table.best([name for name in cells if name.startswith(f"{model} ")], "validation error %")
        test_error = table.cells[name]["test error %"]
        print(f"{model:8}{published:>10.2f}{test_error:>12.2f} ± {interval(test_error, 10000):.2f}  {name}")


if __name__ == "__main__":
    main()
