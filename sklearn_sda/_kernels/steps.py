"""Whole steps in one call: many minibatches, or one sample after the other.

The formulas are those of `sklearn_sda._objectives`, which computes one minibatch at a time in Python.
Here the pieces (unit, loss, update, matrix product) come as functions, so that one compiled function
serves them all. It pays where a step is short: a call from Python costs as much as the arithmetic of a
small layer, and at batch size 1 the coefficients are better read once than four times.
"""

import numpy as np

from sklearn_sda._kernels._jit import (
    MATRIX,
    MATRIX_IN,
    SCALAR,
    SIZES,
    STRIDED_IN,
    UINT64,
    VECTOR,
    VECTOR_IN,
    function,
    helper,
    kernel,
)
from sklearn_sda._kernels.update import ARGUMENTS

FORWARD = function(MATRIX, VECTOR_IN)
BACKWARD = function(MATRIX_IN, MATRIX)
LOSS = function(MATRIX_IN, MATRIX, VECTOR_IN, VECTOR_IN, VECTOR)
PENALTY = function(VECTOR_IN, SCALAR, VECTOR, returns=SCALAR)
UPDATE = function(*ARGUMENTS)
PRODUCT = function(STRIDED_IN, STRIDED_IN, SCALAR, SCALAR, MATRIX)

# Rows of the coefficients between their decoding and their update: few enough to stay in the cache,
# enough for the loss to be a short loop (measured at 784 x 1000: 170 us with 8, 184 with 4, 188 with 16).
BLOCK = 8


@helper
def _sum_rows(X, out):
    """Out <- the sum over the rows of X, of shape (n_samples, n_columns)."""
    for j in range(X.shape[1]):
        out[j] = X[0, j]
    for i in range(1, X.shape[0]):
        for j in range(X.shape[1]):
            out[j] += X[i, j]


