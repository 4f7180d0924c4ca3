"""Products, and whole trainings, do not depend on the number of threads."""

import itertools

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._kernels.products import multiply
from sklearn_sda._threads import one_thread

jit_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
SHAPES = [(1, 1, 1), (1, 300, 5), (7, 300, 1), (5, 33, 7), (20, 784, 1000), (33, 1000, 500), (9, 1023, 31)]
# products of which BLAS would compute a part in another way than the whole
PARTED_SHAPES = [(128, 1199, 87), (41, 516, 290), (300, 660, 62), (64, 836, 764), (100, 188, 311)]
PARTED_SHAPES += [(784, 40, 1000), (301, 520, 477), (125, 70, 8), (1000, 400, 1)]
# few rows and many columns
PARTED_SHAPES += [(50, 300, 2000), (64, 784, 1000), (100, 61, 1501), (101, 61, 1501), (32, 130, 3001)]
# few rows and B transposed: the shortest sums, and one that is cut into panels
PARTED_SHAPES += [(32, 32, 519), (32, 31, 519), (31, 2011, 133)]


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
            multiply(left, right, 1, 0, out, 0, 1)
            np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-3 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_adds_to_what_is_there(shape, dtype):
    n, k, m = shape
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((k, n)).astype(dtype).T, rng.standard_normal((k, m)).astype(dtype)
    out = rng.standard_normal((n, m)).astype(dtype)
    expected = 0.5 * out.astype(float) - 0.1 * (A.astype(float) @ B.astype(float))
    multiply(A, B, -0.1, 0.5, out, 0, 1)
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-4 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operands_may_be_parts_of_larger_arrays(dtype):
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((30, 50)).astype(dtype), rng.standard_normal((50, 40)).astype(dtype)
    out = np.empty((20, 7), dtype)
    for left, right in ((A[3:23, 5:45], B[2:42, 9:16]), (A[3:23, 5:45], B.T[9:16, 2:42].T)):
        multiply(left, right, 1, 0, out, 0, 1)
        np.testing.assert_allclose(out, left @ right, rtol=1e-4, atol=1e-5)


@jit_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES + PARTED_SHAPES)
def test_the_parts_of_a_product_are_the_bits_of_the_whole(shape, dtype):
    n, k, m = shape
    rng = np.random.RandomState(0)
    A, B = rng.standard_normal((n, k)).astype(dtype), rng.standard_normal((k, m)).astype(dtype)
    with one_thread:
        for left, right in itertools.product((A, np.asfortranarray(A)), (B, np.asfortranarray(B))):
            for beta in (0, 1):
                whole = np.ones((n, m), dtype)
                multiply(left, right, -0.1, beta, whole, 0, 1)
                for n_parts in (2, 3, 64):
                    out = np.ones((n, m), dtype)
                    for part in range(n_parts):
                        multiply(left, right, -0.1, beta, out, part, n_parts)
                    np.testing.assert_array_equal(out, whole)


@jit_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(128, 300, 1800), (1000, 300, 1800), (20, 300, 6000)])
def test_a_large_product_is_divided(shape, order, dtype):
    # otherwise nothing could be wrong with the test above; wide enough for three parts everywhere
    n, k, m = shape
    A, B, out = np.ones((n, k), dtype), np.ones((k, m), dtype, order), np.zeros((n, m), dtype)
    multiply(A, B, 1, 0, out, 0, 3)
    computed = out == k
    assert 0.2 < computed.mean() < 0.4
    assert (out[~computed] == 0).all()
    # whole columns, or whole rows
    assert computed.sum() in (n * computed.all(axis=0).sum(), m * computed.all(axis=1).sum())


@jit_only
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wide_network_has_the_same_bits_for_any_number_of_threads(dtype):
    # wide enough for its threads to share the steps; the last minibatch has one row
    rng = np.random.RandomState(0)
    X, y = rng.uniform(size=(129, 784)), np.arange(129) % 3
    fitted = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            stack = StackedAutoencoderTransformer((600, 500), max_iter=1, batch_size=64, dtype=dtype)
            clf = SdAClassifier(stack, max_iter=1, batch_size=16, random_state=0).fit(X, y)
            fitted.append([*clf.coefs_, *clf.intercepts_, clf.loss_curve_, clf.predict_proba(X)])
    for other in fitted[1:]:
        for a, b in zip(fitted[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
