"""Penalties: what is added to the loss for large coefficients, and for codes that are not as wanted."""

import numpy as np

from sklearn_sda._kernels._jit import INT64, MATRIX, MATRIX_IN, SCALAR, VECTOR, VECTOR_IN, kernel
from sklearn_sda._kernels.views import cut, row_part

L2_ARGUMENTS = (VECTOR_IN, SCALAR, VECTOR_IN, VECTOR)
CODE_ARGUMENTS = (
    MATRIX_IN, MATRIX_IN, MATRIX_IN, MATRIX_IN, VECTOR_IN, VECTOR_IN, MATRIX, VECTOR, VECTOR, MATRIX, INT64,
    INT64,
)  # fmt: skip


@kernel(*L2_ARGUMENTS)
def add_l2(coef, strength, strengths, grad):
    """Add the gradient of ``strength / 2 * sum_ij coef_ij**2`` to `grad` and return that penalty.

    Parameters
    ----------
    coef : ndarray of shape (n_rows * n_columns,)
        Coefficients, one row after the other.
    strength : float
        Weight in the mean loss of the minibatch.
    strengths : ndarray of shape (n_columns,)
        Not used.
    grad : ndarray of shape (n_rows * n_columns,)
        Modified in place: grad <- grad + strength * coef.

    Returns
    -------
    penalty : float
        In the unit of the loss.
    """
    total, half = coef.dtype.type(0), coef.dtype.type(0.5)
    for i in range(coef.size):
        total += coef[i] * coef[i]
        grad[i] += strength * coef[i]
    return strength * total * half


@kernel(*L2_ARGUMENTS)
def add_l2_by_column(coef, strength, strengths, grad):
    """Add the gradient of ``1/2 sum_ij strengths_j coef_ij**2`` to `grad` and return that penalty.

    As `add_l2`, but with `strengths`, of shape (n_columns,), in the place of `strength`.
    """
    total, half = coef.dtype.type(0), coef.dtype.type(0.5)
    for start in range(0, coef.size, strengths.size):
        row, row_grad = cut(coef, start, start + strengths.size), cut(grad, start, start + strengths.size)
        for j in range(strengths.size):
            total += strengths[j] * row[j] * row[j]
            row_grad[j] += strengths[j] * row[j]
    return total * half


@kernel(*CODE_ARGUMENTS)
def penalise_code(H, slopes, bends, coef, weights, strengths, delta, l2, penalties, sums, start, stop):
    """Add the gradients of the penalties on some columns of the code of a minibatch.

    The penalty is, with h_i the codes of n samples, v_i their weights, m = sum_i v_i h_i / sum_i v_i and w_k
    column k of `coef`::

        activity_l1 / n sum_ik v_i |h_ik|
        + sparsity_weight sum_k t log(t / m_k) + (1 - t) log((1 - t) / (1 - m_k))    with t the target
        + contraction / n sum_ik v_i g'(z_ik)**2 ||w_k||**2

    The last is the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011). It has two
    gradients: one through z, which is added here, and one in the coefficients alone, which is that of an
    L2 penalty with a strength for each column, 2 contraction / n sum_i v_i g'(z_ik)**2.

    Parameters
    ----------
    H : ndarray of shape (n_samples, n_components)
        Codes.
    slopes, bends : ndarray of shape (n_samples, n_components)
        g'(z) and g''(z); only read where there is a contraction.
    coef : ndarray of shape (n_features, n_components)
        Encoder coefficients.
    weights : ndarray of shape (n_samples,)
        Of the samples; their mean is 1, at least over many minibatches.
    strengths : ndarray of shape (4,)
        activity_l1, sparsity_weight, sparsity target t and contraction.
    delta : ndarray of shape (n_samples, n_components)
        Modified in place: the gradient of the penalty, divided by g'(z), is added.
    l2 : ndarray of shape (n_components,)
        Modified in place: the L2 strength of each column that stands for the contraction is added.
    penalties : ndarray of shape (n_components,)
        Out: the penalty of each column, but for the contraction, which comes with the L2 penalty.
    sums : ndarray of shape (3, n_components)
        Buffer: the mean of each column, the norm of its coefficients, the gradient of its sparsity.
    start, stop : int
        First column, and the one after the last.
    """
    dtype = H.dtype.type
    zero, one, smallest = dtype(0), dtype(1), dtype(1e-6)
    n, width = dtype(H.shape[0]), stop - start
    l1, weight, target, contraction = strengths[0], strengths[1], strengths[2], strengths[3]
    # views of these columns, because LLVM does not vectorise a loop over [start, stop)
    means, norms = row_part(sums, 0, start, stop), row_part(sums, 1, start, stop)
    pull, l2 = row_part(sums, 2, start, stop), cut(l2, start, stop)
    penalties = cut(penalties, start, stop)
    for k in range(width):
        means[k], norms[k], pull[k], penalties[k] = zero, zero, zero, zero
    total = zero
    for i in range(H.shape[0]):
        total += weights[i]
    total = total if total > zero else one  # weights may be 0 in this type
    for i in range(H.shape[0]):
        share, h = weights[i] / total, row_part(H, i, start, stop)
        for k in range(width):
            means[k] += share * h[k]
    if weight > zero:
        for k in range(width):
            m = min(max(means[k], smallest), one - smallest)  # logarithms of saturated units stay finite
            rest = one - target
            penalties[k] = weight * (target * np.log(target / m) + rest * np.log(rest / (one - m)))
            pull[k] = weight * (rest / (one - m) - target / m)
    for i in range(H.shape[0]):
        h, own = row_part(H, i, start, stop), row_part(delta, i, start, stop)
        share, lasso = weights[i] / total, weights[i] / n * l1
        for k in range(width):
            penalties[k] += lasso * abs(h[k])
            sign = one if h[k] > zero else (-one if h[k] < zero else zero)
            own[k] += share * pull[k] + lasso * sign
    if contraction > zero:
        for j in range(coef.shape[0]):
            row = row_part(coef, j, start, stop)
            for k in range(width):
                norms[k] += row[k] * row[k]
        for i in range(H.shape[0]):
            factor = weights[i] * (contraction + contraction) / n
            own, slope = row_part(delta, i, start, stop), row_part(slopes, i, start, stop)
            bend = row_part(bends, i, start, stop)
            for k in range(width):
                own[k] += factor * bend[k] * norms[k]
                l2[k] += factor * slope[k] * slope[k]
