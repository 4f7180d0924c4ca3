"""Corruptions: noise whose every random number has an address.

A number depends on (seed, position of the sample in the training run, column) and on nothing else:
the same for any batch size, any split over threads, and with the JIT off. A new corruption is one
kernel ``corrupt(X, levels, low, high, seed, position, out)`` and one line in `CORRUPTIONS`.

Parameters of all of them:

X : ndarray of shape (n_samples, n_features)
    Clean samples.
levels : ndarray of shape (n_features,)
    Strength of the noise in each column: a probability in [0, 1), resolved to 2**-24, or a standard
    deviation.
low, high : ndarray of shape (n_features,)
    Smallest and largest value of each column; only read where the corruption uses them.
seed : int
    Seed of the training run.
position : int
    Number of samples that the run had seen before the first row of X.
out : ndarray of shape (n_samples, n_features)
    Out: corrupted samples. May be X itself.
"""

import math
from typing import NamedTuple

import numpy as np

from sklearn_sda._kernels._jit import (
    INT64_MATRIX,
    MATRIX,
    MATRIX_IN,
    SCALAR,
    UINT64,
    VECTOR_IN,
    Kernel,
    helper,
    kernel,
)

ARGUMENTS = (MATRIX_IN, VECTOR_IN, VECTOR_IN, VECTOR_IN, UINT64, UINT64, MATRIX)


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
def _random_bits(row_key, column):
    """Return 64 random bits: number `column` of the splitmix64 stream of a row."""
    step = (np.uint64(column) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return _mix(row_key + step)


@helper
def _is_chosen(bits, level):
    """Return whether a cell is corrupted: its 24 leading bits are below level * 2**24."""
    return np.int32(bits >> np.uint64(40)) < np.int32(level * np.float32(2**24))


@kernel(*ARGUMENTS)
def masking(X, levels, low, high, seed, position, out):
    """Set each entry to 0 with its column's probability, independently; the others are not rescaled.

    User guide, eq. 3; Vincent et al. (2010).
    """
    for i in range(X.shape[0]):
        row_key = _row_key(seed, np.uint64(position) + np.uint64(i))
        for j in range(X.shape[1]):
            out[i, j] = 0 if _is_chosen(_random_bits(row_key, j), levels[j]) else X[i, j]


@kernel(*ARGUMENTS)
def salt_and_pepper(X, levels, low, high, seed, position, out):
    """Set each entry with its column's probability to the column's minimum or maximum, by a fair coin.

    User guide, eq. 3; Vincent et al. (2010).
    """
    for i in range(X.shape[0]):
        row_key = _row_key(seed, np.uint64(position) + np.uint64(i))
        for j in range(X.shape[1]):
            bits = _random_bits(row_key, j)
            # all are read whatever is chosen: LLVM does not vectorise a loop that reads at times only
            smallest, largest, x = low[j], high[j], X[i, j]
            # by a bit that does not take part in the choice
            extreme = smallest if (bits >> np.uint64(39)) & np.uint64(1) == np.uint64(0) else largest
            out[i, j] = extreme if _is_chosen(bits, levels[j]) else x


@helper
def _normal(bits):
    """Return a standard normal number made of 64 random bits, without branches (error below 1e-9).

    Box and Muller (1958): sqrt(-2 log u) cos(2 pi v), u and v of 32 bits each, u never 0. log u by the
    series of artanh in s = (m - 1) / (m + 1), m being the mantissa in [1, 2); cos(2 pi v) is the sine of
    2 pi (|v - 1/2| - 1/4), at most a right angle, by Taylor's polynomial.
    """
    u = (np.float64(bits >> np.uint64(32)) + 0.5) * 2.0**-32
    v = np.float64(bits & np.uint64(0xFFFFFFFF)) * 2.0**-32
    pattern = np.float64(u).view(np.int64)
    exponent = np.float64((pattern >> np.int64(52)) - np.int64(1023))
    m = np.int64((pattern & np.int64(0xFFFFFFFFFFFFF)) | np.int64(0x3FF0000000000000)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = 1 / 17
    p = p * q + 1 / 15
    p = p * q + 1 / 13
    p = p * q + 1 / 11
    p = p * q + 1 / 9
    p = p * q + 1 / 7
    p = p * q + 1 / 5
    p = p * q + 1 / 3
    p = p * q + 1.0
    radius = np.sqrt(-2.0 * (exponent * math.log(2) + 2.0 * s * p))
    x = 2.0 * math.pi * (abs(v - 0.5) - 0.25)
    q = x * x
    p = -1.0 / 1307674368000.0
    p = p * q + 1.0 / 6227020800.0
    p = p * q - 1.0 / 39916800.0
    p = p * q + 1.0 / 362880.0
    p = p * q - 1.0 / 5040.0
    p = p * q + 1.0 / 120.0
    p = p * q - 1.0 / 6.0
    p = p * q + 1.0
    return radius * x * p


@kernel(*ARGUMENTS)
def gaussian(X, levels, low, high, seed, position, out):
    """Add normal noise to each entry, its column's level being the standard deviation.

    User guide, eq. 3; Vincent et al. (2010).
    """
    for i in range(X.shape[0]):
        row_key = _row_key(seed, np.uint64(position) + np.uint64(i))
        for j in range(X.shape[1]):
            out[i, j] = X[i, j] + levels[j] * X.dtype.type(_normal(_random_bits(row_key, j)))


@kernel(VECTOR_IN, UINT64, UINT64, UINT64, INT64_MATRIX)
def choose_donors(levels, n_donors, seed, position, out):
    """Choose the cells to be corrupted, and for each of them another sample.

    Parameters
    ----------
    levels : ndarray of shape (n_features,)
        Probability that a cell of the column is chosen.
    n_donors : int
        Number of samples to choose from, at most 2**32.
    seed, position : int
        As of a corruption.
    out : ndarray of shape (n_samples, n_features)
        Out: number in [0, n_donors) of a sample, or -1 where the cell is not chosen.
    """
    for i in range(out.shape[0]):
        row_key = _row_key(seed, np.uint64(position) + np.uint64(i))
        for j in range(out.shape[1]):
            bits = _random_bits(row_key, j)
            # other random bits, as a fraction of n_donors (Lemire 2019)
            other = _mix(bits + np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
            donor = np.int64((other * np.uint64(n_donors)) >> np.uint64(32))
            out[i, j] = donor if _is_chosen(bits, levels[j]) else -1


@kernel(VECTOR_IN, SCALAR, UINT64, UINT64, MATRIX)
def emphasise(levels, weight, seed, position, out):
    """Set `out`, of shape (n_samples, n_features), to `weight` where the cell is corrupted.

    `levels`, of shape (n_features,), `seed` and `position` are those of the corruption.
    """
    for i in range(out.shape[0]):
        row_key = _row_key(seed, np.uint64(position) + np.uint64(i))
        for j in range(out.shape[1]):
            out[i, j] = weight if _is_chosen(_random_bits(row_key, j), levels[j]) else out[i, j]


class Noise(NamedTuple):
    """A corruption.

    Attributes
    ----------
    kernel : Kernel
        See the module; `choose_donors` where the values come from other samples.
    chooses : bool
        Whether the level is the probability that a cell is corrupted; otherwise it is a standard deviation.
    needs_columns : bool
        Whether statistics of the columns of the training samples are needed.
    in_deviations : bool
        Whether the level's unit is the column's own standard deviation.
    """

    kernel: Kernel
    chooses: bool = True
    needs_columns: bool = False
    in_deviations: bool = False


CORRUPTIONS = {
    "masking": Noise(masking),
    "salt_and_pepper": Noise(salt_and_pepper, needs_columns=True),
    "gaussian": Noise(gaussian, chooses=False, needs_columns=True, in_deviations=True),
    "gaussian_absolute": Noise(gaussian, chooses=False),
    "swap": Noise(choose_donors),
}
