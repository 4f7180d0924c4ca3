"""Units and losses: everything that is applied to each element of a pre-activation.

Activations and losses share a file because both call `exp`, and a cached kernel is not rebuilt when
a function in *another* file changes. A new unit or loss is a pair of kernels and one line in
`ACTIVATIONS` or `LOSSES`.

Conventions: ``Z = X @ coef`` is the pre-activation *without* the intercept, which the kernels add
while the element is in a register. Arrays are C-ordered, of one compute type, and modified in place.
Constants are given the compute type: in Numba an integer with a float32 makes a float64, which is
half as fast.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from sklearn_sda._kernels._jit import INLINED, MATRIX, MATRIX_IN, VECTOR, VECTOR_IN, Kernel, helper, kernel
from sklearn_sda._kernels.views import cut, row_part

# --- the exponential function -------------------------------------------------------------------


def exp(x):
    """Return e**x for x <= 0 (math.exp where the JIT is off)."""
    return math.exp(x)


def _exp_float32(x):
    """Return e**x in float32 for x <= 0, without branches, so that loops over it are vectorised.

    x = k log 2 + r with |r| <= log(2) / 2; the polynomial is that of Cephes ``expf`` (relative
    error below 1e-7), and 2**k is built from the bits of its exponent. Below -64 the result stays
    at e**-64, about 1e-28: what is smaller is nothing beside 1, but products of it are denormal numbers,
    on which the processor is a hundred times slower. NaN gives NaN.
    """
    x = max(x, np.float32(-64.0))
    k = np.floor(x * np.float32(1.44269504088896341) + np.float32(0.5))
    r = x - k * np.float32(0.693359375)
    r = r - k * np.float32(-2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    return p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


def _exp_float64(x):
    """Return e**x in float64 for x <= 0: Taylor's polynomial of degree 13 after the same reduction.

    With |r| <= log(2) / 2 its truncation error is below 1e-17. Below -708 the result stays at e**-708.
    """
    x = max(x, -708.0)
    k = np.floor(x * 1.4426950408889634074 + 0.5)
    r = x - k * 6.93145751953125e-1
    r = r - k * 1.42860682030941723212e-6
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    return p * np.int64((np.int64(k) + np.int64(1023)) << np.int64(52)).view(np.float64)


@overload(exp, jit_options=INLINED)
def _exp(x):
    """Choose the polynomial by type: there is no SVML any more, libm's exp is a scalar call."""
    if x == types.float32:
        return _exp_float32
    if x == types.float64:
        return _exp_float64
    return None


def log_1_plus(e):
    """Return log(1 + e) for 0 <= e <= 1 (math.log1p where the JIT is off)."""
    return math.log1p(e)


def _log_1_plus_float32(e):
    """Return log(1 + e) = 2 artanh(s) in float32, s = e / (2 + e) <= 1/3, by the series in s**2 up to s**15.

    Without branches or calls, so that loops over it are vectorised; relative error below 2e-7.
    """
    s = e / (np.float32(2) + e)
    q = s * s
    p = np.float32(1 / 15)
    p = p * q + np.float32(1 / 13)
    p = p * q + np.float32(1 / 11)
    p = p * q + np.float32(1 / 9)
    p = p * q + np.float32(1 / 7)
    p = p * q + np.float32(1 / 5)
    p = p * q + np.float32(1 / 3)
    p = p * q + np.float32(1)
    return np.float32(2) * s * p


def _log_1_plus_float64(e):
    """Return log(1 + e) in float64: the same series up to s**33, whose remainder is below 1e-17."""
    s = e / (2.0 + e)
    q = s * s
    p = 1 / 33
    p = p * q + 1 / 31
    p = p * q + 1 / 29
    p = p * q + 1 / 27
    p = p * q + 1 / 25
    p = p * q + 1 / 23
    p = p * q + 1 / 21
    p = p * q + 1 / 19
    p = p * q + 1 / 17
    p = p * q + 1 / 15
    p = p * q + 1 / 13
    p = p * q + 1 / 11
    p = p * q + 1 / 9
    p = p * q + 1 / 7
    p = p * q + 1 / 5
    p = p * q + 1 / 3
    p = p * q + 1.0
    return 2.0 * s * p


