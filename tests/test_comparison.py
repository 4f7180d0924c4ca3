"""Did pretraining help? The comparison finds it where it does, and says so where it does not."""

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    RandomizedSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from test_few_labels import make_classifier, make_encoder, make_regressor, partly

from marks import slow_without_the_jit
from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer, compare_pretraining
from sklearn_sda._comparison import PretrainingComparison

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@slow_without_the_jit
def test_a_hundred_labels_of_digits():
    # three layers of logistic units; the rest of the digits has no labels; from the shape of the curves fifty
    # epochs are too few for random weights
    X, y = load_digits(return_X_y=True)
    stack = StackedAutoencoderTransformer((100, 100, 100), activation="logistic", max_iter=100)
    splits = StratifiedShuffleSplit(n_splits=5, train_size=100, test_size=300)
    comparison = compare_pretraining(
        SdAClassifier(stack, max_iter=50), X / 16, y, cv=splits, n_repeats=2, random_state=0
    )
    assert comparison.verdict == "helps" and comparison.mean_difference > 0.02
    assert comparison.share_tested == pytest.approx(300 / 1797)
    assert len(comparison.differences) == 10


@slow_without_the_jit
@pytest.mark.parametrize("task", ["random labels", "linear and abundant"])
def test_where_it_cannot_help_it_says_so(task):
    for seed in range(5):
        X, y = make_classification(400, 10, n_informative=5, class_sep=3, random_state=seed)
        X = MinMaxScaler().fit_transform(X)
        if task == "random labels":
            y = np.random.RandomState(seed).randint(2, size=400)
        clf = SdAClassifier((20,), max_iter=60)
        assert compare_pretraining(clf, X, y, random_state=seed).verdict == "no difference shown"


@slow_without_the_jit
def test_it_finds_harm_too(X, y):
    # pretraining that leaves next to nothing of the weights, which are frozen then
    target = (X[:, 0] > 0.5).astype(int)
    stack = StackedAutoencoderTransformer(
        (10,), solver="sgd", momentum=0.0, alpha=200.0, learning_rate_init=0.01, batch_size=48, max_iter=300
    )
    clf = SdAClassifier(stack, freeze=1, max_iter=40, learning_rate_init=0.01)
    assert compare_pretraining(clf, X, target, n_repeats=4, random_state=0).verdict == "hurts"


def test_the_interval_is_nadeaus_and_bengios():
    with_, without = np.array([0.9, 0.8, 0.95, 0.7]), np.array([0.8, 0.75, 0.7, 0.72])
    comparison = PretrainingComparison(with_, without, share_tested=0.2, n_repeats=2)
    d = with_ - without
    half = stats.t.ppf(0.975, 3) * np.sqrt((1 / 4 + 0.2 / 0.8) * d.var(ddof=1))
    np.testing.assert_allclose(comparison.interval, (d.mean() - half, d.mean() + half))
    assert comparison.verdict == "no difference shown"
    assert "no difference shown" in str(comparison) and "4 pairs" in str(comparison)
    assert PretrainingComparison(with_ + 1, without, 0.2, 2).verdict == "helps"
    assert PretrainingComparison(with_ - 1, without, 0.2, 2).verdict == "hurts"


class Recorder(SdAClassifier):
    """Says what it was fitted with."""

    fits = []

    def fit(self, X, y):
        super().fit(X, y)
        Recorder.fits.append((self.pretrain, self.random_state, X.copy(), np.array(y), self.coefs_[0].shape))
        return self


def record(X, y, **options):
    Recorder.fits.clear()
    compare_pretraining(Recorder(make_encoder(random_state=None), max_iter=1), X, y, **options)
    return Recorder.fits