@kernel(
    MATRIX_IN, MATRIX_IN, UINT64, FORWARD, BACKWARD, LOSS, PENALTY, UPDATE, PRODUCT,
    MATRIX, VECTOR, VECTOR, MATRIX, SCALAR, UINT64,
    VECTOR, VECTOR, VECTOR_IN, SCALAR, SCALAR, SCALAR, VECTOR,
)  # fmt: skip
def train_layer(
    X, X_tilde, batch_size, forward, backward, loss, add_l2, update, multiply,
    coef, intercept, decoder_intercept, decoder_coef, alpha, folded,
    first, second, step_sizes, decay_1, decay_2, epsilon, losses,
):  # fmt: skip
    """Update a layer with one minibatch after the other.

    Parameters
    ----------
    X, X_tilde : ndarray of shape (n_samples, n_features)
        Clean and corrupted samples.
    batch_size : int
        Rows per minibatch; the last one may have fewer.
    forward, backward : function
        Of the hidden unit, see `sklearn_sda._kernels.pointwise.Activation`.
    loss, add_l2, update, multiply : function
        See `pointwise.squared_error`, `gradient.add_l2`, `update` and `products.multiply`.
    coef : ndarray of shape (n_features, n_components)
        Encoder coefficients, updated in place as the other parameters.
    intercept : ndarray of shape (n_components,)
        Encoder intercepts.
    decoder_intercept : ndarray of shape (n_features,)
        Decoder intercepts.
    decoder_coef : ndarray of shape (n_components, n_features)
        Decoder coefficients; of shape (0, 0) if the weights are tied.
    alpha : float
        Strength of the L2 penalty, as in `sklearn_sda._objectives`.
    folded : int
        1 if coefficients move by -step_size gradient within the matrix product; 0 if `update` moves them.
    first, second : ndarray of shape (n_parameters,) or (0,)
        The state of the update, all parameters one after the other.
    step_sizes : ndarray of shape (n_minibatches,)
        Step size of each update.
    decay_1, decay_2, epsilon : float
        Of the update.
    losses : ndarray of shape (n_samples,)
        Out: loss of each row, penalty included.
    """
    n_features, n_components = coef.shape
    tied = decoder_coef.size == 0
    # [X_tilde; delta] and [delta_H; H] lie one above the other: see Reconstruction
    visible = np.empty((2 * batch_size, n_features), coef.dtype)
    hidden = np.empty((2 * batch_size, n_components), coef.dtype)
    weights = np.empty(batch_size, coef.dtype)
    grad, decoder_grad = np.empty_like(coef), np.empty_like(decoder_coef)
    intercept_grad, decoder_intercept_grad = np.empty_like(intercept), np.empty_like(decoder_intercept)
    one, zero = coef.dtype.type(1), coef.dtype.type(0)
    a = min(coef.size, first.size), min(coef.size, second.size)
    b = min(a[0] + n_components, first.size), min(a[1] + n_components, second.size)
    c = min(b[0] + n_features, first.size), min(b[1] + n_features, second.size)
    for k in range(step_sizes.size):
        start = np.intp(k) * np.intp(batch_size)
        stop = min(start + np.intp(batch_size), X.shape[0])
        n = stop - start
        x, step_size = X[start:stop], step_sizes[k]
        x_tilde, delta, delta_h, h = visible[:n], visible[n : 2 * n], hidden[:n], hidden[n : 2 * n]
        x_tilde[:, :] = X_tilde[start:stop]
        weights[:n] = one / coef.dtype.type(n)

        multiply(x_tilde, coef, one, zero, h)
        forward(h, intercept)
        multiply(h, coef.T if tied else decoder_coef, one, zero, delta)
        loss(x, delta, decoder_intercept, weights[:n], losses[start:stop])
        if tied:
            multiply(delta, coef, one, zero, delta_h)
        else:
            multiply(delta, decoder_coef.T, one, zero, delta_h)
        backward(h, delta_h)

        # out <- factor product + keep out: the gradient, or at once the coefficients
        factor, keep = (-step_size, one) if folded else (one, zero)
        out, decoder_out = (coef, decoder_coef) if folded else (grad, decoder_grad)
        if tied:
            multiply(visible[: 2 * n].T, hidden[: 2 * n], factor, keep, out)
        else:
            multiply(x_tilde.T, delta_h, factor, keep, out)
            multiply(h.T, delta, factor, keep, decoder_out)
        _sum_rows(delta_h, intercept_grad)
        _sum_rows(delta, decoder_intercept_grad)
        if alpha > 0:
            strength = alpha / coef.dtype.type(n)
            penalty = add_l2(coef.reshape(-1), strength, grad.reshape(-1))
            if not tied:
                penalty += add_l2(decoder_coef.reshape(-1), strength, decoder_grad.reshape(-1))
            losses[start:stop] += penalty

        update(
            intercept, intercept_grad, first[a[0] : b[0]], second[a[1] : b[1]],
            step_size, decay_1, decay_2, epsilon,
        )  # fmt: skip
        update(
            decoder_intercept, decoder_intercept_grad, first[b[0] : c[0]], second[b[1] : c[1]],
            step_size, decay_1, decay_2, epsilon,
        )  # fmt: skip
        if not folded:
            update(
                coef.reshape(-1), grad.reshape(-1), first[: a[0]], second[: a[1]],
                step_size, decay_1, decay_2, epsilon,
            )  # fmt: skip
            update(
                decoder_coef.reshape(-1), decoder_grad.reshape(-1), first[c[0] :], second[c[1] :],
                step_size, decay_1, decay_2, epsilon,
            )  # fmt: skip


@helper
def _matrix(flat, start, rows, columns):
    """Return a part of a flat array as a matrix of shape (rows, columns)."""
    return flat[start : start + rows * columns].reshape((rows, columns))


