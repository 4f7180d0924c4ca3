"""The marginalised denoising autoencoder: a layer in closed form, masking noise integrated out."""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from sklearn_sda._columns import Columns, dense_rows, merged_means
from sklearn_sda._threads import Team, n_threads, one_thread
from sklearn_sda._training import DivergenceError

# Columns that are corrupted and reconstruct together: the cost grows with their cube.
MOST_COLUMNS = 4096
# Rows that are multiplied at a time.
CHUNK = 2048
# Added to the diagonal of a system whose columns have been scaled to a diagonal of ones: columns that are
# multiples of each other have no solution else.
RIDGE = 1e-10


class Moments(NamedTuple):
    """Means and sums of products of inputs A and targets B over some samples, in float64.

    Attributes
    ----------
    count : float
        Sum of the weights of the samples.
    mean : ndarray of shape (n_inputs + n_targets,)
        Of the columns of A, then of B.
    products : ndarray of shape (n_inputs, n_inputs + n_targets)
        (A - mean).T @ V @ ((A, B) - mean) with the weights on the diagonal of V.
    squares : ndarray of shape (n_inputs + n_targets,)
        Weighted sum of the squared differences of each column from its mean.
    """

    count: float
    mean: np.ndarray
    products: np.ndarray
    squares: np.ndarray

    def merged(self, other):
        """Return those of all samples of two."""
        count, mean, shift, weight = merged_means(self, other)
        n_inputs = len(self.products)
        return Moments(
            count,
            mean,
            self.products + other.products + weight * np.outer(shift[:n_inputs], shift),
            self.squares + other.squares + weight * shift**2,
        )


