"""Training problems: the mean loss of a minibatch, its gradient and the step that it gives.

Each class has `name`, `parameters`, `span` and ``step(rows, position, optimizer)``, which is all that
`sklearn_sda._training.minimize` asks for. Parameters are the estimator's own arrays; buffers are
allocated once. The arithmetic is in `sklearn_sda._kernels.steps`.
"""

from itertools import pairwise

import numba
import numpy as np

from sklearn_sda._kernels.corruption import masking
from sklearn_sda._kernels.penalty import add_l2, add_l2_by_column, penalise_code
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES
from sklearn_sda._kernels.products import multiply
from sklearn_sda._kernels.steps import AHEAD, BLOCK, RELEASED, train_layer, train_network, train_samples
from sklearn_sda._network import gather
from sklearn_sda._optimizers import largest_below_one
from sklearn_sda._threads import WORK, Team, n_threads, share

# Minibatches share a call from Python, which costs as much as some steps of a small network (30
# microseconds), until it has so many floating-point operations (twenty milliseconds), or reads so many bytes.
SPAN_WORK, SPAN_BYTES = 2e9, 2**22


class _Objective:
    """What the objectives share: buffers, threads and the call of the compiled steps.

    A subclass has `_corruption`, ``_read(rows, position, part)``, which fills its buffers with a part of the
    rows, and ``_steps(n_rows, position, optimizer)``, the compiled function and its arguments but for the
    last three.

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
    gradient_size : int
        Numbers of the gradient that a step has at the same time.
    work : float
        Floating-point operations of the matrix products of a minibatch.
    weights : ndarray of shape (n_samples,) or None
        Of the samples in the loss; their mean is 1. None for ones.

    Attributes
    ----------
    span : int
        Rows that `step` wants: those of one minibatch, or of several where steps are short.
    most_threads : int
        Threads that can share a step.
    team : Team
        Threads that share the steps; the caller's alone unless it is set.
    """

    def __init__(
        self, name, parameters, shapes, alpha, batch_size, n_samples, row_size, gradient_size, work, weights
    ):  # fmt: skip
        for parameter in parameters:  # compiled code writes to them without looking
            alike = parameter.dtype == parameters[0].dtype
            if not (alike and parameter.flags.c_contiguous and parameter.flags.writeable):
                raise ValueError(f"{name}: parameters must be C-ordered, writable and of one type.")
        found = [parameter.shape for parameter in parameters]
        if found != shapes:
            raise ValueError(
                f"{name}: the arrays of parameters must have the shapes {shapes}, but have {found}. Was one "
                "of them replaced?"
            )
        self.name = name
        self.parameters = parameters
        self.team = Team(1)
        self.most_threads = 1 if numba.config.DISABLE_JIT else max(1, int(work / WORK))
        self._corruption = None
        self._alpha = alpha
        self._folding = alpha == 0
        self._batch_size = batch_size
        self._dtype = parameters[0].dtype
        together = min(SPAN_BYTES // (row_size * self._dtype.itemsize), n_samples) // batch_size
        together = min(together, int(SPAN_WORK / work) + 1)
        self.span = max(1, together) * batch_size
        self._losses = np.empty(self.span, self._dtype)
        self._sample_weights, self._weights = weights, np.ones(self.span, self._dtype)
        self._gradients = np.zeros(gradient_size, self._dtype)
        n_blocks = sum(-(-len(parameter) // BLOCK) for parameter in parameters if parameter.ndim == 2)
        self._penalties = np.empty(n_blocks, self._dtype)
        self._arrivals = np.empty(1, np.int64)

    def _functions(self, *kernels):
        """Return kernels as arguments of the compiled steps; 0 for None, one that they do not call.

        What is not called need not be compiled at the first use.
        """
        return [0 if kernel is None else kernel.of(self._dtype) for kernel in kernels]

    def _folds(self, optimizer):
        """Return whether coefficients can move within the matrix products of their gradients."""
        return optimizer.plain and self._folding

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
        if self._sample_weights is not None:
            self._weights[:n] = self._sample_weights[rows]
        together = self._corruption is not None and self._corruption.takes_minibatches
        n_readers = 1 if together else n_parts
        self.team.run(lambda part: self._read(rows, position, share(n, part, n_readers)), n_readers)
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

    def evaluate(self, rows, optimizer):
        """Return the mean loss of one minibatch and its gradient, always with the same noise.

        Parameters
        ----------
        rows : ndarray of shape (batch_size,)
            Indices into X.
        optimizer : sklearn_sda._optimizers.Still
            Makes no update.

        Returns
        -------
        loss : float
            Penalty included.
        gradient : ndarray of shape (n_parameters,)
            Of all parameters, one after the other.
        """
        self._gradients = np.zeros(sum(parameter.size for parameter in self.parameters), self._dtype)
        return self.step(rows, 0, optimizer) / len(rows), self._gradients


class Reconstruction(_Objective):
    """Denoising reconstruction by one layer.

    L = mean_i loss(x_i, decode(encode(corrupt(x_i)))) (Vincent et al. 2008, eq. 5): the reconstruction
    of the corrupted sample is compared with the *clean* one. With `targets`, the loss of an output layer
    on the code takes a share of it (Bengio et al. 2007, section 4). Penalties are added.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a minibatch at a time, never modified.
    parameters : list of ndarray
        encoder_coef (n_features, n_components), encoder_intercept (n_components,),
        decoder_intercept (n_features,); if the weights are not tied, decoder_coef
        (n_components, n_features); if there are targets, output_coef (n_components, n_outputs) and
        output_intercept (n_outputs,).
    activation : str
        Key of `ACTIVATIONS`.
    loss : str
        Key of `LOSSES`.
    corruption : sklearn_sda._corruption.Corruption
        What is done to the samples.
    tied : bool
        Whether the weights are tied.
    penalties : tuple of float
        The `strengths` of `sklearn_sda._kernels.penalty.penalise_code`.
    supervision : float
        Weight in [0, 1] of the output layer's loss; that of the reconstruction is 1 - supervision.
    write_targets : callable or None
        As in `Network`.
    labelled : ndarray of bool of shape (n_samples,) or None
        Which samples have targets; the others have no part in the output layer's loss.
    target_loss : str
        Key of `LOSSES` for the output layer.
    alpha, batch_size, weights
        See `_Objective`.
    """

    def __init__(
        self,
        X,
        parameters,
        *,
        activation,
        loss,
        corruption,
        alpha,
        batch_size,
        tied=True,
        penalties=(0, 0, 0.5, 0),
        supervision=0.0,
        write_targets=None,
        labelled=None,
        target_loss="log_loss",
        weights=None,
    ):
        n_features, n_components = parameters[0].shape
        name = f"Autoencoder layer {n_features} -> {n_components}"
        work = 10 * batch_size * n_features * n_components
        n_outputs = 0 if write_targets is None else len(parameters[-1])
        row_size = (3 if corruption.emphasis else 2) * n_features + n_outputs
        n_parameters = sum(parameter.size for parameter in parameters)
        shapes = [(X.shape[1], n_components), (n_components,), (n_features,)]
        shapes += [] if tied else [(n_components, n_features)]
        shapes += [] if write_targets is None else [(n_components, n_outputs), (n_outputs,)]
        super().__init__(
            name, parameters, shapes, alpha, batch_size, X.shape[0], row_size, n_parameters, work, weights
        )
        self._X = X
        self._unit = ACTIVATIONS[activation]
        self._loss, self._target_loss = LOSSES[loss], LOSSES[target_loss]
        self._corruption = corruption
        self._supervision, self._write_targets, self._labelled = supervision, write_targets, labelled
        activity_l1, sparsity_weight, target, contraction = penalties
        # rounding must not make 0 or 1 of a target between them
        target = np.clip(target, np.finfo(self._dtype).tiny, largest_below_one(self._dtype))
        self._strengths = np.array((activity_l1, sparsity_weight, target, contraction), self._dtype)
        penalised = activity_l1 > 0 or sparsity_weight > 0 or contraction > 0
        self._folding = alpha == 0 and contraction == 0

        def empty(*shape):
            return np.empty(shape, self._dtype)

        own = list(parameters[3:])
        self._decoder_coef = empty(0, 0) if tied else own.pop(0)
        self._output = own or [empty(n_components, 0), empty(0)]
        self._targets = empty(self.span, n_outputs)
        self._target_weights = empty(0 if write_targets is None else self.span)
        self._clean = empty(self.span, n_features)
        self._corrupted = np.empty_like(self._clean) if corruption.corrupts else self._clean
        self._emphasis = empty(*(self._clean.shape if corruption.emphasis else (0, 0)))
        plain = not (own or corruption.emphasis or penalised or weights is not None)
        self._one_by_one = batch_size == 1 and tied and plain
        # buffers of the compiled steps
        self._visible, self._hidden = empty(2 * batch_size, n_features), empty(2 * batch_size, n_components)
        self._bent = empty(2 * batch_size if contraction else 0, n_components)
        self._code_penalties, self._l2 = empty(n_components if penalised else 0), empty(n_components)
        self._delta_output = empty(batch_size, n_outputs)
        self._by_row, self._by_column = empty(3, batch_size), empty(3, n_components if penalised else 0)
        self._decoded = empty(n_features + AHEAD + 1)

    def _read(self, rows, position, part):
        """Copy and corrupt a part of the rows."""
        gather(self._X, rows[part], self._clean[part])
        if self._write_targets is not None:
            self._write_targets(rows[part], self._targets[part])
            self._target_weights[part] = self._weights[part]
            if self._labelled is not None:
                self._target_weights[part] *= self._labelled[rows[part]]
        if self._corruption.corrupts or self._corruption.emphasis:
            emphasis = self._emphasis[part] if self._corruption.emphasis else None
            self._corruption(
                self._clean[part], position + part.start, self._corrupted[part], emphasis, self._batch_size
            )

    def _steps(self, n_rows, position, optimizer):
        """Return the compiled function and its arguments but for the threads'."""
        X, X_tilde, losses = self._clean[:n_rows], self._corrupted[:n_rows], self._losses[:n_rows]
        functions = self._functions(*self._unit[:2])
        if self._one_by_one and self._folds(optimizer):
            step_size = optimizer.learning_rate
            functions += self._functions(self._loss.kernel)
            return (
                train_samples, X, X_tilde, self._weights[:1], *functions, *self.parameters, step_size,
                self._hidden, self._decoded, losses,
            )  # fmt: skip
        emphasis, weights = self._emphasis[:n_rows], self._weights[:n_rows]
        targets, target_weights = self._targets[:n_rows], self._target_weights[:n_rows]
        contracted = len(self._bent) > 0
        decay = add_l2 if self._alpha > 0 or contracted else None
        functions += self._functions(
            self._unit.derivatives if contracted else None,
            self._loss.emphasised if len(emphasis) else self._loss.kernel,
            self._target_loss.kernel if self._write_targets else None,
            add_l2_by_column if contracted else decay,
            decay,
            penalise_code if len(self._code_penalties) else None,
            optimizer.rule,
            multiply,
        )
        return (
            train_layer, X, X_tilde, emphasis, weights, targets, target_weights, self._batch_size,
            *functions,
            *self.parameters[:3], self._decoder_coef, *self._output, self._supervision, self._strengths,
            *self._update(n_rows, optimizer), self._visible, self._hidden, self._bent, self._delta_output,
            self._by_row, self._by_column, self._gradients, self._l2, self._penalties, self._code_penalties,
            losses,
        )  # fmt: skip


class Network(_Objective):
    """The loss of a deep network: a chain of hidden layers and an output layer, all trained.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a minibatch at a time, never modified.
    write_targets : callable
        ``write_targets(rows, out)`` writes the targets of some rows, of shape (n_rows, n_outputs).
    parameters : list of ndarray
        coef and intercept of each layer in turn, the output layer's last; only the intercept of a layer that
        does not own its coefficients.
    activations : list of str
        Keys of `ACTIVATIONS`, one per hidden layer.
    loss : str
        Key of `LOSSES`.
    alpha, batch_size, weights
        See `_Objective`.
    dropout : list of float or None
        Probability that an entry of the input of each layer is dropped, in [0, 1); None for zeros.
    seeds : list of int or None
        Of the dropout of each layer; None for zeros.
    owners : list of int or None
        The layer whose coefficients each layer uses: itself, or a lower one whose transposed they are. None
        if all have their own.
    corruption : sklearn_sda._corruption.Corruption or None
        What is done to the samples, if anything.
    rate_factors : list of float or None
        By which the learning rate of each layer is multiplied; None for ones.
    """

    def __init__(
        self, X, write_targets, parameters, *, activations, loss, alpha, batch_size, dropout=None,
        seeds=None, owners=None, corruption=None, rate_factors=None, weights=None,
    ):  # fmt: skip
        intercepts = [parameter for parameter in parameters if parameter.ndim == 1]
        sizes = [len(parameters[0]), *map(len, intercepts)]
        name = "Network " + " -> ".join(map(str, sizes))
        work = 6 * batch_size * sum(fan_in * fan_out for fan_in, fan_out in pairwise(sizes))
        # a step has the gradient of one layer after the other
        largest = max((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
        row_size = sizes[0] + sizes[-1]
        n_layers, shapes = len(intercepts), []
        self._owners = np.array(range(n_layers) if owners is None else owners, np.int64)
        for k, (owner, shape) in enumerate(
            zip(self._owners, pairwise([X.shape[1], *sizes[1:]]), strict=True)
        ):
            shapes += [shape, shape[1:]] if owner == k else [(sizes[owner],)]
        super().__init__(
            name, parameters, shapes, alpha, batch_size, X.shape[0], row_size, largest, work, weights
        )
        self._corruption = corruption
        self._X = X
        self._write_targets = write_targets
        self._loss = LOSSES[loss].kernel
        self._sizes = np.array(sizes, np.int64)
        self._units = np.array([list(ACTIVATIONS).index(name) for name in activations], np.int64)
        # where each layer begins: its input, its parameters, the penalties of its coefficients
        rows = np.where(self._owners == range(n_layers), self._sizes[:-1], 0)
        self._columns, self._places, self._blocks = (
            np.concatenate([[0], np.cumsum(lengths)])
            for lengths in (self._sizes[:-1], (rows + 1) * self._sizes[1:], -(-rows // BLOCK))
        )
        levels = np.minimum(dropout or [0] * n_layers, largest_below_one(self._dtype))
        self._dropout = np.repeat(levels.astype(self._dtype), self._sizes[:-1])
        self._rate_factors = np.array(rate_factors or [1] * n_layers, self._dtype)
        self._seeds = np.array(seeds or [0] * n_layers, np.int64)
        # two per layer: those of the coefficients, which may be another layer's, and of the intercept
        coefs = iter(parameter for parameter in parameters if parameter.ndim == 2)
        own = [next(coefs) if owner == k else None for k, owner in enumerate(self._owners)]
        pairs = zip((own[owner] for owner in self._owners), intercepts, strict=True)
        self._addresses = np.array([array.ctypes.data for pair in pairs for array in pair], np.int64)
        self._rows = np.empty((self.span, sizes[0]), self._dtype)
        self._targets = np.empty((self.span, sizes[-1]), self._dtype)
        self._outputs = np.empty(batch_size * sum(sizes), self._dtype)
        self._deltas = np.empty_like(self._outputs)
        self._row_weights = np.empty(batch_size, self._dtype)

    def _read(self, rows, position, part):
        """Copy a part of the rows, corrupt it, and write the targets."""
        inputs = self._rows[part]
        gather(self._X, rows[part], inputs)
        self._write_targets(rows[part], self._targets[part])
        if self._corruption is not None and self._corruption.corrupts:
            self._corruption(inputs, position + part.start, inputs, batch_size=self._batch_size)

    def _steps(self, n_rows, position, optimizer):
        """Return the compiled function and its arguments but for the threads'."""
        units = list(ACTIVATIONS.values())
        # a unit that no layer has need not be compiled: another one stands in its place
        used = units[self._units[0]] if len(self._units) else units[0]
        units = [unit if k in self._units else used for k, unit in enumerate(units)]
        return (
            train_network, self._rows[:n_rows], self._weights[:n_rows], self._targets[:n_rows],
            self._batch_size,
            self._sizes, self._columns, self._places, self._blocks, self._units,
            tuple(self._functions(*(unit.forward for unit in units))),
            tuple(self._functions(*(unit.backward for unit in units))),
            *self._functions(
                masking if self._dropout.any() else None,
                self._loss,
                add_l2 if self._alpha > 0 else None,
                optimizer.rule,
                multiply,
            ),
            self._dropout, self._seeds, position, self._addresses, self._owners,
            self._rate_factors,
            *self._update(n_rows, optimizer),
            self._outputs, self._deltas, self._row_weights, self._gradients, self._penalties,
            self._losses[:n_rows],
        )  # fmt: skip
