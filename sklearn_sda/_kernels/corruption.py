"""Corruptions: noise whose every random number has an address.

A number depends on (seed, position of the sample in the training run, column) and on nothing else:
the same for any batch size, any split over threads, and with the JIT off. A new corruption is one
kernel ``corrupt(X, level, seed, position, out)`` and one line in `CORRUPTIONS`.
"""

import numpy as np

from sklearn_sda._kernels._jit import MATRIX, MATRIX_IN, SCALAR, UINT64, helper, kernel


@helper
def _mix(z):
    """Return the splitmix64 finaliser of a 64-bit integer (Steele, Lea and Flood 2014, fig. 10)."""
    z = np.uint64(z)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@helper
def _row_key(seed, position):
    """Return the start of the random stream of one sample."""
    return _mix(np.uint64(seed) + _mix(np.uint64(position) + np.uint64(0x9E3779B97F4A7C15)))


@helper
def _random_24_bits(row_key, column):
    """Return a uniform integer in [0, 2**24): number `column` of the splitmix64 stream of a row."""
    step = (np.uint64(column) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return np.int32(_mix(row_key + step) >> np.uint64(40))


@kernel(MATRIX_IN, SCALAR, UINT64, UINT64, MATRIX)
def masking(X, level, seed, position, out):
    """Set each entry to 0 with probability `level`, independently; the others are not rescaled.

    Vincent et al. (2010), section 3.3.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Clean samples.
    level : float
        Fraction of entries in [0, 1) to be set to 0, resolved to 2**-24.
    seed : int
        Seed of the training run.
    position : int
        Number of samples that the run had seen before the first row of X.
    out : ndarray of shape (n_samples, n_features)
        Out: corrupted samples.
    """
    threshold = np.int32(level * 2**24)
    for i in range(X.shape[0]):
        row_key = _row_key(seed, np.uint64(position) + np.uint64(i))
        for j in range(X.shape[1]):
            keep = _random_24_bits(row_key, j) >= threshold
            out[i, j] = X[i, j] if keep else 0


CORRUPTIONS = {"masking": masking}
