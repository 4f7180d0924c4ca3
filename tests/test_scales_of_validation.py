"""Samples for validation that are not scaled as those of training: they would stop a fit anywhere."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.compose import TransformedTargetRegressor
from sklearn.compose import _target as compose
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_ELSEWHERE = "X_val lies far outside of the range of X"
Y_ELSEWHERE = "y_val lies far outside of the range of y"


@pytest.fixture(name="X")
def samples():
    X = np.random.RandomState(0).normal(10, 2, (60, 5))
    X[:, 4] = 0  # a column that tells nothing
    return X


def warned(estimator, *args, **kwargs):
    """Fit, and return the texts of the warnings about scales, which must be at the caller's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(*args, **kwargs)
    caught = [w for w in caught if "lies far outside of the range" in str(w.message)]
    assert {w.filename for w in caught} <= {__file__, compose.__file__}
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("scaler", [MinMaxScaler(), StandardScaler()])
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize(
    "estimator",
    [DenoisingAutoencoder(3, max_iter=1), StackedAutoencoderTransformer((3, 2), max_iter=1)],
)
def test_samples_that_a_pipeline_did_not_scale(estimator, kind, scaler, X):
    scaled = scaler.fit_transform(X)
    (text,) = warned(estimator, kind(scaled[:40]), X_val=kind(X[40:]))  # once
    assert X_ELSEWHERE in text
    assert not warned(estimator, kind(scaled[:40]), X_val=kind(scaled[40:]))


def test_of_a_network(X):
    scaled, y = StandardScaler().fit_transform(X), np.arange(60) % 2
    clf = SdAClassifier((3,), max_iter=1)
    (text,) = warned(clf, scaled[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert X_ELSEWHERE in text
    assert not warned(clf, scaled[:40], y[:40], X_val=scaled[40:], y_val=y[40:])
    inside = SdAClassifier(make_pipeline(StandardScaler(), DenoisingAutoencoder(3, max_iter=1)), max_iter=1)
    assert not warned(inside, X[:40], y[:40], X_val=X[40:], y_val=y[40:])


@pytest.mark.parametrize("n_targets", [1, 2])
def test_targets_that_were_not_scaled(n_targets, X):
    scaled = StandardScaler().fit_transform(X)
    y = 1000 + 50 * scaled[:, :n_targets].squeeze()
    y[0] = np.nan  # a sample without
    reg = SdARegressor((3,), max_iter=1)
    standard = (y - np.nanmean(y, axis=0)) / np.nanstd(y, axis=0)
    val = {"X_val": scaled[40:], "y_val": y[40:]}
    (text,) = warned(reg, scaled[:40], standard[:40], **val)
    assert Y_ELSEWHERE in text
    assert not warned(reg, scaled[:40], y[:40], **val)
    wrapped = TransformedTargetRegressor(reg, transformer=StandardScaler())
    (text,) = warned(wrapped, scaled[1:40], y[1:40], **val)
    assert Y_ELSEWHERE in text


def test_rare_words_are_no_reason(X):
    # most columns are empty in one of the two sets, and their means are elsewhere
    rng = np.random.RandomState(0)
    words = csr_array((rng.uniform(size=(80, 300)) < 0.01).astype(float))
    assert not warned(DenoisingAutoencoder(3, max_iter=1), words[:40], X_val=words[40:])
    assert not warned(DenoisingAutoencoder(3, max_iter=1), X[:40], X_val=X[40:41])  # one sample


def test_sorted_samples_are_no_reason():
    # the range is not that of the first rows only
    X = np.linspace(0, 1, 5000)[:, None] ** 20 * np.ones(4)
    assert not warned(DenoisingAutoencoder(3, max_iter=1), X, X_val=X[-100:])


def test_a_few_columns_elsewhere_are_enough():
    # as of wine, most of whose columns are of the order of 1
    X = np.random.RandomState(0).normal([2, 2, 2, 2, 2, 2, 2, 750], 1, (60, 8))
    scaled = StandardScaler().fit_transform(X)
    assert warned(DenoisingAutoencoder(3, max_iter=1), scaled[:40], X_val=X[40:])
    assert not warned(DenoisingAutoencoder(3, max_iter=1), X[:40], X_val=X[40:])


def test_later_samples_are_no_reason():
    # all columns grow, and end beyond what was trained on, but near it
    X = np.linspace(0, 1, 100)[:, None] * np.ones(4)
    assert not warned(DenoisingAutoencoder(3, max_iter=1), X[:90], X_val=X[90:])
