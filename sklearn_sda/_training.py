"""The loops, over minibatches and of L-BFGS. They know nothing of autoencoders or of the package."""

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.optimize


class DivergenceError(ValueError):
    """Training produced infinite or NaN values; the message names layer, epoch and learning rate."""


@dataclass
class History:
    """What happened during a call of `minimize`.

    Attributes
    ----------
    loss_curve : list of float
        Mean training loss of each epoch, over the samples as they were seen.
    validation_scores : list of float or None
        Score after each epoch, higher is better; None without a `validate` function.
    validation_losses : list of float or None
        Loss of the validation samples after each epoch, without penalties; None without that function.
    position : int
        Number of samples seen so far, those of earlier calls included.
    converged : bool
        Whether training stopped before `max_iter`.
    """

    loss_curve: list = field(default_factory=list)
    validation_scores: list | None = None
    validation_losses: list | None = None
    position: int = 0
    converged: bool = False

    @classmethod
    def begin(cls, validate, position):
        """Return that of a training that has yet to begin."""
        curves = (None, None) if validate is None else ([], [])
        return cls(validation_scores=curves[0], validation_losses=curves[1], position=position)

    def end_epoch(self, loss, validate):
        """Add the loss of an epoch and what `validate`, if it is not None, says of it."""
        self.loss_curve.append(loss)
        if validate is not None:
            score, validation_loss = validate()
            self.validation_scores.append(score)
            self.validation_losses.append(validation_loss)


# Orders of more rows are computed as they are needed: there may be many millions.
LARGEST_ORDER = 2**18
# Rounds of `_Shuffled`. Four cannot be told from a random permutation by those who see a part of it (Luby and
# Rackoff); here all of it is seen, so twice as many.
ROUNDS = 8


def as_indices(rows):
    """Return a range of rows as an array, of the smaller type that holds them; an array as it is."""
    if not isinstance(rows, range):
        return rows
    dtype = np.int32 if rows.stop <= np.iinfo(np.int32).max else np.int64
    return np.arange(rows.start, rows.stop, dtype=dtype)


class _Shuffled:
    """A random order of n rows that takes no memory: ``order[start:stop]`` is computed.

    Number i has a place (a, b) in a table of side x side cells, side**2 >= n. In each round (a, b) becomes
    (b, a + f(b) modulo side), f being a table of random numbers: a Feistel network, which permutes the
    places (Luby and Rackoff 1988). A number that is not below n goes on until it is.

    Parameters
    ----------
    rows : range or ndarray of int of shape (n,)
        What is shuffled, at least one: range(n) or any numbers in its place.
    rng : RandomState
        Draws the tables.
    """

    def __init__(self, rows, rng):
        self._rows, self._n, self._side = rows, len(rows), math.isqrt(len(rows) - 1) + 1
        self._tables = rng.randint(self._side, size=(ROUNDS, self._side))

    def __len__(self):
        return self._n

    def __getitem__(self, part):
        order = np.arange(*part.indices(self._n))
        going = np.arange(len(order))
        while len(going):
            a, b = np.divmod(order[going], self._side)
            for table in self._tables:
                a, b = b, (a + table[b]) % self._side
            order[going] = a * self._side + b
            going = going[order[going] >= self._n]
        return order if isinstance(self._rows, range) else self._rows[order]


def training_rows(n_samples, weights=None, labelled=None):
    """Return the indices of the samples that training can learn from, a range if they are all.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    weights : ndarray of shape (n_samples,) or None
        Those of weight 0 are left out.
    labelled : ndarray of bool of shape (n_samples,) or None
        Those that are not labelled are left out.

    Raises
    ------
    ValueError
        If there is none.
    """
    rows = range(n_samples)
    for mask in (weights, labelled):
        if mask is not None and not np.all(mask):
            rows = as_indices(rows)
            rows = rows[mask[rows] != 0]
    if not len(rows):
        raise ValueError(f"There is nothing to train on: all {n_samples} samples have weight 0 or no label.")
    return rows


def _check_finite(values, objective, optimizer, epoch):
    """Raise DivergenceError if any of `values`, a list of float, is infinite or NaN."""
    if not all(map(math.isfinite, values)):
        raise DivergenceError(
            f"{objective.name}: the loss or the parameters became infinite or NaN in epoch {epoch} with "
            f"learning rate {optimizer.learning_rate:g}. Use a smaller learning_rate_init, or scale the "
            "data (for instance with MinMaxScaler or StandardScaler), for a regressor the targets too."
        )


