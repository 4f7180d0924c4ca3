"""Training problems: the mean loss of a minibatch, its gradient and the step that it gives.

Each class has `name`, `parameters`, `span` and ``step(rows, position, optimizer)``, which is all that
`sklearn_sda._training.minimize` asks for. Parameters are the estimator's own arrays; buffers are
allocated once. The arithmetic is in `sklearn_sda._kernels.steps`.
"""

import numba
import numpy as np

from sklearn_sda._kernels.corruption import CORRUPTIONS
from sklearn_sda._kernels.gradient import add_l2
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES
from sklearn_sda._kernels.products import multiply
from sklearn_sda._kernels.steps import BLOCK, RELEASED, train_layer, train_network, train_samples
from sklearn_sda._network import gather
from sklearn_sda._threads import WORK, Team, n_threads, share

# Samples of so many bytes share a call from Python: it costs as much as some steps of a small network.
SPAN_BYTES = 2**22


class _Objective:
    """What the objectives share: buffers, threads and the call of the compiled steps.

    A subclass has ``_read(rows, position, part)``, which fills its buffers with a part of the rows, and
    ``_steps(n_rows, position, optimizer)``, the compiled function and its arguments but for the last three.

    Parameters
    ----------
    name : str
        Names the network in messages.
    parameters : list of ndarray
        C-ordered, writable and of one floating-point type; updated in place.
    alpha : float
        Strength of the penalty alpha / (2 n) * sum(coef**2), n being the size of the minibatch (as
        in scikit-learn's multilayer perceptron).
    batch_size : int
        Rows per minibatch; the last one of an epoch may be smaller.
    n_samples : int
        Rows of the data.
    row_size : int
        Numbers that `_read` writes for each row.
    work : float
        Floating-point operations of the matrix products of a minibatch.

    Attributes
    ----------
    span : int
        Rows that `step` wants: those of one minibatch, or of several where steps are short.
    most_threads : int
        Threads that can share a step.
    team : Team
        Threads that share the steps; the caller's alone unless it is set.
    """

    def __init__(self, name, parameters, alpha, batch_size, n_samples, row_size, work):
        for parameter in parameters:  # compiled code writes to them without looking
            alike = parameter.dtype == parameters[0].dtype
            if not (alike and parameter.flags.c_contiguous and parameter.flags.writeable):
                raise ValueError(f"{name}: parameters must be C-ordered, writable and of one type.")
        self.name = name
        self.parameters = parameters
        self.team = Team(1)
        self.most_threads = 1 if numba.config.DISABLE_JIT else max(1, int(work / WORK))
        self._alpha = alpha
        self._batch_size = batch_size
        self._dtype = parameters[0].dtype
        together = min(SPAN_BYTES // (row_size * self._dtype.itemsize), n_samples) // batch_size
        self.span = max(1, together) * batch_size
        self._losses = np.empty(self.span, self._dtype)
        self._gradients = np.empty(sum(parameter.size for parameter in parameters), self._dtype)
        n_blocks = sum(-(-len(parameter) // BLOCK) for parameter in parameters if parameter.ndim == 2)
        self._penalties = np.empty(n_blocks, self._dtype)
        self._arrivals = np.empty(1, np.int64)

    def _functions(self, *kernels):
        """Return kernels as arguments of the compiled steps."""
        return [kernel.of(self._dtype) for kernel in kernels]

    def _folds(self, optimizer):
        """Return whether coefficients can move within the matrix products of their gradients."""
        return optimizer.plain and self._alpha == 0

    def _update(self, n_rows, optimizer):
        """Return the arguments of the compiled steps that describe the penalty and the updates."""
        n_updates = -(-n_rows // self._batch_size)
        step_sizes = np.array([optimizer.step_size() for _ in range(n_updates)], self._dtype)
        return (
            self._alpha, self._folds(optimizer), optimizer.first, optimizer.second, step_sizes,
            *optimizer.decays,
        )  # fmt: skip

    def step(self, rows, position, optimizer):
        """Update the parameters with one minibatch, or with several where steps are short.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Indices into X, at most `span`.
        position : int
            Number of samples seen before; addresses the corruption.
        optimizer : sklearn_sda._optimizers._Optimizer
            Its updates are made.

        Returns
        -------
        total : float
            Sum of the losses of the rows, penalty included.
        """
        n, n_parts = len(rows), min(self.team.size, n_threads())
        self.team.run(lambda part: self._read(rows, position, share(n, part, n_parts)), n_parts)
        steps, *arguments = self._steps(n, position, optimizer)
        if steps is train_samples:
            steps.entry(self._dtype)(*arguments)
        else:
            entry = steps.entry(self._dtype)
            self._arrivals[0] = 0
            self.team.run(
                lambda thread: entry(*arguments, self._arrivals, thread, n_parts),
                n_parts,
                release=lambda: self._arrivals.fill(RELEASED),
            )
        return float(np.add.reduce(self._losses[:n], dtype=np.float64))


class Reconstruction(_Objective):
    """Denoising reconstruction by one layer.

    L = mean_i loss(x_i, decode(encode(corrupt(x_i)))) (Vincent et al. 2008, eq. 5): the reconstruction
    of the corrupted sample is compared with the *clean* one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a minibatch at a time, never modified.
    parameters : list of ndarray
        encoder_coef (n_features, n_components), encoder_intercept (n_components,),
        decoder_intercept (n_features,) and, if the weights are not tied, decoder_coef
        (n_components, n_features).
    activation : str
        Key of `ACTIVATIONS`.
    loss : str
        Key of `LOSSES`.
    corruption : str
        Key of `CORRUPTIONS`.
    corruption_level : float
        In [0, 1).
    seed : int
        Of the corruption.
    alpha, batch_size
        See `_Objective`.
    """

    def __init__(
        self, X, parameters, *, activation, loss, corruption, corruption_level, seed, alpha, batch_size
    ):
        n_features, n_components = parameters[0].shape
        name = f"Autoencoder layer {n_features} -> {n_components}"
        work = 10 * batch_size * n_features * n_components
        super().__init__(name, parameters, alpha, batch_size, len(X), 2 * n_features, work)
        self._X = X
        self._units = ACTIVATIONS[activation][:2]
        self._loss = LOSSES[loss].kernel
        self._corrupt = CORRUPTIONS[corruption]
        self._level = corruption_level
        self._seed = seed
        self._clean = np.empty((self.span, n_features), self._dtype)
        self._corrupted = np.empty_like(self._clean) if corruption_level > 0 else self._clean
        self._visible = np.empty((2 * batch_size, n_features), self._dtype)
        self._hidden = np.empty((2 * batch_size, n_components), self._dtype)

    def _read(self, rows, position, part):
        """Copy and corrupt a part of the rows."""
        gather(self._X, rows[part], self._clean[part])
        if self._level > 0:
            start = position + part.start
            self._corrupt(self._clean[part], self._level, self._seed, start, self._corrupted[part])

    def _steps(self, n_rows, position, optimizer):
        """Return the compiled function and its arguments but for the threads'."""
        X, X_tilde, losses = self._clean[:n_rows], self._corrupted[:n_rows], self._losses[:n_rows]
        functions = self._functions(*self._units, self._loss)
        coef, intercept, decoder_intercept, *decoder_coef = self.parameters
        if self._batch_size == 1 and not decoder_coef and self._folds(optimizer):
            step_size = optimizer.learning_rate
            return train_samples, X, X_tilde, *functions, *self.parameters, step_size, losses
        decoder_coef = decoder_coef[0] if decoder_coef else np.empty((0, 0), self._dtype)
        return (
            train_layer, X, X_tilde, self._batch_size,
            *functions, *self._functions(add_l2, optimizer.rule, multiply),
            coef, intercept, decoder_intercept, decoder_coef, *self._update(n_rows, optimizer),
            self._visible, self._hidden, self._gradients, self._penalties, losses,
        )  # fmt: skip


class Supervised(_Objective):
    """The loss of a deep network: a chain of hidden layers and an output layer, all trained.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a minibatch at a time, never modified.
    write_targets : callable
        ``write_targets(rows, out)`` writes the targets of some rows, of shape (n_rows, n_outputs).
    parameters : list of ndarray
        coef and intercept of each layer in turn, the output layer's last.
    activations : list of str
        Keys of `ACTIVATIONS`, one per hidden layer.
    loss : str
        Key of `LOSSES`.
    alpha, batch_size
        See `_Objective`.
    dropout : list of float or None
        Probability that an entry of the input of each layer is dropped, in [0, 1); None for zeros.
    seeds : list of int or None
        Of the dropout of each layer; None for zeros.
    """

    def __init__(
        self, X, write_targets, parameters, *, activations, loss, alpha, batch_size, dropout=None, seeds=None
    ):
        sizes = [len(parameters[0]), *(coef.shape[1] for coef in parameters[::2])]
        name = "Network " + " -> ".join(map(str, sizes))
        work = 6 * batch_size * sum(coef.size for coef in parameters[::2])
        super().__init__(name, parameters, alpha, batch_size, len(X), sizes[0] + sizes[-1], work)
        self._X = X
        self._write_targets = write_targets
        self._loss = LOSSES[loss].kernel
        self._sizes = np.array(sizes, np.int64)
        self._units = np.array([list(ACTIVATIONS).index(name) for name in activations], np.int64)
        self._dropout = np.array(dropout or [0] * len(self._sizes[1:]), self._dtype)
        self._seeds = np.array(seeds or [0] * len(self._sizes[1:]), np.int64)
        self._addresses = np.array([parameter.ctypes.data for parameter in parameters], np.int64)
        self._rows = np.empty((self.span, sizes[0]), self._dtype)
        self._targets = np.empty((self.span, sizes[-1]), self._dtype)
        self._outputs = np.empty(batch_size * sum(sizes), self._dtype)
        self._deltas = np.empty_like(self._outputs)

    def _read(self, rows, position, part):
        """Copy a part of the rows and their targets."""
        gather(self._X, rows[part], self._rows[part])
        self._write_targets(rows[part], self._targets[part])

    def _steps(self, n_rows, position, optimizer):
        """Return the compiled function and its arguments but for the threads'."""
        units = list(ACTIVATIONS.values())
        # a unit that no layer has need not be compiled: another one stands in its place
        units = [unit if k in self._units else units[self._units[0]] for k, unit in enumerate(units)]
        return (
            train_network, self._rows[:n_rows], self._targets[:n_rows], self._batch_size,
            self._sizes, self._units,
            tuple(self._functions(*(unit.forward for unit in units))),
            tuple(self._functions(*(unit.backward for unit in units))),
            *self._functions(CORRUPTIONS["masking"], self._loss, add_l2, optimizer.rule, multiply),
            self._dropout, self._seeds, position, self._addresses, *self._update(n_rows, optimizer),
            self._outputs, self._deltas, self._gradients, self._penalties, self._losses[:n_rows],
        )  # fmt: skip