@overload(log_1_plus, jit_options=INLINED)
def _log_1_plus(e):
    """Choose the series by type."""
    if e == types.float32:
        return _log_1_plus_float32
    if e == types.float64:
        return _log_1_plus_float64
    return None


@helper
def _logistic(z, e, one):
    """Return 1 / (1 + exp(-z)) given e = exp(-|z|), without cancellation or overflow."""
    s = one / (one + e)
    return s if z >= 0 else e * s


# --- activations: forward(Z, intercept) and backward(H, delta), both in place --------------------


@kernel(MATRIX, VECTOR_IN)
def identity_forward(Z, intercept):
    """Z <- Z + b, for Z of shape (n_samples, n_units) and b of shape (n_units,)."""
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] += intercept[j]


@kernel(MATRIX_IN, MATRIX)
def identity_backward(H, delta):
    """Leave delta as it is, delta * 1, for H and delta of shape (n_samples, n_units)."""


@kernel(MATRIX_IN, MATRIX, MATRIX)
def identity_derivatives(H, first, second):
    """Write g'(z) = 1 and g''(z) = 0, for arrays of shape (n_samples, n_units)."""
    one, zero = H.dtype.type(1), H.dtype.type(0)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            first[i, j], second[i, j] = one, zero


@kernel(MATRIX, VECTOR_IN)
def logistic_forward(Z, intercept):
    """Z <- 1 / (1 + exp(-(Z + b))), for Z of shape (n_samples, n_units), b of shape (n_units,)."""
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + intercept[j]
            Z[i, j] = _logistic(z, exp(-abs(z)), one)


@kernel(MATRIX_IN, MATRIX)
def logistic_backward(H, delta):
    """Delta <- delta * h (1 - h), for H and delta of shape (n_samples, n_units)."""
    one = H.dtype.type(1)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            delta[i, j] *= H[i, j] * (one - H[i, j])


@kernel(MATRIX_IN, MATRIX, MATRIX)
def logistic_derivatives(H, first, second):
    """Write g'(z) = h (1 - h) and g''(z) = g' (1 - 2 h), for arrays of shape (n_samples, n_units)."""
    one = H.dtype.type(1)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            h = H[i, j]
            first[i, j] = h * (one - h)
            second[i, j] = first[i, j] * (one - h - h)


@kernel(MATRIX, VECTOR_IN)
def tanh_forward(Z, intercept):
    """Z <- tanh(Z + b) = sign(z) (1 - e) / (1 + e) with e = exp(-2 |z|).

    Z has shape (n_samples, n_units), b has shape (n_units,); the absolute error is that of rounding.
    """
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + intercept[j]
            e = exp(-abs(z + z))
            t = (one - e) / (one + e)
            Z[i, j] = t if z >= 0 else -t


@kernel(MATRIX_IN, MATRIX)
def tanh_backward(H, delta):
    """Delta <- delta * (1 - h**2), for H and delta of shape (n_samples, n_units)."""
    one = H.dtype.type(1)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            delta[i, j] *= one - H[i, j] * H[i, j]


@kernel(MATRIX_IN, MATRIX, MATRIX)
def tanh_derivatives(H, first, second):
    """Write g'(z) = 1 - h**2 and g''(z) = -2 h g', for arrays of shape (n_samples, n_units)."""
    one = H.dtype.type(1)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            h = H[i, j]
            first[i, j] = one - h * h
            second[i, j] = -(h + h) * first[i, j]


