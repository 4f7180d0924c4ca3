"""In-place parameter updates, on flattened arrays.

What decays towards zero is set to zero on the way (`_flush`): units that no sample activates any more
leave averages and coefficients that shrink until they are denormal numbers, on which the processor is
a hundred times slower.
"""

import numpy as np

from sklearn_sda._kernels._jit import SCALAR, VECTOR, VECTOR_IN, helper, kernel

# Far below anything that matters (Adam's epsilon is 1e-8), far above the denormal numbers of float32.
TINY = 1e-30


@helper
def _flush(x, tiny, zero):
    """Return x, or zero if its magnitude is below tiny. NaN stays."""
    return zero if abs(x) < tiny else x


@kernel(VECTOR, VECTOR_IN, SCALAR)
def descend(param, grad, step_size):
    """Plain gradient descent: param <- param - step_size * grad, arrays of shape (n,)."""
    zero, tiny = param.dtype.type(0), param.dtype.type(TINY)
    for i in range(param.size):
        param[i] = _flush(param[i] - step_size * grad[i], tiny, zero)


@kernel(VECTOR, VECTOR_IN, VECTOR, SCALAR, SCALAR)
def heavy_ball(param, grad, velocity, step_size, momentum):
    """Momentum: v <- momentum v - step_size grad, param <- param + v, arrays of shape (n,)."""
    zero, tiny = param.dtype.type(0), param.dtype.type(TINY)
    for i in range(param.size):
        velocity[i] = _flush(momentum * velocity[i] - step_size * grad[i], tiny, zero)
        param[i] = _flush(param[i] + velocity[i], tiny, zero)


@kernel(VECTOR, VECTOR_IN, VECTOR, SCALAR, SCALAR)
def nesterov(param, grad, velocity, step_size, momentum):
    """Nesterov's momentum: v <- momentum v - step_size grad, param <- param + momentum v - step_size grad.

    Arrays have shape (n,). Sutskever et al. (2013), eqs. 3 and 4, in scikit-learn's form.
    """
    zero, tiny = param.dtype.type(0), param.dtype.type(TINY)
    for i in range(param.size):
        step = step_size * grad[i]
        velocity[i] = _flush(momentum * velocity[i] - step, tiny, zero)
        param[i] = _flush(param[i] + momentum * velocity[i] - step, tiny, zero)


@kernel(VECTOR, VECTOR_IN, VECTOR, VECTOR, SCALAR, SCALAR, SCALAR, SCALAR)
def adam(param, grad, mean, square, step_size, beta_1, beta_2, epsilon):
    """Adam: m and v are running means of the gradient and its square, param -= step m / (sqrt(v) + eps).

    Kingma and Ba (2015), algorithm 1 in the efficient order of section 2: `step_size` carries the
    bias correction. Arrays have shape (n,).
    """
    # constants of the compute type: an integer would make it all float64
    zero, one, tiny = param.dtype.type(0), param.dtype.type(1), param.dtype.type(TINY)
    for i in range(param.size):
        g = grad[i]
        mean[i] = _flush(beta_1 * mean[i] + (one - beta_1) * g, tiny, zero)
        square[i] = _flush(beta_2 * square[i] + (one - beta_2) * g * g, tiny, zero)
        step = step_size * mean[i] / (np.sqrt(square[i]) + epsilon)
        param[i] = _flush(param[i] - step, tiny, zero)
