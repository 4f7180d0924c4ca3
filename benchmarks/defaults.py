"""How the default parameters were chosen: cross-validation on training data.

``make_pipeline(MinMaxScaler(), SdAClassifier(...))`` for each candidate, beside
``make_pipeline(MinMaxScaler(), MLPClassifier())`` with scikit-learn's defaults, on the same folds. Of
MNIST and Fashion-MNIST the first 10,000 training images are used; no test set is read.

The rule, fixed before the run: the candidate that is at least as accurate as MLPClassifier *and* trains
faster on the largest number of data sets; among equals the one with the highest mean accuracy.
"""

import warnings

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_gaussian_quantiles,
    make_moons,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from _common import argument_parser, environment, load_images, write_record
from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer

BASELINE = "MLPClassifier"


def stack(*sizes, **options):
    """Return a stack with relu units."""
    return StackedAutoencoderTransformer(sizes, **{"activation": "relu", **options})


CANDIDATES = {
    BASELINE: MLPClassifier(random_state=0),
    "relu 100": SdAClassifier(stack(100), random_state=0),
    "relu 100, learning rate 0.002": SdAClassifier(stack(100), learning_rate_init=0.002, random_state=0),
    "relu 200": SdAClassifier(stack(200), random_state=0),
    "relu 200, 15 epochs of pretraining": SdAClassifier(stack(200, max_iter=15), random_state=0),
    "relu 200, tol 0.001": SdAClassifier(stack(200), tol=1e-3, random_state=0),
    "relu 100-50": SdAClassifier(stack(100, 50), random_state=0),
    "relu 100-100, alpha 0.01": SdAClassifier(stack(100, 100), alpha=0.01, random_state=0),
    "logistic 100": SdAClassifier(stack(100, activation="logistic"), random_state=0),
    "relu 100, not pretrained": SdAClassifier(stack(100), pretrain=False, random_state=0),
}


def data_sets(folder, quick):
    """Return {name: (X, y)}."""
    sets = {
        "digits": load_digits(return_X_y=True),
        "breast_cancer": load_breast_cancer(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "iris": load_iris(return_X_y=True),
        "moons": make_moons(500, noise=0.3, random_state=0),
        "classification": make_classification(
            1000, 20, n_informative=5, flip_y=0.05, class_sep=1.0, random_state=0
        ),
        "quantiles": make_gaussian_quantiles(n_samples=1000, n_features=10, n_classes=3, random_state=0),
    }
    for name in () if quick else ("mnist", "fashion_mnist"):
        X, y, *_ = load_images(name, folder)
        sets[f"{name}, 10,000 images"] = (X[:10000].astype("float32"), y[:10000])
    return sets


def main():
    """Cross-validate all candidates on all data sets, print the tables, name the choice."""
    args = argument_parser(__doc__, "defaults").parse_args()
    began = environment()
    warnings.simplefilter("ignore", ConvergenceWarning)
    accuracies, seconds = {}, {}
    for data, (X, y) in data_sets(args.data, args.quick).items():
        small = len(X) < 5000
        cv = RepeatedStratifiedKFold(n_splits=5 if small else 3, n_repeats=2 if small else 1, random_state=0)
        print(f"\n{data}: {X.shape[0]} x {X.shape[1]}, {cv.get_n_splits()} fits", flush=True)
        accuracies[data], seconds[data] = {}, {}
        for name, estimator in CANDIDATES.items():
            scores = cross_validate(make_pipeline(MinMaxScaler(), estimator), X, y, cv=cv)
            accuracies[data][name] = float(scores["test_score"].mean())
            seconds[data][name] = float(np.median(scores["fit_time"]))
            print(f"  {name:36}{accuracies[data][name]:8.4f}{seconds[data][name]:9.2f} s", flush=True)

    print(f"\n{'':36}{'mean accuracy':>14}{'as accurate':>13}{'faster':>8}{'both':>6}   of {len(accuracies)}")
    summary = {}
    for name in CANDIDATES:
        accurate = {data for data, row in accuracies.items() if row[name] >= row[BASELINE]}
        faster = {data for data, row in seconds.items() if row[name] < row[BASELINE]}
        summary[name] = {
            "mean accuracy": float(np.mean([row[name] for row in accuracies.values()])),
            "at least as accurate on": len(accurate),
            "faster on": len(faster),
            "both on": len(accurate & faster),
        }
        mean, *counts = summary[name].values()
        print(f"{name:36}{mean:14.4f}{counts[0]:13}{counts[1]:8}{counts[2]:6}")
    choice = max(CANDIDATES, key=lambda name: (summary[name]["both on"], summary[name]["mean accuracy"]))
    print(f"chosen by the rule: {choice}")
    if not args.quick:
        write_record(
            args.output, began, accuracy=accuracies, fit_seconds=seconds, summary=summary, choice=choice
        )


if __name__ == "__main__":
    main()
