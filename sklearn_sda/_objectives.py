"""Training problems: the mean loss of a minibatch, its gradient and the step that it gives.

Each class has `name`, `parameters`, `span` and ``step(rows, position, optimizer)``, which is all that
`sklearn_sda._training.minimize` asks for. Parameters are the estimator's own arrays; buffers are
allocated once, for the largest minibatch.
"""

import numpy as np

from sklearn_sda._kernels.corruption import CORRUPTIONS
from sklearn_sda._kernels.gradient import add_l2
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES
from sklearn_sda._kernels.products import multiply
from sklearn_sda._kernels.steps import train_layer, train_network, train_samples
from sklearn_sda._network import gather

# A step of so few operations takes less than half a millisecond. It is better made by one compiled
# function than by calls from Python, which cost some 30 microseconds, and on one thread. Such steps share
# a call, with samples of so many bytes.
SHORT_STEP = 4e7
SPAN_BYTES = 2**20


class _Objective:
    """What the objectives share: buffers, row weights and the L2 penalty.

    Parameters
    ----------
    name : str
        Names the network in messages.
    parameters : list of ndarray
        C-ordered, of one floating-point type; updated by the caller between evaluations.
    coefs : list of int
        Positions in `parameters` of the coefficients: the penalty applies to them, and their
        gradients are matrix products.
    alpha : float
        Strength of the penalty alpha / (2 n) * sum(coef**2), n being the size of the minibatch (as
        in scikit-learn's multilayer perceptron).
    batch_size : int
        Rows per minibatch; the last one of an epoch may be smaller.
    work : float
        Floating-point operations of the matrix products of a minibatch.
    compilable : bool
        Whether `_compiled_steps` has such a network.

    Attributes
    ----------
    short : bool
        Whether a step takes so little time that one thread is enough.
    span : int
        Rows that `step` wants: those of one minibatch, or of several where steps are short.
    """

    def __init__(self, name, parameters, coefs, alpha, batch_size, work, compilable):
        self.name = name
        self.short = work <= SHORT_STEP
        self._compiled = compilable and (self.short or batch_size == 1)
        self.span = batch_size
        self.parameters = parameters
        self.gradients = [np.empty_like(p, order="C") for p in parameters]
        self._coefs = coefs
        self._alpha = alpha
        self._batch_size = batch_size
        self._dtype = parameters[0].dtype
        self._weights = self._buffer()
        self._losses = self._buffer()

    def _buffer(self, *shape):
        """Return an uninitialised array for the largest minibatch."""
        return np.empty((self._batch_size, *shape), self._dtype)

    def _loss(self, loss, targets, Z, intercept):
        """Return the mean loss of a minibatch and turn the pre-activation Z into delta / n."""
        n = len(Z)
        weights, losses = self._weights[:n], self._losses[:n]
        weights.fill(1 / n)
        loss(targets, Z, intercept, weights, losses)
        return float(np.add.reduce(losses, dtype=np.float64)) / n

    def _penalty(self, n):
        """Add the gradient of the L2 penalty for a minibatch of n rows and return the penalty."""
        if self._alpha == 0:
            return 0.0
        return sum(
            float(add_l2(self.parameters[k].reshape(-1), self._alpha / n, self.gradients[k].reshape(-1)))
            for k in self._coefs
        )

    def _product(self, k, A, B, rate):
        """Write A @ B to gradient k; or, with a rate, subtract rate A @ B from parameter k.

        The latter needs neither a gradient array nor a second pass over the parameter.
        """
        if rate == 0:
            multiply(A, B, 1, 0, self.gradients[k])
        else:
            multiply(A, B, -rate, 1, self.parameters[k])

    def _widen_span(self, n_samples, n_columns):
        """Let as many minibatches share a call as SPAN_BYTES hold, each row copied to n_columns numbers."""
        rows = min(SPAN_BYTES // (n_columns * self._dtype.itemsize), n_samples)
        self.span = max(1, rows // self._batch_size) * self._batch_size

    def _step_sizes(self, n_rows, optimizer):
        """Return the step size of each minibatch of some rows, of shape (n_minibatches,)."""
        n_updates = -(-n_rows // self._batch_size)
        return np.array([optimizer.step_size() for _ in range(n_updates)], self._dtype)

    def _folds(self, optimizer):
        """Return whether coefficients can move within the matrix products of their gradients."""
        return optimizer.plain and self._alpha == 0

    def step(self, rows, position, optimizer):
        """Update the parameters with one minibatch, or with several in one call where steps are short.

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
        if self._compiled:
            losses = self._compiled_steps(rows, position, optimizer)
            return float(np.add.reduce(losses, dtype=np.float64))
        folded = self._folds(optimizer)
        loss = self.evaluate(rows, position, rate=optimizer.learning_rate if folded else 0)
        optimizer.update(self.parameters, self.gradients, done=self._coefs if folded else ())
        return loss * len(rows)


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
        self._tied = len(parameters) == 3
        work = 10 * batch_size * n_features * n_components
        coefs = [0] if self._tied else [0, 3]
        super().__init__(name, parameters, coefs, alpha, batch_size, work, compilable=True)
        self._X = X
        self._activation = ACTIVATIONS[activation]
        self._loss_kernel = LOSSES[loss].kernel
        self._corrupt = CORRUPTIONS[corruption]
        self._level = corruption_level
        self._seed = seed
        if self._compiled:
            self._widen_span(X.shape[0], 2 * n_features)
            self._corrupted = np.empty((self.span, n_features), self._dtype)
            self._span_losses = np.empty(self.span, self._dtype)
        self._clean = np.empty((self.span, n_features), self._dtype)
        # [X_tilde; delta] and [delta_H; H] lie one above the other, so that both terms of the tied
        # gradient, X_tilde.T delta_H + delta.T H, are one matrix product
        self._visible = np.empty((2 * batch_size, n_features), self._dtype)
        self._hidden = np.empty((2 * batch_size, n_components), self._dtype)

    def evaluate(self, rows, position, rate=0):
        """Return the mean loss of some rows and fill `gradients`.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Indices into X.
        position : int
            Number of samples seen before; addresses the corruption.
        rate : float
            If not 0, coefficients move by -rate gradient at once, and their gradients are not filled.

        Returns
        -------
        loss : float
            Loss per sample, penalty included.
        """
        n = len(rows)
        visible, hidden, X = self._visible[: 2 * n], self._hidden[: 2 * n], self._clean[:n]
        X_tilde, delta, delta_H, H = visible[:n], visible[n:], hidden[:n], hidden[n:]
        coef, intercept, decoder_intercept = self.parameters[:3]
        decoder_coef = coef.T if self._tied else self.parameters[3]

        gather(self._X, rows, X)
        if self._level > 0:
            self._corrupt(X, self._level, self._seed, position, X_tilde)
        else:
            np.copyto(X_tilde, X)

        multiply(X_tilde, coef, 1, 0, H)
        self._activation.forward(H, intercept)
        multiply(H, decoder_coef, 1, 0, delta)
        loss = self._loss(self._loss_kernel, X, delta, decoder_intercept)

        multiply(delta, decoder_coef.T, 1, 0, delta_H)
        self._activation.backward(H, delta_H)
        if self._tied:
            self._product(0, visible.T, hidden, rate)
        else:
            self._product(0, X_tilde.T, delta_H, rate)
            self._product(3, H.T, delta, rate)
        np.add.reduce(delta_H, axis=0, out=self.gradients[1])
        np.add.reduce(delta, axis=0, out=self.gradients[2])
        return loss + self._penalty(n)

    def _compiled_steps(self, rows, position, optimizer):
        """Make the updates of `step` in one compiled call and return the loss of each row."""
        X, X_tilde = self._clean[: len(rows)], self._corrupted[: len(rows)]
        losses = self._span_losses[: len(rows)]
        gather(self._X, rows, X)
        if self._level > 0:
            self._corrupt(X, self._level, self._seed, position, X_tilde)
        else:
            X_tilde = X
        functions = [kernel.of(self._dtype) for kernel in (*self._activation[:2], self._loss_kernel)]
        coef, intercept, decoder_intercept, *decoder_coef = self.parameters
        decoder_coef = decoder_coef[0] if decoder_coef else np.empty((0, 0), self._dtype)
        if self._batch_size == 1 and self._tied and self._folds(optimizer):
            train_samples(
                X, X_tilde, *functions,
                coef, intercept, decoder_intercept, optimizer.learning_rate, losses,
            )  # fmt: skip
        else:
            functions += [kernel.of(self._dtype) for kernel in (add_l2, optimizer.rule, multiply)]
            train_layer(
                X, X_tilde, self._batch_size, *functions,
                coef, intercept, decoder_intercept, decoder_coef, self._alpha,
                self._folds(optimizer), optimizer.first, optimizer.second,
                self._step_sizes(len(rows), optimizer), *optimizer.decays, losses,
            )  # fmt: skip
        return losses


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
    """

    def __init__(self, X, write_targets, parameters, *, activations, loss, alpha, batch_size):
        sizes = [len(parameters[0]), *(coef.shape[1] for coef in parameters[::2])]
        name = "Network " + " -> ".join(map(str, sizes))
        work = 6 * batch_size * sum(coef.size for coef in parameters[::2])
        coefs, alike = list(range(0, len(parameters), 2)), len(set(activations)) == 1
        super().__init__(name, parameters, coefs, alpha, batch_size, work, compilable=alike)
        self._X = X
        if self._compiled:
            self._widen_span(X.shape[0], sizes[0] + sizes[-1])
            self._sizes = np.array(sizes)
            self._rows = np.empty((self.span, sizes[0]), self._dtype)
            self._rows_targets = np.empty((self.span, sizes[-1]), self._dtype)
            self._rows_losses = np.empty(self.span, self._dtype)
        self._write_targets = write_targets
        self._activations = [ACTIVATIONS[activation] for activation in activations]
        self._loss_kernel = LOSSES[loss].kernel
        self._outputs = [self._buffer(size) for size in sizes]
        self._deltas = [None, *(self._buffer(size) for size in sizes[1:-1]), self._outputs[-1]]
        self._targets = self._buffer(sizes[-1])

    def _compiled_steps(self, rows, position, optimizer):
        """Make the updates of `step` in one compiled call and return the loss of each row."""
        n = len(rows)
        X, targets, losses = self._rows[:n], self._rows_targets[:n], self._rows_losses[:n]
        gather(self._X, rows, X)
        self._write_targets(rows, targets)
        kernels = (*self._activations[0][:2], self._loss_kernel, add_l2, optimizer.rule, multiply)
        # a compiled function takes any number of layers only as one array
        flat = np.concatenate([parameter.reshape(-1) for parameter in self.parameters])
        train_network(
            X, targets, self._batch_size, self._sizes, *(kernel.of(self._dtype) for kernel in kernels),
            flat, self._alpha, optimizer.first, optimizer.second,
            self._step_sizes(n, optimizer), *optimizer.decays, losses,
        )  # fmt: skip
        end = 0
        for parameter in self.parameters:
            start, end = end, end + parameter.size
            parameter.reshape(-1)[:] = flat[start:end]
        return losses

    def evaluate(self, rows, position, rate=0):
        """Return the mean loss of some rows and fill `gradients`.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Indices into X.
        position : int
            Not used: fine-tuning draws no noise.
        rate : float
            As in `Reconstruction.evaluate`.

        Returns
        -------
        loss : float
            Loss per sample, penalty included.
        """
        n = len(rows)
        coefs, intercepts = self.parameters[::2], self.parameters[1::2]
        outputs = [buffer[:n] for buffer in self._outputs]
        deltas = [None, *(buffer[:n] for buffer in self._deltas[1:])]
        targets = self._targets[:n]

        gather(self._X, rows, outputs[0])
        for k, activation in enumerate(self._activations):
            multiply(outputs[k], coefs[k], 1, 0, outputs[k + 1])
            activation.forward(outputs[k + 1], intercepts[k])
        multiply(outputs[-2], coefs[-1], 1, 0, outputs[-1])
        self._write_targets(rows, targets)
        loss = self._loss(self._loss_kernel, targets, outputs[-1], intercepts[-1])

        for k in reversed(range(len(coefs))):
            if k > 0:  # before the coefficients move
                multiply(deltas[k + 1], coefs[k].T, 1, 0, deltas[k])
                self._activations[k - 1].backward(outputs[k], deltas[k])
            self._product(2 * k, outputs[k].T, deltas[k + 1], rate)
            np.add.reduce(deltas[k + 1], axis=0, out=self.gradients[2 * k + 1])
        return loss + self._penalty(n)
