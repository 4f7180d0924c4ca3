"""What the papers' tables share: cells that are computed once, errors with intervals, MNIST in parts."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.frozen import FrozenEstimator

from sklearn_sda import SdAClassifier

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _validation import error, fine_tune

from _common import argument_parser, environment, interval, load_images, write_record

# what the scripts of this folder import from here, for they do not see the folder above
__all__ = ["PRETRAINING", "Table", "argument_parser", "error", "interval", "mnist", "train_network"]

PRETRAINING = {"solver": "adam", "learning_rate_init": 0.001, "batch_size": 50, "tol": 0.0}
FINE_TUNING = {"solver": "sgd", "momentum": 0.0, "batch_size": 20, "alpha": 0.0, "tol": 0.0}


def mnist(folder, n_train=50000):
    """Return three pairs of images in [0, 1], float32, and labels: training, validation (10,000) and test."""
    X, y, X_test, y_test = load_images("mnist", folder)
    X, X_test = X / np.float32(255), X_test / np.float32(255)
    return (X[:n_train], y[:n_train]), (X[50000:], y[50000:]), (X_test, y_test)


def train_network(stack, parts, phases, *, pretrain, quick):
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
    clf = SdAClassifier(stack, pretrain=pretrain, n_iter_no_change=np.inf, random_state=seed, **FINE_TUNING)
    best, errors = fine_tune(clf, training, validation, phases, quick)
    return {
        "validation error %": error(best, *validation),
        "test error %": error(best, *test),
        "training error %": error(best, *training),
        "epochs": len(errors),
    }


class Table:
    """The cells of a table, recorded as soon as each is finished; a finished one is not run again.

    Parameters
    ----------
    args : argparse.Namespace
        Of `_common.argument_parser`. A quick run reads and writes no record.
    **content : dict
        What the record says beside the cells: the published figures, the grid. The cells of a record with
        another content are not taken.
    """

    def __init__(self, args, **content):
        self.path, self.quick = args.output, args.quick
        self.content = json.loads(json.dumps(content))
        self.environment, self.cells = environment(), {}
        if self.path.exists() and not self.quick:
            record = json.loads(self.path.read_text())
            if {name: record.get(name) for name in self.content} == self.content:
                self.environment, self.cells = record["environment"], record["cells"]

    def run(self, cells, n_jobs=1):
        """Compute those of some cells that are not there yet.

        Parameters
        ----------
        cells : dict of str to tuple
            By name, a function and its arguments; it returns the figures, a dict.
        n_jobs : int
            Processes; more than one is faster than as many threads, but leaves no time to report.
        """
        missing = [(name, *call) for name, call in cells.items() if name not in self.cells]
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        for name, figures in parallel(delayed(_compute)(*call) for call in missing):
            self.cells[name] = {**figures, "commit": environment()["commit"]}
            print(f"{name}: {figures}", flush=True)
            if not self.quick:
                write_record(self.path, self.environment, **self.content, cells=self.cells)

    def best(self, names, figure):
        """Return the name of the cell with the lowest value of a figure."""
        return min(names, key=lambda name: self.cells[name][figure])


def _compute(name, function, *arguments):
    """Return the name of a cell and its figures, seconds and date included."""
    start = time.perf_counter()
    figures = function(*arguments)
    seconds = round(time.perf_counter() - start, 1)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return name, {**figures, "seconds": seconds, "date": date}
