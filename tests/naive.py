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


# the loss of each component
TERMS = {
    "squared_error": lambda X, Z: 0.5 * (Z - X) ** 2,
    "cross_entropy": lambda X, Z: -X * np.log(logistic(Z)) - (1 - X) * np.log(1 - logistic(Z)),
}


def squared_error(X, Z):
    return TERMS["squared_error"](X, Z).sum(axis=1)


def cross_entropy(X, Z):
    return TERMS["cross_entropy"](X, Z).sum(axis=1)


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


def random_bits(shape, seed, position):
    """Return 64 random bits for each cell, as Python's integers."""
    golden = 0x9E3779B97F4A7C15
    keys = [
        splitmix64((seed + splitmix64((position + i + golden) & MASK64)) & MASK64) for i in range(shape[0])
    ]
    return [[splitmix64((key + (j + 1) * golden) & MASK64) for j in range(shape[1])] for key in keys]


def chosen(shape, levels, seed, position):
    """Return which cells are corrupted: 24 leading bits below the level."""
    uniform = np.array([[bits >> 40 for bits in row] for row in random_bits(shape, seed, position)]) / 2**24
    return uniform < np.floor(np.asarray(levels) * 2**24) / 2**24


def masking(X, levels, low, high, seed, position):
    return np.where(chosen(X.shape, levels, seed, position), 0, X)


def salt_and_pepper(X, levels, low, high, seed, position):
    coins = np.array([[(bits >> 39) & 1 for bits in row] for row in random_bits(X.shape, seed, position)])
    return np.where(chosen(X.shape, levels, seed, position), np.where(coins, high, low), X)


def gaussian(X, levels, low, high, seed, position):
    bits = random_bits(X.shape, seed, position)
    u = np.array([[((b >> 32) + 0.5) / 2**32 for b in row] for row in bits])
    v = np.array([[(b & 0xFFFFFFFF) / 2**32 for b in row] for row in bits])
    return X + levels * np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def choose_donors(n_samples, levels, n_donors, seed, position):
    shape = (n_samples, len(levels))
    other = [
        [(splitmix64((bits + 0x9E3779B97F4A7C15) & MASK64) >> 32) * n_donors >> 32 for bits in row]
        for row in random_bits(shape, seed, position)
    ]
    return np.where(chosen(shape, levels, seed, position), other, -1)


def swap(X, levels, donors, seed, position):
    rows = choose_donors(len(X), levels, len(donors), seed, position)
    return np.where(rows >= 0, donors[rows, np.arange(X.shape[1])], X)


CORRUPTIONS = {
    "masking": masking,
    "salt_and_pepper": salt_and_pepper,
    "gaussian": gaussian,
    "gaussian_absolute": gaussian,
    "swap": swap,
}


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


def code_penalty(H, slopes, W, l1, sparsity_weight, target, contraction, weights=1):
    """Penalties on the codes of a minibatch; the Jacobian of each sample is written out."""
    jacobians = np.array([slope * W for slope in slopes])
    total = l1 * (weights * abs(H).sum(axis=1)).mean()
    total += contraction * (weights * (jacobians**2).sum(axis=(1, 2))).mean()
    if sparsity_weight:
        m = np.average(H, axis=0, weights=np.broadcast_to(weights, len(H)))
        divergence = target * np.log(target / m) + (1 - target) * np.log((1 - target) / (1 - m))
        total += sparsity_weight * divergence.sum()
    return total


def reconstruction_loss(
    X, X_tilde, W, b, b_prime, W_prime, activation, loss, alpha, *, emphasis=1, penalties=None, T=None,
    output=None, supervision=0, weights=1, labelled=1,
):  # fmt: skip
    """Mean loss of a layer, the corrupted samples given."""
    function, derivative = ACTIVATIONS[activation]
    Z = X_tilde @ W + b
    H = function(Z)
    losses = (emphasis * TERMS[loss](X, H @ (W.T if W_prime is None else W_prime) + b_prime)).sum(axis=1)
    squares = (W**2).sum() + (0 if W_prime is None else (W_prime**2).sum())
    if T is not None:
        V, c = output
        losses = (1 - supervision) * losses + supervision * labelled * log_loss(T, H @ V + c)
        squares += (V**2).sum()
    total = (weights * losses).mean() + alpha / (2 * len(X)) * squares
    return total + (0 if penalties is None else code_penalty(H, derivative(Z), W, *penalties, weights))


def drop(X, level, seed, position):
    """Set entries to 0 as `masking` does and divide the others by the probability that they stay."""
    return masking(X, level, None, None, seed, position) / (1 - level)


def network_loss(
    X, T, parameters, activations, loss, alpha, dropout=None, seeds=None, position=None, weights=1
):  # fmt: skip
    """Mean loss of a network with parameters [coef, intercept, coef, intercept, ...]."""
    H = X if dropout is None else drop(X, dropout[0], seeds[0], position)
    for k, activation in enumerate(activations):
        H = ACTIVATIONS[activation][0](H @ parameters[2 * k] + parameters[2 * k + 1])
        if dropout is not None:
            H = drop(H, dropout[k + 1], seeds[k + 1], position)
    losses = LOSSES[loss][0](T, H @ parameters[-2] + parameters[-1])
    squares = sum((coef**2).sum() for coef in parameters[::2])
    return (weights * losses).mean() + alpha / (2 * len(X)) * squares
