"""Sparse samples: the same bits as dense ones, and never dense as a whole."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from marks import slow_without_the_jit
from sklearn_sda import (
    DenoisingAutoencoder,
    SdAClassifier,
    SdARegressor,
    StackedAutoencoderTransformer,
    compare_pretraining,
)
from sklearn_sda.inspection import ReconstructionDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"max_iter": 2, "batch_size": 16, "random_state": 0}
FORMATS = [
    *(
        getattr(sparse, f"{name}_{kind}")
        for name in ("csr", "csc", "coo", "bsr")
        for kind in ("matrix", "array")
    ),
    lambda X: wide_indices(sparse.csr_array(X)),
]


def wide_indices(X):
    """Give a matrix indices of 64 bits."""
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def rows_reversed(X, level, random_state):
    return X[:, ::-1]


@pytest.fixture(name="X")
def samples():
    rng = np.random.RandomState(0)
    return (rng.uniform(size=(60, 12)) * (rng.uniform(size=(60, 12)) < 0.3)).astype("float32")


@pytest.fixture(name="y")
def labels():
    return np.arange(60) % 3


def assert_same(a, b, X, S):
    """Assert that two estimators fitted to X and to S, which is X but sparse, are alike to the last bit."""
    layers = getattr(a, "coefs_", None) or [a.encoder_coef_]
    others = getattr(b, "coefs_", None) or [b.encoder_coef_]
    for coef, other in zip(layers, others, strict=True):
        np.testing.assert_array_equal(coef, other)
    for name in ("transform", "predict", "predict_proba", "score_samples"):
        if hasattr(a, name):
            np.testing.assert_array_equal(getattr(a, name)(X), getattr(b, name)(S))
            np.testing.assert_array_equal(getattr(a, name)(X), getattr(a, name)(S))


@pytest.mark.parametrize("doubled", [False, True])
def test_samples_with_indices_in_any_order_are_left_alone_and_may_be_read_only(doubled, X, y):
    S = sparse.csr_array(X)
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in zip(S.indptr, S.indptr[1:], strict=False)])
    data, indices, indptr = S.data[order], S.indices[order], S.indptr
    if doubled:  # each entry in two halves
        data, indices, indptr = np.repeat(data / 2, 2), np.repeat(indices, 2), 2 * indptr
    S = sparse.csr_array((data, indices, indptr), shape=X.shape)
    before = S.data.copy(), S.indices.copy(), S.indptr.copy()
    for array in (S.data, S.indices, S.indptr):
        array.flags.writeable = False
    for estimator in (SdAClassifier((5,), **SHORT), StackedAutoencoderTransformer((5,), **SHORT)):
        assert_same(clone(estimator).fit(X, y), clone(estimator).fit(S, y), X, S)
    for array, old in zip((S.data, S.indices, S.indptr), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_formats_and_types(make, dtype, X):
    X = np.ceil(2 * X).astype(dtype)
    S = make(X)
    a, b = DenoisingAutoencoder(5, **SHORT).fit(X), DenoisingAutoencoder(5, **SHORT).fit(S)
    assert_same(a, b, X, S)
    assert a.out_activation_ == b.out_activation_


@slow_without_the_jit
@pytest.mark.parametrize(
    "options",
    [
        {"corruption": "salt_and_pepper", "emphasis": (1, 0.5)},
        {"corruption": "gaussian", "loss": "squared_error"},
        {"corruption": "swap"},
        {"corruption": rows_reversed},
        {"early_stopping": True},
        {"solver": "lbfgs"},
        {"solver": "marginalized", "activation": "tanh"},
        {"solver": "sgd", "momentum": 0, "batch_size": 1},
        {"dtype": "float64", "tied_weights": False, "contraction": 0.1},
        {"supervision": 0.5},
    ],
)
def test_layers(options, X, y):
    S, weights = sparse.csr_array(X), np.arange(60) % 4
    for extra in ({}, {"sample_weight": weights}, {"X_val": X[:9], "y_val": y[:9]}):
        target = y if options.get("supervision") else None
        extra = {**extra, "y_val": None} if "X_val" in extra and target is None else extra
        sparse_extra = {**extra, "X_val": S[:9]} if "X_val" in extra else extra
        a = DenoisingAutoencoder(5, **{**SHORT, **options}).fit(X, target, **extra)
        b = DenoisingAutoencoder(5, **{**SHORT, **options}).fit(S, target, **sparse_extra)
        assert_same(a, b, X, S)


@slow_without_the_jit
def test_stacks_classifiers_and_regressors(X, y):
    S, few = sparse.csr_array(X), np.where(np.arange(60) < 40, y, -1)
    after_a_step = make_pipeline(FunctionTransformer(accept_sparse=True), DenoisingAutoencoder(4, **SHORT))
    for estimator, target in (
        (StackedAutoencoderTransformer((6, 4), fine_tune=True, **SHORT), None),
        (SdAClassifier((6, 4), **SHORT), few),
        (SdAClassifier((6, 4), early_stopping=True, freeze=1, dropout=0.2, **SHORT), y),
        (SdAClassifier(after_a_step, **SHORT), y),
        (SdARegressor((6,), **SHORT), y / 3),
    ):
        a, b = clone(estimator).fit(X, target), clone(estimator).fit(S, target)
        assert_same(a, b, X, S)
        if hasattr(a, "partial_fit"):
            assert_same(a.partial_fit(X[:30], target[:30]), b.partial_fit(S[:30], target[:30]), X, S)


def test_tags():
    for estimator in (
        DenoisingAutoencoder(), StackedAutoencoderTransformer(), SdAClassifier(), SdARegressor((3,)),
        SdAClassifier(DenoisingAutoencoder()),
    ):  # fmt: skip
        assert estimator.__sklearn_tags__().input_tags.sparse


def test_machines(X, y):
    # scikit-learn multiplies sparse samples by another routine, which rounds otherwise
    S = sparse.csr_array(X)
    a, b = (
        SdAClassifier(BernoulliRBM(4, n_iter=1, random_state=0), **SHORT).fit(samples, y)
        for samples in (X, S)
    )
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(S), rtol=1e-5)


def test_partial_fit_of_a_layer(X):
    S = sparse.csr_matrix(X)
    a, b = (DenoisingAutoencoder(5, corruption="gaussian", random_state=0) for _ in range(2))
    for part in (slice(0, 30), slice(30, 60)):
        a.partial_fit(X[part])
        b.partial_fit(S[part])
    assert_same(a, b, X, S)


def test_steps_that_give_sparse_samples(y):
    texts = np.array(["a cat and a dog", "the cat sat", "stocks fell", "a market of stocks"] * 15)
    model = make_pipeline(CountVectorizer(binary=True), SdAClassifier((4,), **SHORT))
    assert model.fit(texts, y).predict(texts).shape == (60,)
    inside = SdAClassifier(make_pipeline(CountVectorizer(binary=True), DenoisingAutoencoder(4)), **SHORT)
    assert inside.fit(texts, y).predict_proba(texts).shape == (60, 3)
    table = np.column_stack([y, y[::-1]])
    codes = make_pipeline(OneHotEncoder(), StackedAutoencoderTransformer((4,), **SHORT)).fit_transform(table)
    assert codes.shape == (60, 4)


def test_comparisons_and_pictures(X, y):
    S = sparse.csr_array(X)
    clf = SdAClassifier((4,), **SHORT)
    dense, *others = (
        compare_pretraining(clf, samples, y, cv=2, n_repeats=1, random_state=0)
        for samples in (X, S, S.tocoo())
    )
    for other in others:
        np.testing.assert_array_equal(other.differences, dense.differences)
    pytest.importorskip("matplotlib")
    stack = StackedAutoencoderTransformer((4,), **SHORT).fit(S)
    pictures = [ReconstructionDisplay.from_estimator(stack, samples, random_state=0) for samples in (X, S)]
    np.testing.assert_array_equal(*(picture.reconstructed for picture in pictures))


def test_bad_values_are_refused(X):
    S = sparse.csr_array(X)
    S.data[0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        DenoisingAutoencoder(3).fit(S)
    S.data[0] = 2
    with pytest.raises(ValueError, match=r"X lies in \[0, 2\]"):
        DenoisingAutoencoder(3, loss="cross_entropy").fit(S)


@slow_without_the_jit
def test_sparse_samples_are_never_dense_as_a_whole():
    S = sparse.random(20_000, 1_000, density=0.01, format="csr", dtype="float32", random_state=0)
    stack = StackedAutoencoderTransformer((5, 3), max_iter=1, corruption="gaussian", batch_size=100)
    stack.fit(S[:200])  # compiles
    tracemalloc.start()
    codes = stack.fit(S).transform(S)
    scores = stack.score(S)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes.shape == (20_000, 3) and scores < 0
    assert peak < 30e6  # dense it is 80 MB
