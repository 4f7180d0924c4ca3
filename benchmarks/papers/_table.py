"""What the papers' tables share: how their networks are trained, MNIST in parts."""

import sys
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from sklearn_sda import SdAClassifier

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _validation import error, fine_tune

from _cells import Table
from _common import argument_parser, interval, load_images

# what the scripts of this folder import from here, for they do not see the folder above
__all__ = ["PRETRAINING", "Table", "argument_parser", "error", "interval", "mnist", "train_network"]

PRETRAINING = {"solver": "adam", "learning_rate_init": 0.001, "batch_size": 50, "tol": 0.0}
FINE_TUNING = {"solver": "sgd", "momentum": 0.0, "batch_size": 20, "alpha": 0.0, "tol": 0.0}


def mnist(folder, n_train=50000):
    """Return three pairs of images in [0, 1], float32, and labels: training, validation (10,000) and test."""
    X, y, X_test, y_test = load_images("mnist", folder)
    X, X_test = X / np.float32(255), X_test / np.float32(255)
    return (X[:n_train], y[:n_train]), (X[50000:], y[50000:]), (X_test, y_test)


def train_network(stack, parts, phases, *, pretrain, quick, **fine_tuning):
    """Pretrain a stack and fine-tune it, with early stopping on the validation set.

    Parameters
    ----------
    stack : StackedAutoencoderTransformer
        Not fitted; its solver, learning rate and batch size become those of `PRETRAINING`.
    parts : list of three tuples (X, y)
        Training, validation and test.
    phases : list of dict
        With the learning rate, the largest number of epochs and the patience in epochs.
    pretrain : bool
        Whether the stack is trained, or only its random weights are used.
    quick : bool
        Whether one epoch each is enough.
    **fine_tuning : dict
        Parameters of the classifier beside `FINE_TUNING`.

    Returns
    -------
    dict
        Validation, test and training error in percent, number of epochs of fine-tuning.
    """
    training, validation, test = parts
    stack.set_params(**PRETRAINING, **({"max_iter": 1} if quick else {}))
    seed = stack.random_state
    if pretrain:
        stack = FrozenEstimator(stack.fit(*training))
    options = {"n_iter_no_change": np.inf, "random_state": seed, **FINE_TUNING, **fine_tuning}
    clf = SdAClassifier(stack, pretrain=pretrain, **options)
    best, errors = fine_tune(clf, training, validation, phases, quick)
    return {
        "validation error %": error(best, *validation),
        "test error %": error(best, *test),
        "training error %": error(best, *training),
        "epochs": len(errors),
    }