def solve_encoder(X, n_components, levels, alpha, dtype, rng, weights=None):
    """Return the linear map that reconstructs columns of X best from masked samples, averaged over all masks.

    Column j is kept with probability q_j. W and the intercept b minimise the expectation of
    1/2 sum_i v_i ||x_i - x_tilde_i W - b||**2 + alpha / 2 ||W||**2 over all masks, v_i being the weights of
    the samples and n their sum. With m the means of the columns and C their centred sums of products::

        (Q + alpha) W = P, b = m - (q m) W    with P_jk = q_j C_jk, Q_jk = q_j q_k C_jk off the diagonal
        and Q_jj = q_j C_jj + n q_j (1 - q_j) m_j**2

    It is what Chen, Xu, Weinberger and Sha (2012, section 3) have with a column of ones, which is left out
    of the system here: so the solution does not depend on the offset and the unit of the columns. More than
    MOST_COLUMNS columns are split at random into blocks, each of which reconstructs alone, and the mean is
    taken.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a part at a time.
    n_components : int
        Number of columns that are reconstructed, those of the largest variance; at most n_features.
    levels : ndarray of shape (n_features,)
        Probability in [0, 1) that an entry of a column is masked.
    alpha : float
        Strength of the L2 penalty.
    dtype : dtype
        Of the result.
    rng : RandomState
        For the blocks.
    weights : ndarray of shape (n_samples,) or None
        Of the samples; None for ones.

    Returns
    -------
    coef : ndarray of shape (n_features, n_components)
    intercept : ndarray of shape (n_components,)
    loss : float
        What is minimised, per sample (of weight 1), on average over the blocks.

    Raises
    ------
    DivergenceError
        If the sums overflow.
    """
    n_features = X.shape[1]
    n_blocks = -(-n_features // MOST_COLUMNS)
    if n_blocks == 1:
        moments = _moments(X, None, None, weights)
        columns = _widest_columns(moments.squares, n_components)
        blocks = [(np.arange(n_features), moments)]
    else:
        rows = None if weights is None else np.flatnonzero(weights)
        columns = _widest_columns(Columns.of(X, rows, weights).squares, n_components)
        order = rng.permutation(n_features)
        blocks = (
            (block, _moments(X, lambda x, b=block: x[:, b], lambda x: x[:, columns], weights))
            for block in np.array_split(order, n_blocks)
        )
    coef, intercept, loss = np.zeros((n_features, n_components)), np.zeros(n_components), 0.0
    for block, moments in blocks:
        # the targets are among the inputs, or follow them
        targets = columns if n_blocks == 1 else len(block) + np.arange(n_components)
        mean, keep = moments.mean[: len(block)], 1 - levels[block]
        Q = moments.products[:, : len(block)] * np.outer(keep, keep)
        variance = moments.count * keep * (1 - keep) * mean**2
        np.fill_diagonal(Q, keep * moments.squares[: len(block)] + variance)
        P = moments.products[:, targets] * keep[:, None]
        W = _solve(Q, P, alpha)
        loss += 0.5 * (moments.squares[targets].sum() - (P * W).sum()) / moments.count / n_blocks
        coef[block] = W / n_blocks
        intercept += (moments.mean[targets] - (keep * mean) @ W) / n_blocks
    return coef.astype(dtype), intercept.astype(dtype), float(loss)


def solve_decoder(X, encoder, weights=None):
    """Return the linear map from codes to samples with the least squared error.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a part at a time.
    encoder : sklearn_sda._network.Affine
        Gives the codes.
    weights : ndarray of shape (n_samples,) or None
        Of the samples; None for ones.

    Returns
    -------
    coef : ndarray of shape (n_components, n_features)
        In the type of the encoder.
    intercept : ndarray of shape (n_features,)
    """
    dtype = encoder.coef.dtype

    def encode(x):
        H = x.astype(dtype) @ encoder.coef
        encoder.unit(H, encoder.intercept)
        return H

    moments = _moments(X, encode, lambda x: x, weights)
    n_components = len(moments.products)
    W = _solve(moments.products[:, :n_components], moments.products[:, n_components:], 0)
    intercept = moments.mean[n_components:] - moments.mean[:n_components] @ W
    return W.astype(dtype), intercept.astype(dtype)


def _widest_columns(squares, n_columns):
    """Return the indices of the columns with the largest variance, in their order."""
    return np.sort(np.argsort(-squares, kind="stable")[:n_columns])


def _moments(X, inputs, targets, weights):
    """Return the `Moments` of the samples, by several threads, with the same bits for any number of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    inputs, targets : callable or None
        From some rows of X, in float64, to A of shape (n_rows, n_inputs) and B of shape (n_rows, n_targets);
        None for X itself and for no targets.
    weights : ndarray of shape (n_samples,) or None
        Of the samples; None for ones.
    """
    starts, total = list(range(0, X.shape[0], CHUNK)), None
    parts = [None] * len(starts)

    def work_on(number):
        # the order in memory decides about the last bits of sums
        x = np.ascontiguousarray(dense_rows(X, slice(starts[number], starts[number] + CHUNK)), np.float64)
        A = x if inputs is None else np.asarray(inputs(x), np.float64)
        both = A if targets is None else np.hstack([A, targets(x)])
        own = np.ones(len(x)) if weights is None else weights[starts[number] : starts[number] + CHUNK]
        if own.any():
            mean = np.average(both, axis=0, weights=own)
            both = both - mean
            A = both[:, : A.shape[1]] if weights is None else both[:, : A.shape[1]] * own[:, None]
            parts[number] = Moments(own.sum(), mean, A.T @ both, own @ both**2)

    with one_thread, np.errstate(over="ignore", invalid="ignore"):
        n_parts = min(n_threads(), len(starts))
        with Team(n_parts) as team:
            for first in range(0, len(starts), n_parts):
                n = min(n_parts, len(starts) - first)
                team.run(lambda part, first=first: work_on(first + part), n)
                for number in range(first, first + n):  # always in this order
                    if parts[number] is not None:
                        total = parts[number] if total is None else total.merged(parts[number])
                        parts[number] = None
    if not np.isfinite(total.products).all():
        raise DivergenceError(
            "solver='marginalized': sums over the samples became infinite or NaN. Scale the data (for "
            "instance with MinMaxScaler or StandardScaler)."
        )
    return total


def _solve(Q, P, alpha):
    """Return W with (Q + alpha) W = P."""
    scale = np.sqrt(Q.diagonal() + alpha)
    scale[scale == 0] = 1.0  # constant columns
    Q = Q + alpha * np.eye(len(Q))
    Q /= np.outer(scale, scale)
    np.fill_diagonal(Q, 1 + RIDGE)
    P = P / scale[:, None]
    with one_thread:
        try:
            W = scipy.linalg.cho_solve(scipy.linalg.cho_factor(Q), P)
        except scipy.linalg.LinAlgError:
            W = scipy.linalg.lstsq(Q, P)[0]
    return W / scale[:, None]