@kernel(
    MATRIX_IN, MATRIX_IN, UINT64, SIZES, FORWARD, BACKWARD, LOSS, PENALTY, UPDATE, PRODUCT,
    VECTOR, SCALAR, VECTOR, VECTOR, VECTOR_IN, SCALAR, SCALAR, SCALAR, VECTOR,
)  # fmt: skip
def train_network(
    X, targets, batch_size, sizes, forward, backward, loss, add_l2, update, multiply,
    parameters, alpha, first, second, step_sizes, decay_1, decay_2, epsilon, losses,
):  # fmt: skip
    """Update a deep network with one minibatch after the other.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    targets : ndarray of shape (n_samples, n_outputs)
        Targets of the output layer.
    batch_size : int
        Rows per minibatch; the last one may have fewer.
    sizes : ndarray of shape (n_layers + 1,)
        Sizes of the input, the hidden layers and the output.
    forward, backward : function
        Of all hidden units, see `sklearn_sda._kernels.pointwise.Activation`.
    loss, add_l2, update, multiply : function
        See `pointwise.squared_error`, `gradient.add_l2`, `update` and `products.multiply`.
    parameters : ndarray of shape (n_parameters,)
        Coefficients and intercepts of each layer in turn, one after the other; updated in place.
    alpha : float
        Strength of the L2 penalty, as in `sklearn_sda._objectives`.
    first, second : ndarray of shape (n_parameters,) or (0,)
        The state of the update.
    step_sizes : ndarray of shape (n_minibatches,)
        Step size of each update.
    decay_1, decay_2, epsilon : float
        Of the update.
    losses : ndarray of shape (n_samples,)
        Out: loss of each row, penalty included.
    """
    last = sizes.size - 2
    most = np.intp(batch_size)
    one, zero = parameters.dtype.type(1), parameters.dtype.type(0)
    gradients, weights = np.empty_like(parameters), np.empty(most, parameters.dtype)
    # where the coefficients and the intercepts of a layer begin, and where its input begins
    coefs, intercepts = np.empty(last + 1, np.intp), np.empty(last + 1, np.intp)
    inputs = np.empty(last + 2, np.intp)
    end, place = 0, 0
    for k in range(last + 1):
        coefs[k], intercepts[k], inputs[k] = end, end + sizes[k] * sizes[k + 1], place
        end = intercepts[k] + sizes[k + 1]
        place += most * sizes[k]
    inputs[last + 1] = place
    outputs = np.empty(place + most * sizes[last + 1], parameters.dtype)
    deltas = np.empty_like(outputs)
    for step in range(step_sizes.size):
        start = step * most
        stop = min(start + most, X.shape[0])
        n = stop - start
        weights[:n] = one / parameters.dtype.type(n)
        _matrix(outputs, 0, n, sizes[0])[:, :] = X[start:stop]
        for k in range(last + 1):
            Z = _matrix(outputs, inputs[k + 1], n, sizes[k + 1])
            coef = _matrix(parameters, coefs[k], sizes[k], sizes[k + 1])
            intercept = parameters[intercepts[k] : intercepts[k] + sizes[k + 1]]
            multiply(_matrix(outputs, inputs[k], n, sizes[k]), coef, one, zero, Z)
            if k < last:
                forward(Z, intercept)
            else:
                loss(targets[start:stop], Z, intercept, weights[:n], losses[start:stop])
        for k in range(last, -1, -1):
            H = _matrix(outputs, inputs[k], n, sizes[k])
            delta = _matrix(outputs if k == last else deltas, inputs[k + 1], n, sizes[k + 1])
            coef = _matrix(parameters, coefs[k], sizes[k], sizes[k + 1])
            grad = _matrix(gradients, coefs[k], sizes[k], sizes[k + 1])
            multiply(H.T, delta, one, zero, grad)
            _sum_rows(delta, gradients[intercepts[k] : intercepts[k] + sizes[k + 1]])
            if k > 0:
                below = _matrix(deltas, inputs[k], n, sizes[k])
                multiply(delta, coef.T, one, zero, below)
                backward(H, below)
            if alpha > 0:
                losses[start:stop] += add_l2(
                    coef.reshape(-1), alpha / parameters.dtype.type(n), grad.reshape(-1)
                )
        update(parameters, gradients, first, second, step_sizes[step], decay_1, decay_2, epsilon)


