"""Matrix products, by BLAS, the same for any number of its threads.

Called from compiled code: NumPy's ``dot`` can't add to its output, and has a BLAS, with threads, of its
own.
"""

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from sklearn_sda._kernels._jit import FLAGS, INT64, MATRIX, SCALAR, STRIDED_IN, kernel
from sklearn_sda._kernels.blas import BLAS

# MKL, in its strict mode, computes any columns of a product as it would compute the whole: parts are cut at
# whole vectors only to be fast.
STRICT, VECTOR = BLAS.strict, 16
# Others round a column according to its place and to the number of columns. So we always cut a product into
# the same tiles of columns, a call for each; parts consist of whole tiles. (Measured on AVX2, one thread:
# calls of 128 columns reach 96 % of what calls of 500 to 1000 reach, of 32 columns 78 %.)
TILE = 128
# OpenBLAS on AVX2 can do without tiles in float64, as MKL can. In float32 it can where we cut rows: it takes
# so many at a time. (Measured: multiples of 12 change no bit of 1200 products, of 8 or 16 most.) But each
# part then copies all of B, which is too much unless A has many rows: at least MANY times B's columns.
AVX2, ROWS, MANY = BLAS.avx2, 12, 0.5
# OpenBLAS on AVX-512 can do without, and a part needs only one call for each panel.
AVX512 = BLAS.avx512
# It computes in tiles of at most so many columns, those of an incomplete tile in another way: of its vectors
# in float32, of its blocks in float64, where the vectors of a block are not all computed alike. (Measured:
# other sizes change bits, these none of 4000 products.)
AVX512_TILES = (16, 192)
# It cuts a sum of more than a few hundred terms into parts, of other sizes for a part of a matrix than for
# the whole: another order, another rounding. We cut it into panels that it leaves whole.
PANEL = 256
# A product of so few multiplications it computes in another way than larger ones: directly, without copying
# its operands first (unless B comes transposed). Where the copy costs much, panels are so thin that each is
# such a product, but not thinner than THINNEST: 100 x 128 x 256 at 147 GFLOP/s instead of 119,
# 20 x 784 x 1000 at 99 instead of 54, but 128 x 784 x 500 at 105 instead of 121. If A has few rows, what has
# too many columns for that is cut into chunks of them: 50 x 3000 x 2000 takes 0.53 of the time, 64 x 784 x
# 1000 takes 0.76, 100 x 784 x 1500 takes 0.92, but 128 x 200 x 3000 would take 1.11.
DIRECT, THINNEST, FEW = 1_000_000, 20, 100
# Nor does it copy a B that comes transposed if the sum has at least SHORTEST terms and `out` at most 1,200
# elements. So with at most SHORT rows we call it for SLICE columns at a time, whichever part they belong to:
# with 20 rows, 1000 x 1000 runs at 75 GFLOP/s instead of 52 and 100 x 256 at 66 instead of 34, with 32 rows
# 1000 x 1000 runs at 78 instead of 66, but with 64 it would at 83 instead of 96.
SHORT, SHORTEST, SLICE = 32, 32, 16

AS_IS, TRANSPOSED = ord("N"), ord("T")
ADDRESS = types.intp
ROUTINES = {types.float32: "sgemm", types.float64: "dgemm"}
for _name, _place in BLAS.addresses.items():
    # under a name, so that cached code finds the routine at the address of this process
    binding.add_symbol(f"sklearn_sda_{_name}", _place)


