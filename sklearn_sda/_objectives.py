"""Training problems: the mean loss of a minibatch and its gradient, in buffers that are allocated once.

Each class has `name`, `parameters`, `gradients` and ``evaluate(rows, position)``, which is all that
`sklearn_sda._training.minimize` asks for. Parameters are the estimator's own arrays.
"""

import numpy as np

from sklearn_sda._kernels.corruption import CORRUPTIONS
from sklearn_sda._kernels.gradient import add_l2
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES
from sklearn_sda._network import gather
from sklearn_sda._products import multiply


class _Objective:
    """What the objectives share: buffers, row weights and the L2 penalty.

    Parameters
    ----------
    name : str
        Names the network in messages.
    parameters : list of ndarray
        C-ordered, of one floating-point type; updated by the caller between evaluations.
    penalised : list of int
        Positions in `parameters` of the coefficients that the penalty applies to.
    alpha : float
        Strength of the penalty alpha / (2 n) * sum(coef**2), n being the size of the minibatch (as
        in scikit-learn's multilayer perceptron).
    batch_size : int
        Largest number of rows per evaluation.
    """

    def __init__(self, name, parameters, penalised, alpha, batch_size):
        self.name = name
        self.parameters = parameters
        self.gradients = [np.empty_like(p, order="C") for p in parameters]
        self._penalised = penalised if alpha > 0 else []
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
        return float(losses.sum(dtype=np.float64)) / n

    def _penalty(self, n):
        """Add the gradient of the L2 penalty for a minibatch of n rows and return the penalty."""
        return sum(
            float(add_l2(self.parameters[k].reshape(-1), self._alpha / n, self.gradients[k].reshape(-1)))
            for k in self._penalised
        )


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
        super().__init__(name, parameters, [0] if self._tied else [0, 3], alpha, batch_size)
        self._X = X
        self._activation = ACTIVATIONS[activation]
        self._loss_kernel = LOSSES[loss].kernel
        self._corrupt = CORRUPTIONS[corruption]
        self._level = corruption_level
        self._seed = seed
        self._clean = self._buffer(n_features)
        # [X_tilde; delta] and [delta_H; H] lie one above the other, so that both terms of the tied
        # gradient, X_tilde.T delta_H + delta.T H, are one matrix product
        self._visible = np.empty((2 * batch_size, n_features), self._dtype)
        self._hidden = np.empty((2 * batch_size, n_components), self._dtype)

    def evaluate(self, rows, position):
        """Return the mean loss of some rows and fill `gradients`.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Indices into X.
        position : int
            Number of samples seen before; addresses the corruption.

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

        multiply(X_tilde, coef, H)
        self._activation.forward(H, intercept)
        multiply(H, decoder_coef, delta)
        loss = self._loss(self._loss_kernel, X, delta, decoder_intercept)

        multiply(delta, decoder_coef.T, delta_H)
        self._activation.backward(H, delta_H)
        if self._tied:
            multiply(visible.T, hidden, self.gradients[0])
        else:
            multiply(X_tilde.T, delta_H, self.gradients[0])
            multiply(H.T, delta, self.gradients[3])
        np.sum(delta_H, axis=0, out=self.gradients[1])
        np.sum(delta, axis=0, out=self.gradients[2])
        return loss + self._penalty(n)


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
        self._coefs, self._intercepts = parameters[::2], parameters[1::2]
        sizes = [len(self._coefs[0]), *(coef.shape[1] for coef in self._coefs)]
        name = "Network " + " -> ".join(map(str, sizes))
        super().__init__(name, parameters, list(range(0, len(parameters), 2)), alpha, batch_size)
        self._X = X
        self._write_targets = write_targets
        self._activations = [ACTIVATIONS[activation] for activation in activations]
        self._loss_kernel = LOSSES[loss].kernel
        self._outputs = [self._buffer(size) for size in sizes]
        self._deltas = [None, *(self._buffer(size) for size in sizes[1:-1]), self._outputs[-1]]
        self._targets = self._buffer(sizes[-1])

    def evaluate(self, rows, position):
        """Return the mean loss of some rows and fill `gradients`.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Indices into X.
        position : int
            Not used: fine-tuning draws no noise.

        Returns
        -------
        loss : float
            Loss per sample, penalty included.
        """
        n = len(rows)
        outputs = [buffer[:n] for buffer in self._outputs]
        deltas = [None, *(buffer[:n] for buffer in self._deltas[1:])]
        targets = self._targets[:n]

        gather(self._X, rows, outputs[0])
        for k, activation in enumerate(self._activations):
            multiply(outputs[k], self._coefs[k], outputs[k + 1])
            activation.forward(outputs[k + 1], self._intercepts[k])
        multiply(outputs[-2], self._coefs[-1], outputs[-1])
        self._write_targets(rows, targets)
        loss = self._loss(self._loss_kernel, targets, outputs[-1], self._intercepts[-1])

        for k in reversed(range(len(self._coefs))):
            multiply(outputs[k].T, deltas[k + 1], self.gradients[2 * k])
            np.sum(deltas[k + 1], axis=0, out=self.gradients[2 * k + 1])
            if k > 0:
                multiply(deltas[k + 1], self._coefs[k].T, deltas[k])
                self._activations[k - 1].backward(outputs[k], deltas[k])
        return loss + self._penalty(n)