@kernel(MATRIX, VECTOR_IN)
def relu_forward(Z, intercept):
    """Z <- max(0, Z + b), for Z of shape (n_samples, n_units), b of shape (n_units,). NaN stays."""
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + intercept[j]
            Z[i, j] = zero if z < zero else z


@kernel(MATRIX_IN, MATRIX)
def relu_backward(H, delta):
    """Delta <- delta where h > 0, else 0, for H and delta of shape (n_samples, n_units)."""
    zero = H.dtype.type(0)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            delta[i, j] = delta[i, j] if H[i, j] > zero else zero


@kernel(MATRIX_IN, MATRIX, MATRIX)
def relu_derivatives(H, first, second):
    """Write g'(z) = 1 where h > 0, else 0, and g''(z) = 0, for arrays of shape (n_samples, n_units)."""
    one, zero = H.dtype.type(1), H.dtype.type(0)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            first[i, j] = one if H[i, j] > zero else zero
            second[i, j] = zero


@kernel(MATRIX, VECTOR_IN)
def softplus_forward(Z, intercept):
    """Z <- log(1 + exp(Z + b)) = max(z, 0) + log(1 + exp(-|z|)).

    Z has shape (n_samples, n_units), b has shape (n_units,). Dugas et al. (2001).
    """
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + intercept[j]
            rest = log_1_plus(exp(-abs(z)))
            Z[i, j] = rest if z < zero else z + rest


@kernel(MATRIX_IN, MATRIX)
def softplus_backward(H, delta):
    """Delta <- delta * logistic(z) = delta * (1 - exp(-h)), for H and delta of shape (n_samples, n_units)."""
    one = H.dtype.type(1)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            delta[i, j] *= one - exp(-H[i, j])


@kernel(MATRIX_IN, MATRIX, MATRIX)
def softplus_derivatives(H, first, second):
    """Write g'(z) = 1 - exp(-h) and g''(z) = g' (1 - g'), for arrays of shape (n_samples, n_units)."""
    one = H.dtype.type(1)
    for i in range(H.shape[0]):
        for j in range(H.shape[1]):
            rest = exp(-H[i, j])
            first[i, j] = one - rest
            second[i, j] = rest * (one - rest)


class Activation(NamedTuple):
    """A hidden unit.

    Attributes
    ----------
    forward : Kernel
        ``forward(Z, intercept)``: Z <- g(Z + intercept), in place.
    backward : Kernel
        ``backward(H, delta)``: delta <- delta * g'(z), from the *output* H = g(z), in place.
    derivatives : Kernel
        ``derivatives(H, first, second)``: first <- g'(z) and second <- g''(z), from H = g(z).
    initial_scale : float
        Factor of the bound of initial coefficients, see `DenoisingAutoencoder._initial_parameters`.
    """

    forward: Kernel
    backward: Kernel
    derivatives: Kernel
    initial_scale: float = 1.0


ACTIVATIONS = {
    "identity": Activation(identity_forward, identity_backward, identity_derivatives),
    # four times flatter at 0 than tanh
    "logistic": Activation(logistic_forward, logistic_backward, logistic_derivatives, initial_scale=4.0),
    "tanh": Activation(tanh_forward, tanh_backward, tanh_derivatives),
    "relu": Activation(relu_forward, relu_backward, relu_derivatives),
    "softplus": Activation(softplus_forward, softplus_backward, softplus_derivatives),
}


# --- losses: loss(X, Z, intercept, weights, emphasis, losses), Z becomes delta -------------------

LOSS_ARGUMENTS = (MATRIX_IN, MATRIX, VECTOR_IN, VECTOR_IN, MATRIX_IN, VECTOR)


