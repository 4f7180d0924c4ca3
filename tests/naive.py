"""Slow, obvious references: what each kernel should compute, in float64, one formula per function."""

import numpy as np

MASK64 = (1 << 64) - 1


def logistic(z):
    return 1 / (1 + np.exp(-z))


def softmax(Z):
    exponentials = np.exp(Z - Z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


# g(z) and g'(z), the derivative as a function of z
ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "logistic": (logistic, lambda z: logistic(z) * (1 - logistic(z))),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "softplus": (lambda z: np.log(1 + np.exp(z)), logistic),
}


def squared_error(X, Z):
    return 0.5 * ((Z - X) ** 2).sum(axis=1)


def cross_entropy(X, Z):
    P = logistic(Z)
    return -(X * np.log(P) + (1 - X) * np.log(1 - P)).sum(axis=1)


def log_loss(X, Z):
    return -(X * np.log(softmax(Z))).sum(axis=1)


# loss(X, Z) of each row, and the output that belongs to it
LOSSES = {
    "squared_error": (squared_error, lambda Z: Z),
    "cross_entropy": (cross_entropy, logistic),
    "log_loss": (log_loss, softmax),
}


def splitmix64(z):
    """Steele, Lea and Flood (2014), in Python's integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return z ^ (z >> 31)


def masking(X, level, seed, position):
    out = np.zeros_like(X)
    golden = 0x9E3779B97F4A7C15
    for i, row in enumerate(X):
        key = splitmix64((seed + splitmix64((position + i + golden) & MASK64)) & MASK64)
        for j, value in enumerate(row):
            uniform = (splitmix64((key + (j + 1) * golden) & MASK64) >> 40) / 2**24
            if uniform >= np.floor(level * 2**24) / 2**24:
                out[i, j] = value
    return out


CORRUPTIONS = {"masking": masking}


def descend(param, grad, step_size):
    return param - step_size * grad


def heavy_ball(param, grad, velocity, step_size, momentum):
    velocity = momentum * velocity - step_size * grad
    return param + velocity, velocity


def nesterov(param, grad, velocity, step_size, momentum):
    velocity = momentum * velocity - step_size * grad
    return param + momentum * velocity - step_size * grad, velocity


def adam(param, grad, mean, square, step_size, beta_1, beta_2, epsilon):
    mean = beta_1 * mean + (1 - beta_1) * grad
    square = beta_2 * square + (1 - beta_2) * grad**2
    return param - step_size * mean / (np.sqrt(square) + epsilon), mean, square


def reconstruction_loss(X, X_tilde, W, b, b_prime, W_prime, activation, loss, alpha):
    """Mean loss of a layer, the corrupted samples given."""
    H = ACTIVATIONS[activation][0](X_tilde @ W + b)
    losses = LOSSES[loss][0](X, H @ (W.T if W_prime is None else W_prime) + b_prime)
    squares = (W**2).sum() + (0 if W_prime is None else (W_prime**2).sum())
    return losses.mean() + alpha / (2 * len(X)) * squares


def drop(X, level, seed, position):
    """Set entries to 0 as `masking` does and divide the others by the probability that they stay."""
    return masking(X, level, seed, position) / (1 - level)


def network_loss(X, T, parameters, activations, loss, alpha, dropout=None, seeds=None, position=None):
    """Mean loss of a network with parameters [coef, intercept, coef, intercept, ...]."""
    H = X if dropout is None else drop(X, dropout[0], seeds[0], position)
    for k, activation in enumerate(activations):
        H = ACTIVATIONS[activation][0](H @ parameters[2 * k] + parameters[2 * k + 1])
        if dropout is not None:
            H = drop(H, dropout[k + 1], seeds[k + 1], position)
    losses = LOSSES[loss][0](T, H @ parameters[-2] + parameters[-1])
    return losses.mean() + alpha / (2 * len(X)) * sum((coef**2).sum() for coef in parameters[::2])
