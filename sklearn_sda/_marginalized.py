"""The marginalised denoising autoencoder: a layer in closed form, masking noise integrated out."""

import numpy as np
import scipy.linalg

from sklearn_sda._corruption import Columns

# Columns that are corrupted and reconstruct together: the cost grows with their cube.
MOST_COLUMNS = 4096
# Rows that are multiplied at a time.
CHUNK = 2048
# Added to the diagonal of a system, relative to its mean: columns that are constant have no solution else.
RIDGE = 1e-8


def solve_encoder(X, n_components, levels, alpha, dtype, rng):
    """Return the linear map that reconstructs columns of X best from masked samples, averaged over all masks.

    With x_bar = (1, x), column j being kept with probability q_j (q_0 = 1) and S = sum_i x_bar_i.T x_bar_i
    over the samples, W minimises the expectation of
    1/2 sum_i ||x_i - x_bar_tilde_i W||**2 + alpha / 2 ||W||**2::

        (Q + alpha) W = P    with Q_jk = S_jk q_j q_k off the diagonal, Q_jj = S_jj q_j, P_jk = q_j S_jk

    (Chen, Xu, Weinberger and Sha 2012, section 3; the intercept is not penalised). More than MOST_COLUMNS
    columns are split at random into blocks, each of which reconstructs alone, and the mean is taken.

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

    Returns
    -------
    coef : ndarray of shape (n_features, n_components)
    intercept : ndarray of shape (n_components,)
    loss : float
        What is minimised, per sample, on average over the blocks.
    """
    n_samples, n_features = X.shape
    columns = _widest_columns(X, n_components)
    coef, intercept, loss = np.zeros((n_features, n_components)), np.zeros(n_components), 0.0
    n_blocks = -(-n_features // MOST_COLUMNS)
    order = rng.permutation(n_features) if n_blocks > 1 else np.arange(n_features)
    for block in np.array_split(order, n_blocks):
        if n_blocks == 1:  # the products with the targets are among those of the inputs
            gram, products, squares = _sums(X)
            products, squares = gram[:, 1 + columns], gram.diagonal()[1 + columns].sum()
        else:
            gram, products, squares = _sums(X, lambda x, b=block: x[:, b], lambda x: x[:, columns])
        keep = np.concatenate([[1.0], 1 - levels[block]])
        Q, P = gram * np.outer(keep, keep), products * keep[:, None]
        np.fill_diagonal(Q, gram.diagonal() * keep)
        W = _solve(Q, P, alpha)
        loss += 0.5 * (squares - (P * W).sum()) / n_samples / n_blocks
        coef[block], intercept = W[1:] / n_blocks, intercept + W[0] / n_blocks
    return coef.astype(dtype), intercept.astype(dtype), float(loss)


def solve_decoder(X, encode, dtype):
    """Return the linear map from codes to samples with the least squared error.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any numeric type; read a part at a time.
    encode : callable
        From some rows of X to their codes.
    dtype : dtype
        Of the result.

    Returns
    -------
    coef : ndarray of shape (n_components, n_features)
    intercept : ndarray of shape (n_features,)
    """
    gram, products, _ = _sums(X, encode, lambda x: x)
    W = _solve(gram, products, 0)
    return W[1:].astype(dtype), W[0].astype(dtype)


def _widest_columns(X, n_columns):
    """Return the indices of the columns of X with the largest variance, in their order."""
    if n_columns == X.shape[1]:
        return np.arange(n_columns)
    return np.sort(np.argsort(-Columns.of(X).deviation, kind="stable")[:n_columns])


def _sums(X, inputs=None, targets=None):
    """Return sums of products over the samples, read a part at a time, in float64.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    inputs, targets : callable or None
        From some rows of X to A of shape (n_rows, n_inputs) and B of shape (n_rows, n_targets); None for X
        itself and for no targets.

    Returns
    -------
    gram : ndarray of shape (1 + n_inputs, 1 + n_inputs)
        (1, A).T @ (1, A).
    products : ndarray of shape (1 + n_inputs, n_targets)
        (1, A).T @ B; None without targets.
    squares : float
        Sum of the squares of B.
    """
    gram, products, squares = 0.0, None if targets is None else 0.0, 0.0
    for start in range(0, len(X), CHUNK):
        x = np.asarray(X[start : start + CHUNK], np.float64)
        A = np.column_stack([np.ones(len(x)), x if inputs is None else inputs(x)])
        gram += A.T @ A
        if targets is not None:
            B = targets(x)
            products += A.T @ B
            squares += float((B**2).sum())
    return gram, products, squares


def _solve(Q, P, alpha):
    """Return W with (Q + alpha) W = P, alpha not on the first row (overwrites Q)."""
    diagonal = Q.diagonal()
    ridge = RIDGE * (diagonal[1:].mean() or 1.0)
    np.fill_diagonal(Q, diagonal + np.concatenate([[0.0], np.full(len(Q) - 1, alpha + ridge)]))
    try:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(Q), P)
    except scipy.linalg.LinAlgError:  # columns that are nearly multiples of each other
        return scipy.linalg.lstsq(Q, P)[0]
