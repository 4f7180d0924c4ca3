"""Products, and whole trainings, do not depend on the number of BLAS threads."""

import itertools

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._kernels.products import multiply

openblas_only = pytest.mark.skipif(
    numba.config.DISABLE_JIT or not any(pool["internal_api"] == "openblas" for pool in threadpool_info()),
    reason="promised for OpenBLAS, which SciPy's wheels bring, called by compiled code",
)
SHAPES = [(1, 1, 1), (1, 300, 5), (7, 300, 1), (5, 33, 7), (20, 784, 1000), (33, 1000, 500), (9, 1023, 31)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_product(shape, dtype):
    n, k, m = shape
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((n, k)).astype(dtype), rng.standard_normal((k, m)).astype(dtype)
    expected = A.astype(float) @ B.astype(float)
    for left in (A, np.asfortranarray(A)):
        for right in (B, np.asfortranarray(B)):
            out = np.full((n, m), np.nan, dtype)
            multiply(left, right, 1, 0, out)
            np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-3 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_adds_to_what_is_there(shape, dtype):
    n, k, m = shape
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((k, n)).astype(dtype).T, rng.standard_normal((k, m)).astype(dtype)
    out = rng.standard_normal((n, m)).astype(dtype)
    expected = 0.5 * out.astype(float) - 0.1 * (A.astype(float) @ B.astype(float))
    multiply(A, B, -0.1, 0.5, out)
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-4 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operands_may_be_parts_of_larger_arrays(dtype):
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((30, 50)).astype(dtype), rng.standard_normal((50, 40)).astype(dtype)
    out = np.empty((20, 7), dtype)
    for left, right in ((A[3:23, 5:45], B[2:42, 9:16]), (A[3:23, 5:45], B.T[9:16, 2:42].T)):
        multiply(left, right, 1, 0, out)
        np.testing.assert_allclose(out, left @ right, rtol=1e-4, atol=1e-5)


@openblas_only
@pytest.mark.parametrize("shape", SHAPES)
def test_the_bits_do_not_depend_on_the_number_of_threads(shape):
    n, k, m = shape
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((n, k)).astype("float32"), rng.standard_normal((k, m)).astype("float32")
    for left, right in itertools.product((A, np.asfortranarray(A)), (B, np.asfortranarray(B))):
        for beta in (0, 1):
            results = []
            for threads in (1, 2):
                out = np.ones((n, m), "float32")
                with threadpool_limits(threads):
                    multiply(left, right, -0.1, beta, out)
                results.append(out)
            np.testing.assert_array_equal(*results)


@openblas_only
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_wide_network_has_the_same_bits_for_any_number_of_threads():
    # wide enough for BLAS to use its threads; the last minibatch has one row
    rng = np.random.RandomState(0)
    X, y = rng.uniform(size=(41, 784)), np.arange(41) % 3
    fitted = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            stack = StackedAutoencoderTransformer((600, 500), max_iter=1)
            fitted.append(SdAClassifier(stack, max_iter=1, batch_size=20, random_state=0).fit(X, y))
    for a, b in zip(fitted[0].coefs_, fitted[1].coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
