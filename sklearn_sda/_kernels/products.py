"""Matrix products, by the BLAS that SciPy brings, the same for any number of its threads.

Called from compiled code: NumPy's ``dot`` can't add to its output, and has a BLAS, with threads, of its
own. SciPy publishes the addresses of its routines (`scipy.linalg.cython_blas`) for this purpose.
"""

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address, intrinsic, overload
from threadpoolctl import threadpool_info

from sklearn_sda._kernels._jit import INT64, MATRIX, SCALAR, STRIDED_IN, kernel

# OpenBLAS cuts a sum of more than a few hundred terms into parts, of other sizes for a part of a matrix
# than for the whole: another order, another rounding. We cut it into panels that OpenBLAS leaves whole.
PANEL = 256
# A product of so few multiplications OpenBLAS may compute in another way than larger ones: on AVX-512
# directly, without copying its operands first (unless B comes transposed). Where the copy costs much, panels
# are so thin that each is such a product, but not thinner than THINNEST: 100 x 128 x 256 at 147 GFLOP/s
# instead of 119, 20 x 784 x 1000 at 99 instead of 54, but 128 x 784 x 500 at 105 instead of 121.
DIRECT, THINNEST = 1_000_000, 20
HAS_DIRECT = any(
    library.get("architecture") in ("SkylakeX", "Cooperlake", "SapphireRapids")
    for library in threadpool_info()
    if library["internal_api"] == "openblas"
)
# OpenBLAS computes a matrix in tiles of at most so many columns, those of an incomplete tile in another
# way. Parts consist of whole tiles: of its vectors in float32, of its blocks in float64, where the vectors
# of a block are not all computed alike. (Measured: other sizes change bits, these none of 4000 products.)
TILES = (16, 192)

AS_IS, TRANSPOSED = ord("N"), ord("T")
ADDRESS = types.intp
ROUTINES = {}
for _scalar, _name in ((types.float32, "sgemm"), (types.float64, "dgemm")):
    # under a name, so that cached code finds the routine at the address of this process
    binding.add_symbol(f"sklearn_sda_{_name}", get_cython_function_address("scipy.linalg.cython_blas", _name))
    ROUTINES[_scalar] = types.ExternalFunction(f"sklearn_sda_{_name}", types.void(*[ADDRESS] * 13))


@intrinsic
def _address(typingctx, array):
    """Return where the items of an array begin (`array.ctypes.data` compiles slowly)."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, context.get_value_type(ADDRESS))

    return ADDRESS(array), generate


def _gemm(A, B, alpha, beta, out, part, n_parts):
    """Write a part of alpha A @ B + beta out to `out` (by NumPy, where the JIT is off, as a whole)."""
    product = A @ B
    product *= alpha
    if beta != 0:
        product += beta * out
    out[...] = product


@overload(_gemm, inline="always")
def _gemm_by_blas(A, B, alpha, beta, out, part, n_parts):
    """Call BLAS, a panel of the sum at a time.

    BLAS thinks in columns: a C-ordered matrix is its transpose. It computes out.T = B.T @ A.T, every
    argument by address.
    """
    routine = ROUTINES[out.dtype]

    def implementation(A, B, alpha, beta, out, part, n_parts):
        item = out.itemsize
        A_rows, B_rows = A.strides[1] == item, B.strides[1] == item  # whether rows are contiguous
        n, k, m = A.shape[0], A.shape[1], out.shape[1]
        tile = TILES[0] if item == 4 else TILES[1]
        n_tiles = (m + tile - 1) // tile
        thin = DIRECT // max(1, n * m)
        if HAS_DIRECT and B_rows and thin >= min(k, THINNEST):
            n_panels = max(1, (k + thin - 1) // thin)
            panel = (k + n_panels - 1) // n_panels
        else:
            n_panels = max(1, (k + PANEL - 1) // PANEL)
            panel = (k + n_panels - 1) // n_panels
            # every part of every panel must be computed as the whole would be
            least = n * tile * (k - (n_panels - 1) * panel)
            n_parts = max(1, min(n_parts, (n_tiles - 1) * least // (DIRECT + least)))
        if part >= n_parts:
            return
        start = n_tiles * part // n_parts * tile
        stop = min(n_tiles * (part + 1) // n_parts * tile, m)
        transposed = np.empty(2, np.uint8)
        transposed[0] = AS_IS if B_rows else TRANSPOSED
        transposed[1] = AS_IS if A_rows else TRANSPOSED
        sizes = np.empty(6, np.int32)  # columns of out, rows of out, terms; strides of B, A and out
        sizes[0], sizes[1], sizes[5] = stop - start, n, m
        sizes[3] = max(m, B.strides[0] // item) if B_rows else max(k, B.strides[1] // item)
        sizes[4] = max(k, A.strides[0] // item) if A_rows else max(n, A.strides[1] // item)
        factors = np.empty(2, out.dtype)
        factors[0], factors[1] = alpha, beta
        for term in range(0, k, panel):
            sizes[2] = min(panel, k - term)
            # addresses are taken in the loop, so that the arrays live until it ends
            flag, size, factor = _address(transposed), _address(sizes), _address(factors)
            routine(
                flag, flag + 1, size, size + 4, size + 8, factor,
                _address(B) + term * B.strides[0] + start * B.strides[1], size + 12,
                _address(A) + term * A.strides[1], size + 16,
                factor + item, _address(out) + start * item, size + 20,
            )  # fmt: skip
            factors[1] = 1

    return implementation


@kernel(STRIDED_IN, STRIDED_IN, SCALAR, SCALAR, MATRIX, INT64, INT64)
def multiply(A, B, alpha, beta, out, part, n_parts):
    """Out <- alpha A @ B + beta out (BLAS's gemm), or a part of it.

    The same to the last bit for any number of parts: joblib's workers have fewer threads than the main
    process, and a search must find the same parameters in both. (BLAS itself is limited to one thread.)

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
    part, n_parts : int
        Compute part number `part`, some of the columns, of n_parts; 0 and 1 for the whole. Some parts of
        a small product are empty.
    """
    _gemm(A, B, alpha, beta, out, part, n_parts)