def test_pairs_have_the_same_samples_and_seeds(X, y):
    fits = record(X, y, cv=3, n_repeats=2, random_state=0)
    assert len(fits) == 12 and [fit[0] for fit in fits] == [True, False] * 6
    for (_, seed_a, X_a, y_a, _), (_, seed_b, X_b, y_b, _) in zip(fits[::2], fits[1::2], strict=True):
        assert seed_a == seed_b
        np.testing.assert_array_equal(X_a, X_b)
        np.testing.assert_array_equal(y_a, y_b)
    assert len({fit[1] for fit in fits}) == 6  # each pair its own seed
    again = record(X, y, cv=3, n_repeats=2, random_state=0)
    assert [fit[1] for fit in again] == [fit[1] for fit in fits]


@pytest.mark.parametrize(
    ("labels", "missing"),
    [
        (lambda y: y, -1),
        (lambda y: y.astype(np.uint8), -1),
        (lambda y: np.array(["a", "b", "c"])[y], None),
        (lambda y: np.array(["a", "b", "c"], object)[y], None),
    ],
)
def test_samples_without_labels_are_trained_on_and_never_tested(labels, missing, X, y):
    kinds = labels(y)
    if missing is None or kinds.dtype.kind == "i":
        some = partly(kinds.astype(object) if missing is None else kinds, missing)
        for _, _, _, y_fit, _ in record(X, some, cv=2, n_repeats=1):
            assert len(y_fit) == 60 - 6 and sum(label == missing for label in y_fit) == 48
    # what a split does not use has no label either
    for _, _, _, y_fit, _ in record(
        X, kinds, cv=StratifiedShuffleSplit(2, train_size=12, test_size=9), n_repeats=1
    ):
        assert len(y_fit) == 51 and sum(label == missing for label in y_fit.tolist()) == 39


def test_every_kind_of_cv_and_of_targets(X, y):
    clf = make_classifier(random_state=None)
    fold = PredefinedSplit(np.arange(60) // 3 % 2)
    for cv in (
        2,
        StratifiedKFold(2),
        StratifiedKFold(2, shuffle=True),
        fold,
        list(fold.split()),
        fold.split(),
    ):
        comparison = compare_pretraining(clf, X, y, cv=cv, n_repeats=2, random_state=0)
        assert len(comparison.differences) == 4 and comparison.share_tested == 0.5
    reg = make_regressor(random_state=None)
    for targets in (y, partly(y.astype(float), np.nan), np.column_stack([y, 2 * y])):
        assert len(compare_pretraining(reg, X, targets, cv=2).differences) == 4
    model = make_pipeline(MinMaxScaler(), clone(clf))
    a = compare_pretraining(model, X, y, cv=2, scoring="neg_log_loss", random_state=0)
    b = compare_pretraining(model, X, y, cv=2, scoring="neg_log_loss", random_state=0, n_jobs=2)
    np.testing.assert_array_equal(a.differences, b.differences)
    assert (a.with_pretraining < 0).all()
    compare_pretraining(clf, X, np.eye(3, dtype=int)[y], cv=PredefinedSplit(np.arange(60) % 2))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"estimator": LogisticRegression()}, TypeError, "must be an SdAClassifier or SdARegressor"),
        ({"y": np.full(60, -1)}, ValueError, "All 60 samples are unlabelled.*needs labels to score"),
        ({"n_repeats": 0}, ValueError, "n_repeats must be a positive integer, got 0"),
        ({"cv": [(np.arange(50), np.arange(50, 60))], "n_repeats": 1}, ValueError, "at least 2 pairs, got 1"),
        ({"y": None}, ValueError, "compare_pretraining requires y"),
        ({"y": np.arange(45) % 3}, ValueError, r"inconsistent numbers of samples: \[60, 45\]"),
        (
            {
                "y": np.where(np.arange(60) < 30, -1, np.arange(60) % 3),
                "cv": PredefinedSplit(np.arange(60) % 5),
            },
            ValueError,
            "cv splits more than the 30 labelled samples: .* Give folds of these",
        ),
    ],
)
def test_what_is_refused(change, error, match, X, y):
    with pytest.raises(error, match=match):
        compare_pretraining(**{"estimator": make_classifier(), "X": X, "y": y, **change})


