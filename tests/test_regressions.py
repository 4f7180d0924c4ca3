"""Defects that hostile testers found, each with the test that failed first."""

import threading
import tracemalloc

import joblib
import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedShuffleSplit,
)
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from test_bad_input import assert_refused
from threadpoolctl import threadpool_limits

from marks import slow_without_the_jit
from sklearn_sda import (
    DenoisingAutoencoder,
    SdAClassifier,
    SdARegressor,
    StackedAutoencoderTransformer,
    _marginalized,
    _samples,
    _training,
    compare_pretraining,
)
from sklearn_sda._comparison import PretrainingComparison
from sklearn_sda._corruption import Corruption
from sklearn_sda._parts import learning_curves
from sklearn_sda._training import minimize_batch
from sklearn_sda.inspection import FilterDisplay, ReconstructionDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CLOSED = {"solver": "marginalized", "activation": "tanh", "random_state": 0}


@slow_without_the_jit
def test_fine_tuning_trains_the_decoder_that_is_used(digits):
    # a marginalised layer has a decoder of its own, whatever tied_weights says
    X, _ = digits
    for solver in ("marginalized", ["adam", "marginalized"]):
        stack = StackedAutoencoderTransformer(
            (30, 20), **{**CLOSED, "solver": solver}, corruption_level=0, max_iter=5,
            fine_tune={"solver": "adam", "max_iter": 60},
        ).fit(X)  # fmt: skip
        assert abs(stack.loss_ + stack.score(X)) < 0.1 * stack.loss_ + 0.05


def test_the_closed_form_does_not_mind_scale_and_offset(X):
    rng = np.random.RandomState(0)
    table = np.column_stack(
        [
            rng.randint(18, 80, 500),
            rng.lognormal(10.5, 0.6, 500),
            rng.randint(0, 2, 500),
            rng.uniform(size=500),
        ]
    )
    layer = DenoisingAutoencoder(
        4,
        solver="marginalized",
        activation="identity",
        corruption_level=0,
        dtype="float64",
        loss="squared_error",
    )
    for data in (table, X + 1e4, X * 1e-5, 1.7e9 + 1e5 * rng.uniform(size=(60, 4))):
        data = data + 1e-3 * data.std(axis=0) * rng.standard_normal(data.shape)
        fitted = layer.fit(data)
        residual = fitted.inverse_transform(fitted.transform(data)) - data
        assert (residual.var(axis=0) < 1e-4 * data.var(axis=0)).all()


