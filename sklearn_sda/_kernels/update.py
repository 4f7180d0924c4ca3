"""In-place parameter updates, on flattened arrays.

All have one signature, ``update(param, grad, first, second, step_size, decay_1, decay_2, epsilon)``:
`first` and `second` are the arrays that a rule keeps from step to step, empty if it keeps none. `grad` is
zero afterwards, for the next step to add to: BLAS would set it to zero in a pass through memory of its own.

What decays towards zero is set to zero on the way (`_flush`): units that no sample activates any more
leave averages and coefficients that shrink until they are denormal numbers, on which the processor is
a hundred times slower.
"""

import numpy as np

from sklearn_sda._kernels._jit import SCALAR, VECTOR, helper, kernel

# Far below anything that matters (Adam's epsilon is 1e-8), far above the denormal numbers of float32.
TINY = 1e-30
ARGUMENTS = (VECTOR, VECTOR, VECTOR, VECTOR, SCALAR, SCALAR, SCALAR, SCALAR)


@helper
def _flush(x, tiny, zero):
    """Return x, or zero if its magnitude is below tiny. NaN stays."""
    return zero if abs(x) < tiny else x


@kernel(*ARGUMENTS)
def leave(param, grad, first, second, step_size, decay_1, decay_2, epsilon):
    """Leave param and grad as they are: for solvers that want gradients only."""


@kernel(*ARGUMENTS)
def descend(param, grad, first, second, step_size, decay_1, decay_2, epsilon):
    """Plain gradient descent: param <- param - step_size * grad, arrays of shape (n,)."""
    zero, tiny = param.dtype.type(0), param.dtype.type(TINY)
    for i in range(param.size):
        param[i] = _flush(param[i] - step_size * grad[i], tiny, zero)
        grad[i] = zero


@kernel(*ARGUMENTS)
def heavy_ball(param, grad, first, second, step_size, decay_1, decay_2, epsilon):
    """Momentum: v <- decay_1 v - step_size grad, param <- param + v, arrays of shape (n,), v in `first`."""
    zero, tiny = param.dtype.type(0), param.dtype.type(TINY)
    for i in range(param.size):
        first[i] = _flush(decay_1 * first[i] - step_size * grad[i], tiny, zero)
        param[i] = _flush(param[i] + first[i], tiny, zero)
        grad[i] = zero


@kernel(*ARGUMENTS)
def nesterov(param, grad, first, second, step_size, decay_1, decay_2, epsilon):
    """Nesterov's momentum: v <- decay_1 v - step_size grad, param <- param + decay_1 v - step_size grad.

    Arrays have shape (n,), v is `first`. Sutskever et al. (2013), eqs. 3 and 4, in scikit-learn's form.
    """
    zero, tiny = param.dtype.type(0), param.dtype.type(TINY)
    for i in range(param.size):
        step = step_size * grad[i]
        first[i] = _flush(decay_1 * first[i] - step, tiny, zero)
        param[i] = _flush(param[i] + decay_1 * first[i] - step, tiny, zero)
        grad[i] = zero


@kernel(*ARGUMENTS)
def adam(param, grad, first, second, step_size, decay_1, decay_2, epsilon):
    """Adam: m and v are running means of the gradient and its square, param -= step m / (sqrt(v) + eps).

    Kingma and Ba (2015), algorithm 1 in the efficient order of section 2: `step_size` carries the
    bias correction. Arrays have shape (n,), m is `first` and v is `second`.
    """
    # constants of the compute type: an integer would make it all float64
    zero, one, tiny = param.dtype.type(0), param.dtype.type(1), param.dtype.type(TINY)
    for i in range(param.size):
        g = grad[i]
        first[i] = _flush(decay_1 * first[i] + (one - decay_1) * g, tiny, zero)
        second[i] = _flush(decay_2 * second[i] + (one - decay_2) * g * g, tiny, zero)
        step = step_size * first[i] / (np.sqrt(second[i]) + epsilon)
        param[i] = _flush(param[i] - step, tiny, zero)
        grad[i] = zero