def test_the_picture():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    from sklearn_sda.inspection import PretrainingComparisonDisplay

    differences = np.array([0.1, 0.2, 0.15, 0.12, 0.18, 0.11])
    comparison = PretrainingComparison(0.5 + differences, np.full(6, 0.5), 0.2, n_repeats=2)
    display = PretrainingComparisonDisplay(comparison, "digits").plot()
    assert [len(points.get_xdata()) for points in display.points_] == [3, 3]
    np.testing.assert_allclose(
        np.concatenate([points.get_xdata() for points in display.points_]), differences
    )
    low, high = comparison.interval
    segment = display.interval_[2][0].get_segments()[0]
    np.testing.assert_allclose(segment[:, 0], [low, high])
    assert display.ax_.get_title() == "digits. Pretraining: helps (+0.143)"
    pyplot.close(display.figure_)
    X, y = np.random.RandomState(0).uniform(size=(60, 4)), np.arange(60) % 2
    display = PretrainingComparisonDisplay.from_estimator(
        make_classifier(), X, y, cv=2, n_repeats=1, ax=pyplot.figure().subplots()
    )
    assert display.ax_.get_title().startswith("Pretraining: ")
    pyplot.close(display.figure_)


def test_repeats_have_other_random_weights_whatever_the_seed_of_the_encoder(X, y):
    seen = []

    def remember(estimator, X, y):
        seen.append(float(estimator.coefs_[0][0, 0]))
        return len(seen) % 3

    clf = SdAClassifier(StackedAutoencoderTransformer((5,), max_iter=0, random_state=0), max_iter=0)
    compare_pretraining(clf, X, y, cv=2, n_repeats=2, random_state=1, scoring=remember)
    assert seen[::2] == seen[1::2]  # the two fits of a pair
    assert len(set(seen)) == 4


@pytest.mark.parametrize("name", ["param_grid", "param_distributions"])
def test_a_search_must_not_choose_the_pretraining(name, X, y):
    search = {"param_grid": GridSearchCV, "param_distributions": RandomizedSearchCV}[name]
    for grid in ({"c__pretrain": [True, False]}, [{"c__alpha": [0]}, {"c__pretrain": [False]}]):
        pipeline = Pipeline([("c", SdAClassifier((3,), max_iter=1))])
        with pytest.raises(ValueError, match=f"{name} has 'pretrain', which the comparison sets"):
            compare_pretraining(search(pipeline, grid), X, y)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"cv": "5"}, "cv must be a number of folds, a splitter or pairs of indices, got '5'"),
        ({"cv": 0.2}, "cv must be a number of folds"),
        ({"scoring": ["accuracy", "f1_macro"]}, "scoring must be one name or function"),
    ],
)
def test_splits_and_scorings_that_are_none(options, match, X, y):
    with pytest.raises(ValueError, match=match):
        compare_pretraining(SdAClassifier((3,), max_iter=1), X, y, **options)


def test_the_share_that_is_tested_is_one_of_the_labelled_samples(X, y):
    clf = make_classifier(random_state=None)
    comparison = compare_pretraining(clf, X, partly(y), cv=3, n_repeats=1, random_state=0)
    assert comparison.share_tested == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "cv",
    [2, StratifiedKFold(2, shuffle=True), StratifiedShuffleSplit(2, train_size=30, test_size=30)],
    ids=str,
)
def test_repeats_have_other_splits_and_the_splitter_is_left_alone(cv, X, y):
    before = dict(vars(cv)) if hasattr(cv, "split") else None
    first, again = (list(record(X, y, cv=cv, n_repeats=2, random_state=0)) for _ in range(2))
    assert not np.array_equal(first[0][2], first[4][2])
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[2], two[2])
    other = record(X, y, cv=cv, n_repeats=2, random_state=1)
    assert not np.array_equal(first[0][2], other[0][2])
    assert before is None or vars(cv) == before