def test_the_closed_form_has_the_same_bits_for_any_number_of_threads():
    X = np.random.RandomState(0).uniform(size=(5000, 150))
    fits = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads):
            layer = DenoisingAutoencoder(64, dtype="float64", **CLOSED).fit(X)
        fits.append([layer.encoder_coef_, layer.decoder_coef_, np.array(layer.loss_)])
    for other in fits[1:]:
        for one, two in zip(fits[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_partial_fit_after_fine_tuning_trains_layers_again(X):
    stack = StackedAutoencoderTransformer(
        (6, 4), activation="tanh", fine_tune={"max_iter": 2}, max_iter=3, random_state=0
    ).fit(X)
    stack.set_params(fine_tune=False).partial_fit(X)
    assert not hasattr(stack, "loss_curve_")
    expected = stack.pipeline_.inverse_transform(stack.transform(X))
    np.testing.assert_allclose(stack.inverse_transform(stack.transform(X)), expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_classifier_hands_names_of_columns_down(method, X, y):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    levels = {"b": 0.5}
    arguments = (y, [0, 1, 2]) if method == "partial_fit" else (y,)
    for make in (
        lambda level: DenoisingAutoencoder(3, corruption_level=level, max_iter=2),
        lambda level: StackedAutoencoderTransformer((3,), corruption_level=level, max_iter=2),
        lambda level: make_pipeline(DenoisingAutoencoder(3, corruption_level=level, max_iter=2)),
    ):
        named = SdAClassifier(make(levels), max_iter=2, random_state=0)
        getattr(named, method)(frame, *arguments)
        by_position = SdAClassifier(make(np.array([0, 0.5, 0, 0])), max_iter=2, random_state=0)
        getattr(by_position, method)(X, *arguments)
        np.testing.assert_array_equal(named.coefs_[0], by_position.coefs_[0])
        assert named.predict(frame).shape == (60,)


def test_an_empty_dict_is_true(X):
    stack = StackedAutoencoderTransformer((3,), fine_tune={}, max_iter=2, random_state=0).fit(X)
    assert len(stack.loss_curve_) == 2
    assert not hasattr(stack, "partial_fit")


def test_lbfgs_that_makes_no_iteration_knows_its_loss(X):
    layer = DenoisingAutoencoder(3, solver="lbfgs", tol=1e6, max_iter=5, random_state=0).fit(X)
    assert np.isfinite(layer.loss_) and layer.n_iter_ == 1
    start = DenoisingAutoencoder(3, solver="lbfgs", max_iter=0, random_state=0).fit(X)
    np.testing.assert_array_equal(layer.encoder_coef_, start.encoder_coef_)


def test_supervision_needs_two_classes(X):
    for estimator in (
        DenoisingAutoencoder(3, supervision=0.5),
        StackedAutoencoderTransformer((3,), supervision=1),
    ):
        assert_refused(estimator, ValueError, "at least 2 classes, but y has 1 class", X, np.zeros(60))


@slow_without_the_jit
def test_memory_does_not_grow_with_the_number_of_classes():
    X = np.random.RandomState(0).uniform(size=(100000, 2)).astype("float32")
    y = np.arange(100000) % 500
    layer = DenoisingAutoencoder(2, supervision=0.5, max_iter=1, random_state=0)
    layer.fit(X[:1000], y[:1000])
    tracemalloc.start()
    layer.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e7


@pytest.mark.parametrize(
    "estimator",
    [
        DenoisingAutoencoder(solver="lbfgs"),
        DenoisingAutoencoder(solver="marginalized"),
        DenoisingAutoencoder(supervision=0.5),
        StackedAutoencoderTransformer(solver=["adam", "lbfgs"], hidden_layer_sizes=(3, 2)),
        StackedAutoencoderTransformer(supervision=(0, 0.5), hidden_layer_sizes=(3, 2)),
        StackedAutoencoderTransformer(fine_tune=True),
        SdAClassifier(solver="lbfgs"),
    ],
    ids=str,
)
def test_partial_fit_is_not_there_where_it_makes_no_sense(estimator, X, y):
    assert not hasattr(estimator, "partial_fit")


def test_values_beyond_the_type_of_a_machine(X, y):
    clf = SdAClassifier(BernoulliRBM(3, n_iter=1), max_iter=2).fit(X.astype("float32"), y)
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        clf.predict_proba(np.where(X == X[0, 0], 1e39, X))


def test_whole_stack_training_has_a_curve_wherever_the_stack_is(X, y):
    stack = StackedAutoencoderTransformer((3, 2), fine_tune=True, max_iter=2, random_state=0)
    assert list(learning_curves(stack.fit(X))) == ["layer 1", "layer 2", "whole stack"]
    behind = make_pipeline(DenoisingAutoencoder(3, max_iter=2), stack).fit(X)
    assert list(learning_curves(behind)) == ["layer 1", "layer 2", "layer 3", "whole stack"]
    clf = SdAClassifier(stack, max_iter=2).fit(X, y)
    assert list(learning_curves(clf)) == ["layer 1", "layer 2", "whole stack", "fine-tuning"]
    pytest.importorskip("matplotlib")
    assert FilterDisplay.from_estimator(stack.fit(X), image_shape=(2, 2)).name.startswith(
        "layer 1 after fine-tuning"
    )


def test_a_callable_can_not_change_the_level(X):
    seen = []

    def greedy(X, level, random_state):
        seen.append(level.copy())
        level *= 0.5
        return X

    levels = np.full(4, 0.4)
    DenoisingAutoencoder(2, corruption=greedy, corruption_level=levels, batch_size=20, max_iter=1).fit(X)
    assert all((level == 0.4).all() for level in seen) and (levels == 0.4).all()


@pytest.mark.parametrize("corruption", ["swap", "salt_and_pepper"])
def test_noise_knows_nothing_of_the_validation_samples(corruption):
    rng = np.random.RandomState(0)
    X = np.arange(400.0).reshape(100, 4)  # every value is a row's own
    X[:, 0] = rng.permutation(100)
    for seed in range(4):
        seen = []

        def record(X, level, random_state, seen=seen):
            seen.append(X.copy())
            return X

        DenoisingAutoencoder(
            3, corruption=[corruption, record], corruption_level=[0.5, 0.5], early_stopping=True,
            validation_fraction=0.3, max_iter=30, n_iter_no_change=30, batch_size=70, random_state=seed,
        ).fit(X)  # fmt: skip
        assert len(np.unique(np.concatenate(seen)[:, 1])) == 70


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (StackedAutoencoderTransformer((3,), fine_tune={1: 2, "x": 3}), r"has \['1', 'x'\], which are no"),
        (DenoisingAutoencoder(3, corruption_level={"a": np.array([0.1])}), "column 'a' must be a number"),
        (DenoisingAutoencoder(3, corruption_level={"b": None}), "column 'b' must be a number"),
    ],
    ids=str,
)
def test_messages_say_what_is_wrong(estimator, message, X):
    pd = pytest.importorskip("pandas")
    assert_refused(estimator, ValueError, message, pd.DataFrame(X, columns=list("abcd")))


def test_the_closed_form_of_huge_values_is_an_error(X):
    layer = DenoisingAutoencoder(2, dtype="float64", **CLOSED)
    assert_refused(layer, ValueError, "infinite or NaN.*Scale the data", X * 1e200)


def test_a_callables_own_error_is_its_own(X):
    def reads(X, level, random_state):
        raise ValueError("my file is read-only")

    assert_refused(DenoisingAutoencoder(2, corruption=reads), ValueError, "^my file is read-only", X)


class Locked:
    """A corruption that can't be copied."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, X, level, random_state):
        with self.lock:
            return X * level


def test_callables_are_not_copied(X):
    stack = StackedAutoencoderTransformer((3,), corruption=Locked(), fine_tune=True, max_iter=2).fit(X)
    assert len(stack.loss_curve_) == 2
    piecewise = StackedAutoencoderTransformer((3,), corruption=Locked(), warm_start=True, max_iter=1)
    assert piecewise.partial_fit(X).partial_fit(X)[0].n_iter_ == 2
    assert piecewise.fit(X)[0].n_iter_ == 3
    clf = SdAClassifier(FrozenEstimator(piecewise), warm_start=True, max_iter=1).fit(X, np.arange(60) % 2)
    assert clf.fit(X, np.arange(60) % 2).n_iter_ == 2


def test_supervision_requires_y_says_the_tag(X):
    for make in (DenoisingAutoencoder, StackedAutoencoderTransformer):
        assert not make().__sklearn_tags__().target_tags.required
        assert make(supervision=0.5).__sklearn_tags__().target_tags.required


def test_a_frozen_encoder_with_names(X, y):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    stack = StackedAutoencoderTransformer((3,), max_iter=2, random_state=0).fit(frame)
    assert SdAClassifier(FrozenEstimator(stack), max_iter=2).fit(frame, y).predict(frame).shape == (60,)


# --- found in the supervised side -----------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        DenoisingAutoencoder(3),
        StackedAutoencoderTransformer((3,), fine_tune={"max_iter": "auto"}),
        SdAClassifier((3,), max_iter=2),
    ],
)
def test_weights_of_zero_with_the_default_number_of_epochs(estimator, X, y):
    # fewer samples, more epochs than were announced to the callbacks
    X, y = np.tile(X, (5, 1)), np.tile(y, 5)
    estimator.fit(X, y, sample_weight=np.arange(300) >= 100)


def test_a_sample_of_weight_zero_does_not_choose_the_loss(X):
    beyond = np.vstack([X, X[:1] + 5])
    layer = DenoisingAutoencoder(3, max_iter=2, random_state=0)
    layer.fit(beyond, sample_weight=[1] * 60 + [0])
    assert layer.out_activation_ == "logistic"
    np.testing.assert_array_equal(layer.encoder_coef_, clone(layer).fit(X).encoder_coef_)


def test_a_cache_knows_nothing_of_stacks_that_grow(X, y, tmp_path):
    for max_iter in (0, 20):
        clf = SdAClassifier(
            StackedAutoencoderTransformer((4,), max_iter=2), warm_start=True, memory=str(tmp_path),
            max_iter=max_iter, learning_rate_init=0.01, random_state=0,
        ).fit(X, y)  # fmt: skip
        before = clf.coefs_[0].copy()
        clf.set_params(encoder__hidden_layer_sizes=(4, 3), max_iter=0).fit(X, y)
        np.testing.assert_array_equal(clf.coefs_[0], before)


def test_growing_without_pretraining_from_frozen_encoders_and_in_closed_form(X, y):
    stack = StackedAutoencoderTransformer((4,), max_iter=2, random_state=0)
    clf = SdAClassifier(clone(stack), pretrain=False, warm_start=True, max_iter=1).fit(X, y)
    clf.set_params(encoder__hidden_layer_sizes=(4, 3)).fit(X, y)
    assert [layer.n_iter_ for layer in clf.encoder_] == [0, 0]
    frozen = SdAClassifier(FrozenEstimator(clone(stack).fit(X)), warm_start=True, max_iter=1).fit(X, y)
    deeper = clone(stack).set_params(hidden_layer_sizes=(4, 3)).fit(X)
    assert_refused(frozen.set_params(encoder=FrozenEstimator(deeper)), ValueError, "can't continue", X, y)
    closed = StackedAutoencoderTransformer((4,), **CLOSED, warm_start=True).fit(X)
    first = closed.coefs_[0].copy()
    closed.set_params(hidden_layer_sizes=(4, 3)).fit(X)
    np.testing.assert_array_equal(closed.coefs_[0], first)


def test_frozen_encoders_are_always_pretrained(X, y):
    frozen = SdAClassifier(FrozenEstimator(DenoisingAutoencoder(3, max_iter=1).fit(X)), max_iter=1)
    match = "pretrain=False makes no sense with encoder=FrozenEstimator"
    assert_refused(clone(frozen).set_params(pretrain=False), ValueError, match, X, y)
    with pytest.raises(ValueError, match="there is no pretraining to compare"):
        compare_pretraining(frozen, X, y, cv=2)


def test_the_layer_that_fails_in_a_grown_stack_has_its_number(X):
    stack = StackedAutoencoderTransformer((4,), warm_start=True, max_iter=2).fit(X)
    stack.set_params(hidden_layer_sizes=(4, 3), solver="sgd", learning_rate_init=1e30)
    assert_refused(stack, ValueError, "Layer 2 of 2: ", X)


def test_indicators_without_labels_everywhere(X, y):
    sparse = pytest.importorskip("scipy.sparse")
    Y = np.eye(3, dtype=int)[y]
    some = np.where(np.arange(60)[:, None] % 2, -1, Y)
    clf = SdAClassifier((4,), max_iter=5, random_state=0)
    a, b = clone(clf).fit(X, some), clone(clf).fit(X, sparse.csr_matrix(some))
    np.testing.assert_array_equal(a.output_coef_, b.output_coef_)
    assert a.score(X, some) == a.score(X[::2], Y[::2]) == a.score(X, sparse.csr_matrix(some))
    with pytest.raises(ValueError, match="All 60 samples are unlabelled"):
        a.score(X, np.full((60, 3), -1))
    match = r"numbers of its columns, range\(3\), got \['a', 'b', 'c'\]"
    assert_refused(clone(clf), ValueError, match, X, Y, ["a", "b", "c"], method="partial_fit")
    for labels in (Y, Y.astype(float), sparse.csr_matrix(Y), some):
        for cv in (2, ShuffleSplit(2, train_size=20, test_size=10)):
            comparison = compare_pretraining(clf, X, labels, cv=cv, random_state=0)
            assert len(comparison.differences) == 4


@pytest.mark.parametrize("kind", [int, bool, float])
def test_numbers_among_objects(kind, X, y):
    labels = (y % 2).astype(kind).astype(object)
    labels[::5] = None
    clf = SdAClassifier((4,), max_iter=2, random_state=0).fit(X, labels)
    assert clf.classes_.dtype == np.dtype(kind) and clf.predict(X).dtype == np.dtype(kind)
    assert 0 <= clf.score(X, labels) <= 1


@slow_without_the_jit
def test_scores_of_one_sample_are_refused_before_any_work(X, y):
    reg = SdARegressor((3,), early_stopping=True, max_iter=2)
    assert_refused(reg, ValueError, "R² needs at least 2 samples", X[:10], y[:10])
    reg.set_params(early_stopping=False)
    assert_refused(reg, ValueError, "R² needs at least 2 samples", X, y, None, X[:1], y[:1])
    with pytest.raises(ValueError, match="60 of 60 pairs have a score that is NaN"):
        with pytest.warns(UserWarning, match="not well-defined"):
            compare_pretraining(reg, X, y, cv=LeaveOneOut(), n_repeats=1)
    assert_refused(reg, ValueError, "too large for dtype", X, y, None, X[:2], [1e300, 1])


def test_odd_splits_of_a_comparison(X, y):
    clf = SdAClassifier((3,), max_iter=1)
    mask = np.arange(60) % 2 == 0
    a = compare_pretraining(clf, X, y, cv=[(mask, ~mask), (~mask, mask)], random_state=0)
    rows = np.flatnonzero(mask), np.flatnonzero(~mask)
    b = compare_pretraining(clf, X, y, cv=[rows, rows[::-1]], random_state=0)
    np.testing.assert_array_equal(a.differences, b.differences)
    assert len(compare_pretraining(clf, X, y, cv=None, n_repeats=1).differences) == 5
    everything = np.arange(60)
    with pytest.raises(ValueError, match="must leave labelled samples"):
        compare_pretraining(clf, X, y, cv=[(everything[:30], everything)] * 2)
    equal = PretrainingComparison(np.array([0.6, 0.6]), np.array([0.5, 0.5]), 0.2, 1)
    assert equal.verdict == "no difference shown"


@pytest.mark.parametrize("estimator", [SdAClassifier((3,), max_iter=1), SdARegressor((3,), max_iter=1)])
def test_weights_of_a_score(estimator, X, y):
    estimator.fit(X, y)
    with pytest.raises(ValueError, match="5 values for 60 samples"):
        estimator.score(X, y, sample_weight=np.ones(5))
    assert estimator.score(X, y, sample_weight=2.0) == pytest.approx(estimator.score(X, y))


def test_perceptrons_that_are_no_networks_here(X, y):
    for labels in (y % 2 * 2 - 1, y - 1):
        with pytest.raises(ValueError, match="the label -1 stands for 'unlabelled'"):
            SdAClassifier.from_sklearn(MLPClassifier((3,), max_iter=1).fit(X, labels))
    with pytest.raises(ValueError, match="has no hidden layer"):
        SdAClassifier.from_sklearn(MLPClassifier((), max_iter=1).fit(X, y))
    early = MLPClassifier((3,), max_iter=3, early_stopping=True).fit(X, y)
    assert SdAClassifier.from_sklearn(early).validation_scores_ == early.validation_scores_


# --- found in the files of parameters -------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "parameters.safetensors"


def test_preprocessing_is_not_made_up(path, X, y):
    clf = SdAClassifier(make_pipeline(StandardScaler(), DenoisingAutoencoder(3, max_iter=1)), max_iter=1)
    clf.fit(X, y).save_parameters(path)
    match = r"no preprocessing, but the encoder.*StandardScaler\(\)"
    assert_refused(clone(clf), ValueError, match, path, method="load_parameters")


def test_a_deep_autoencoder_stays_one_and_a_stack_a_stack(path, X):
    deep = StackedAutoencoderTransformer(
        (4, 3), activation="tanh", max_iter=3, fine_tune=True, random_state=0
    )
    plain = clone(deep).set_params(fine_tune=False).fit(X)
    deep.fit(X)
    for saved in (deep, plain):
        saved.save_parameters(path)
        for other in (clone(deep), clone(deep).fit(X), clone(plain), clone(plain).fit(X)):
            other.load_parameters(path)
            np.testing.assert_array_equal(other.score_samples(X), saved.score_samples(X))


def test_read_only_models_take_parameters(path, X, y, tmp_path):
    for encoder in (DenoisingAutoencoder(3, max_iter=1), BernoulliRBM(3, n_iter=1)):
        clf = SdAClassifier(encoder, max_iter=1, random_state=0).fit(X, y)
        clf.save_parameters(path)
        joblib.dump(clone(clf).fit(X, (y + 1) % 3), tmp_path / "model.joblib")
        loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r").load_parameters(path)
        np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_files_of_every_encoder_come_back(path, X, y):
    pandas = pytest.importorskip("pandas")
    closed = StackedAutoencoderTransformer((3,), solver="marginalized", activation="tanh")
    named = DenoisingAutoencoder(3, corruption_level={"b": 0.4}, batch_size=20, max_iter=1)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    for encoder, samples in ((closed, X), (named, frame)):
        clf = SdAClassifier(encoder, max_iter=1, random_state=0).fit(samples, y)
        clf.save_parameters(path)
        other = clone(clf).load_parameters(path)
        np.testing.assert_array_equal(other.predict_proba(samples), clf.predict_proba(samples))
        assert other.encoder.get_params() == encoder.get_params()
    stack = StackedAutoencoderTransformer((3,), corruption_level={"b": 0.4}, batch_size=20, max_iter=1).fit(
        frame
    )
    stack.save_parameters(path)
    np.testing.assert_array_equal(
        clone(stack).load_parameters(path)[0].corruption_level, stack[0].corruption_level
    )
    StackedAutoencoderTransformer((3,), batch_size=50, max_iter=1).fit(X).save_parameters(path)
    StackedAutoencoderTransformer((3,), batch_size=50, max_iter=1).load_parameters(path)  # without a warning


def test_damaged_files_of_parameters(path, X, y):
    safetensors = pytest.importorskip("safetensors")
    fitted = SdAClassifier((3, 2), batch_size=50, max_iter=1, random_state=0).fit(X, y)
    fitted.save_parameters(path)
    with safetensors.safe_open(path, framework="np") as file:
        metadata, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}

    def check(message, metadata=metadata, arrays=arrays):
        safetensors.numpy.save_file(arrays, path, metadata=metadata)
        for model in (fitted, clone(fitted)):
            before = joblib.hash(vars(model))
            with pytest.raises(ValueError, match=message):
                model.load_parameters(path)
            assert joblib.hash(vars(model)) == before

    for name in ("activations", "links", "classes"):
        for text in ("5", "null", "{}", '"x"', "["):
            check(f"damaged: its {name} must be a list", {**metadata, name: text})
    for name in ("activations", "links", "estimator"):
        check(f"damaged: it lacks '{name}'", {key: metadata[key] for key in metadata if key != name})
    for name in ("activations", "links"):
        check("an activation and a link for each layer", {**metadata, name: "[]"})
    check(r"unknown links \[None, \[1\]\]", {**metadata, "links": "[null, [1]]"})
    check(r"unknown links \['tanh'\]", {**metadata, "links": '["tanh", "identity"]'})
    for name, array in arrays.items():
        check(f"damaged: it lacks '{name}'", arrays={key: arrays[key] for key in arrays if key != name})
        kind = "matrix" if array.ndim == 2 else "vector"
        for other in (np.zeros(()), np.zeros((1, 2, 3)), array.astype(int), array.astype(bool)):
            check(f"damaged: {name} has shape .* must be a {kind}", arrays={**arrays, name: other})
        check(f"damaged: {name} has NaN", arrays={**arrays, name: np.full_like(array, np.nan)})
        huge = np.full(array.shape, -1e200)
        check(f"{name} has 1e\\+200 in .* too large for the float32", arrays={**arrays, name: huge})
    for name in ("layer0.encoder_coef", "layer3.encoder_coef", "layer1", "output.x"):
        check(f"damaged: it has unknown arrays: {name}", arrays={**arrays, name: np.zeros((4, 3))})
    check("output.intercept", arrays={**arrays, "output.intercept": np.zeros(0)})


def test_the_optimizer_does_not_remember_other_parameters(path, X, y):
    clf = SdAClassifier((3,), max_iter=1, random_state=0).fit(X, y)
    clf.save_parameters(path)
    used = clone(clf).partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y).load_parameters(path)
    fresh = clone(clf).load_parameters(path)
    used.t_ = fresh.t_
    used, fresh = used.partial_fit(X, y), fresh.partial_fit(X, y)
    np.testing.assert_array_equal(used.output_coef_, fresh.output_coef_)


# --- found in the review of it --------------------------------------------------------------------


class CrossFitted(TransformerMixin, BaseEstimator):
    """As scikit-learn's TargetEncoder: training samples are transformed in another way than new ones."""

    def fit(self, X, y=None):
        return self

    def fit_transform(self, X, y=None):
        return X * 0.9

    def transform(self, X):
        return X


@pytest.mark.parametrize("metadata", [{"sample_weight": np.ones(60)}, {"X_val": True}])
def test_preprocessing_is_fitted_as_a_pipeline_does(metadata, X, y):
    encoder = make_pipeline(CrossFitted(), DenoisingAutoencoder(3, max_iter=2, random_state=0))
    if "X_val" in metadata:
        metadata = {"X_val": X[:9], "y_val": y[:9]}
    with_metadata = SdAClassifier(clone(encoder), max_iter=0).fit(X, y, **metadata)
    plain = SdAClassifier(clone(encoder), max_iter=0).fit(X, y)
    np.testing.assert_array_equal(with_metadata.coefs_[0], plain.coefs_[0])


def test_a_loaded_encoder_has_the_parameters_that_it_was_given(path, X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    for encoder in (
        DenoisingAutoencoder(3, corruption_level={"b": 0.4}, max_iter=1),
        StackedAutoencoderTransformer((3,), corruption_level={"b": 0.4}, max_iter=1),
    ):
        clf = SdAClassifier(encoder, max_iter=1).fit(frame, y)
        clf.save_parameters(path)
        given = clone(clf)
        encoders = given.encoder, given.load_parameters(path).encoder, given.encoder_
        assert [each.corruption_level for each in encoders] == [{"b": 0.4}] * 3


def test_errors_about_validation_say_so(X, y):
    clf = SdAClassifier((3,), max_iter=1)
    for X_val, y_val, match in (
        (X[:, :3], y, "validation: X has 3 features"),
        (X, y + 5, "validation: y has labels that are not among"),
    ):
        assert_refused(clf, ValueError, match, X, y, None, X_val, y_val)
    for transformer in (DenoisingAutoencoder(3), StackedAutoencoderTransformer((3,))):
        match = f"validation: X has 3 features, but {type(transformer).__name__} is expecting 4"
        assert_refused(transformer, ValueError, match, X, None, None, X[:, :3])


def test_minus_one_is_a_target_like_any_other_of_a_comparison():
    X = np.random.RandomState(0).uniform(size=(60, 3))
    y = np.where(X[:, 0] > 0.5, 1.0, -1.0)
    reg = SdARegressor((3,), max_iter=20)
    for signs in (y, y.astype(int), np.column_stack([y, y])):
        scores = [
            compare_pretraining(reg, X, targets, cv=3, n_repeats=1, random_state=0).with_pretraining
            for targets in (signs, signs + 1e-9)
        ]
        np.testing.assert_allclose(*scores, rtol=1e-3)
    with pytest.raises(ValueError, match=r"unlabelled \(NaN in y\)"):
        compare_pretraining(reg, X, np.full(60, np.nan))


def test_whole_stack_training_weighs_the_noise_of_a_column(monkeypatch):
    deviations, init = [], Corruption.__init__

    def seen(self, *args, columns=None, **options):
        deviations.append(columns.deviation)
        init(self, *args, columns=columns, **options)

    monkeypatch.setattr(Corruption, "__init__", seen)
    X = np.random.RandomState(0).standard_normal((100, 2))
    X[0] = 1000
    StackedAutoencoderTransformer(
        (3,), corruption="gaussian", loss="squared_error", max_iter=1, fine_tune=True, random_state=0
    ).fit(X, sample_weight=np.r_[1e-9, np.ones(99)])
    assert len(deviations) == 2
    np.testing.assert_allclose(*deviations, rtol=1e-3)


def test_parameters_load_into_a_clone_whatever_its_noise(path, X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    by_name = {"a": 0.5}
    for noise in (
        {"corruption_level": (by_name, 0.1)},
        {"corruption_level": by_name, "emphasis": (1, 0)},
        {"corruption": [["masking", "swap"], "masking"], "corruption_level": [[by_name, 0.1], 0.1]},
        "frozen",
    ):
        if noise == "frozen":
            encoder = FrozenEstimator(StackedAutoencoderTransformer((3, 2), max_iter=1).fit(frame))
        else:
            encoder = StackedAutoencoderTransformer((3, 2), max_iter=1, **noise)
        clf = SdAClassifier(encoder, max_iter=1).fit(frame, y)
        clf.save_parameters(path)
        other = clone(clf).load_parameters(path)
        np.testing.assert_array_equal(other.predict_proba(frame), clf.predict_proba(frame))
        if noise != "frozen":
            assert {name: getattr(other.encoder_, name) for name in noise} == noise


def test_constant_weights_of_a_piece_are_none():
    A, B = np.random.RandomState(0).uniform(size=(2, 50, 4)) * [[[1]], [[10]]]
    found = []
    for weights in (None, np.ones(50), np.full(50, 1e6), np.full(50, 1e-6)):
        layer = DenoisingAutoencoder(5, corruption="gaussian", loss="squared_error", random_state=0)
        layer.partial_fit(A).partial_fit(B, sample_weight=weights)
        found.append(layer.encoder_coef_)
    for coef in found[1:]:
        np.testing.assert_array_equal(coef, found[0])


def test_weights_whose_sum_is_infinite_are_refused(X, y):
    weights = np.full(len(X), 1e307)
    for estimator in (SdAClassifier((3,), max_iter=1), DenoisingAutoencoder(3, max_iter=1)):
        assert_refused(estimator, ValueError, "sum of sample_weight is too large.*1e\\+307", X, y, weights)


def test_an_encoder_that_passes_everything_through_has_tags():
    clf = SdAClassifier(make_pipeline("passthrough"))
    assert is_classifier(clf) and clf._repr_html_()


@pytest.mark.usefixtures("agg")
def test_an_image_has_height_and_width(X):
    layer = DenoisingAutoencoder(3, max_iter=0).fit(X)
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width\).* got \(2, 2, 1\)"):
        FilterDisplay.from_estimator(layer, image_shape=(2, 2, 1))


def test_the_mean_activity_of_a_minibatch_weighs_its_samples(X):
    # the same samples in a minibatch of light and in one of heavy ones: the same penalty as without weights
    X = np.tile(X[:30], (2, 1))
    options = {"corruption_level": 0, "shuffle": False, "batch_size": 30, "max_iter": 1, "random_state": 0}
    penalties = []
    for weights in (None, np.where(np.arange(60) < 30, 1e-3, 1.0)):
        penalised, plain = (
            DenoisingAutoencoder(
                3, activation="logistic", sparsity_weight=strength, learning_rate_init=1e-9, **options
            ).fit(X, sample_weight=weights)
            for strength in (1, 0)
        )
        penalties.append(penalised.loss_ - plain.loss_)
    assert penalties[0] > 1
    np.testing.assert_allclose(penalties[1], penalties[0], rtol=1e-4)


def test_the_closed_form_keeps_its_decoder_when_nothing_is_trained(X):
    for tied_weights in (True, False):
        layer = DenoisingAutoencoder(3, **CLOSED, tied_weights=tied_weights, warm_start=True).fit(X)
        decoder, score = layer.decoder_coef_.copy(), layer.score(X)
        layer.set_params(max_iter=0).fit(X)
        np.testing.assert_array_equal(layer.decoder_coef_, decoder)
        assert layer.score(X) == score


def test_many_rows_of_weight_zero_are_as_if_they_were_not_there(monkeypatch, X, y):
    monkeypatch.setattr(_training, "LARGEST_ORDER", 20)
    keep = np.arange(60) % 3 > 0
    layer = DenoisingAutoencoder(3, max_iter=2, random_state=0)
    weighted = clone(layer).fit(X, sample_weight=keep)
    np.testing.assert_array_equal(weighted.encoder_coef_, clone(layer).fit(X[keep]).encoder_coef_)
    clf = SdAClassifier(FrozenEstimator(layer.fit(X)), max_iter=2, random_state=0)
    unlabelled = clone(clf).fit(X, np.where(keep, y, -1))
    np.testing.assert_array_equal(unlabelled.coefs_[0], clone(clf).fit(X[keep], y[keep]).coefs_[0])


def test_lbfgs_that_makes_no_iteration_may_be_stopped(X):
    class Stop:
        def begin_epoch(self):
            pass

        def end_epoch(self, history):
            return True

    class Flat:
        name, parameters = "flat", [np.zeros(2)]

        def evaluate(self, rows, optimizer):
            return 1.0, np.zeros(2)

    history = minimize_batch(Flat(), None, rows=range(3), max_iter=5, tol=1e-5, monitor=Stop())
    assert history.loss_curve == [1.0] and history.converged


def test_the_curve_of_a_whole_stack_has_its_own_loss(X):
    stack = StackedAutoencoderTransformer((3, 2), fine_tune=True, max_iter=2, random_state=0)
    for below, label in (
        (DenoisingAutoencoder(3, max_iter=1, activation="identity"), "half squared error (per sample)"),
        (BernoulliRBM(3, n_iter=1, random_state=0), "cross-entropy (nats per sample)"),
    ):
        curves = learning_curves(make_pipeline(below, stack).fit(X.astype("float32")))
        assert curves["whole stack"]["loss_label"] == label


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_a_sparse_column_of_labels_is_one_everywhere(X, y):
    y = np.where(np.arange(60) < 5, -1, y)
    column = csr_array(y[:, np.newaxis])
    clf = SdAClassifier((3,), max_iter=2, random_state=0)
    a = clone(clf).fit(X, column, X_val=X[5:], y_val=column[5:])
    b = clone(clf).fit(X, y, X_val=X[5:], y_val=y[5:])
    assert a.score(X, column) == b.score(X, y)
    np.testing.assert_array_equal(a.output_coef_, b.output_coef_)
    layer = DenoisingAutoencoder(3, supervision=0.5, max_iter=2, random_state=0)
    np.testing.assert_array_equal(
        clone(layer).fit(X, column).encoder_coef_, clone(layer).fit(X, y).encoder_coef_
    )


@pytest.mark.parametrize("options", [{"dropout": 1 - 1e-9}, {"input_dropout": 1 - 1e-9}, {"epsilon": 1e-50}])
def test_values_that_the_type_has_not_are_not_rounded_to_what_is_forbidden(options, X, y):
    clf = SdAClassifier((3,), max_iter=2, learning_rate_init=1e-4, random_state=0, **options).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.filterwarnings("error:Got `batch_size`")
def test_layers_that_are_not_trained_do_not_warn_of_their_minibatches():
    X = np.random.RandomState(0).uniform(size=(1200, 4))
    stack = StackedAutoencoderTransformer((3, 2), batch_size=1100, max_iter=0).fit(X)
    assert stack.n_iter_ == 0
    with pytest.warns(UserWarning, match="Got `batch_size`"):
        stack.set_params(batch_size=1300, max_iter=1).fit(X)


def test_a_fit_leaves_no_requests_of_metadata(X, y):
    with config_context(enable_metadata_routing=True):
        plain = StackedAutoencoderTransformer((3,), max_iter=1).fit(X)
        weighted = StackedAutoencoderTransformer((3,), max_iter=1).fit(X, sample_weight=np.ones(60))
        requests = [str(stack[0].get_metadata_routing()) for stack in (plain, weighted)]
    assert requests[0] == requests[1]


def test_every_layer_of_what_is_frozen_must_be_fitted(X, y):
    codes = DenoisingAutoencoder(3, max_iter=1).fit(X)
    pipeline = make_pipeline(DenoisingAutoencoder(4), codes)
    assert_refused(SdAClassifier(FrozenEstimator(pipeline)), NotFittedError, "not fitted yet", X, y)


@pytest.mark.parametrize("classes", [("-1", "1"), ("nan", "x"), ("a", "b")])
def test_classes_that_look_like_marks_travel(classes, path, X, y):
    labels = np.array(classes, object)[(y > 0).astype(int)]
    clf = SdAClassifier((5,), max_iter=2, random_state=0).fit(X, labels)
    clf.save_parameters(path)
    mlp = MLPClassifier((5,), max_iter=1, random_state=0).fit(X, labels.astype(str))
    for copy, expected in (
        (SdAClassifier((5,)).load_parameters(path), clf.predict(X)),
        (SdAClassifier.from_sklearn(clf.to_sklearn()), clf.predict(X)),
        (SdAClassifier.from_sklearn(mlp), mlp.predict(X)),
    ):
        assert list(copy.classes_) == sorted(classes)
        np.testing.assert_array_equal(copy.predict(X), expected)


def test_a_file_of_another_kind_of_network_says_so(path, X, y):
    regressor, clf = SdARegressor((5,), max_iter=1), SdAClassifier((5,), max_iter=1)
    for saved, loaded in ((regressor, clf), (clf, regressor)):
        clone(saved).fit(X, y).save_parameters(path)
        with pytest.raises(ValueError, match=f"is of a {type(saved).__name__}, whose output layer is"):
            loaded.load_parameters(path)


def test_class_weights_matter_in_pieces_of_any_size(X):
    y = (np.arange(60) % 2).astype(int)
    encoder = FrozenEstimator(StackedAutoencoderTransformer((5,), max_iter=2, random_state=0).fit(X))
    for size in (1, 4, 60):
        means = []
        for class_weight in (None, {1: 100.0}):
            clf = SdAClassifier(
                encoder, class_weight=class_weight, solver="sgd", momentum=0.0, learning_rate_init=1e-3
            )
            for start in range(0, 60, size):
                part = slice(start, start + size)
                clf.partial_fit(X[part], y[part], classes=[0, 1])
            means.append(clf.predict_proba(X)[:, 1].mean())
        assert means[1] > means[0] + 0.01
    # the unit of the samples' own weights still does not matter
    a, b = (
        SdAClassifier(encoder, class_weight={1: 3.0}, alpha=0, random_state=0).partial_fit(
            X, y, classes=[0, 1], sample_weight=weights
        )
        for weights in (None, np.full(60, 5.0))
    )
    np.testing.assert_allclose(a.output_coef_, b.output_coef_, rtol=1e-5)


def test_class_weights_have_no_part_in_scores_for_validation(X):
    y = (np.arange(60) < 12).astype(int)
    encoder = StackedAutoencoderTransformer((5,), max_iter=0)
    clf = SdAClassifier(
        encoder, class_weight={1: 10.0}, early_stopping=True, max_iter=1, learning_rate_init=1e-9,
        validation_fraction=0.25, random_state=0,
    ).fit(X, y)  # fmt: skip
    # 3 of 15 samples are of class 1, and all have the same prediction or nearly so
    assert (np.array(clf.validation_scores_) * 15) % 1 == pytest.approx(0)
    weighted = clone(clf).fit(X, y, sample_weight=np.where(y, 10.0, 1.0))
    assert weighted.validation_scores_ != clf.validation_scores_


def test_curves_of_validation_are_as_long_as_those_of_training(X, y):
    for estimator, metadata in (
        (SdAClassifier((5,), max_iter=2), {"X_val": X, "y_val": y}),
        (DenoisingAutoencoder(5, max_iter=2), {"X_val": X}),
    ):
        estimator.set_params(warm_start=True, random_state=0).fit(X, y)
        assert estimator.validation_scores_ is None
        estimator.fit(X, y, **metadata)
        estimator.fit(X, y)
        for curve in (estimator.validation_scores_, estimator.validation_losses_):
            assert len(curve) == len(estimator.loss_curve_) == 6
            assert list(np.isnan(curve)) == [True, True, False, False, True, True]
        assert estimator.best_validation_score_ is None


@pytest.mark.parametrize("labels", ["column", "texts", "wide"])
def test_scores_of_several_classes_say_what_y_must_be(labels, X, y):
    indicators = np.array([y > 0, y > 1]).T.astype(int)
    clf = SdAClassifier((5,), max_iter=1).fit(X, indicators)
    wrong = {"column": y, "texts": np.array(["a", "b"])[y % 2], "wide": np.column_stack([indicators, y > 0])}
    with pytest.raises(ValueError, match=r"y must be a matrix of 0 and 1 of shape \(n_samples, 2\)"):
        clf.score(X, wrong[labels])


@pytest.mark.parametrize("method", ["sort", "shuffle", "put", "fill_diagonal"])
def test_corruptions_that_modify_their_input_in_any_way(method, X):
    def modifies(X, level, random_state):
        {
            "sort": X.sort,
            "shuffle": lambda: random_state.shuffle(X),
            "put": lambda: np.put(X, 0, 1),
            "fill_diagonal": lambda: np.fill_diagonal(X, 1),
        }[method]()
        return X

    layer = DenoisingAutoencoder(3, corruption=modifies, max_iter=1)
    assert_refused(layer, ValueError, "modifies modifies its input", X)


def test_a_cached_encoder_is_as_verbose_as_it_was_asked_to_be(X, y, tmp_path):
    for verbose in (1, 0):
        stack = StackedAutoencoderTransformer((4,), max_iter=1, verbose=verbose)
        clf = SdAClassifier(stack, max_iter=1, memory=str(tmp_path), random_state=0).fit(X, y)
        assert clf.encoder_.verbose == verbose


def test_a_deeper_stack_takes_lower_layers_whatever_its_losses(path, X):
    StackedAutoencoderTransformer((8,), activation="logistic", max_iter=1).fit(X).save_parameters(path)
    deeper = StackedAutoencoderTransformer((8, 4), activation="logistic", random_state=0)
    links = [layer.out_activation_ for layer in clone(deeper).set_params(max_iter=0).fit(X)]
    deeper.load_parameters(path)
    assert [layer.out_activation_ for layer in deeper] == links == ["logistic", "logistic"]
    deeper.partial_fit(X)


def test_a_file_with_untied_decoders_is_not_of_a_tied_stack(path, X):
    StackedAutoencoderTransformer((3,), tied_weights=False, max_iter=1).fit(X).save_parameters(path)
    stack = StackedAutoencoderTransformer((3,))
    assert_refused(stack, ValueError, "tied_weights of layer 1 is another", path, method="load_parameters")
    StackedAutoencoderTransformer((3,), **CLOSED).fit(X).save_parameters(path)
    stack.set_params(activation="tanh")
    assert_refused(stack, ValueError, "solver='marginalized', whose", path, method="load_parameters")
    stack.set_params(solver="marginalized").load_parameters(path)


@pytest.mark.parametrize("in_columns", [True, False])
def test_layers_of_a_loaded_classifier_have_its_noise(in_columns, path, X, y):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X[:, :3], columns=list("abc")) if in_columns else X
    level = {"a": 0.4} if in_columns else 0.2
    encoder = StackedAutoencoderTransformer((5, 4), corruption_level=level, emphasis=(1, 0.5), max_iter=1)
    fitted = SdAClassifier(encoder, max_iter=0, random_state=0).fit(table, y)
    fitted.save_parameters(path)
    loaded = SdAClassifier(encoder).load_parameters(path)
    for ours, theirs in zip(loaded.encoder_, fitted.encoder_, strict=True):
        np.testing.assert_equal(ours.corruption_level, theirs.corruption_level)
        assert ours.emphasis == theirs.emphasis
    assert hasattr(loaded.encoder_, "feature_names_in_") == in_columns


def test_the_decoders_of_a_loaded_classifier_are_those_of_its_stack(path, X, y):
    stack = StackedAutoencoderTransformer((8, 4), max_iter=1, fine_tune=True, random_state=0)
    fitted = SdAClassifier(stack, max_iter=0, random_state=0).fit(X, y)
    fitted.save_parameters(path)
    loaded, code = SdAClassifier(stack).load_parameters(path), fitted.transform(X)
    expected = fitted.encoder_.inverse_transform(code)
    np.testing.assert_array_equal(loaded.encoder_.inverse_transform(code), expected)
    assert not np.array_equal(
        fitted.encoder_.set_params(fine_tune=False).fit(X).inverse_transform(code), expected
    )


def test_numbers_are_no_classes_to_supervise_with(X):
    targets = np.arange(float(len(X)))
    encoder = StackedAutoencoderTransformer((5, 4), supervision=(0, 0.5), max_iter=1, random_state=0)
    for method in ("fit", "partial_fit"):
        model = SdARegressor(encoder)
        assert_refused(model, ValueError, "Set supervision=0", X, targets, method=method)
    SdARegressor(FrozenEstimator(clone(encoder).fit(X, targets > 9)), max_iter=1).fit(X, targets)


def test_supervision_without_a_label_to_train_on_is_refused(X, y):
    few = np.where(np.arange(len(X)) < 6, y, -1)
    layer = DenoisingAutoencoder(4, supervision=1.0, random_state=0)
    weights = (few < 0).astype(float)
    assert_refused(layer, ValueError, "nothing to learn from", X, few, weights)
    layer.set_params(max_iter=0).fit(X, few, sample_weight=weights)


def test_swap_says_that_it_has_nobody_to_swap_with(X):
    layer = DenoisingAutoencoder(4, corruption=["masking", "swap"], corruption_level=[0, 0.1], random_state=0)
    with pytest.warns(UserWarning, match="changes nothing here"):
        layer.partial_fit(X[:1])
    layer.partial_fit(X[:2])  # warnings are errors
    layer.set_params(corruption_level=[0.1, 0]).partial_fit(X[:1])


@pytest.mark.parametrize("estimator", [DenoisingAutoencoder(4), SdAClassifier((4,))])
def test_a_warm_start_is_validated_on_the_same_rows(estimator, monkeypatch, X, y):
    held_out, split = [], type(estimator)._split

    def spy(self, rows, rng, *, strata=None):
        parts = split(self, rows, rng, strata=strata)
        if rng != 0:  # not the check before any work
            held_out.append(parts[1])
        return parts

    monkeypatch.setattr(type(estimator), "_split", spy)
    estimator = clone(estimator).set_params(early_stopping=True, warm_start=True, max_iter=2)
    for seed in (0, 0, 1, np.random.RandomState(0), None):
        estimator.set_params(random_state=seed).fit(X, y)
    first, again, other, *_ = map(list, held_out)
    assert first == again != other and len(held_out) == 5


def test_an_encoder_that_has_grown_has_the_parameters_that_it_was_given(X, y, tmp_path):
    stack = StackedAutoencoderTransformer((5,), max_iter=1)
    model = SdAClassifier(stack, warm_start=True, max_iter=1, random_state=0).fit(X, y)
    model.set_params(encoder__hidden_layer_sizes=(5, 4), encoder__memory=str(tmp_path)).fit(X, y)
    assert len(model.encoder_) == 2
    assert (model.encoder_.warm_start, model.encoder_.memory) == (False, str(tmp_path))


@pytest.mark.parametrize(
    "layer",
    [
        DenoisingAutoencoder(3, corruption="gaussian", max_iter=2, dtype="float64", random_state=0),
        DenoisingAutoencoder(3, solver="marginalized", activation="tanh", dtype="float64", random_state=0),
    ],
)
def test_the_order_in_memory_does_not_matter(layer):
    X = np.random.RandomState(0).uniform(size=(579, 7))
    first, second = (clone(layer).fit(samples) for samples in (X, np.asfortranarray(X)))
    np.testing.assert_array_equal(first.encoder_coef_, second.encoder_coef_)
    np.testing.assert_array_equal(first.decoder_intercept_, second.decoder_intercept_)


@pytest.mark.usefixtures("agg")
def test_filters_that_no_fine_tuning_changed_do_not_say_so(X, y):
    model = SdAClassifier((6, 5), freeze=1, max_iter=1, random_state=0).fit(X, y)
    names = [FilterDisplay.from_estimator(model, layer=layer).name for layer in (0, 1)]
    assert names == ["layer 1", "layer 2 after fine-tuning"]
    model.set_params(freeze=0, learning_rate_factors=[1, 0, 1]).fit(X, y)
    names = [FilterDisplay.from_estimator(model, layer=layer).name for layer in (0, 1)]
    # those of layer 2 are seen through layer 1, which was trained
    assert names == ["layer 1 after fine-tuning", "layer 2 after fine-tuning"]
    model.set_params(learning_rate_factors=[0, 0, 1]).fit(X, y)
    assert FilterDisplay.from_estimator(model, layer=1).name == "layer 2"


@pytest.mark.parametrize("gap", [None, np.nan])
def test_gaps_in_a_matrix_of_labels_say_what_stands_for_none(gap, X):
    y = np.eye(3)[np.arange(len(X)) % 3].astype(object)
    y[0] = gap
    model = SdAClassifier((4,))
    for matrix in (y, np.where(y == 1, 1, np.nan)):
        assert_refused(model, ValueError, "has -1 in every column", X, matrix)


def test_what_is_frozen_twice_is_frozen(X, y):
    stack = StackedAutoencoderTransformer((4,), max_iter=1).fit(X)
    twice = SdAClassifier(FrozenEstimator(FrozenEstimator(stack)), max_iter=0).fit(X, y)
    np.testing.assert_array_equal(twice.transform(X), stack.transform(X))


def test_the_training_of_a_whole_stack_goes_on_in_a_warm_start(X):
    # new noise in every fit, and epochs, curves and samples add up
    def noise(Z, level, rng):
        drawn.append(rng.rand())
        return Z

    drawn, options = [], {"corruption": noise, "batch_size": len(X), "random_state": 0, "warm_start": True}
    fine_tune = {"max_iter": 1, "early_stopping": True}
    stack = StackedAutoencoderTransformer((5, 4), max_iter=0, fine_tune=fine_tune, **options)
    for epochs in (1, 2, 3):
        stack.fit(X, X_val=X)
        assert stack.n_iter_ == len(stack.loss_curve_) == len(stack.validation_scores_) == epochs
        assert stack.t_ == epochs * len(X)
    assert len(set(drawn)) == len(drawn) == 3
    stack.set_params(hidden_layer_sizes=(5, 4, 3)).fit(X, X_val=X)  # another network
    assert len(stack.loss_curve_) == 1 and stack.t_ == len(X)
    stack.set_params(fine_tune=False).fit(X)
    assert not hasattr(stack, "loss_curve_") and not hasattr(stack, "t_")


@pytest.mark.parametrize("as_one", [True, False])
def test_a_loaded_stack_begins_its_training_as_a_whole(as_one, X, tmp_path):
    pytest.importorskip("safetensors")
    path, options = tmp_path / "stack.safetensors", {"max_iter": 1, "random_state": 0, "warm_start": True}
    StackedAutoencoderTransformer((5, 4), fine_tune=as_one, **options).fit(X).save_parameters(path)
    stack = StackedAutoencoderTransformer((5, 4), fine_tune=True, **options).load_parameters(path).fit(X)
    assert len(stack.loss_curve_) == 1 and stack.t_ == len(X)


@pytest.mark.parametrize("solver", ["adam", "marginalized"])
def test_samples_of_weight_0_are_not_counted(solver, X):
    weights = np.arange(len(X)) % 2
    layer = DenoisingAutoencoder(3, solver=solver, max_iter=1, activation="tanh", random_state=0)
    assert layer.fit(X, sample_weight=weights).t_ == weights.sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_machine_that_is_loaded_has_the_type_of_the_file(dtype, X, y, tmp_path):
    pytest.importorskip("safetensors")
    machine = BernoulliRBM(4, n_iter=1)
    above = DenoisingAutoencoder(3, max_iter=1, dtype=dtype)
    for encoder in (machine, make_pipeline(machine, above)):
        model = SdAClassifier(encoder, max_iter=1, random_state=0).fit(X.astype(dtype), y)
        model.save_parameters(tmp_path / "network.safetensors")
        loaded = clone(model).load_parameters(tmp_path / "network.safetensors")
        expected = model.predict_proba(X.astype(dtype))
        assert expected.dtype == dtype
        np.testing.assert_array_equal(loaded.predict_proba(X.astype(dtype)), expected, strict=True)


@pytest.mark.usefixtures("agg")
@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("corruption", ["swap", "gaussian", "salt_and_pepper"])
def test_noise_that_is_drawn_knows_all_samples(corruption, n_samples, X, tmp_path):
    pytest.importorskip("safetensors")
    layer = DenoisingAutoencoder(3, corruption=corruption, corruption_level=0.9, max_iter=0).fit(X)
    layer.save_parameters(tmp_path / "layer.safetensors")
    loaded = clone(layer).load_parameters(tmp_path / "layer.safetensors")
    for model in (layer, loaded):
        shown = ReconstructionDisplay.from_estimator(model, X, n_samples=n_samples, random_state=0)
        assert shown.clean.shape == (n_samples, X.shape[1])
        assert (shown.clean != shown.corrupted).mean() > 0.3


def test_displays_look_into_what_fitted_an_estimator(X, y):
    search = GridSearchCV(SdAClassifier((4,), max_iter=1), {"alpha": [0, 1]}, cv=2).fit(X, y)
    scaled = TransformedTargetRegressor(SdARegressor((4,), max_iter=1), transformer=StandardScaler())
    for model in (search, make_pipeline(StandardScaler(), search), scaled):
        assert set(learning_curves(model.fit(X, y))) == {"layer 1", "fine-tuning"}
    bag = BaggingClassifier(SdAClassifier((4,), max_iter=1), n_estimators=2).fit(X, y)
    for model in (GridSearchCV(MLPClassifier(), {}), bag, make_pipeline("passthrough")):
        with pytest.raises(TypeError, match="a search or the like that has fitted one"):
            learning_curves(model)


@pytest.mark.usefixtures("agg")
def test_displays_do_not_take_a_selector_for_what_it_has_fitted(X, y):
    selector = SelectFromModel(LogisticRegression(), max_features=2, threshold=-np.inf)
    model = make_pipeline(selector, SdAClassifier((4,), max_iter=1)).fit(X, y)
    assert ReconstructionDisplay.from_estimator(model, X).clean.shape[1] == 2


@pytest.mark.usefixtures("agg")
@pytest.mark.parametrize("convert", [np.asarray, csr_array, np.ndarray.tolist])
def test_displays_draw_noise_of_any_samples(convert, X):
    layer = DenoisingAutoencoder(3, corruption="swap", corruption_level=0.9, max_iter=0).fit(X)
    shown = ReconstructionDisplay.from_estimator(layer, convert(X), n_samples=2, random_state=0)
    expected = ReconstructionDisplay.from_estimator(layer, X, n_samples=2, random_state=0)
    np.testing.assert_array_equal(shown.corrupted, expected.corrupted)


def test_one_sample_is_no_table_for_an_encoder_with_preprocessing(X, y):
    model = SdAClassifier(make_pipeline(StandardScaler(), DenoisingAutoencoder(3)), max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.predict(X[0])


class OnlyAnArray:
    """Has nothing of an array but that it can become one."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


def test_weights_go_with_whatever_becomes_an_array(X, y):
    encoder = make_pipeline(StandardScaler(), DenoisingAutoencoder(3, max_iter=1))
    model = SdAClassifier(encoder, max_iter=1, random_state=0)
    fits = [clone(model).fit(samples, y, sample_weight=y + 1) for samples in (X, OnlyAnArray(X))]
    np.testing.assert_array_equal(*(fitted.coefs_[0] for fitted in fits))


def test_a_perceptron_becomes_a_network_whatever_it_was_fitted_to(X, y):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X).add_prefix("column ")
    perceptron = MLPClassifier((4,), validation_fraction=0.0, max_iter=2).fit(frame, y)
    network = SdAClassifier.from_sklearn(perceptron)
    assert list(network.encoder_.feature_names_in_) == list(frame.columns)
    assert_refused(
        network.set_params(early_stopping=True), ValueError, "can't set aside validation_fraction=0", X, y
    )


def test_an_array_without_dimensions_is_no_size(X):
    assert_refused(StackedAutoencoderTransformer(np.array(3)), ValueError, "positive integer", X)
    assert len(StackedAutoencoderTransformer(np.array(3)[()], max_iter=0).fit(X)) == 1


@pytest.mark.parametrize("target", [1e-300, np.nextafter(1, 0)])
def test_a_target_of_sparsity_is_not_rounded_to_its_bounds(target, X):
    layer = DenoisingAutoencoder(3, activation="logistic", sparsity_weight=0.1, sparsity_target=target)
    assert np.isfinite(layer.set_params(max_iter=2).fit(X).loss_)


@pytest.mark.parametrize("kind", ["datetime", "timedelta"])
@pytest.mark.parametrize("other", [1, 0.5])
def test_dates_in_a_data_frame_are_named(kind, other, X):
    pd = pytest.importorskip("pandas")
    days = pd.date_range("2020-01-01", periods=9)
    frame = pd.DataFrame({"a": [other] * 9, "when": days if kind == "datetime" else days - days[0]})
    assert_refused(DenoisingAutoencoder(2), ValueError, "column 'when' has", frame)
    assert_refused(DenoisingAutoencoder(2), ValueError, "column 'when' has", frame[["when"]])


def test_large_integer_classes_are_not_rounded_where_some_are_missing(X):
    pd = pytest.importorskip("pandas")
    large = [2**60, 2**60 + 1, 5] * (len(X) // 3)
    series = pd.Series(large, dtype="Int64")
    series[0] = pd.NA
    clf = SdAClassifier((4,), max_iter=1, random_state=0).fit(X, series)
    assert clf.classes_.tolist() == [5, 2**60, 2**60 + 1]
    assert clf.score(X, series) == clf.score(X[1:], np.array(large[1:]))
    pl = pytest.importorskip("polars")
    again = SdAClassifier((4,), max_iter=1, random_state=0).fit(X, pl.Series([None, *large[1:]]))
    np.testing.assert_array_equal(again.classes_, clf.classes_)


def test_integers_beyond_int64_are_classes(X):
    largest = [2**63 + 1, 1, 2**53 + 1] * (len(X) // 3)
    for y in (np.array(largest, object), np.array(largest, np.uint64), [None, *largest[1:]]):
        clf = SdAClassifier((4,), max_iter=1, random_state=0).fit(X, np.array(y))
        assert clf.classes_.tolist() == [1, 2**53 + 1, 2**63 + 1]


def test_a_comparison_counts_integers_beyond_int64(X):
    y = np.arange(len(X)) % 2
    scores = [
        compare_pretraining(
            SdAClassifier((4,), max_iter=20),
            X,
            labels,
            cv=StratifiedShuffleSplit(2, train_size=20, test_size=20),
            n_repeats=1,
            random_state=0,
        ).with_pretraining
        for labels in (y, y.astype(np.uint64) + np.uint64(2**63))
    ]
    np.testing.assert_array_equal(*scores)


def test_negative_numbers_in_a_small_unit_are_not_taken_for_rounding(X):
    tiny = (X - X.mean()) * 1e-9
    assert DenoisingAutoencoder(3, max_iter=1).fit(tiny).out_activation_ == "identity"
    assert_refused(DenoisingAutoencoder(3, loss="cross_entropy"), ValueError, "needs data in", tiny)
    rounded = X / X.max() * (1 + 1e-7)
    rounded[0, 0] = -1e-8
    assert DenoisingAutoencoder(3, max_iter=1).fit(rounded).out_activation_ == "logistic"


class NarrowLayer(DenoisingAutoencoder):
    """A layer with fewer parameters."""

    def __init__(self, n_components=3, *, max_iter=1, random_state=None):
        super().__init__(n_components, max_iter=max_iter, random_state=random_state)


def test_a_subclass_with_fewer_parameters_is_a_layer(X, y):
    for encoder in (NarrowLayer(), make_pipeline(NarrowLayer()), FrozenEstimator(NarrowLayer().fit(X))):
        clf = SdAClassifier(encoder, max_iter=1, random_state=0).fit(X, y)
        assert clf.coefs_[0].shape == (X.shape[1], 3)


def test_a_regressor_that_diverges_is_told_of_its_targets(X):
    y = 1e5 * (X[:, 0] + 10)
    reg = SdARegressor((10,), pretrain=False, solver="sgd", learning_rate_init=1e3, random_state=0)
    assert_refused(reg, ValueError, "targets", X, y)


def test_frozen_layers_that_do_not_fit_each_other_are_refused(X, y):
    # compiled code would read and write beyond their arrays
    wide, narrow = (DenoisingAutoencoder(n, max_iter=1).fit(X) for n in (40, 2))
    for below, above in ((wide, narrow), (narrow, wide)):
        encoder = FrozenEstimator(Pipeline([("below", below), ("above", above)]))
        assert_refused(SdAClassifier(encoder), ValueError, "Layer 2 of the encoder has 4 inputs", X, y)


def test_parameters_that_were_changed_from_outside_are_refused(X):
    for name in ("encoder_coef_", "encoder_intercept_", "decoder_intercept_"):
        layer = DenoisingAutoencoder(30, max_iter=1, warm_start=True).fit(X)
        setattr(layer, name, getattr(layer, name)[:2].copy())
        assert_refused(layer, ValueError, "shape", X)
    untied = DenoisingAutoencoder(30, max_iter=1, warm_start=True, tied_weights=False).fit(X)
    untied._decoder_coef = untied._decoder_coef[:, :2].copy()
    assert_refused(untied, ValueError, "shape", X)


@pytest.mark.parametrize("n_tested", [36, 70])
def test_differences_that_are_the_same_but_for_rounding_show_none(n_tested):
    right = np.array([30, 31, 33, 32, 29])
    comparison = PretrainingComparison((right + 1) / n_tested, right / n_tested, 0.2, 1)
    assert len(set(comparison.differences)) > 1
    assert comparison.verdict == "no difference shown"
    more = right + np.array([1, 1, 1, 1, 2])
    assert PretrainingComparison(more / n_tested, right / n_tested, 0.2, 1).verdict == "helps"


def test_the_closed_form_of_wide_data_passes_over_samples_of_weight_zero(X, monkeypatch):
    monkeypatch.setattr(_marginalized, "MOST_COLUMNS", 3)
    X = np.tile(X, (10, 1))
    weights = np.r_[np.zeros(512), np.ones(88)]
    layer = DenoisingAutoencoder(3, loss="squared_error", **CLOSED)
    weighted = clone(layer).fit(X, sample_weight=weights)
    np.testing.assert_allclose(
        weighted.encoder_coef_, clone(layer).fit(X[512:]).encoder_coef_, rtol=1e-4, atol=1e-5
    )


def test_large_classes_of_another_integer_type(X):
    classes = np.array([2**60, 2**60 + 1, 2**63 + 5], np.uint64)
    y = classes[np.arange(len(X)) % 3]
    some = y < 2**62
    clf = SdAClassifier((20,), max_iter=150, random_state=0)
    clf.fit(X, y, X_val=X[some], y_val=y[some].astype(np.int64))
    assert clf.validation_scores_[-1] == clf.score(X[some], y[some].astype(np.int64))
    listed = SdAClassifier((4,), max_iter=1).fit(X, y.tolist())
    np.testing.assert_array_equal(listed.classes_, classes)


@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "neg_log_loss"])
def test_a_comparison_of_numbers_with_gaps_by_a_scorer(scoring, X):
    y = np.array([0, 1] * 25 + [None] * 10, object)
    clf = SdAClassifier((3,), max_iter=1)
    comparison = compare_pretraining(clf, X, y, scoring=scoring, n_repeats=1, cv=2, random_state=0)
    marked = np.array([0, 1] * 25 + [-1] * 10)
    again = compare_pretraining(clf, X, marked, scoring=scoring, n_repeats=1, cv=2, random_state=0)
    np.testing.assert_array_equal(comparison.differences, again.differences)


def test_a_comparison_in_processes_has_the_global_configuration(X, y):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    encoder = DenoisingAutoencoder(3, corruption_level={"a": 0.3}, max_iter=1)
    model = make_pipeline(StandardScaler(), SdAClassifier(encoder, max_iter=1))
    with config_context(transform_output="pandas"):
        compare_pretraining(model, frame, y, cv=2, n_repeats=1, random_state=0, n_jobs=2)


def test_loaded_parameters_know_nothing_of_earlier_columns(path, X):
    layer = DenoisingAutoencoder(3, corruption="gaussian", loss="squared_error", max_iter=1)
    fresh = clone(layer).partial_fit(X[:20] + 100)
    layer.fit(X).save_parameters(path)
    layer.load_parameters(path).partial_fit(X[:20] + 100)
    assert layer._columns.count == 20
    np.testing.assert_array_equal(layer._columns.mean, fresh._columns.mean)


def test_saturated_units_have_a_finite_penalty(X):
    layer = DenoisingAutoencoder(3, activation="logistic", sparsity_weight=1e-3, warm_start=True, max_iter=1)
    layer.fit(X)
    layer.encoder_intercept_ = np.full(3, 60, "float32")
    assert np.isfinite(layer.fit(X).loss_)


@pytest.mark.parametrize("kind", [SdAClassifier, SdARegressor])
def test_a_perceptron_of_early_stopping_goes_on_from_the_network(kind, digits):
    X, y = digits
    network = kind((20,), early_stopping=True, max_iter=30, random_state=0).fit(X, y)
    mlp = network.to_sklearn()
    score = mlp.score(X, y)
    mlp.set_params(warm_start=True, max_iter=2, learning_rate_init=1e-12).fit(X, y)
    # with such a rate they are those of before, whether or not anything better was found
    np.testing.assert_array_equal(mlp.coefs_[0], network.coefs_[0])
    assert mlp.score(X, y) == score and len(mlp.validation_scores_) == len(network.validation_scores_) + 2
    classes = [np.unique(y)] if kind is SdAClassifier else []
    for other in (kind((20,), max_iter=0).fit(X, y), kind((20,)).partial_fit(X, y, *classes)):
        other.set_params(early_stopping=True).to_sklearn().set_params(warm_start=True, max_iter=1).fit(X, y)
    network.set_params(early_stopping=False).to_sklearn().partial_fit(X, y)


def test_a_grown_stack_has_no_cross_entropy_of_data_beyond_its_range(X):
    low, high = X.min(), X.max()
    X = (X - low) / (high - low)
    stack = StackedAutoencoderTransformer((4,), warm_start=True, random_state=0).fit(X)
    stack.set_params(hidden_layer_sizes=(4, 3), fine_tune=True)
    with pytest.raises(ValueError, match=r"needs data in \[0, 1\], but X lies in \[0, 16\]"):
        stack.fit(16 * X)
    assert len(stack.pipeline_) == 1
    assert stack.fit(X).loss_ > 0


def test_training_the_whole_stack_draws_other_noise_than_its_first_layer(X):
    seen = []

    def noise(X, level, rng):
        seen.append(rng.uniform())
        return X

    StackedAutoencoderTransformer(
        (3, 2), corruption=[noise, "masking"], batch_size=len(X), max_iter=3, fine_tune=True, random_state=0
    ).fit(X)
    assert len(seen) == len(set(seen)) == 6


def test_the_unit_of_weights_of_a_fit_does_not_matter_to_a_later_piece():
    A, B = np.random.RandomState(0).uniform(size=(2, 50, 4)) * [[[1]], [[10]]]
    found = []
    for weights in (None, np.ones(50), np.full(50, 1e6), np.full(50, 1e-6)):
        layer = DenoisingAutoencoder(5, corruption="gaussian", loss="squared_error", random_state=0)
        layer.fit(A, sample_weight=weights).partial_fit(B)
        found.append(layer.encoder_coef_)
    for coef in found[1:]:
        np.testing.assert_array_equal(coef, found[0])


def test_lbfgs_closes_the_iteration_that_no_step_improves():
    class Rough:  # its gradient is right at first, and then points uphill
        name = "rough"

        def __init__(self):
            self.parameters = [np.array([5.0, -3.0])]
            self.calls = 0

        def evaluate(self, rows, optimizer):
            (x,) = self.parameters
            self.calls += 1
            return float((x**4).sum()), 4 * x**3 * (1 if self.calls < 5 else -1)

    class Monitor:
        def __init__(self):
            self.events = []

        def begin_epoch(self):
            self.events.append("begin")

        def end_epoch(self, history):
            self.events.append("end")
            return False

        def abandon_epoch(self):
            self.events.append("abandon")

    monitor = Monitor()
    history = minimize_batch(Rough(), None, rows=range(4), max_iter=50, tol=0, monitor=monitor)
    n_epochs = len(history.loss_curve)
    assert n_epochs and monitor.events == ["begin", "end"] * n_epochs + ["begin", "abandon"]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_class_of_samples_of_weight_zero_is_not_there_in_supervised_pretraining(solver, X, y):
    weights = (y != 2).astype(float)
    layer = DenoisingAutoencoder(3, supervision=0.5, solver=solver, max_iter=3, random_state=0)
    weighted = clone(layer).fit(X, y, sample_weight=weights)
    without = clone(layer).fit(X[y != 2], y[y != 2])
    np.testing.assert_array_equal(weighted.encoder_coef_, without.encoder_coef_)
    labels = np.where(np.arange(len(y)) < 5, -1, np.where(y == 2, 7, y))
    half = clone(layer).fit(X, labels, sample_weight=weights)
    some = clone(layer).fit(X[y != 2], labels[y != 2])
    np.testing.assert_array_equal(half.encoder_coef_, some.encoder_coef_)
    assert_refused(layer, ValueError, "but y without its samples of weight 0 has 1", X, y, y == 1)


IDENTITY_STEP = make_pipeline(FunctionTransformer(), DenoisingAutoencoder(3, max_iter=1))


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"freeze": 1}], ids=str)
def test_a_step_that_returns_what_it_gets_may_get_anything(options, X, y):
    pd = pytest.importorskip("pandas")
    clf = SdAClassifier(IDENTITY_STEP, max_iter=2, random_state=0, **options)
    plain = clone(clf).fit(X, y)
    for given in (pd.DataFrame(X, columns=list("abcd")), X.tolist(), coo_array(X)):
        fitted = clone(clf).fit(given, y)
        np.testing.assert_allclose(fitted.predict_proba(given), plain.predict_proba(X), rtol=1e-5)
    clone(clf).set_params(early_stopping=False).partial_fit(X.tolist(), y, [0, 1, 2])


@pytest.mark.parametrize("warm", [False, True])
def test_steps_that_work_in_place_transform_the_samples_for_validation_once(warm, X, y):
    found = []
    for in_place in (False, True):
        encoder = make_pipeline(StandardScaler(copy=not in_place), DenoisingAutoencoder(3, max_iter=2))
        clf = SdAClassifier(encoder, max_iter=3, warm_start=True, random_state=0)
        for _ in range(1 + warm):
            clf.fit(5 + 3 * X, y, X_val=5 + 3 * X[:20], y_val=y[:20])
        layer = clf.encoder_[-1]
        found.append((clf.validation_losses_, layer.validation_losses_))
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_a_comparison_takes_a_column_of_labels(X, y):
    pd = pytest.importorskip("pandas")
    labels = np.array(["a", "b", "c"], object)[y]
    labels[:5] = None
    options = {"n_repeats": 1, "cv": 2, "random_state": 0}
    clf = SdAClassifier((3,), max_iter=1)
    expected = compare_pretraining(clf, X, labels, **options)
    column = compare_pretraining(clf, X, pd.DataFrame({"label": labels}), **options)
    np.testing.assert_array_equal(column.with_pretraining, expected.with_pretraining)
    with pytest.warns(DataConversionWarning):
        numbers = compare_pretraining(clf, X, y[:, np.newaxis], **options)
    again = compare_pretraining(clf, X, y, **options)
    np.testing.assert_array_equal(numbers.with_pretraining, again.with_pretraining)


def test_a_network_fitted_again_to_texts_forgets_the_number_of_columns(X, y):
    clf = SdAClassifier((3,), max_iter=1, random_state=0).fit(X, y)
    texts = [f"w{label} x y" for label in y]
    clf.set_params(encoder=make_pipeline(CountVectorizer(), DenoisingAutoencoder(3, max_iter=1)))
    clf.fit(texts, y)
    assert not hasattr(clf, "n_features_in_")
    assert len(clf.predict(texts)) == len(clf.predict(np.array(texts))) == len(y)


def test_an_unfitted_stack_does_not_pretend_to_have_layers(X):
    stack = StackedAutoencoderTransformer((3, 2), max_iter=1)
    with pytest.raises(NotFittedError):  # pandas before 3 would print what it can iterate over
        iter(stack)
    assert list(stack.fit(X)) == [stack[0], stack[1]]


@pytest.mark.parametrize("make", [DenoisingAutoencoder, StackedAutoencoderTransformer])
def test_the_score_of_an_autoencoder_takes_weights(make, X):
    model = make(3 if make is DenoisingAutoencoder else (3, 2), max_iter=2, random_state=0).fit(X)
    weights = np.arange(60.0)
    expected = (weights * model.score_samples(X).astype(float)).sum() / weights.sum()
    assert model.score(X, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    assert model.score(X, sample_weight=np.full(60, 3)) == pytest.approx(model.score(X), rel=1e-12)
    with pytest.raises(ValueError, match="sample_weight has 3 values for 60 samples"):
        model.score(X, sample_weight=np.ones(3))


def test_the_layers_of_a_stack_forget_their_optimizers(path, X):
    stack = StackedAutoencoderTransformer((4, 3), max_iter=1, random_state=0).fit(X)
    stack.save_parameters(path)
    used = clone(stack).partial_fit(X).partial_fit(X).load_parameters(path)
    fresh = clone(stack).load_parameters(path)
    for ours, theirs in zip(used, fresh, strict=True):
        ours.t_ = theirs.t_
    for a, b in zip(used.partial_fit(X).coefs_, fresh.partial_fit(X).coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_range_of_many_rows_is_that_of_all_parts(monkeypatch):
    monkeypatch.setattr(_samples, "ROWS", 7)
    X = np.arange(60.0).reshape(30, 2)
    for part in (X, csr_array(X)):
        assert _samples.data_range(part, np.r_[8:21, 21:29, 1:8]) == (2, 57)
        assert _samples.data_range(part, np.r_[1:29]) == (2, 57)


def test_displays_look_into_classifiers_with_a_threshold(X, y):
    model = FixedThresholdClassifier(SdAClassifier((4,), max_iter=1)).fit(X, y % 2)
    for estimator in (model, make_pipeline("passthrough", model)):
        assert set(learning_curves(estimator)) == {"layer 1", "fine-tuning"}


@pytest.mark.parametrize("path", ["fit", "partial_fit"])
def test_a_cache_for_layers_that_are_continued_is_refused_at_once(path, X, tmp_path):
    stack = StackedAutoencoderTransformer((3,), memory=str(tmp_path), random_state=0)
    stack.set_params(warm_start=path == "fit")
    assert_refused(stack, ValueError, "can't cache", X, method=path)


def test_the_advice_of_cross_entropy_can_be_followed(X):
    X = StandardScaler().fit_transform(X)
    unit = (X - X.min()) / np.ptp(X)
    layer = DenoisingAutoencoder(3, max_iter=1)
    with pytest.raises(ValueError, match=r"or begin anew with loss='squared_error'\.$"):
        layer.partial_fit(unit).partial_fit(2 * unit)
    with pytest.raises(ValueError, match=r"X lies in \[0, 1\.000002\].*, or use loss='squared_error'\.$"):
        DenoisingAutoencoder(3, loss="cross_entropy").fit(unit * 1.000002)