@intrinsic
def _address(typingctx, array):
    """Return where the items of an array begin (`array.ctypes.data` compiles slowly)."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, context.get_value_type(ADDRESS))

    return ADDRESS(array), generate


@intrinsic
def _call_blas(
    typingctx, flag_A, flag_B, n, m, k, alpha, A, stride_A, B, stride_B, beta, out, stride_out
):  # fmt: skip
    """Call gemm, the arguments in the order and with the names of BLAS, which wants the address of each."""

    def generate(context, builder, signature, args):
        pointer = ir.IntType(8).as_pointer()
        addresses = [
            builder.inttoptr(value, pointer)
            if kind == ADDRESS
            else builder.bitcast(cgutils.alloca_once_value(builder, value), pointer)
            for kind, value in zip(signature.args, args, strict=True)
        ]
        routine = ir.FunctionType(ir.VoidType(), [pointer] * len(args))
        name = f"sklearn_sda_{ROUTINES[signature.args[5]]}"
        builder.call(cgutils.get_or_insert_function(builder.module, routine, name), addresses)
        return context.get_dummy_value()

    flag, size = types.int8, types.int32
    return types.void(
        flag, flag, size, size, size, alpha, ADDRESS, size, ADDRESS, size, alpha, ADDRESS, size
    ), generate  # fmt: skip


def _gemm(A, B, alpha, beta, out, part, n_parts):
    """Write a part of alpha A @ B + beta out to `out` (by NumPy, where the JIT is off, as a whole)."""
    product = A @ B
    product *= alpha
    if beta != 0:
        product += beta * out
    out[...] = product


@overload(_gemm, jit_options=FLAGS)
def _gemm_by_blas(A, B, alpha, beta, out, part, n_parts):
    """Call BLAS, a panel of the sum and a chunk of columns at a time.

    BLAS thinks in columns: a C-ordered matrix is its transpose. It computes out.T = B.T @ A.T.
    """
    # what is known beforehand need not be compiled
    item = out.dtype.bitwidth // 8
    unbroken = STRICT or AVX512 or (AVX2 and item == 8)
    by_rows = AVX2 and item == 4
    tile = VECTOR if unbroken else TILE
    if AVX512:
        tile = AVX512_TILES[0] if item == 4 else AVX512_TILES[1]

    def implementation(A, B, alpha, beta, out, part, n_parts):
        A_rows, B_rows = A.strides[1] == item, B.strides[1] == item  # whether rows are contiguous
        n, k, m = A.shape[0], A.shape[1], out.shape[1]
        step = tile
        if AVX512:
            sliced = n <= SHORT and k >= SHORTEST and A_rows and not B_rows
            if sliced:
                step = SLICE
        n_tiles, panel = (m + step - 1) // step, k
        if AVX512:
            n_chunks = 1
            if sliced:
                n_chunks = n_tiles
            elif n <= FEW and n * m * THINNEST > DIRECT:
                most_tiles = DIRECT // (n * THINNEST * tile)
                n_chunks = (n_tiles + most_tiles - 1) // most_tiles
            chunk = (n_tiles + n_chunks - 1) // n_chunks * step
            thin = DIRECT // max(1, n * min(m, chunk))
            direct = sliced or (B_rows and thin >= min(k, THINNEST))
            thickest = thin if direct else PANEL
            n_panels = max(1, (k + thickest - 1) // thickest)
            panel = (k + n_panels - 1) // n_panels
            if not direct:
                # every part of every panel must be computed as the whole would be
                least = n * tile * (k - (n_panels - 1) * panel)
                n_parts = max(1, min(n_parts, (n_tiles - 1) * least // (DIRECT + least)))
        if part >= n_parts:
            return
        top, bottom = 0, n  # the rows of this part, and its columns
        start = n_tiles * part // n_parts * step
        stop = min(n_tiles * (part + 1) // n_parts * step, m)
        width = stop - start if unbroken else tile
        if AVX512:
            if direct:
                width = min(width, chunk)
        if by_rows and n >= MANY * m:
            n_blocks = (n + ROWS - 1) // ROWS
            top, bottom = n_blocks * part // n_parts * ROWS, min(n_blocks * (part + 1) // n_parts * ROWS, n)
            start, stop, width = 0, m, m
        stride_B = max(m, B.strides[0] // item) if B_rows else max(k, B.strides[1] // item)
        stride_A = max(k, A.strides[0] // item) if A_rows else max(n, A.strides[1] // item)
        for first in range(start, stop, max(1, width)):
            keep = beta
            for term in range(0, k, panel):
                _call_blas(
                    AS_IS if B_rows else TRANSPOSED, AS_IS if A_rows else TRANSPOSED,
                    min(width, stop - first), bottom - top, min(panel, k - term), alpha,
                    _address(B) + term * B.strides[0] + first * B.strides[1], stride_B,
                    _address(A) + top * A.strides[0] + term * A.strides[1], stride_A,
                    keep, _address(out) + (top * m + first) * item, m,
                )  # fmt: skip
                keep = out.dtype.type(1)

    return implementation


@kernel(STRIDED_IN, STRIDED_IN, SCALAR, SCALAR, MATRIX, INT64, INT64, variant=BLAS.name)
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
        Compute part number `part`, some of the columns or of the rows, of n_parts; 0 and 1 for the whole.
        Some parts of a small product are empty. Products of the same shapes have the same parts.
    """
    _gemm(A, B, alpha, beta, out, part, n_parts)
