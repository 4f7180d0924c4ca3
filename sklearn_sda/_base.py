"""What the estimators that train share: parameter constraints and what follows, the call of the loop."""

import copy
import functools
import time
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split

from sklearn_sda._compat import CallbackSupportMixin, Interval, Options, StrOptions
from sklearn_sda._optimizers import LEARNING_RATES, OPTIMIZERS, OPTIONS, Still
from sklearn_sda._stopping import STOPPING_RULES
from sklearn_sda._threads import Team, n_threads, one_thread
from sklearn_sda._training import as_indices, minimize, minimize_batch

# batch_size="auto" is a twentieth of the samples within these bounds: small data need many steps, and
# large ones are faster in large minibatches.
AUTO_BATCH_SIZES = (32, 200)
# max_iter="auto" (of pretraining) is this many updates, in whole epochs within these bounds: the data set
# has few minibatches if it is small, and 15 epochs of them leave a layer worse than random weights.
AUTO_UPDATES, AUTO_EPOCHS = 500, (15, 100)
# Solvers that need all samples together.
FULL_SOLVERS = ("lbfgs", "marginalized")


def all_or_nothing(method):
    """Decorate a fit method so that the estimator is as before if the method raises.

    Training works on new arrays that become attributes at the end, so that restoring the attribute
    dictionary restores everything.
    """

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        before = vars(self).copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapper


def writeable(array):
    """Return the array itself, or a copy if it is read-only, in a memory-mapped file or not C-ordered."""
    owner = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap):  # perhaps a cache, which others read
            return np.array(array, order="C")
        owner = owner.base
    return np.require(array, requirements=["C", "W"])


def task_of(estimator, X, y, weights):
    """Return what callbacks are told of a task, as keyword arguments.

    Parameters
    ----------
    estimator : estimator
        The one that is being fitted.
    X : array-like of shape (n_samples, n_features)
        What it is being fitted on.
    y : array-like of shape (n_samples,) or None
        Its labels.
    weights : ndarray of shape (n_samples,) or None
        Of the samples.
    """
    metadata = None if weights is None else {"sample_weight": weights}
    return {"estimator": estimator, "X": X, "y": y, "metadata": metadata}


def snapshot(value):
    """Return a copy of a fitted attribute, or of a fitted estimator, that training does not change any more.

    Arrays are copied, and lists, tuples and estimators with them; all else, such as callables, is the same.
    """
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if type(value) in (list, tuple):
        return type(value)(map(snapshot, value))
    if isinstance(value, BaseEstimator):
        twin = copy.copy(value)
        vars(twin).update({name: snapshot(attribute) for name, attribute in vars(value).items()})
        return twin
    return value


class Monitor:
    """Reports every epoch, to scikit-learn's callbacks and, if asked, as a printed line.

    Parameters
    ----------
    task : dict
        See `task_of`.
    context : sklearn.callback.CallbackContext or NullContext
        Of the phase that the epochs belong to.
    name : str
        Of the network, for the printed line.
    attributes : callable
        From the history so far to all fitted attributes, for callbacks that evaluate the estimator, or keep
        it: they get copies.
    max_iter : int
        Number of epochs planned.
    verbose : int or None
        Whether to print lines; None for the estimator's parameter.
    """

    def __init__(self, task, context, name, attributes, max_iter, verbose=None):
        self.task, self.context, self.name = task, context, name
        self.verbose = task["estimator"].verbose if verbose is None else verbose
        self.attributes = attributes
        self.max_iter = max_iter

    def begin_epoch(self):
        """Open the epoch's context."""
        self._start = time.perf_counter()
        self._epoch = self.context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self.task)

    def end_epoch(self, history):
        """Close the epoch's context; return True if a callback asks to stop."""
        if self.verbose:
            line = f"[{self.name}] epoch {len(history.loss_curve)}/{self.max_iter}"
            line += f", loss = {history.loss_curve[-1]:.6g}"
            if history.validation_scores:
                line += f", validation score = {history.validation_scores[-1]:.6g}"
            print(f"{line} ({time.perf_counter() - self._start:.2f} s)", flush=True)
        attributes = self.attributes
        return self._close(lambda: {name: snapshot(value) for name, value in attributes(history).items()})

    def abandon_epoch(self):
        """Close the context of an epoch that changed nothing: callbacks get no estimator to evaluate."""
        self._close(None)

    def _close(self, attributes):
        """Close the epoch's context; return True if a callback asks to stop."""
        return self._epoch.call_on_fit_task_end(**self.task, reconstruction_attributes=attributes)


