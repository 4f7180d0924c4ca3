"""Samples without labels are pretrained on and nothing else; with labels come numbers, or several classes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.semi_supervised import SelfTrainingClassifier
from test_bad_input import assert_refused

from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer
from sklearn_sda._targets import ClassTargets, IndicatorTargets, RealTargets

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make_encoder(**options):
    options = {
        "hidden_layer_sizes": (6, 5),
        "activation": "tanh",
        "max_iter": 3,
        "random_state": 1,
        **options,
    }
    return StackedAutoencoderTransformer(**options)


def make_classifier(encoder=None, **options):
    return SdAClassifier(encoder or make_encoder(), **{"max_iter": 4, "random_state": 0, **options})


def make_regressor(encoder=None, **options):
    return SdARegressor(encoder or make_encoder(), **{"max_iter": 4, "random_state": 0, **options})


def partly(y, missing=-1, dtype=None, every=5):
    """Return labels of which every fifth only is known."""
    y = np.array(y, dtype)
    y[np.arange(len(y)) % every != 0] = missing
    return y


def same_parameters(a, b):
    return all(
        np.array_equal(*pair) for pair in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True)
    )


INDICATOR = np.array([[0, 0], [1, 0], [1, 1]])
CASES = {
    "classes": (make_classifier, lambda y: y, -1),
    "floats": (make_classifier, lambda y: y.astype(float), np.nan),
    "strings": (make_classifier, lambda y: np.array(["a", "b", "c"], object)[y], None),
    "indicators": (make_classifier, lambda y: INDICATOR[y], -1),
    "numbers": (make_regressor, lambda y: y + 0.5, np.nan),
    "several numbers": (make_regressor, lambda y: np.column_stack([y, 2.0 - y]), np.nan),
}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_all_samples_are_pretrained_on_and_only_the_labelled_ones_fine_tuned_with(case, X, y):
    make, code, missing = CASES[case]
    labels, some = code(y), partly(code(y), missing)
    for options in (
        {},
        {"early_stopping": True, "validation_fraction": 0.25},
        {"dropout": 0.3, "solver": "sgd", "batch_size": 7},
    ):
        fitted = make(**options).fit(X, some)
        pretrained = make_encoder().fit(X)
        known = np.arange(60) % 5 == 0
        by_hand = make(FrozenEstimator(pretrained), **options).fit(X[known], labels[known])
        assert same_parameters(fitted, by_hand)
        assert fitted.loss_curve_ == by_hand.loss_curve_ and fitted.t_ == by_hand.t_
        fewer = make(**options).fit(X[known], labels[known])
        assert not np.array_equal(fewer.coefs_[0], fitted.coefs_[0])


@every_case
def test_the_classes_are_those_of_the_labels_and_scores_of_labelled_samples(case, X, y):
    make, code, missing = CASES[case]
    fitted, some = make(max_iter=20).fit(X, partly(code(y), missing)), partly(code(y), missing)
    known = np.arange(60) % 5 == 0
    if make is make_classifier:
        np.testing.assert_array_equal(fitted.classes_, [0, 1] if case == "indicators" else np.unique(code(y)))
    if case != "indicators":
        weights = np.linspace(1, 2, 60)
        score = fitted.score(X, some, sample_weight=weights)
        assert score == fitted.score(X[known], code(y)[known], weights[known])
    if case == "classes":
        assert score == accuracy_score(y[known], fitted.predict(X[known]), sample_weight=weights[known])


def test_missing_labels_of_pandas(X, y):
    pandas = pytest.importorskip("pandas")
    expected = make_classifier().fit(X, partly(y))
    names = partly(np.array(["a", "b", "c"], object)[y], None)
    for labels in (
        pandas.Series(partly(y)),
        pandas.Series(partly(y).astype(float)).replace(-1, np.nan),
        pandas.Series(partly(y)).replace(-1, pandas.NA).astype("Int64"),
        pandas.Series(names),
        pandas.Series(names, dtype="string"),
        pandas.Series(names, dtype="category"),
    ):
        assert same_parameters(make_classifier().fit(X, labels), expected)


@slow_without_the_jit
def test_cross_validation_and_searches(digits):
    X, y = digits
    some = partly(y, every=2)
    clf = SdAClassifier((20,), max_iter=30, random_state=0)
    scores = cross_val_score(clf, X, some, cv=StratifiedKFold(2))
    assert scores.min() > 0.5  # those without labels would be half of the test samples, all of them wrong
    # with any metric: samples without labels are in no test set
    fold = np.where(some == -1, -1, np.arange(len(y)) % 3)
    scores = cross_val_score(clf, X, some, cv=PredefinedSplit(fold), scoring="balanced_accuracy")
    assert len(scores) == 3 and scores.min() > 0.4
    search = GridSearchCV(clf, {"max_iter": [1, 30]}, cv=PredefinedSplit(fold)).fit(X, some)
    assert search.best_params_ == {"max_iter": 30} and -1 not in search.best_estimator_.classes_


@slow_without_the_jit
def test_unlabelled_samples_help_where_labels_are_few(digits):
    # what this is for: 20 labels of 200 digits; ten draws, the same network with and without the others
    X, y = digits
    differences = []
    for seed in range(10):
        rng = np.random.RandomState(seed)
        known = np.concatenate(
            [rng.choice(np.flatnonzero(y == label), 2, replace=False) for label in range(10)]
        )
        some = np.full(len(y), -1)
        some[known] = y[known]
        rest = some == -1
        clf = SdAClassifier((100,), max_iter=100, random_state=seed)
        with_all = clone(clf).fit(X, some).score(X[rest], y[rest])
        differences.append(
            with_all - clone(clf).set_params(pretrain=False).fit(X, some).score(X[rest], y[rest])
        )
    assert np.mean(differences) > 0


def test_self_training_on_a_fitted_encoder(digits):
    # scikit-learn hands over labelled samples only: the encoder must have been fitted to all before
    X, y = digits
    encoder = make_encoder().fit(X)
    clf = make_classifier(FrozenEstimator(encoder), freeze=2, max_iter=20)
    some = partly(y)
    meta = SelfTrainingClassifier(clf, criterion="k_best", k_best=7, max_iter=3).fit(X, some)
    labelled = meta.labeled_iter_ >= 0
    assert labelled.sum() == (some >= 0).sum() + 3 * 7 and -1 not in meta.classes_
    alone = clone(clf).fit(X[labelled], meta.transduction_[labelled])
    assert same_parameters(meta.estimator_, alone)
    for layer, frozen in zip(encoder, meta.estimator_.coefs_, strict=False):
        assert np.array_equal(layer.encoder_coef_, frozen)


def test_layers_with_supervision_learn_from_the_labels_there_are(X, y):
    layer = DenoisingAutoencoder(5, supervision=0.5, max_iter=3, random_state=0)
    some = partly(y)
    a = clone(layer).fit(X, some)
    others = some.copy()
    others[0] = (some[0] + 1) % 3
    assert not np.array_equal(a.encoder_coef_, clone(layer).fit(X, others).encoder_coef_)
    names = partly(np.array(["a", "b", "c"], object)[y], None)
    np.testing.assert_array_equal(a.encoder_coef_, clone(layer).fit(X, names).encoder_coef_)
    assert_refused(layer, ValueError, "All 60 samples are unlabelled.*supervision=0", X, np.full(60, -1))
    clf = make_classifier(make_encoder(supervision=0.5)).fit(X, some)
    assert list(clf.classes_) == [0, 1, 2]
    early = clone(layer).set_params(early_stopping=True, supervision=1).fit(X, some)
    assert np.isfinite(early.validation_losses_).all()


def test_partial_fit_with_samples_without_labels(X, y):
    some = partly(y)
    clf = make_classifier(FrozenEstimator(make_encoder().fit(X)), shuffle=False)
    a = clone(clf).partial_fit(X, some, classes=[0, 1, 2])
    b = clone(clf).partial_fit(X[::5], some[::5], classes=[0, 1, 2])
    assert same_parameters(a, b)
    reg = make_regressor().partial_fit(X, partly(y + 0.5, np.nan)).partial_fit(X, y)
    assert reg.t_ == 72 and reg.predict(X).shape == (60,)


@pytest.mark.parametrize(
    ("make", "labels", "match"),
    [
        (
            make_classifier,
            np.full(60, -1),
            "All 60 samples are unlabelled.*use a Stacked",
        ),
        (make_classifier, np.full(60, None), "All 60 samples are unlabelled"),
        (make_classifier, np.full((60, 2), -1), "All 60 samples are unlabelled"),
        (make_regressor, np.full(60, np.nan), "All 60 samples are unlabelled"),
        (make_classifier, np.arange(60) % 2 * 2 - 1, r"1 class.*\[1\].*-1 stands for 'unlabelled'"),
        (make_classifier, np.where(np.arange(120).reshape(60, 2) == 6, -1, 1), "1 rows of y.* row 3"),
        (make_classifier, np.arange(120).reshape(60, 2) % 3, "y should be a 1d array|0 and 1 only"),
        (
            make_regressor,
            np.where(np.arange(120).reshape(60, 2) == 6, np.nan, 1),
            "1 rows of y.* row 3",
        ),
        (make_regressor, np.where(np.arange(60) == 6, np.inf, 1.0), "infinity"),
        (make_regressor, np.where(np.arange(60) == 6, 1e300, 1.0), "too large for dtype.*TransformedTarget"),
        (make_regressor, np.where(np.arange(60) == 6, -1e300, 1.0), "too large for dtype.*TransformedTarget"),
        (make_regressor, np.arange(50), "inconsistent numbers of samples"),
        (make_regressor, None, "SdARegressor requires y"),
    ],
)
def test_labels_that_are_refused(make, labels, match, X):
    assert_refused(make(), ValueError, match, X, labels)


def test_continuing_with_labels_of_another_kind(X, y):
    clf = make_classifier(warm_start=True).fit(X, y)
    assert_refused(clf, ValueError, "another kind: it began with one class", X, INDICATOR[y][:, [0, 1, 1]])
    clf = make_classifier(warm_start=True).fit(X, INDICATOR[y])
    assert_refused(clf, ValueError, "another kind: it began with multilabel", X, y % 2)
    assert_refused(clf, ValueError, "y has 3 columns, but there are 2", X, INDICATOR[y][:, [0, 1, 1]])
    reg = make_regressor(warm_start=True).fit(X, y)
    assert_refused(reg, ValueError, "y has 2 columns, but training began with 1", X, INDICATOR[y])


# --- several classes ------------------------------------------------------------------------------


def test_several_classes_per_sample(X):
    sparse = pytest.importorskip("scipy.sparse")
    Y = (X[:, :3] > 0.5).astype(int)
    clf = SdAClassifier((10,), max_iter=300, learning_rate_init=0.01, random_state=0).fit(X, Y)
    assert clf.out_activation_ == "logistic" and clf.n_outputs_ == 3
    assert clf.score(X, Y) > 0.9  # every label of a sample
    probabilities = clf.predict_proba(X)
    np.testing.assert_array_equal(clf.predict(X), probabilities > 0.5)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(probabilities), rtol=1e-4, atol=1e-6)
    assert same_parameters(clf, clone(clf).fit(X, sparse.csr_matrix(Y)))
    piece = make_classifier().partial_fit(X, Y, classes=[0, 1, 2])
    assert piece.partial_fit(X, Y).predict(X).shape == Y.shape


# --- numbers --------------------------------------------------------------------------------------


def test_the_regressor_takes_the_steps_of_scikit_learns(X):
    y = 3 + X @ [1.0, 2, 0, 1]
    stack = StackedAutoencoderTransformer((7, 5), activation="tanh", dtype="float64", random_state=0)
    options = {
        "solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.0, "alpha": 0.1, "batch_size": 60,
        "max_iter": 20, "shuffle": False, "n_iter_no_change": 1000, "tol": 0,
    }  # fmt: skip
    for targets in (y, np.column_stack([y, -2 * y])):
        reg = SdARegressor(stack, pretrain=False, **options).fit(X, targets)
        start = SdARegressor(stack, pretrain=False, **{**options, "max_iter": 0}).fit(X, targets)
        np.testing.assert_allclose(start.predict(X), np.broadcast_to(targets.mean(axis=0), targets.shape))
        mlp = MLPRegressor(hidden_layer_sizes=(7, 5), activation="tanh", warm_start=True, **options)
        mlp.set_params(max_iter=1).fit(X, targets)
        mlp.coefs_ = [coef.copy() for coef in start.coefs_]
        mlp.intercepts_ = [intercept.copy() for intercept in start.intercepts_]
        mlp.set_params(max_iter=20).fit(X, targets)
        np.testing.assert_allclose(reg.predict(X), mlp.predict(X), rtol=1e-9)
        if targets is y:  # of several, scikit-learn reports the mean, whose gradient it does not take
            np.testing.assert_allclose(reg.loss_, mlp.loss_, rtol=1e-9)
        assert reg.score(X, targets) == pytest.approx(mlp.score(X, targets))


def test_targets_are_written_as_they_are():
    out = np.empty((2, 3), np.float32)
    targets = ClassTargets.read(np.zeros((4, 1)), ["b", "a", "c", "b"])
    targets.write(np.array([3, 1]), out)
    assert out.tolist() == [[0, 1, 0], [1, 0, 0]]
    targets = ClassTargets.read(np.zeros((4, 1)), np.array(["b", None, "c", "a"], object))
    targets.write(np.array([1, 2]), out)
    assert out.tolist() == [[0, 0, 0], [0, 0, 1]] and targets.labelled.tolist() == [True, False, True, True]
    IndicatorTargets.read(np.zeros((2, 1)), [[0, 1, 1], [1, 0, 1]]).write(np.array([1, 0]), out)
    assert out.tolist() == [[1, 0, 1], [0, 1, 1]]
    targets = RealTargets.read(np.zeros((3, 1)), [[1.5, 2, 3], [np.nan] * 3, [0, 0, 9]])
    targets.write(np.array([2, 0]), out)
    assert out.tolist() == [[0, 0, 9], [1.5, 2, 3]] and targets.labelled.tolist() == [True, False, True]
    np.testing.assert_allclose(targets.start("float32", None, [0, 2]), [0.75, 1, 6])
    np.testing.assert_allclose(targets.start("float32", np.array([3, 5, 1]), [0, 2]), [1.125, 1.5, 4.5])


def test_samples_without_labels_have_no_part_in_the_log_loss_of_layers(X, y):
    known = np.arange(60) % 5 == 0
    layer = DenoisingAutoencoder(
        4, supervision=1, corruption_level=0, solver="sgd", momentum=0.0, max_iter=9, tol=0,
        dtype="float64", random_state=0,
    )  # fmt: skip
    # 12 of 60 count: a fifth of the gradient of the 12 alone
    a = clone(layer).set_params(batch_size=60, learning_rate_init=0.5).fit(X, partly(y))
    b = clone(layer).set_params(batch_size=12, learning_rate_init=0.1).fit(X[known], y[known])
    np.testing.assert_allclose(a.encoder_coef_, b.encoder_coef_, rtol=1e-8)
    some = clone(layer).fit(X, y, X_val=X, y_val=partly(y)).validation_losses_
    alone = clone(layer).fit(X, y, X_val=X[known], y_val=y[known]).validation_losses_
    np.testing.assert_allclose(5 * np.array(some), alone, rtol=1e-8)


def test_labels_for_validation_are_those_of_the_layers_classes(X, y):
    layer, some = DenoisingAutoencoder(4, supervision=1, max_iter=5, random_state=0), y > 0
    parts = [
        clone(layer).fit(X, y, X_val=X[part], y_val=y[part]).validation_losses_ for part in (some, y < 2)
    ]
    middle = clone(layer).fit(X, y, X_val=X, y_val=np.where(y == 1, y, -1)).validation_losses_
    whole = clone(layer).fit(X, y, X_val=X, y_val=y).validation_losses_
    # classes 1 and 2, and 0 and 1, of a third of the samples each
    np.testing.assert_allclose(2 / 3 * np.sum(parts, axis=0) - middle, whole, rtol=1e-5)
    assert_refused(layer, ValueError, "not among the classes", X, y % 2, None, X, y)
