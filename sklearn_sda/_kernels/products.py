"""Matrix products, by the BLAS that SciPy brings, the same for any number of its threads.

Called from compiled code: NumPy's ``dot`` can't add to its output, and has a BLAS, with threads, of its
own. SciPy publishes the addresses of its routines (`scipy.linalg.cython_blas`) for this purpose.
"""

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address, overload

from sklearn_sda._kernels._jit import MATRIX, SCALAR, STRIDED_IN, helper, kernel

# OpenBLAS cuts a sum of more than a few hundred terms into parts, of other sizes with one thread than
# with several: another order, another rounding. Sums of so few terms it does not cut.
PANEL = 256
# A product of so few operations OpenBLAS computes without copying its operands first. Where few rows meet
# a large matrix the copy costs more than the product: there, panels are so thin that each is such a
# product (20 x 784 x 1000 on AVX-512: 102 GFLOP/s instead of 57).
DIRECT, THIN, FEW_ROWS = 1_000_000, (16, 32), 40

ADDRESS = types.intp
ROUTINES = {}
for _scalar, _name in ((types.float32, "sgemm"), (types.float64, "dgemm")):
    # under a name, so that cached code finds the routine at the address of this process
    binding.add_symbol(f"sklearn_sda_{_name}", get_cython_function_address("scipy.linalg.cython_blas", _name))
    ROUTINES[_scalar] = types.ExternalFunction(f"sklearn_sda_{_name}", types.void(*[ADDRESS] * 13))


@helper
def _address(array):
    """Return where the items of an array begin."""
    return np.intp(array.ctypes.data)


def _gemm(A, B, alpha, beta, out):
    """Write alpha A @ B + beta out to `out` (by NumPy where the JIT is off)."""
    product = A @ B
    product *= alpha
    if beta != 0:
        product += beta * out
    out[...] = product


@overload(_gemm, inline="always")
def _gemm_by_blas(A, B, alpha, beta, out):
    """Call BLAS, a panel of the sum at a time.

    BLAS thinks in columns: a C-ordered matrix is its transpose. It computes out.T = B.T @ A.T, every
    argument by address.
    """
    routine = ROUTINES[out.dtype]

    def implementation(A, B, alpha, beta, out):
        item = out.itemsize
        A_rows, B_rows = A.strides[1] == item, B.strides[1] == item  # whether rows are contiguous
        transposed = np.empty(2, np.uint8)
        transposed[0] = ord("N") if B_rows else ord("T")
        transposed[1] = ord("N") if A_rows else ord("T")
        sizes = np.empty(6, np.int32)  # columns of out, rows of out, terms; strides of B, A and out
        sizes[0], sizes[1], sizes[5] = out.shape[1], out.shape[0], out.shape[1]
        sizes[3] = max(B.shape[1], B.strides[0] // item) if B_rows else max(B.shape[0], B.strides[1] // item)
        sizes[4] = max(A.shape[1], A.strides[0] // item) if A_rows else max(A.shape[0], A.strides[1] // item)
        panel, terms = PANEL, out.size * A.shape[1]
        if A_rows and B_rows and terms > DIRECT and A.shape[0] <= FEW_ROWS:
            panel = THIN[1] if out.size * THIN[1] <= DIRECT else THIN[0]
        factors = np.empty(2, out.dtype)
        factors[0], factors[1] = alpha, beta
        for start in range(0, A.shape[1], panel):
            sizes[2] = min(panel, A.shape[1] - start)
            # addresses are taken in the loop, so that the arrays live until it ends
            flag, size, factor = _address(transposed), _address(sizes), _address(factors)
            routine(
                flag, flag + 1, size, size + 4, size + 8, factor,
                _address(B) + start * B.strides[0], size + 12,
                _address(A) + start * A.strides[1], size + 16,
                factor + item, _address(out), size + 20,
            )  # fmt: skip
            factors[1] = 1

    return implementation


@kernel(STRIDED_IN, STRIDED_IN, SCALAR, SCALAR, MATRIX)
def multiply(A, B, alpha, beta, out):
    """Out <- alpha A @ B + beta out (BLAS's gemm).

    In float32 the same to the last bit for any number of BLAS threads: joblib's workers have fewer of
    them than the main process, and a search must find the same parameters in both. In float64 the
    rounding still depends on the threads (OpenBLAS has other kernels there).

    Parameters
    ----------
    A : ndarray of shape (n, k)
        With contiguous rows or contiguous columns, as B.
    B : ndarray of shape (k, m)
    alpha : float
        Factor of the product.
    beta : float
        Factor of what `out` holds; 0 if it holds nothing.
    out : ndarray of shape (n, m)
        Out: C-ordered.
    """
    _gemm(A, B, alpha, beta, out)
