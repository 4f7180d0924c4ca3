"""Matrix products that do not depend on the number of BLAS threads."""

import numpy as np

# OpenBLAS cuts a sum of more than a few hundred terms into parts, and rounds the size of the parts up
# to other numbers with one thread than with several: another order, another rounding. Sums of a
# multiple of 32 terms are cut alike, short ones not at all.
GRAIN, SHORT = 32, 256


def multiply(A, B, out):
    """Write the product A @ B to `out`, in float32 the same to the last bit for any number of threads.

    joblib's workers run BLAS on fewer threads than the main process, and a search must find the same
    parameters in both. In float64 the rounding still depends on the threads (OpenBLAS has other
    kernels there).

    Parameters
    ----------
    A : ndarray of shape (n, k)
    B : ndarray of shape (k, m)
    out : ndarray of shape (n, m)
        Out: C-ordered, of the same type.
    """
    if len(A) == 1 or B.shape[1] == 1:
        # one row or column would go to another routine of BLAS, which does depend on the threads
        left = np.repeat(A, 2, axis=0) if len(A) == 1 else A
        right = np.repeat(B, 2, axis=1) if B.shape[1] == 1 else B
        product = np.empty((len(left), right.shape[1]), out.dtype)
        multiply(left, right, product)
        np.copyto(out, product[: len(out), : out.shape[1]])
        return
    k = A.shape[1]
    whole = k - k % GRAIN
    if k <= SHORT or whole == k:
        np.dot(A, B, out=out)
    else:
        np.dot(A[:, :whole], B[:whole], out=out)
        out += np.dot(A[:, whole:], B[whole:])
