"""Statistics of the columns of samples, read a part at a time and merged."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

# Rows that are looked at together.
CHUNK = 512


def dense_rows(X, rows):
    """Return some rows of X, an ndarray or a CSR matrix, as an ndarray, a view if it can be one.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    rows : slice or ndarray of int of shape (n_rows,)
    """
    part = X[rows]
    return part.toarray() if issparse(part) else part


def merged_means(a, b):
    """Return what two groups of samples give together (Chan, Golub and LeVeque 1979).

    Parameters
    ----------
    a, b : object
        With `count` and `mean`, of shape (n_features,).

    Returns
    -------
    count : float
        Sum of the weights of both.
    mean : ndarray of shape (n_features,)
        Of all samples.
    shift : ndarray of shape (n_features,)
        From the mean of a to that of b.
    weight : float
        Sums of products of differences from the means add up, but for weight * shift_j * shift_k.
    """
    count, shift = a.count + b.count, b.mean - a.mean
    return count, a.mean + shift * (b.count / count), shift, a.count * b.count / count


@dataclass
class Columns:
    """What some corruptions need to know of the columns of the training samples.

    Attributes
    ----------
    count : float
        Sum of the weights of the samples, by default their number.
    low, high, mean, squares : ndarray of float64 of shape (n_features,)
        Of each column: smallest and largest value, weighted mean, weighted sum of the squared differences
        from the mean.
    """

    count: float
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, X, rows=None, weights=None):
        """Return those of samples, read in parts.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n_samples, n_features)
            Samples.
        rows : ndarray of int of shape (n_rows,) or None
            Which of them; None for all.
        weights : ndarray of shape (n_samples,) or None
            Of the samples, positive for these; None for ones.
        """
        n_features = X.shape[1]
        n_rows = X.shape[0] if rows is None else len(rows)
        columns = cls(
            0, np.full(n_features, np.inf), np.full(n_features, -np.inf), *np.zeros((2, n_features))
        )
        for start in range(0, n_rows, CHUNK):
            stop = min(start + CHUNK, n_rows)
            these = slice(start, stop) if rows is None else rows[start:stop]
            # the order in memory decides about the last bits of sums
            part = np.ascontiguousarray(dense_rows(X, these), np.float64)
            own = np.ones(len(part)) if weights is None else weights[these]
            mean = np.average(part, axis=0, weights=own)
            squares = own @ (part - mean) ** 2
            columns = columns.merged(cls(own.sum(), part.min(axis=0), part.max(axis=0), mean, squares))
        return columns

    def merged(self, other):
        """Return those of all samples of two."""
        count, mean, shift, weight = merged_means(self, other)
        return Columns(
            count,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            mean,
            self.squares + other.squares + weight * shift**2,
        )

    @property
    def deviation(self):
        """Standard deviation of each column."""
        return np.sqrt(self.squares / self.count)
