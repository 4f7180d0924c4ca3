"""Are the features worth more than PCA's? A logistic regression on what was learned without labels.

On the data sets of `defaults.py`: the columns themselves, their principal components, random features of an
RBF kernel (Nystroem, as many as the stack has units) and the code of a `StackedAutoencoderTransformer`. All
are fitted to the training samples without labels; the logistic regression then has all labels, or ten of
each class. Images are scaled to [0, 1], tables are standardised.

The protocol was fixed before the run, but for the largest C, which a trial on one split of the small sets
added. Each representation but the columns has four candidates; these and C are chosen by the accuracy in
three folds of the training samples, the test samples are read once. The same splits for all, one seed.
"""

import warnings
from statistics import mean

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from _cells import Table
from _common import argument_parser
from defaults import data_sets
from sklearn_sda import StackedAutoencoderTransformer

SEED = 0
IMAGES = ("digits", "mnist, 10,000 images", "fashion_mnist, 10,000 images")
C = (0.1, 1.0, 10.0, 100.0, 1000.0)
PER_CLASS = 10
LABELS = ("all labels", f"{PER_CLASS} labels per class")
UNITS = 200
# By name, the options of its candidates; gammas are in units of 1 / (columns times their variance).
GRID = {
    "columns": [{}],
    "PCA": [{"n_components": part} for part in (0.8, 0.95, 0.99, None)],
    "Nystroem": [{"gamma": factor} for factor in (0.1, 0.3, 1.0, 3.0)],
    "StackedAutoencoderTransformer": [
        {"hidden_layer_sizes": sizes, "corruption_level": level}
        for sizes in ([UNITS], [UNITS, UNITS])
        for level in (0.1, 0.3)
    ],
}


def make_representation(name, options, X):
    """Return an unfitted representation of scaled training samples X."""
    if name == "PCA":
        return PCA(**options, random_state=SEED)
    if name == "Nystroem":
        gamma = options["gamma"] / (X.shape[1] * X.var())
        return Nystroem(gamma=gamma, n_components=min(UNITS, len(X)), random_state=SEED)
    if name == "StackedAutoencoderTransformer":
        return StackedAutoencoderTransformer(**options, max_iter=100, random_state=SEED)
    return FunctionTransformer()


def draw(y, rng):
    """Return `PER_CLASS` rows of each class."""
    return np.concatenate(
        [rng.choice(np.flatnonzero(y == label), PER_CLASS, replace=False) for label in np.unique(y)]
    )


def accuracies(data, name, folder, quick):
    """Return the accuracies of a representation on the splits of a data set, and what was chosen.

    Parameters
    ----------
    data : str
        One of `defaults.data_sets`.
    name : str
        One of `GRID`.
    folder : Path
        With the images.
    quick : bool
        Whether one split and one candidate do.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)  # of the logistic regression, with little penalty
    X, y = data_sets(folder, quick)[data]
    small = len(X) < 5000
    cv = RepeatedStratifiedKFold(n_splits=5 if small else 3, n_repeats=2 if small else 1, random_state=SEED)
    search = GridSearchCV(LogisticRegression(max_iter=500), {"C": C}, cv=3)
    figures = {labels: [] for labels in LABELS}
    for train, test in list(cv.split(X, y))[: 1 if quick else None]:
        scaler = MinMaxScaler() if data in IMAGES else StandardScaler()
        X_train, X_test, y_train = scaler.fit_transform(X[train]), scaler.transform(X[test]), y[train]
        rows = dict(zip(LABELS, (slice(None), draw(y_train, np.random.RandomState(SEED))), strict=True))
        best = dict.fromkeys(LABELS)
        for options in GRID[name][: 1 if quick else None]:
            features = make_representation(name, options, X_train)
            codes = features.fit_transform(X_train)
            for labels in LABELS:
                found = clone(search).fit(codes[rows[labels]], y_train[rows[labels]])
                if best[labels] is None or found.best_score_ > best[labels][0].best_score_:
                    best[labels] = found, features, options
        for labels, (found, features, options) in best.items():
            accuracy = found.score(features.transform(X_test), y[test])
            figures[labels].append({"accuracy": accuracy, **options, **found.best_params_})
    return figures


def main():
    """Compute the missing cells, print the accuracies."""
    args = argument_parser(__doc__, "representations").parse_args()
    names = list(data_sets(args.data, args.quick))
    table = Table(args, data=names, labels=LABELS, C=C, units=UNITS, seed=SEED, grid=GRID)
    cells = {
        f"{data}, {name}": (accuracies, data, name, args.data, args.quick)
        for data in reversed(names)  # the longest first
        for name in reversed(GRID)
    }
    table.run(cells, n_jobs=2)
    for labels in LABELS:
        print(f"\n{labels:32}" + "".join(f"{name:>32}" for name in GRID))
        for data in names:
            shown = [
                mean(split["accuracy"] for split in table.cells[f"{data}, {name}"][labels]) for name in GRID
            ]
            print(f"{data:32}" + "".join(f"{accuracy:>32.4f}" for accuracy in shown))


if __name__ == "__main__":
    main()
