"""Forward passes through a chain of affine layers, a chunk of rows at a time.

Everything that reads a trained network (transform, inverse_transform, predict_proba, scores) comes
through here. X may have any numeric type and any memory layout; it is never cast or copied as a
whole.
"""

from typing import NamedTuple

import numpy as np

from sklearn_sda._columns import dense_rows
from sklearn_sda._kernels._jit import Kernel
from sklearn_sda._kernels.blas import BLAS
from sklearn_sda._kernels.products import multiply
from sklearn_sda._threads import WORK, Team, n_threads, one_thread

# BLAS multiplies rows in blocks and rounds the rows of an incomplete block in another way. Chunks are
# filled up to whole blocks, so that a row's result does not depend on the order of the rows. (But without
# AVX-512 OpenBLAS rounds 6 rows of any 12 in their own way in float32. And it may compute a product of few
# rows in another way than one of many.)
BLOCKS = {4: 16, 8: 24}  # by the size of an item in bytes
# Rows that pass through the chain together: enough for BLAS, and their codes stay in the cache. A multiple
# of both blocks.
CHUNK = 480


class Affine(NamedTuple):
    """One step of a chain: H = g(X @ coef + intercept).

    Attributes
    ----------
    coef : ndarray of shape (fan_in, fan_out)
        Any memory order, may be read-only.
    intercept : ndarray of shape (fan_out,)
        May be read-only.
    unit : Kernel
        ``unit(Z, intercept)``: Z <- g(Z + intercept), in place.
    """

    coef: np.ndarray
    intercept: np.ndarray
    unit: Kernel


def gather(X, rows, out):
    """Copy rows of X, of any numeric type, into `out`.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    rows : slice or ndarray of int of shape (n_rows,)
    out : ndarray of shape (n_rows, n_features)
        Out: the rows in its own type.
    """
    if _is_plain(X, out.dtype) and isinstance(rows, np.ndarray):
        # without a temporary array; np.take would copy the whole of an X in Fortran order
        np.take(X, rows, axis=0, out=out, mode="clip")
    else:
        np.copyto(out, dense_rows(X, rows), casting="unsafe")


def _is_plain(X, dtype):
    """Return whether X is a C-ordered array of some type: its rows can be used as they are."""
    return X.dtype == dtype and isinstance(X, np.ndarray) and X.flags.c_contiguous


def _multiply(A, B, out):
    """Out <- A @ B by MKL or, if we do without, by NumPy's BLAS: in 2026 5 to 10 % faster than SciPy's."""
    # BLAS wants rows or columns without gaps, and in order, and one type
    if BLAS.strict and B.flags.forc and A.dtype == B.dtype == out.dtype:
        multiply(A, B, 1, 0, out, 0, 1)
    else:
        np.matmul(A, B, out=out)


def _pre_activation(chain, X, out):
    """Write the pre-activation (without intercept) of the last layer of a chain for one chunk."""
    for layer in chain[:-1]:
        H = np.empty((len(X), layer.coef.shape[1]), layer.coef.dtype)
        _multiply(X, layer.coef, H)
        layer.unit(H, layer.intercept)
        X = H
    _multiply(X, chain[-1].coef, out)


def _chunks(X, dtype, part, n_parts):
    """Yield (rows, chunk) over a part of the chunks of X: X[rows] in `dtype` and C order, filled up."""
    buffer, block = None, BLOCKS[dtype.itemsize]
    for start in range(part * CHUNK, X.shape[0], n_parts * CHUNK):
        rows = slice(start, min(start + CHUNK, X.shape[0]))
        n = rows.stop - rows.start
        filled = -(-n // block) * block
        if n == filled and _is_plain(X, dtype):
            yield rows, X[rows]
        else:
            if buffer is None:
                buffer = np.empty((min(CHUNK, -(-X.shape[0] // block) * block), X.shape[1]), dtype)
            gather(X, rows, buffer[:n])
            buffer[n:filled] = 0
            yield rows, buffer[:filled]


def _for_each_chunk(work, chain, X):
    """Call ``work(rows, chunk)`` for all chunks of X, see `_chunks`, on several threads if it pays."""
    dtype = chain[-1].coef.dtype

    def work_on(part):
        for rows, chunk in _chunks(X, dtype, part, n_parts):
            work(rows, chunk)

    with one_thread:
        flops = 2 * X.shape[0] * sum(layer.coef.size for layer in chain)
        n_parts = max(1, min(n_threads(), -(-X.shape[0] // CHUNK), int(flops / WORK)))
        with Team(n_parts) as team:
            team.run(work_on, n_parts)


def forward(chain, X):
    """Return the output of a chain of layers.

    Parameters
    ----------
    chain : list of Affine
        From input to output.
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Any numeric type.

    Returns
    -------
    out : ndarray of shape (n_samples, fan_out)
        In the type of the coefficients.
    """
    last = chain[-1]
    out = np.empty((X.shape[0], last.coef.shape[1]), last.coef.dtype)

    def work(rows, chunk):
        H = out[rows]
        if len(H) < len(chunk):
            H = np.empty((len(chunk), out.shape[1]), out.dtype)
        _pre_activation(chain, chunk, H)
        last.unit(H, last.intercept)
        if len(H) > len(out[rows]):
            out[rows] = H[: len(out[rows])]

    _for_each_chunk(work, chain, X)
    return out


def reconstruction_losses(chain, X, loss):
    """Return the loss between each row of X and the output of an encoder-decoder chain.

    Parameters
    ----------
    chain : list of Affine
        From input to reconstruction; the unit of the last step is not used, its loss implies it.
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Any numeric type.
    loss : Loss
        See `sklearn_sda._kernels.pointwise.LOSSES`. Rows of X are compared as the nearest values that
        it is defined for.

    Returns
    -------
    losses : ndarray of shape (n_samples,)
        Summed over features: nats, or half squared error.
    """
    last = chain[-1]
    losses = np.empty(X.shape[0], last.coef.dtype)
    weights, nothing = np.ones(CHUNK, losses.dtype), np.empty((0, 0), losses.dtype)

    def work(rows, chunk):
        n = len(chunk)
        Z, chunk_losses = np.empty((n, last.coef.shape[1]), losses.dtype), np.empty(n, losses.dtype)
        _pre_activation(chain, chunk, Z)
        targets = chunk if loss.domain is None else np.clip(chunk, *loss.domain)
        loss.kernel(targets, Z, last.intercept, weights[:n], nothing, chunk_losses)
        losses[rows] = chunk_losses[: rows.stop - rows.start]

    _for_each_chunk(work, chain, X)
    return losses


def output_losses(outputs, write_targets, loss):
    """Return the loss of outputs that have their intercepts, but no link.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_outputs)
        Not modified.
    write_targets : callable
        ``write_targets(rows, out)`` writes the targets of all rows.
    loss : Loss
        See `sklearn_sda._kernels.pointwise.LOSSES`.

    Returns
    -------
    losses : ndarray of shape (n_samples,)
    """
    targets, dtype = np.empty_like(outputs), outputs.dtype
    write_targets(np.arange(len(outputs)), targets)
    losses = np.empty(len(outputs), dtype)
    zeros, ones = np.zeros(outputs.shape[1], dtype), np.ones(len(outputs), dtype)
    loss.kernel(targets, outputs.copy(), zeros, ones, np.empty((0, 0), dtype), losses)
    return losses
