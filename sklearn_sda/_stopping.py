"""When training stops: rules that see one value after each epoch, higher being better."""

import math


class Patience:
    """Stop after more than `n_iter_no_change` epochs in a row without progress, as scikit-learn does.

    Parameters
    ----------
    tol : float
        A value counts as progress if it is above the best one by more than this.
    n_iter_no_change : int or float
        Epochs without progress that are allowed.
    """

    def __init__(self, *, tol, n_iter_no_change):
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
        self.best = -math.inf
        self.restart(0)

    def restart(self, epoch):
        """Begin to count anew after an epoch: the learning rate was reduced."""
        self.stalled = 0

    def stops(self, value, epoch):
        """Take the value after an epoch (1, 2, ...) and return whether training should stop."""
        self.stalled = 0 if value > self.best + self.tol else self.stalled + 1
        self.best = max(self.best, value)
        return self.stalled > self.n_iter_no_change


class Geometric(Patience):
    """Train for `n_iter_no_change` epochs, and after real progress for as many again as there were so far.

    The rule of the deep learning tutorials (LISA lab 2010), where real progress is a validation error
    below 0.995 of the best one.
    """

    def restart(self, epoch):
        """Begin to wait anew after an epoch: the learning rate was reduced."""
        self.last = epoch + self.n_iter_no_change

    def stops(self, value, epoch):
        """Take the value after an epoch (1, 2, ...) and return whether training should stop."""
        if value > self.best + self.tol:
            self.last = max(self.last, 2 * epoch)
        self.best = max(self.best, value)
        return epoch >= self.last


STOPPING_RULES = {"patience": Patience, "geometric": Geometric}