@kernel(
    MATRIX_IN, MATRIX_IN, FORWARD, BACKWARD, LOSS, MATRIX, VECTOR, VECTOR, SCALAR, VECTOR
)  # fmt: skip
def train_samples(X, X_tilde, forward, backward, loss, coef, intercept, decoder_intercept, step_size, losses):
    """Update a layer of tied weights with one sample after the other, by plain gradient descent.

    The rows of the coefficients pass through the cache once per sample: a row decodes its feature,
    adds to the error of the code and moves by its own error. Rows of features that are 0 in x_tilde
    neither encode nor move by the error of the code.

    Parameters
    ----------
    X, X_tilde : ndarray of shape (n_samples, n_features)
        Clean and corrupted samples.
    forward, backward, loss : function
        As in `train_layer`.
    coef : ndarray of shape (n_features, n_components)
        Coefficients, updated in place as the other parameters.
    intercept : ndarray of shape (n_components,)
        Encoder intercepts.
    decoder_intercept : ndarray of shape (n_features,)
        Decoder intercepts.
    step_size : float
        Of every update.
    losses : ndarray of shape (n_samples,)
        Out: loss of each row.
    """
    n_features, n_components = coef.shape
    h, delta_h = np.empty((1, n_components), coef.dtype), np.empty((1, n_components), coef.dtype)
    ahead = np.empty(BLOCK, coef.dtype)
    targets, deltas = np.empty(BLOCK, coef.dtype), np.empty(BLOCK, coef.dtype)
    weight, block_loss = np.ones(1, coef.dtype), np.empty(1, coef.dtype)
    for i in range(X.shape[0]):
        x, x_tilde = X[i], X_tilde[i]
        code, error = h[0], delta_h[0]
        code[:] = 0
        error[:] = 0
        losses[i] = 0
        for j in range(n_features):
            if x_tilde[j] != 0:
                _add_multiple(x_tilde[j], coef[j], code)
        forward(h, intercept)
        for j in range(min(BLOCK, n_features)):
            ahead[j] = _dot(coef[j], code)
        for start in range(0, n_features, BLOCK):
            size = min(BLOCK, n_features - start)
            targets[:size] = x[start : start + size]
            deltas[:size] = ahead[:size]
            delta = deltas[:size]
            loss(
                targets[:size].reshape(1, size), delta.reshape(1, size),
                decoder_intercept[start : start + size], weight, block_loss,
            )  # fmt: skip
            losses[i] += block_loss[0]
            for j in range(size):
                row, later = coef[start + j], coef[min(start + BLOCK + j, n_features - 1)]
                ahead[j] = _decode_step(delta[j], step_size * delta[j], code, row, error, later)
                decoder_intercept[start + j] -= step_size * delta[j]
        backward(h, delta_h)
        for j in range(n_features):
            if x_tilde[j] != 0:
                _add_multiple(-step_size * x_tilde[j], error, coef[j])
        _add_multiple(-step_size, error, intercept)


@helper
def _dot(a, b):
    """Return the scalar product of two vectors."""
    total = a.dtype.type(0)
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@helper
def _add_multiple(factor, a, out):
    """Out <- out + factor a, for vectors."""
    for k in range(a.size):
        out[k] += factor * a[k]


@helper
def _decode_step(delta, step, code, row, error, later):
    """Error <- error + delta row, then row <- row - step code; return later . code, for vectors.

    One pass: while this row is at work in the cache, the later one is on its way from memory.
    """
    total = row.dtype.type(0)
    for k in range(row.size):
        total += later[k] * code[k]
        error[k] += delta * row[k]
        row[k] -= step * code[k]
    return total
