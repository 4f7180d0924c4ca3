"""The closed form: the limit of many sampled corruptions, per column, in blocks, in networks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from test_bad_input import assert_refused

from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer, _marginalized


def make_layer(n_components, **options):
    options = {"activation": "tanh", "dtype": "float64", "random_state": 0, **options}
    return DenoisingAutoencoder(n_components, solver="marginalized", **options)


def sampled(X, levels, n_copies, alpha=0.0, columns=slice(None)):
    """Return coefficients and intercept of ridge regression from many masked copies of X to X."""
    rng = np.random.RandomState(0)
    copies = np.concatenate([X * (rng.uniform(size=X.shape) >= levels) for _ in range(n_copies)])
    ridge = Ridge(alpha * n_copies, solver="cholesky").fit(copies, np.tile(X, (n_copies, 1))[:, columns])
    return ridge.coef_.T, ridge.intercept_


@pytest.mark.parametrize("levels", [0.4, np.array([0.1, 0.5, 0.3, 0.8])], ids=["scalar", "per column"])
@pytest.mark.parametrize("alpha", [0, 2.0])
def test_it_is_the_limit_of_many_sampled_corruptions(levels, alpha, X):
    layer = make_layer(4, corruption_level=levels, alpha=alpha).fit(X)
    errors = []
    for n_copies in (20, 20000):
        coef, intercept = sampled(X, levels, n_copies, alpha)
        errors.append(
            max(abs(layer.encoder_coef_ - coef).max(), abs(layer.encoder_intercept_ - intercept).max())
        )
    assert errors[1] < 0.006 and errors[1] < errors[0] / 5
    np.testing.assert_allclose(
        layer.transform(X), np.tanh(X @ layer.encoder_coef_ + layer.encoder_intercept_), rtol=1e-10
    )
    # the loss is the expected one, penalty included
    rng = np.random.RandomState(1)
    copies = np.concatenate([X * (rng.uniform(size=X.shape) >= levels) for _ in range(5000)])
    residuals = copies @ layer.encoder_coef_ + layer.encoder_intercept_ - np.tile(X, (5000, 1))
    expected = 0.5 * (residuals**2).sum(axis=1).mean() + alpha / 2 / len(X) * (layer.encoder_coef_**2).sum()
    np.testing.assert_allclose(layer.loss_, expected, rtol=0.01)
    assert layer.n_iter_ == 1 and layer.t_ == 60


def test_without_noise_it_is_the_identity(X):
    layer = make_layer(4, corruption_level=0, activation="identity").fit(X + [0, 0, 1e-3, 0] * np.eye(60, 4))
    np.testing.assert_allclose(layer.transform(X), X, atol=1e-2)


def test_fewer_components_reconstruct_the_widest_columns(X):
    scaled = X * [1, 5, 0.1, 3]
    layer = make_layer(2, corruption_level=0.3).fit(scaled)
    every = make_layer(4, corruption_level=0.3).fit(scaled)
    np.testing.assert_allclose(layer.encoder_coef_, every.encoder_coef_[:, [1, 3]], rtol=1e-8)


def test_wide_data_are_solved_in_blocks(X, monkeypatch):
    monkeypatch.setattr(_marginalized, "MOST_COLUMNS", 2)
    layer = make_layer(4, corruption_level=0.3).fit(X)
    order = np.random.RandomState(0)
    order.randint(np.iinfo(np.int32).max)  # the seed of sampled noise comes first
    coef, intercept = np.zeros((4, 4)), np.zeros(4)
    for block in np.array_split(order.permutation(4), 2):
        W, b = closed_form(X[:, block], X, 0.3)
        coef[block] += W / 2
        intercept += b / 2
    np.testing.assert_allclose(layer.encoder_coef_, coef, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(layer.encoder_intercept_, intercept, rtol=1e-5)


def closed_form(A, B, level):
    """Return coefficients and intercept by the formula, row by row of the sums."""
    bar = np.column_stack([np.ones(len(A)), A])
    keep = np.array([1] + [1 - level] * A.shape[1])
    S = sum(np.outer(row, row) for row in bar)
    Q = np.array(
        [[S[j, k] * keep[j] * (1 if j == k else keep[k]) for k in range(len(S))] for j in range(len(S))]
    )
    P = keep[:, None] * sum(np.outer(row, target) for row, target in zip(bar, B, strict=True))
    W = np.linalg.solve(Q, P)
    return W[1:], W[0]


def test_the_decoder_is_least_squares(X):
    layer = make_layer(3, corruption_level=0.3).fit(X)
    codes = np.column_stack([np.ones(60), layer.transform(X)])
    expected = codes @ np.linalg.lstsq(codes, X, rcond=None)[0]
    np.testing.assert_allclose(layer.inverse_transform(layer.transform(X)), expected, atol=1e-5)
    np.testing.assert_allclose(-layer.score(X), 0.5 * ((expected - X) ** 2).sum(axis=1).mean(), rtol=1e-4)


def test_any_numeric_type_and_constant_columns(digits):
    X, _ = digits
    assert (X[:, 0] == 0).all()
    expected = make_layer(64).fit(X).transform(X)
    assert np.isfinite(expected).all()
    counts = (X * 16).astype("uint8")
    assert np.isfinite(make_layer(64, dtype="float32").fit(counts).transform(counts)).all()
    np.testing.assert_allclose(make_layer(64, dtype="float32").fit(X).transform(X), expected, atol=1e-3)


@slow_without_the_jit
def test_features_and_the_start_of_fine_tuning(digits):
    X, y = digits
    stack = StackedAutoencoderTransformer(
        (64, 64), solver="marginalized", activation="tanh", corruption_level=0.5, random_state=0
    )
    features = cross_val_score(make_pipeline(stack, LogisticRegression(max_iter=1000)), X, y, cv=3).mean()
    assert features > 0.75
    clf = make_pipeline(MinMaxScaler(), SdAClassifier(stack, random_state=0)).fit(X, y)
    assert clf.score(X, y) > 0.95
    random = SdAClassifier(stack, pretrain=False, max_iter=0, random_state=0).fit(X, y)
    assert random.coefs_[0].shape == (64, 64)
    deep = stack.set_params(fine_tune={"solver": "adam", "max_iter": 30}).fit(X)
    assert deep.loss_curve_[-1] < deep.loss_curve_[0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"corruption": "swap"}, "corruption must be 'masking', got 'swap'"),
        ({"n_components": 5}, "at most their number, 4, got 5"),
        ({"loss": "cross_entropy"}, "loss='cross_entropy' makes no sense with solver='marginalized'"),
        ({"emphasis": (1, 0.5)}, r"emphasis=\(1, 0.5\) makes no sense"),
        ({"contraction": 0.1}, "contraction=0.1 makes no sense"),
        ({"supervision": 0.1}, "supervision=0.1 makes no sense"),
        ({"early_stopping": True}, "early_stopping=True makes no sense"),
    ],
    ids=str,
)
def test_what_makes_no_sense_with_it(parameters, message, X, y):
    assert_refused(make_layer(**{"n_components": 4, **parameters}), ValueError, message, X, y)


def test_what_it_can_not_do(X):
    assert_refused(make_layer(4), AttributeError, "has no attribute 'partial_fit'", X, method="partial_fit")
    stack = StackedAutoencoderTransformer((4,), solver="marginalized", fine_tune=True)
    assert_refused(stack, ValueError, "fine_tune can't train with solver='marginalized'", X)


def test_the_closed_form_of_many_parts_is_that_of_one(X, monkeypatch):
    X, weights = X[np.argsort(X[:, 0])], 1.0 + np.arange(60) % 3
    layer = make_layer(3, corruption_level=0.3)
    expected = clone(layer).fit(X, sample_weight=weights)
    monkeypatch.setattr(_marginalized, "CHUNK", 7)
    parts = clone(layer).fit(X, sample_weight=weights)
    np.testing.assert_allclose(parts.encoder_coef_, expected.encoder_coef_, rtol=1e-6)
    np.testing.assert_allclose(parts.encoder_intercept_, expected.encoder_intercept_, rtol=1e-6)


def test_a_stack_in_closed_form_of_logistic_units(X):
    stack = StackedAutoencoderTransformer((4, 3), solver="marginalized", activation="logistic").fit(X)
    assert [layer.out_activation_ for layer in stack] == ["identity", "identity"]
    assert np.isfinite(stack.score(X))