class MinibatchEstimator(CallbackSupportMixin, BaseEstimator):
    """Abstract: an estimator with the parameters of a minibatch optimizer."""

    _parameter_constraints: dict = {
        "solver": [StrOptions(set(OPTIMIZERS))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "learning_rate": [StrOptions(set(LEARNING_RATES))],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "shuffle": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "stopping": [StrOptions(set(STOPPING_RULES))],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _can_partial_fit(self):
        """Return True; raise AttributeError, so that it is not there, where `partial_fit` makes no sense."""
        if self.solver in FULL_SOLVERS:
            raise AttributeError(
                f"partial_fit needs minibatches: set solver to 'adam' or 'sgd', got {self.solver!r}."
            )
        return True

    def _check_solver(self):
        """Raise ValueError if `solver` does not go with other parameters."""
        if self.solver == "lbfgs" and self.early_stopping:
            raise ValueError(
                "early_stopping=True makes no sense with solver='lbfgs', whose iterations are no epochs. Set "
                "early_stopping=False, or solver to 'adam' or 'sgd'."
            )

    def _batch_size(self, n_samples):
        """Return the number of rows per minibatch, at most n_samples."""
        if self.solver == "lbfgs":
            return n_samples
        if self.batch_size == "auto":
            smallest, largest = AUTO_BATCH_SIZES
            return min(max(smallest, n_samples // 20), largest, n_samples)
        return min(self.batch_size, n_samples)

    def _check_batch_size(self, n_samples):
        """Return the number of rows per minibatch, with a warning if it had to be clipped."""
        clipped = self.batch_size != "auto" and self.batch_size > n_samples
        if clipped and self.solver != "lbfgs" and self.max_iter != 0:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped.",
                stacklevel=2,
            )
        return self._batch_size(n_samples)

    def _max_iter(self, n_samples, incremental=False):
        """Return the largest number of epochs over n_samples: one if `incremental`."""
        if incremental:
            return 1
        if self.max_iter != "auto":
            return self.max_iter
        smallest, largest = AUTO_EPOCHS
        if self.solver == "lbfgs":
            return largest
        updates_per_epoch = -(-n_samples // self._batch_size(n_samples))
        return min(max(smallest, -(-AUTO_UPDATES // updates_per_epoch)), largest)

    def _split(self, rows, rng, *, strata=None):
        """Return the rows that are trained on and those that progress is measured by, drawn at random.

        A seed draws the same split in every fit, so that ``warm_start`` does not measure progress by rows
        that an earlier fit has trained on.

        Parameters
        ----------
        rows : range or ndarray of int of shape (n_rows,)
            To be split.
        rng : RandomState
            Draws the split if `random_state` is no seed.
        strata : ndarray of shape (n_samples,) or None
            Classes that both parts shall have in the same proportion.
        """
        rows = as_indices(rows)
        stratify = None if strata is None else strata[rows]
        fraction = self.validation_fraction
        seed = self.random_state if isinstance(self.random_state, Integral) else rng
        try:
            return train_test_split(rows, test_size=fraction, random_state=seed, stratify=stratify)
        except ValueError as error:
            reason = str(error).removesuffix(".")
            raise ValueError(
                f"early_stopping=True can't set aside validation_fraction={fraction} of {len(rows)} samples: "
                f"{reason}. Set another fraction, hand over X_val and y_val, or set early_stopping=False."
            ) from error

    def _next_optimizer(self, parameters, incremental):
        """Return the optimizer for a list of arrays.

        Parameters
        ----------
        parameters : list of ndarray
            Arrays that will be updated.
        incremental : bool
            Whether to continue with a copy of the optimizer of the previous call, if there is one of
            this `solver` for as many parameters. Otherwise it is new.

        Returns
        -------
        optimizer : one of `sklearn_sda._optimizers.OPTIMIZERS`
        """
        previous = getattr(self, "_optimizer", None)
        optimizer = OPTIMIZERS.get(self.solver, Still)
        n_parameters = sum(parameter.size for parameter in parameters)
        if incremental and type(previous) is optimizer and previous.first.size in (0, n_parameters):
            return copy.deepcopy(previous)
        return optimizer(
            parameters,
            learning_rate_init=self.learning_rate_init,
            learning_rate=self.learning_rate,
            power_t=self.power_t,
            **{name: getattr(self, name) for name in OPTIONS.get(self.solver, ())},
        )

    def _minimize(self, objective, optimizer, rng, *, rows, max_iter, position, monitor, validate):
        """Run the loop with this estimator's parameters.

        Parameters
        ----------
        objective, optimizer, rng, rows, max_iter, position, monitor, validate
            See `sklearn_sda._training.minimize`.

        Returns
        -------
        history : sklearn_sda._training.History
        """
        with one_thread, Team(min(objective.most_threads, n_threads())) as objective.team:
            if self.solver == "lbfgs":
                return minimize_batch(
                    objective,
                    optimizer,
                    rows=rows,
                    max_iter=max_iter,
                    tol=self.tol,
                    validate=validate,
                    monitor=monitor,
                    position=position,
                )
            return minimize(
                objective,
                optimizer,
                rows=rows,
                max_iter=max_iter,
                shuffle=self.shuffle,
                rng=rng,
                stopping=STOPPING_RULES[self.stopping](tol=self.tol, n_iter_no_change=self.n_iter_no_change),
                position=position,
                monitor=monitor,
                validate=validate,
                early_stopping=self.early_stopping and validate is not None,
            )

    def _curve_attributes(self, history, resume):
        """Return the attributes that tell how training went, continuing the present ones if `resume`."""
        before = self.loss_curve_ if resume else []
        losses, scores = before + history.loss_curve, history.validation_scores

        def continued(name, values):
            old = getattr(self, name) if resume else None
            if old is None and values is None:
                return None
            parts = ((old, before), (values, history.loss_curve))
            return [x for part, epochs in parts for x in (part or [np.nan] * len(epochs))]

        by_loss = scores is None or not self.early_stopping
        return {
            "loss_curve_": losses,
            "loss_": losses[-1] if losses else np.inf,
            "best_loss_": min(losses, default=np.inf) if by_loss else None,
            "validation_scores_": continued("validation_scores_", scores),
            "validation_losses_": continued("validation_losses_", history.validation_losses),
            "best_validation_score_": None if scores is None else max(scores, default=-np.inf),
            "n_iter_": len(losses),
            "t_": history.position,
        }
