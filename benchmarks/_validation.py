"""Fine-tuning with early stopping on a validation set of its own, as the tutorial and the papers have it."""

import copy
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning


class Validation:
    """A scikit-learn callback: early stopping on the tutorial's validation set, best parameters kept."""

    def __init__(self, X, y, name, patience):
        self.X, self.y, self.name, self.patience = X, y, name, patience
        self.errors = []
        self.best = None

    def __deepcopy__(self, memo):
        """Return the callback itself: copies of the estimator need no copy of the samples."""
        return self

    def setup(self, estimator, context):
        """Do nothing: one instance sees one training."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """After an epoch of fine-tuning, measure; return True when it is time to stop."""
        if context.task_name != "epoch":
            return False
        error = 100 * (1 - fitted_estimator.score(self.X, self.y))
        if not self.errors or error < min(self.errors):
            self.best = copy.deepcopy(fitted_estimator).set_callbacks()
        self.errors.append(error)
        since_best = len(self.errors) - 1 - int(np.argmin(self.errors))
        print(f"  {self.name}, epoch {len(self.errors)}: validation error {error:.2f} %", flush=True)
        return since_best >= self.patience

    def teardown(self, estimator, context):
        """Do nothing."""


def error(clf, X, y):
    """Return the error in percent."""
    return round(100 * (1 - clf.score(X, y)), 2)


def fine_tune(clf, train, validation, phases, quick):
    """Fine-tune with one learning rate after the other, each from the best parameters so far.

    Returns
    -------
    best : SdAClassifier
        The parameters with the lowest validation error.
    errors : list of float
        Validation error after each epoch in percent.
    """
    best, errors = clf, []
    for phase in phases:
        rate = phase["learning_rate_init"]
        name = f"seed {clf.random_state}, pretrain={clf.pretrain}, dropout {clf.dropout}, rate {rate}"
        watcher = Validation(*validation, name, phase["patience"])
        clf = copy.deepcopy(best).set_params(
            learning_rate_init=rate,
            max_iter=2 if quick else phase["max_iter"],
            warm_start=bool(errors),
        )
        with warnings.catch_warnings():  # epochs are limited on purpose
            warnings.simplefilter("ignore", ConvergenceWarning)
            clf.set_callbacks(watcher).fit(*train)
        if not errors or min(watcher.errors) < min(errors):
            best = watcher.best
        errors += watcher.errors
    return best, errors