def minimize(
    objective,
    optimizer,
    *,
    rows,
    max_iter,
    shuffle,
    rng,
    stopping,
    validate=None,
    early_stopping=False,
    monitor=None,
    position=0,
):
    """Minimise the mean of an objective over samples with minibatches, in place.

    Parameters
    ----------
    objective : object
        With `name`, `parameters` (a list of arrays), `span` (how many rows a step wants) and
        ``step(rows, position, optimizer) -> float``, which updates the parameters with those rows, one
        minibatch or several, and returns the sum of their losses.
    optimizer : object
        With `learning_rate`, ``end_epoch(position)`` and ``reduce_learning_rate() -> bool``; the
        objective uses the rest.
    rows : range or ndarray of shape (n_samples,)
        Indices of the training samples.
    max_iter : int
        Largest number of epochs.
    shuffle : bool
        Draw a new order of the rows for every epoch.
    rng : RandomState
        Used for shuffling only.
    stopping : object
        With ``stops(value, epoch) -> bool``, which takes the negative training loss or the validation score
        after each epoch and says when to stop (or to reduce an adaptive learning rate), and
        ``restart(epoch)``; see `sklearn_sda._stopping`.
    validate : callable or None
        Returns the score and the loss of validation samples.
    early_stopping : bool
        Whether progress is measured by the validation score, and the parameters of the best epoch are
        restored at the end.
    monitor : object or None
        With ``begin_epoch()`` and ``end_epoch(history) -> bool``, True to stop.
    position : int
        Number of samples seen by earlier calls.

    Returns
    -------
    history : History

    Raises
    ------
    DivergenceError
        If the loss or a parameter becomes infinite or NaN. The parameters are then of no use.
    """
    history = History.begin(validate, position)
    best, best_parameters = -math.inf, None
    for epoch in range(1, max_iter + 1):
        if monitor is not None:
            monitor.begin_epoch()
        order = None  # the old order makes room for the new one
        order = _in_new_order(rows, rng) if shuffle else rows
        history.end_epoch(_run_epoch(objective, optimizer, order, history, epoch), validate)

        value = history.validation_scores[-1] if early_stopping else -history.loss_curve[-1]
        if value > best:
            best = value
            if early_stopping:
                best_parameters = _copy(objective.parameters, best_parameters)
        optimizer.end_epoch(history.position)
        if monitor is not None and monitor.end_epoch(history):
            history.converged = True
            break
        if stopping.stops(value, epoch):
            if not optimizer.reduce_learning_rate():
                history.converged = True
                break
            stopping.restart(epoch)
    if best_parameters is not None:
        _copy(best_parameters, objective.parameters)
    return history


def minimize_batch(objective, optimizer, *, rows, max_iter, tol, validate=None, monitor=None, position=0):
    """Minimise the mean of an objective over samples, all of them together, by L-BFGS, in place.

    Limited-memory BFGS (Liu and Nocedal 1989) as SciPy has it.

    Parameters
    ----------
    objective : object
        With `name`, `parameters` and ``evaluate(rows, optimizer) -> (mean loss, gradient)``, the gradient
        being that of all parameters one after the other.
    optimizer : object
        Handed to the objective.
    rows : range or ndarray of shape (n_samples,)
        Indices of the training samples.
    max_iter : int
        Largest number of iterations.
    tol : float
        Stop when no component of the gradient is larger. (SciPy's `ftol`, its default, is another end.)
    validate : callable or None
        As in `minimize`.
    monitor : object or None
        As in `minimize`, for iterations in the place of epochs, with ``abandon_epoch()`` for the last one if
        no step improves.
    position : int
        Number of samples seen by earlier calls; an iteration counts as one pass.

    Returns
    -------
    history : History

    Raises
    ------
    DivergenceError
        If the loss or a parameter becomes infinite or NaN. The parameters are then of no use.
    """
    history, rows = History.begin(validate, position), as_indices(rows)
    parameters = objective.parameters
    stops = np.cumsum([parameter.size for parameter in parameters])
    begun = False

    def assign(flat):
        for parameter, stop in zip(parameters, stops, strict=True):
            parameter[...] = flat[stop - parameter.size : stop].reshape(parameter.shape)

    def evaluate(flat):
        nonlocal begun
        if monitor is not None and not begun:
            monitor.begin_epoch()
            begun = True
        with np.errstate(over="ignore", invalid="ignore"):
            assign(flat)
            loss, gradient = objective.evaluate(rows, optimizer)
        if not (math.isfinite(loss) and np.isfinite(gradient).all()):
            raise DivergenceError(
                f"{objective.name}: the loss or its gradient became infinite or NaN in iteration "
                f"{len(history.loss_curve) + 1} of L-BFGS. Scale the data (for instance with MinMaxScaler or "
                "StandardScaler)."
            )
        return loss, gradient.astype(np.float64)

    def end_iteration(flat, loss):
        nonlocal begun
        assign(flat)
        history.end_epoch(float(loss), validate)
        history.position += len(rows)
        begun = False
        return monitor is not None and monitor.end_epoch(history)

    def callback(intermediate_result):
        if end_iteration(intermediate_result.x, intermediate_result.fun):
            raise StopIteration  # SciPy takes it as the wish to stop

    if max_iter > 0:
        start = np.concatenate([parameter.ravel() for parameter in parameters]).astype(np.float64)
        result = scipy.optimize.minimize(
            evaluate,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options={"maxiter": max_iter, "maxfun": np.iinfo(np.int32).max, "gtol": tol},
        )
        assign(result.x)
        progress = bool(history.loss_curve)
        if not progress:  # the start is a minimum, or no step improves: the loss is known all the same
            end_iteration(result.x, result.fun)
        elif begun and monitor is not None:
            monitor.abandon_epoch()
        # without progress any more, as far as the compute type can tell
        history.converged = result.status == 0 or (progress and len(history.loss_curve) < max_iter)
    return history


def _in_new_order(rows, rng):
    """Return rows, a range from 0 or an array, in a new random order, which only their number changes."""
    return _Shuffled(rows, rng) if len(rows) > LARGEST_ORDER else rng.permutation(as_indices(rows))


def _run_epoch(objective, optimizer, order, history, epoch):
    """Visit the rows in their order, updating after each minibatch, and return their mean loss.

    `history.position` is advanced. NumPy's warnings of overflow are silenced, for what overflowed is
    found and raised as an error.
    """
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(order), objective.span):
            rows = as_indices(order[start : start + objective.span])
            total += objective.step(rows, history.position, optimizer)
            _check_finite([total], objective, optimizer, epoch)
            history.position += len(rows)
        _check_finite([np.sum(p) for p in objective.parameters], objective, optimizer, epoch)
    return total / len(order)


def _copy(sources, targets):
    """Copy arrays into `targets`, or into new arrays if that is None, and return those."""
    if targets is None:
        return [source.copy() for source in sources]
    for source, target in zip(sources, targets, strict=True):
        np.copyto(target, source)
    return targets