@kernel(*LOSS_ARGUMENTS)
def squared_error(X, Z, intercept, weights, emphasis, losses):
    """Half the squared error of z + b, summed over columns; Z becomes its gradient.

    losses_i <- 1/2 sum_j (z_ij + b_j - x_ij)**2 and Z_ij <- weights_i (z_ij + b_j - x_ij).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_outputs)
        Targets.
    Z : ndarray of shape (n_samples, n_outputs)
        Pre-activations without the intercept on entry, weighted delta on exit.
    intercept : ndarray of shape (n_outputs,)
        Output intercept b.
    weights : ndarray of shape (n_samples,)
        Weight of each row in the gradient.
    emphasis : ndarray of shape (n_samples, n_outputs)
        Not used.
    losses : ndarray of shape (n_samples,)
        Out: the unweighted loss of each row, half squared error summed over columns.
    """
    for i in range(X.shape[0]):
        total = X.dtype.type(0)
        for j in range(X.shape[1]):
            error = Z[i, j] + intercept[j] - X[i, j]
            total += error * error
            Z[i, j] = weights[i] * error
        losses[i] = total / 2


@kernel(*LOSS_ARGUMENTS)
def emphasised_squared_error(X, Z, intercept, weights, emphasis, losses):
    """As `squared_error`, but the term of each component has its own weight.

    losses_i <- 1/2 sum_j e_ij (z_ij + b_j - x_ij)**2 with e the matrix `emphasis` of shape
    (n_samples, n_outputs); the other parameters are those of `squared_error`. User guide, eq. 4; Vincent
    et al. (2010).
    """
    for i in range(X.shape[0]):
        total = X.dtype.type(0)
        for j in range(X.shape[1]):
            error = Z[i, j] + intercept[j] - X[i, j]
            total += emphasis[i, j] * error * error
            Z[i, j] = weights[i] * emphasis[i, j] * error
        losses[i] = total / 2


@kernel(*LOSS_ARGUMENTS)
def cross_entropy(X, Z, intercept, weights, emphasis, losses):
    """Cross-entropy of logistic outputs from their logits, summed over columns; Z becomes delta.

    losses_i <- sum_j softplus(z) - x z with z = z_ij + b_j, and Z_ij <- weights_i (logistic(z) - x).
    softplus(z) = max(z, 0) + log(1 + exp(-|z|)); the logarithm is taken of products of 64 factors,
    each in (1, 2], which costs one logarithm in 64 and loses no precision.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_outputs)
        Targets in [0, 1].
    Z : ndarray of shape (n_samples, n_outputs)
        Logits without the intercept on entry, weighted delta on exit.
    intercept : ndarray of shape (n_outputs,)
        Output intercept b.
    weights : ndarray of shape (n_samples,)
        Weight of each row in the gradient.
    emphasis : ndarray of shape (n_samples, n_outputs)
        Not used.
    losses : ndarray of shape (n_samples,)
        Out: the unweighted loss of each row, nats per sample.
    """
    zero, one, half = X.dtype.type(0), X.dtype.type(1), X.dtype.type(0.5)
    for i in range(X.shape[0]):
        total = zero
        weight = weights[i]
        for start in range(0, X.shape[1], 64):
            stop = min(start + 64, X.shape[1])
            # views, because LLVM does not vectorise an inner loop over [start, stop): 6 times slower
            x, logit, b = (
                row_part(X, i, start, stop),
                row_part(Z, i, start, stop),
                cut(intercept, start, stop),
            )
            product = one
            for j in range(x.size):
                z = logit[j] + b[j]
                a = abs(z)
                e = exp(-a)
                product *= one + e
                total += half * (z + a) - x[j] * z  # (z + |z|) / 2 = max(z, 0)
                logit[j] = weight * (_logistic(z, e, one) - x[j])
            total += np.log(product)
        losses[i] = total


