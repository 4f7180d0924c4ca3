"""In-place parameter updates, on flattened arrays."""

import numpy as np

from sklearn_sda._kernels._jit import SCALAR, VECTOR, VECTOR_IN, kernel


@kernel(VECTOR, VECTOR_IN, SCALAR)
def descend(param, grad, step_size):
    """Plain gradient descent: param <- param - step_size * grad, arrays of shape (n,)."""
    for i in range(param.size):
        param[i] -= step_size * grad[i]


@kernel(VECTOR, VECTOR_IN, VECTOR, SCALAR, SCALAR)
def heavy_ball(param, grad, velocity, step_size, momentum):
    """Momentum: v <- momentum v - step_size grad, param <- param + v, arrays of shape (n,)."""
    for i in range(param.size):
        velocity[i] = momentum * velocity[i] - step_size * grad[i]
        param[i] += velocity[i]


@kernel(VECTOR, VECTOR_IN, VECTOR, SCALAR, SCALAR)
def nesterov(param, grad, velocity, step_size, momentum):
    """Nesterov's momentum: v <- momentum v - step_size grad, param <- param + momentum v - step_size grad.

    Arrays have shape (n,). Sutskever et al. (2013), eqs. 3 and 4, in scikit-learn's form.
    """
    for i in range(param.size):
        step = step_size * grad[i]
        velocity[i] = momentum * velocity[i] - step
        param[i] += momentum * velocity[i] - step


@kernel(VECTOR, VECTOR_IN, VECTOR, VECTOR, SCALAR, SCALAR, SCALAR, SCALAR)
def adam(param, grad, mean, square, step_size, beta_1, beta_2, epsilon):
    """Adam: m and v are running means of the gradient and its square, param -= step m / (sqrt(v) + eps).

    Kingma and Ba (2015), algorithm 1 in the efficient order of section 2: `step_size` carries the
    bias correction. Arrays have shape (n,).
    """
    one = param.dtype.type(1)  # an integer would make it all float64
    for i in range(param.size):
        g = grad[i]
        mean[i] = beta_1 * mean[i] + (one - beta_1) * g
        square[i] = beta_2 * square[i] + (one - beta_2) * g * g
        param[i] -= step_size * mean[i] / (np.sqrt(square[i]) + epsilon)
