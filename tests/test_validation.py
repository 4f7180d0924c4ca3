"""Validation: a split of its own or samples of the user's, losses and scores of every phase."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from test_bad_input import assert_refused
from test_few_labels import make_classifier, make_encoder, make_regressor, same_parameters

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
VALIDATION = np.arange(60) % 4 == 0


@pytest.fixture
def parts(X, y):
    return X[~VALIDATION], y[~VALIDATION], X[VALIDATION], y[VALIDATION]


def test_curves_of_every_phase(parts):
    X, y, X_val, y_val = parts
    clf = make_classifier().fit(X, y, X_val=X_val, y_val=y_val)
    plain = make_classifier().fit(X, y)
    assert same_parameters(clf, plain)  # without early stopping it only watches
    assert clf.best_loss_ == plain.best_loss_
    for layer in clf.encoder_:
        assert len(layer.validation_losses_) == len(layer.validation_scores_) == layer.n_iter_
        assert layer.validation_losses_ == [-score for score in layer.validation_scores_]
    assert len(clf.validation_losses_) == len(clf.validation_scores_) == clf.n_iter_ == 4
    assert clf.validation_scores_[-1] == clf.score(X_val, y_val)
    np.testing.assert_allclose(
        clf.validation_losses_[-1], log_loss(y_val, clf.predict_proba(X_val)), rtol=1e-5
    )
    layer = DenoisingAutoencoder(5, max_iter=3, random_state=0).fit(X, X_val=X_val)
    np.testing.assert_allclose(layer.validation_scores_[-1], layer.score(X_val), rtol=1e-6)
    assert plain.validation_losses_ is plain.validation_scores_ is None


@pytest.mark.parametrize("targets", [1, 2])
def test_curves_of_the_regressor(parts, targets):
    X, y, X_val, y_val = parts
    if targets == 2:
        y, y_val = (np.column_stack([values, 1.5 - values]) for values in (y, y_val))
    reg = make_regressor().fit(X, y, X_val=X_val, y_val=y_val)
    predicted = reg.predict(X_val)
    np.testing.assert_allclose(reg.validation_scores_[-1], r2_score(y_val, predicted), rtol=1e-5)
    error = ((predicted - y_val) ** 2).sum() / len(y_val) / 2
    np.testing.assert_allclose(reg.validation_losses_[-1], error, rtol=1e-5)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_users_samples_take_the_place_of_the_split(parts, solver):
    X, y, X_val, y_val = parts
    options = {"max_iter": 30, "solver": solver}
    if solver == "adam":
        options.update(early_stopping=True, n_iter_no_change=3, learning_rate_init=0.02)
    clf = make_classifier(**options).fit(X, y, X_val=X_val, y_val=y_val)
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    if solver == "adam":
        assert clf.score(X_val, y_val) == clf.best_validation_score_
        assert clf.t_ == 45 * clf.n_iter_  # all of X is trained on
    else:
        np.testing.assert_allclose(clf.validation_scores_[-1], clf.score(X_val, y_val))


def test_every_layer_stops_by_the_code_of_the_users_samples(parts):
    X, _, X_val, _ = parts
    stack = StackedAutoencoderTransformer(
        (6, 4), early_stopping=True, n_iter_no_change=2, max_iter=40, learning_rate_init=0.01, random_state=0,
        fine_tune=True,
    ).fit(X, X_val=X_val)  # fmt: skip
    assert stack.best_validation_score_ == pytest.approx(stack.score(X_val), rel=1e-6)
    first = clone(stack).set_params(fine_tune=False, hidden_layer_sizes=(6, 4)).fit(X, X_val=X_val)
    code = first[0].transform(X_val)
    assert first[0].best_validation_score_ == pytest.approx(first[0].score(X_val), rel=1e-6)
    assert first[1].best_validation_score_ == pytest.approx(first[1].score(code), rel=1e-6)
    assert first[0].t_ == 45 * first[0].n_iter_
    assert first.pipeline_.transform_input is None  # what came from scikit-learn's routing is gone


def test_through_preprocessing_and_names_of_columns(parts):
    pandas = pytest.importorskip("pandas")
    X, y, X_val, y_val = parts
    frame, frame_val = (pandas.DataFrame(part, columns=list("abcd")) for part in (X, X_val))
    encoder = make_pipeline(MinMaxScaler(), make_encoder())
    clf = make_classifier(encoder, early_stopping=True).fit(frame, y, X_val=frame_val, y_val=y_val)
    layer = clf.encoder_[-1][0]
    assert len(layer.validation_losses_) == layer.n_iter_
    assert_refused(
        make_classifier(), ValueError, "feature names", frame, y, None, frame_val[list("dcba")], y_val
    )


def test_layers_with_supervision_need_labels_for_validation(parts):
    X, y, X_val, y_val = parts
    layer = DenoisingAutoencoder(4, supervision=0.5, max_iter=2, random_state=0)
    fitted = clone(layer).fit(X, y, X_val=X_val, y_val=y_val)
    assert len(fitted.validation_losses_) == 2
    assert_refused(layer, ValueError, "X_val is provided, but y_val was not", X, y, None, X_val)
    stack = StackedAutoencoderTransformer((4, 3), supervision=(0, 0.5), max_iter=2)
    assert_refused(stack, ValueError, "X_val is provided, but y_val was not", X, y, None, X_val)
    stack.fit(X, y, X_val=X_val, y_val=y_val)
    assert [len(layer.validation_losses_) for layer in stack] == [2, 2]


def test_marginalized_layers_have_curves_too(parts):
    X, _, X_val, _ = parts
    layer = DenoisingAutoencoder(3, solver="marginalized").fit(X, X_val=X_val)
    assert layer.validation_scores_ == [pytest.approx(layer.score(X_val), rel=1e-6)]


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_samples_for_validation_that_are_refused(make, parts):
    X, y, X_val, y_val = parts
    y_missing = np.where(np.arange(15) == 3, -1 if make is make_classifier else np.nan, y_val)
    for X_bad, y_bad, match in (
        (X_val[:, :3], y_val, "X has 3 features, but .* expecting 4"),
        (X_val, None, "X_val is provided, but y_val was not provided"),
        (None, y_val, "y_val is provided, but X_val was not provided"),
        (X_val, y_val[:-1], "inconsistent numbers of samples"),
        (X_val, y_missing, "y_val has 1 samples without label"),
        (np.where(X_val == X_val[0, 0], np.nan, X_val), y_val, "NaN"),
    ):
        assert_refused(make(), ValueError, match, X, y, None, X_bad, y_bad)
    assert_refused(
        DenoisingAutoencoder(3), ValueError, "y_val is provided, but X_val", X, None, None, None, y_val
    )


def test_a_class_that_only_validation_has(parts):
    X, y, X_val, y_val = parts
    assert_refused(
        make_classifier(), ValueError, r"not among the classes \[0 1\]: \[2\]", X, y % 2, None, X_val, y_val
    )


def test_a_split_that_cannot_be_made_is_refused_before_any_work(X, y):
    some = np.where(np.arange(60) < 12, y, -1)
    clf = make_classifier(early_stopping=True)
    match = "can't set aside validation_fraction=0.1 of 12 samples.*hand over X_val"
    assert_refused(clf, ValueError, match, X, some)


def test_weights_of_those_set_aside_count(X, y):
    weights = np.where(np.arange(60) % 2, 1.0, 50.0)
    fits = [
        make_classifier(early_stopping=True, validation_fraction=0.5).fit(X, y, sample_weight=w)
        for w in (weights, None)
    ]
    assert fits[0].validation_scores_ != fits[1].validation_scores_


@pytest.mark.parametrize("stopping", ["patience", "geometric"])
def test_the_rule_of_stopping_is_a_parameter_of_every_phase(X, y, stopping):
    encoder = make_encoder(stopping=stopping, n_iter_no_change=3, tol=1e9, max_iter=50)
    clf = make_classifier(encoder, stopping=stopping, n_iter_no_change=3, tol=1e9, max_iter=50).fit(X, y)
    # the first epoch alone is progress: then more than three without, or three in all
    expected = 5 if stopping == "patience" else 3
    assert [clf.n_iter_, *(layer.n_iter_ for layer in clf.encoder_)] == [expected] * 3


def test_warm_start_continues_the_curves(parts):
    X, y, X_val, y_val = parts
    clf = make_classifier(warm_start=True).fit(X, y, X_val=X_val, y_val=y_val)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(clf.validation_losses_) == len(clf.validation_scores_) == clf.n_iter_ == 8
    assert isinstance(clf, SdAClassifier) and not isinstance(clf, SdARegressor)


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_those_set_aside_are_not_trained_on(make, X, y):
    fitted = make(early_stopping=True, validation_fraction=0.25).fit(X, y)
    assert fitted.t_ == 45 * fitted.n_iter_
    stack = StackedAutoencoderTransformer(
        (4,), fine_tune=True, early_stopping=True, validation_fraction=0.25, max_iter=2, random_state=0
    ).fit(X)
    assert stack.t_ == 45 * len(stack.loss_curve_)