@kernel(*LOSS_ARGUMENTS)
def emphasised_cross_entropy(X, Z, intercept, weights, emphasis, losses):
    """As `cross_entropy`, but the term of each component has its own weight.

    losses_i <- sum_j e_ij (softplus(z) - x z) with e the matrix `emphasis` of shape (n_samples, n_outputs);
    the other parameters are those of `cross_entropy`. User guide, eq. 4; Vincent et al. (2010).
    """
    zero, one, half = X.dtype.type(0), X.dtype.type(1), X.dtype.type(0.5)
    for i in range(X.shape[0]):
        total = zero
        for j in range(X.shape[1]):
            z = Z[i, j] + intercept[j]
            a = abs(z)
            e = exp(-a)
            total += emphasis[i, j] * (half * (z + a) + log_1_plus(e) - X[i, j] * z)
            Z[i, j] = weights[i] * emphasis[i, j] * (_logistic(z, e, one) - X[i, j])
        losses[i] = total


@kernel(MATRIX, VECTOR_IN)
def softmax_forward(Z, intercept):
    """Z_ij <- exp(z_ij) / sum_k exp(z_ik) with z = Z + b.

    Z has shape (n_samples, n_classes), b has shape (n_classes,).
    """
    for i in range(Z.shape[0]):
        largest = Z[i, 0] + intercept[0]
        for j in range(Z.shape[1]):
            Z[i, j] += intercept[j]
            largest = max(largest, Z[i, j])
        total = Z.dtype.type(0)
        for j in range(Z.shape[1]):
            Z[i, j] = exp(Z[i, j] - largest)
            total += Z[i, j]
        for j in range(Z.shape[1]):
            Z[i, j] /= total


@kernel(*LOSS_ARGUMENTS)
def log_loss(X, Z, intercept, weights, emphasis, losses):
    """Log loss of softmax outputs from their logits; Z becomes delta.

    losses_i <- log sum_j exp(z_ij) - sum_j x_ij z_ij and Z_ij <- weights_i (softmax(z)_ij - x_ij).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_classes)
        Target probabilities, usually one-hot; rows sum to 1.
    Z : ndarray of shape (n_samples, n_classes)
        Logits without the intercept on entry, weighted delta on exit.
    intercept : ndarray of shape (n_classes,)
        Output intercept b.
    weights : ndarray of shape (n_samples,)
        Weight of each row in the gradient.
    emphasis : ndarray of shape (n_samples, n_classes)
        Not used.
    losses : ndarray of shape (n_samples,)
        Out: the unweighted loss of each row, nats.
    """
    for i in range(X.shape[0]):
        largest = Z[i, 0] + intercept[0]
        for j in range(X.shape[1]):
            Z[i, j] += intercept[j]
            largest = max(largest, Z[i, j])
        expected = X.dtype.type(0)
        total = X.dtype.type(0)
        for j in range(X.shape[1]):
            z = Z[i, j] - largest
            expected += X[i, j] * z
            Z[i, j] = exp(z)
            total += Z[i, j]
        for j in range(X.shape[1]):
            Z[i, j] = weights[i] * (Z[i, j] / total - X[i, j])
        losses[i] = np.log(total) - expected


class Loss(NamedTuple):
    """An output: its loss together with its canonical link, so that delta = output - target.

    Attributes
    ----------
    kernel : Kernel
        ``kernel(X, Z, intercept, weights, emphasis, losses)``: see `squared_error`.
    out_activation : str
        Name of the link, as in ``MLPClassifier.out_activation_``.
    link : Kernel
        ``link(Z, intercept)``: Z <- output, in place.
    domain : tuple of float or None
        Smallest and largest target; None for any.
    emphasised : Kernel or None
        The same loss with a weight for the term of each component; None if it is no sum of such terms.
    """

    kernel: Kernel
    out_activation: str
    link: Kernel
    domain: tuple | None = None
    emphasised: Kernel | None = None


LOSSES = {
    "squared_error": Loss(squared_error, "identity", identity_forward, emphasised=emphasised_squared_error),
    "cross_entropy": Loss(
        cross_entropy, "logistic", logistic_forward, domain=(0, 1), emphasised=emphasised_cross_entropy
    ),
    "log_loss": Loss(log_loss, "softmax", softmax_forward),
}
