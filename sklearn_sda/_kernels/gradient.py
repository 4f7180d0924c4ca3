"""Terms that are added to a gradient after the matrix products (which are BLAS's)."""

from sklearn_sda._kernels._jit import SCALAR, VECTOR, VECTOR_IN, kernel


@kernel(VECTOR_IN, SCALAR, VECTOR)
def add_l2(coef, strength, grad):
    """Add the gradient of ``strength / 2 * sum(coef**2)`` to `grad` and return that penalty.

    Parameters
    ----------
    coef : ndarray of shape (n,)
        Flattened coefficients.
    strength : float
        Weight of the penalty in the mean loss of the minibatch.
    grad : ndarray of shape (n,)
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
