"""Weights of samples and classes: repetitions and removals, in both phases."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from test_bad_input import assert_refused
from test_few_labels import make_classifier, make_encoder, make_regressor, same_parameters

from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer
from sklearn_sda._columns import Columns
from sklearn_sda._targets import IndicatorTargets, RealTargets
from sklearn_sda._weights import check_weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# every fifth sample has weight 0
WEIGHTS = np.arange(60) % 5 * 1.0
ESTIMATORS = {
    "layer": DenoisingAutoencoder(5, max_iter=3, random_state=0),
    "gaussian": DenoisingAutoencoder(5, corruption="gaussian", max_iter=3, random_state=0),
    "swap": DenoisingAutoencoder(5, corruption="swap", supervision=0.5, max_iter=3, random_state=0),
    "early": DenoisingAutoencoder(5, early_stopping=True, max_iter=3, random_state=0),
    "one by one": DenoisingAutoencoder(
        5, batch_size=1, solver="sgd", momentum=0.0, learning_rate_init=0.01, max_iter=3, random_state=0
    ),
    "marginalized": DenoisingAutoencoder(3, solver="marginalized", random_state=0),
    "stack": StackedAutoencoderTransformer((6, 4), max_iter=3, fine_tune=True, random_state=0),
    "classifier": make_classifier(),
    "dropout": make_classifier(dropout=0.3, early_stopping=True, validation_fraction=0.2),
    "pipeline": make_classifier(
        make_pipeline(DenoisingAutoencoder(6, max_iter=3), DenoisingAutoencoder(5, max_iter=3))
    ),
    "regressor": SdARegressor(make_encoder(), max_iter=4, random_state=0),
}


def arrays_of(estimator):
    names = ("encoder_coef_", "encoder_intercept_", "decoder_intercept_")
    if hasattr(estimator, "coefs_"):
        return estimator.coefs_ + estimator.intercepts_
    return [getattr(estimator, name) for name in names]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_sample_of_weight_zero_is_as_if_it_were_not_there(name, X, y):
    # bit for bit, with noise, in minibatches, with samples set aside
    weighted = clone(ESTIMATORS[name]).fit(X, y, sample_weight=np.where(WEIGHTS > 0, 1, 0))
    without = clone(ESTIMATORS[name]).fit(X[WEIGHTS > 0], y[WEIGHTS > 0])
    tolerance = 1e-5 if name == "marginalized" else 0  # its sums are over other parts
    for a, b in zip(arrays_of(weighted), arrays_of(without), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    different = clone(ESTIMATORS[name]).fit(X, y)
    assert not np.allclose(arrays_of(different)[0], arrays_of(weighted)[0], atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_targets_of_weight_zero_do_not_change_the_rounding(seed, X):
    rng = np.random.RandomState(seed)
    y, weights = rng.standard_normal(60), rng.randint(2, size=60)
    regressor = SdARegressor(make_encoder(dtype="float64"), max_iter=1, random_state=0)
    weighted = clone(regressor).fit(X, y, sample_weight=weights)
    without = clone(regressor).fit(X[weights > 0], y[weights > 0])
    np.testing.assert_array_equal(weighted.predict(X), without.predict(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_equal_weights_are_no_weights_and_their_unit_does_not_matter(name, X, y):
    options = {"alpha": 0} if "alpha" in ESTIMATORS[name].get_params() else {}
    plain = arrays_of(clone(ESTIMATORS[name]).set_params(**options).fit(X, y))
    for weight in (1, 4.0, np.full(60, 0.25), [1] * 60):
        weighted = clone(ESTIMATORS[name]).set_params(**options).fit(X, y, sample_weight=weight)
        for a, b in zip(arrays_of(weighted), plain, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["layer", "stack", "classifier", "regressor"])
def test_weights_in_partial_fit(name, X, y):
    options = [{"classes": [0, 1, 2]}] if name == "classifier" else [{}]
    fitted = []
    for weights in (WEIGHTS, None, 5 * WEIGHTS):
        estimator = clone(ESTIMATORS[name]).set_params(alpha=0)
        if name == "stack":
            estimator.set_params(fine_tune=False)
        fitted.append(estimator.partial_fit(X, y, sample_weight=weights, **options[0]))
    assert not np.array_equal(arrays_of(fitted[0])[0], arrays_of(fitted[1])[0])
    np.testing.assert_allclose(arrays_of(fitted[0])[0], arrays_of(fitted[2])[0], rtol=1e-3, atol=1e-4)


def test_weights_reach_every_layer_of_any_encoder_and_the_fine_tuning(X, y):
    stack = make_encoder()
    expected = clone(stack).fit(MinMaxScaler().fit_transform(X), sample_weight=WEIGHTS)
    for encoder, steps in (
        (make_pipeline(MinMaxScaler(), stack), 1),
        (make_pipeline(StandardScaler(), make_pipeline(MinMaxScaler(), clone(stack))), 1),
    ):
        clf = make_classifier(encoder, max_iter=0).fit(X, y, sample_weight=WEIGHTS)
        trained = clf.encoder_[-1] if steps else clf.encoder_
        trained = trained[-1] if hasattr(trained, "steps") else trained
        np.testing.assert_allclose(trained.coefs_[1], expected.coefs_[1], rtol=1e-4)
    start = FrozenEstimator(clone(stack).fit(X))
    tuned = make_classifier(start).fit(X, y, sample_weight=WEIGHTS)
    assert not same_parameters(tuned, make_classifier(start).fit(X, y))


@pytest.mark.parametrize("n_samples_of_class", [(30, 20, 10), (50, 5, 5)])
def test_weights_of_classes_are_weights_of_their_samples(n_samples_of_class, X):
    y = np.repeat(["a", "b", "c"], n_samples_of_class)
    encoder = FrozenEstimator(make_encoder().fit(X))  # which no class weight may change
    for class_weight in ("balanced", {"a": 1, "b": 2, "c": 0.5}, {"b": 3}):
        weights = compute_sample_weight(class_weight, y)
        a = make_classifier(encoder, class_weight=class_weight).fit(X, y)
        b = make_classifier(encoder).fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-5)
        both = make_classifier(encoder, class_weight=class_weight).fit(X, y, sample_weight=1 + WEIGHTS)
        if class_weight != "balanced":
            product = make_classifier(encoder).fit(X, y, sample_weight=weights * (1 + WEIGHTS))
            np.testing.assert_allclose(both.coefs_[0], product.coefs_[0], rtol=1e-5)
    pretrained = make_classifier(class_weight={"a": 9}, max_iter=0).fit(X, y)
    assert same_parameters(pretrained, make_classifier(max_iter=0).fit(X, y))


@slow_without_the_jit
def test_balanced_weights_find_the_rare_class(digits):
    X, y = digits
    rare = (y == 8).astype(int)
    recalls = []
    for class_weight in (None, "balanced"):
        clf = SdAClassifier((30,), class_weight=class_weight, max_iter=15, random_state=0).fit(X, rare)
        recalls.append(clf.predict(X)[rare == 1].mean())
    assert recalls[1] > recalls[0]


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.where(np.arange(60) == 3, -1, 1), "Negative values in data passed to `sample_weight`: 1 of 60"),
        (np.zeros(60), "at least one non-zero number"),
        (np.ones(59), "59 values for 60 samples"),
        (np.ones((60, 1)), "must be 1D"),
        (np.full(60, np.nan), "NaN or infinity"),
        (["a"] * 60, "must be numbers"),
    ],
)
@pytest.mark.parametrize("name", ["layer", "stack", "classifier", "regressor"])
def test_weights_that_are_refused(name, weights, match, X, y):
    assert_refused_with_weights(clone(ESTIMATORS[name]), match, X, y, weights)


def assert_refused_with_weights(estimator, match, X, y, weights):
    assert_refused(estimator, ValueError, match, X, y, weights)
    with pytest.raises(NotFittedError):
        estimator.transform(X)


def test_weights_that_leave_nothing_to_fine_tune_with(X, y):
    some = np.where(WEIGHTS > 0, -1, y)
    assert_refused(
        make_classifier(), ValueError, "all 60 samples have weight 0 or no label", X, some, WEIGHTS
    )
    clf = make_classifier(class_weight={0: 0, 1: 0, 2: 0})
    assert_refused(clf, ValueError, "weights of all labelled samples are zero", X, y)


@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ({7: 1.0}, r"class_weight has \[7\].*classes \[0, 1, 2\]"),
        ({0: -1}, "at least 0"),
        ("wrong", "class_weight"),
    ],
)
def test_class_weights_that_are_refused(class_weight, match, X, y):
    assert_refused(make_classifier(class_weight=class_weight), ValueError, match, X, y)
    clf = make_classifier(class_weight="balanced")
    assert_refused(clf, ValueError, "needs all labels together", X, y, [0, 1, 2], method="partial_fit")
    assert_refused(clf, ValueError, "samples have several classes", X, np.eye(3, dtype=int)[y])


def test_machines_take_no_weights(X, y):
    clf = make_classifier(make_pipeline(BernoulliRBM(3, n_iter=1), DenoisingAutoencoder(3, dtype="float64")))
    assert_refused(clf, ValueError, "sample_weight can't be used with BernoulliRBM", X, y, WEIGHTS)
    frozen = FrozenEstimator(BernoulliRBM(3, n_iter=1, random_state=0).fit(X))
    make_classifier(frozen).fit(X, y, sample_weight=WEIGHTS)


def test_metadata_is_routed(X, y):
    with config_context(enable_metadata_routing=True):
        clf = make_classifier(early_stopping=True).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        model = make_pipeline(MinMaxScaler(), clf, transform_input=["X_val"])
        scaled = MinMaxScaler().fit(X)
        model.fit(X, y, sample_weight=WEIGHTS, X_val=X[:9], y_val=y[:9])
        by_hand = clone(clf).fit(
            scaled.transform(X), y, sample_weight=WEIGHTS, X_val=scaled.transform(X[:9]), y_val=y[:9]
        )
        assert same_parameters(model[-1], by_hand)
        assert model[-1].validation_losses_ == by_hand.validation_losses_
        clf = make_classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(clf, {"max_iter": [1, 2]}, cv=2).fit(X, y, sample_weight=WEIGHTS)
        assert hasattr(search, "best_estimator_")
        layer = DenoisingAutoencoder(3, max_iter=2, random_state=0).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(MinMaxScaler(), layer).fit(X, sample_weight=WEIGHTS)
        expected = clone(layer).fit(scaled.transform(X), sample_weight=WEIGHTS)
        np.testing.assert_array_equal(pipeline[-1].encoder_coef_, expected.encoder_coef_)


def test_statistics_of_columns_count_samples_as_often_as_they_weigh(X):
    X = np.tile(X, (20, 1)) + np.arange(1200)[:, None] % 7  # more than are read together
    weights = 1 + np.arange(1200) % 3
    columns = Columns.of(X, weights=weights)
    for name in ("count", "low", "high", "mean", "squares", "deviation"):
        expected = getattr(Columns.of(np.repeat(X, weights, axis=0)), name)
        np.testing.assert_allclose(getattr(columns, name), expected, rtol=1e-10)


def test_weights_are_copied_and_a_number_stands_for_all():
    given = np.arange(3.0)
    weights = check_weights(given, np.zeros((3, 1)))
    weights[:] = 9
    assert list(given) == [0, 1, 2]
    assert list(check_weights(2, np.zeros((3, 1)))) == [2, 2, 2]
    assert check_weights(None, np.zeros((3, 1))) is None


def test_weights_count_where_samples_are_taken_one_by_one(X):
    layer = DenoisingAutoencoder(
        5, batch_size=1, solver="sgd", momentum=0.0, learning_rate_init=0.01, max_iter=3,
        dtype="float64", random_state=0,
    )  # fmt: skip
    weights = 1 + np.arange(60) % 3
    one_by_one = clone(layer).fit(X, sample_weight=weights)
    other = clone(layer).set_params(momentum=1e-15).fit(X, sample_weight=weights)  # another kernel
    np.testing.assert_allclose(one_by_one.encoder_coef_, other.encoder_coef_, rtol=1e-8)


def test_the_score_of_a_regressor_takes_weights(X, y):
    reg, weights = make_regressor().fit(X, y), np.arange(60.0)
    expected = r2_score(y, reg.predict(X), sample_weight=weights)
    assert reg.score(X, y, sample_weight=weights) == pytest.approx(expected)
    assert expected != pytest.approx(reg.score(X, y))


def test_weights_count_in_every_score_of_those_set_aside(X, y):
    weights = np.where(np.arange(60) % 2, 1.0, 50.0)
    options = {"early_stopping": True, "validation_fraction": 0.5, "max_iter": 1, "random_state": 0}
    still = {"learning_rate_init": 1e-30, **options}
    layer = DenoisingAutoencoder(4, **still)
    stack = StackedAutoencoderTransformer((4,), fine_tune=True, **still)
    for model in (layer, stack):
        curves = [clone(model).fit(X, sample_weight=w).validation_scores_ for w in (weights, None)]
        assert curves[0] != pytest.approx(curves[1], rel=1e-5)
    clf = SdAClassifier((4,), **options).fit(X, y, weights)
    _, rows = train_test_split(np.arange(60), test_size=0.5, random_state=0, stratify=y)
    loss = log_loss(y[rows], clf.predict_proba(X[rows]), sample_weight=weights[rows])
    assert clf.validation_losses_ == pytest.approx([loss], rel=1e-5)
    real = RealTargets.read(X, X[:, :2])
    labels = IndicatorTargets.read(X, (X[:, :2] > 0.5).astype(int))
    assert real.score(X[:, 1:3], weights) == r2_score(X[:, :2], X[:, 1:3], sample_weight=weights)
    right = ((X[:, 1:3] > 0) == labels.indicator).all(axis=1)
    assert labels.score(X[:, 1:3], weights) == pytest.approx(np.average(right, weights=weights))


def test_the_penalty_of_a_whole_stack_is_that_of_repeated_samples(X):
    stack = StackedAutoencoderTransformer(
        (4, 3), activation="tanh", corruption_level=0, solver="lbfgs", max_iter=5, dtype="float64",
        fine_tune={"alpha": 1.0}, random_state=0,
    )  # fmt: skip
    weighted = clone(stack).fit(X, sample_weight=np.full(60, 2.0))
    repeated = clone(stack).fit(np.repeat(X, 2, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-5, atol=1e-7)


def test_class_weights_of_classes_that_a_fold_lacks(X, y):
    weights = {0: 1.0, 1: 2.0, 2: 10.0}
    two = y < 2
    clf = make_classifier(class_weight=weights).fit(X[two], y[two])
    other = make_classifier(class_weight={0: 1.0, 1: 2.0}).fit(X[two], y[two])
    assert same_parameters(clf, other)


def test_a_score_without_weight(X, y):
    clf = make_classifier().fit(X, y)
    regressor = SdARegressor((3,), max_iter=1).fit(X, y)
    for estimator, missing in ((clf, -1), (regressor, np.nan)):
        with pytest.raises(ValueError, match="weights of all labelled samples are zero: there is nothing"):
            estimator.score(X[:3], [0, 1, missing], sample_weight=[0, 0, 1])


def test_a_regressor_starts_at_the_mean_of_what_it_is_trained_on(X):
    options = {"max_iter": 1, "early_stopping": True, "learning_rate_init": 1e-12, "random_state": 0}
    _, held_out = train_test_split(np.arange(60), test_size=0.1, random_state=0)
    y = np.zeros(60)
    y[held_out] = 1000
    assert abs(SdARegressor((3,), **options).fit(X, y).output_intercept_[0]) < 1e-6
