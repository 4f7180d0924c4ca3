"""The classifier: one set of arrays, pretrained and then fine-tuned; its encoder in every form."""

import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

import naive
from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._encoder import leaves
from sklearn_sda._objectives import Network, Reconstruction

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make_encoder(**kwargs):
    return StackedAutoencoderTransformer(
        **{"hidden_layer_sizes": (6, 5), "activation": "logistic", "max_iter": 2, **kwargs}
    )


def make_classifier(encoder=None, **kwargs):
    return SdAClassifier(encoder or make_encoder(), **{"max_iter": 3, "random_state": 0, **kwargs})


def assert_one_set_of_arrays(clf):
    """The classifier's lists are the layers' own arrays, and the output layer's."""
    layers = list(clf.encoder_)
    assert len(clf.coefs_) == len(clf.intercepts_) == len(layers) + 1
    for layer, coef, intercept in zip(layers, clf.coefs_, clf.intercepts_, strict=False):
        assert coef is layer.encoder_coef_ and intercept is layer.encoder_intercept_
    assert clf.coefs_[-1] is clf.output_coef_ and clf.intercepts_[-1] is clf.output_intercept_


# --- one owner of every array --------------------------------------------------------------------


def test_fine_tuning_starts_from_exactly_the_pretrained_arrays_and_moves_them(monkeypatch, X, y):
    start = {}
    init = Network.__init__

    def recording(self, X, write_targets, parameters, **kwargs):
        start["arrays"] = parameters
        start["values"] = [p.copy() for p in parameters]
        init(self, X, write_targets, parameters, **kwargs)

    monkeypatch.setattr(Network, "__init__", recording)
    clf = make_classifier().fit(X, y)
    seed = clf.encoder_.random_state
    pretrained = make_encoder(random_state=seed).fit(X)
    for k in range(2):
        np.testing.assert_array_equal(start["values"][2 * k], pretrained.coefs_[k])
        np.testing.assert_array_equal(start["values"][2 * k + 1], pretrained.intercepts_[k])
    # the same objects, and every one of them has moved: all layers are fine-tuned
    now = [array for pair in zip(clf.coefs_, clf.intercepts_, strict=True) for array in pair]
    for array, trained, before in zip(now, start["arrays"], start["values"], strict=True):
        assert array is trained
        assert not np.array_equal(array, before)


def test_without_pretraining_it_starts_from_the_same_random_parameters(monkeypatch, X, y):
    starts = []
    init = Network.__init__

    def recording(self, X, write_targets, parameters, **kwargs):
        starts.append([p.copy() for p in parameters])
        init(self, X, write_targets, parameters, **kwargs)

    monkeypatch.setattr(Network, "__init__", recording)
    for encoder in (make_encoder(), (6, 5), make_pipeline(DenoisingAutoencoder(6), DenoisingAutoencoder(5))):
        starts.clear()
        clf = make_classifier(encoder, pretrain=False).fit(X, y)
        layers = clf.encoder_.pipeline_ if hasattr(clf.encoder_, "pipeline_") else clf.encoder_
        for k, (_, layer) in enumerate(layers.steps):
            assert layer.n_iter_ == 0
            initial = clone(layer)
            initial.fit(np.zeros((2, layer.n_features_in_)))
            np.testing.assert_array_equal(starts[0][2 * k], initial.encoder_coef_)


def test_arrays_are_shared_before_and_after_every_kind_of_persistence(tmp_path, X, y):
    clf = make_classifier().fit(X, y)
    path = tmp_path / "clf.joblib"
    joblib.dump(clf, path)
    for copy in (clf, pickle.loads(pickle.dumps(clf)), joblib.load(path), joblib.load(path, mmap_mode="r")):
        assert_one_set_of_arrays(copy)
        np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    assert_one_set_of_arrays(clone(clf).fit(X, y))


def test_a_classifier_from_a_read_only_file_can_be_trained_further(tmp_path, X, y):
    path = tmp_path / "clf.joblib"
    joblib.dump(make_classifier(warm_start=True).fit(X, y), path)
    for method in ("fit", "partial_fit"):
        copy = joblib.load(path, mmap_mode="r")
        assert not copy.coefs_[0].flags.writeable
        getattr(copy, method)(X, y)
        assert_one_set_of_arrays(copy)
    unchanged = joblib.load(path)
    np.testing.assert_array_equal(unchanged.coefs_[0], joblib.load(path, mmap_mode="r").coefs_[0])


@pytest.mark.parametrize("mmap_mode", ["r", "r+"])
@pytest.mark.parametrize(
    "encoder",
    [make_encoder(), make_pipeline(DenoisingAutoencoder(6, max_iter=2), DenoisingAutoencoder(5, max_iter=2))],
    ids=["stack", "pipeline"],
)
def test_layers_from_a_cache_are_fine_tuned_and_the_cache_stays_as_it_is(encoder, mmap_mode, tmp_path, X, y):
    expected = make_classifier(encoder).fit(X, y)
    memory = joblib.Memory(tmp_path, mmap_mode=mmap_mode, verbose=0)
    for _ in range(2):  # the second time the lower layer comes from the cache
        clf = make_classifier(clone(encoder).set_params(memory=memory)).fit(X, y)
        assert_one_set_of_arrays(clf)
        np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])


# --- what predictions are ------------------------------------------------------------------------


@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
def test_predictions_follow_their_formulas(activation, X, y):
    clf = make_classifier(make_encoder(activation=activation, dtype="float64")).fit(X, y)
    H = X
    for coef, intercept in zip(clf.coefs_[:-1], clf.intercepts_[:-1], strict=True):
        H = naive.ACTIVATIONS[activation][0](H @ coef + intercept)
    P = naive.softmax(H @ clf.coefs_[-1] + clf.intercepts_[-1])
    np.testing.assert_allclose(clf.transform(X), H, rtol=1e-9)
    np.testing.assert_allclose(clf.predict_proba(X), P, rtol=1e-9)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(P), rtol=1e-9)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[P.argmax(axis=1)])
    assert clf.score(X, y) == (clf.predict(X) == y).mean()


def test_log_probabilities_stay_finite(X, y):
    clf = make_classifier().fit(X, y)
    clf.output_coef_ *= 1e5
    log_proba = clf.predict_log_proba(X)
    assert np.isfinite(log_proba).all() and log_proba.min() < -200


def test_labels_may_be_strings_in_any_order(X):
    y = np.array(["b", "c", "a"])[np.arange(60) % 3]
    clf = make_classifier().fit(X, y)
    assert list(clf.classes_) == ["a", "b", "c"]
    assert set(clf.predict(X)) <= set(y)
    numbers = make_classifier().fit(X, np.unique(y, return_inverse=True)[1])
    np.testing.assert_array_equal(clf.predict_proba(X), numbers.predict_proba(X))


@slow_without_the_jit
def test_it_learns(digits):
    X, y = digits
    clf = SdAClassifier((40, 30), max_iter=100, random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.97
    assert clf.loss_curve_[-1] < 0.3 * clf.loss_curve_[0]
    assert clf.n_layers_ == 4 and clf.n_outputs_ == 10 and clf.out_activation_ == "softmax"
    assert clf.transform(X).shape == (200, 30)
    assert len(clf.get_feature_names_out()) == 30


def test_pretraining_uses_what_the_encoder_says(monkeypatch, X, y):
    clf = make_classifier(make_encoder(corruption_level=(0.0, 0.7), max_iter=(1, 4))).fit(X, y)
    assert [layer.corruption_level for layer in clf.encoder_] == [0.0, 0.7]
    assert [layer.n_iter_ for layer in clf.encoder_] == [1, 4]
    assert clf.n_iter_ == 3


# --- the encoder in its forms --------------------------------------------------------------------


def test_every_form_of_encoder(X, y):
    scaled = X * 5 - 3
    for encoder in (
        None,
        5,
        (6, 5),
        [6, 5],
        DenoisingAutoencoder(5, max_iter=1),
        make_encoder(),
        make_pipeline(DenoisingAutoencoder(6, max_iter=1), DenoisingAutoencoder(5, max_iter=1)),
        make_pipeline(MinMaxScaler(), PCA(2), make_encoder()),
        make_pipeline(MinMaxScaler(), make_encoder(), "passthrough"),
        Pipeline([("scale", StandardScaler()), ("nothing", "passthrough"), ("layers", make_encoder())]),
        make_pipeline(MinMaxScaler(), make_pipeline(make_encoder(), DenoisingAutoencoder(3, max_iter=1))),
    ):
        clf = SdAClassifier(encoder, max_iter=2, random_state=0).fit(scaled, y)
        assert clf.predict_proba(scaled).shape == (60, 3)
        assert clf.transform(scaled).shape[1] == len(clf.coefs_[-1])
        assert clf.encoder is encoder  # the parameter is as it was
    assert isinstance(clf.encoder_, Pipeline)


def test_preprocessing_is_fitted_and_left_alone(X, y):
    X = X * 5 - 3
    scaled = MinMaxScaler().fit_transform(X)
    clf = make_classifier(make_pipeline(MinMaxScaler(), make_encoder()), shuffle=False).fit(X, y)
    stack = make_encoder(random_state=clf.encoder_[1].random_state)
    inner = make_classifier(stack, shuffle=False).fit(scaled, y)
    np.testing.assert_allclose(clf.predict_proba(X), inner.predict_proba(scaled), rtol=1e-5)
    np.testing.assert_array_equal(clf.encoder_[0].data_min_, X.min(axis=0))


class Shifts(TransformerMixin, BaseEstimator):
    """Makes another thing of the samples that it is fitted to than of others, as TargetEncoder does."""

    def fit(self, X, y):
        return self

    def fit_transform(self, X, y):
        return self.transform(X) + 1

    def transform(self, X):
        return np.asarray(X)


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("options", [{}, {"sample_weight": np.ones(60)}, {"X_val": True, "y_val": True}])
def test_both_phases_have_what_fit_transform_made_of_the_samples(
    options, memory, tmp_path, monkeypatch, X, y
):
    seen, init = [], {kind: kind.__init__ for kind in (Network, Reconstruction)}
    for kind in init:

        def recording(self, X, *args, kind=kind, **kwargs):
            seen.append(np.array(X))
            init[kind](self, X, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", recording)
    for nested in (False, True):
        layers = [DenoisingAutoencoder(3, max_iter=1), DenoisingAutoencoder(2, max_iter=1)]
        encoder = make_pipeline(make_pipeline(Shifts(), layers[0]), layers[1]) if nested else None
        encoder = encoder or make_pipeline(Shifts(), "passthrough", *layers)
        clf = make_classifier(encoder, max_iter=1, memory=str(tmp_path / str(nested)) if memory else None)
        given = {name: {"X_val": X, "y_val": y}.get(name, value) for name, value in options.items()}
        seen.clear()
        clf.fit(X, y, **given)
        np.testing.assert_array_equal(seen[0], X + 1)
        np.testing.assert_array_equal(seen[-1], X + 1)
        np.testing.assert_array_equal(clf._network_inputs(X), X)
        assert len(clf.encoder_) == (2 if nested else 4)
        assert clf.coefs_[0] is leaves(clf.encoder_)[1].encoder_coef_


@pytest.mark.parametrize("missing", [-1, None, np.nan])
def test_preprocessing_that_needs_labels_needs_all_of_them(missing, X, y):
    few = y.astype(object)
    few[40:] = missing
    few = few.astype(int) if missing == -1 else few
    for step in (
        SelectKBest(k=2),
        make_column_transformer((SelectKBest(k=2), [0, 1, 2])),
        make_pipeline(MinMaxScaler(), SelectKBest(k=2)),
    ):
        clf = make_classifier(make_pipeline(step, make_encoder()))
        with pytest.raises((TypeError, ValueError), match=r"\by\b|None") as caught:
            clf.fit(X, few)
        assert f"{leaves(step)[-1]!r} in the encoder got no labels, for 20 of 60" in caught.value.__notes__[0]
        clf.fit(X, y)
        fitted = FrozenEstimator(clone(step).fit(X[:40], y[:40]))
        make_classifier(make_pipeline(fitted, make_encoder())).fit(X, few)


def test_preprocessing_may_take_what_is_not_a_number(y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"colour": np.array(["red", "blue"])[np.arange(60) % 2], "size": np.arange(60.0)}
    )
    to_numbers = make_column_transformer((OneHotEncoder(), ["colour"]), (MinMaxScaler(), ["size"]))
    clf = make_classifier(make_pipeline(to_numbers, make_encoder())).fit(frame, y)
    assert list(clf.feature_names_in_) == ["colour", "size"]
    assert clf.predict(frame).shape == (60,)


def test_a_frozen_encoder_is_not_trained_again_nor_changed(X, y):
    stack = make_encoder(random_state=3).fit(X)
    before = [coef.copy() for coef in stack.coefs_]
    clf = make_classifier(FrozenEstimator(stack)).fit(X, y)
    for mine, coef, old in zip(clf.coefs_, stack.coefs_, before, strict=False):
        np.testing.assert_array_equal(coef, old)
        assert not np.array_equal(mine, old)
    still = make_classifier(FrozenEstimator(stack), learning_rate_init=1e-30).fit(X, y)
    np.testing.assert_array_equal(still.coefs_[0], stack.coefs_[0])


def test_the_random_state_seeds_the_encoder_unless_it_has_one(X, y):
    a = make_classifier(random_state=0).fit(X, y)
    b = make_classifier(random_state=0).fit(X, y)
    c = make_classifier(random_state=1).fit(X, y)
    for left, right in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(a.coefs_[0], c.coefs_[0])
    own = make_classifier(make_encoder(random_state=5)).fit(X, y)
    assert own.encoder_.random_state == 5


def test_grids_over_tuples_and_over_the_encoders_parameters(X, y):
    search = GridSearchCV(
        SdAClassifier(max_iter=2, random_state=0),
        {"encoder": [(4,), (6, 5)], "pretrain": [True, False]},
        cv=2,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert cross_val_score(make_classifier(), X, y, cv=2).shape == (2,)


def planted_classes():
    """Two noisy copies of a label: all but one entry masked leaves nothing to learn from."""
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 60)
    X = np.clip(0.5 + 0.35 * (2 * y[:, None] - 1) + 0.1 * rng.standard_normal((120, 6)), 0, 1)
    return X, y


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_over_the_corruption_level_picks_the_planted_good_one(n_jobs):
    # with almost everything masked, a layer learns the mean only; the classifier's fine-tuning is one
    # short epoch, so that what the layer learned decides
    X, y = planted_classes()
    clf = SdAClassifier(
        DenoisingAutoencoder(4, activation="logistic", max_iter=40, learning_rate_init=0.05, batch_size=20),
        solver="sgd", learning_rate_init=1e-3, momentum=0.0, max_iter=1, random_state=0,
    )  # fmt: skip
    grid = {"encoder__corruption_level": [0.999, 0.1]}
    search = GridSearchCV(clf, grid, cv=2, n_jobs=n_jobs, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"encoder__corruption_level": 0.1}
    stack = make_encoder(random_state=0, max_iter=60, learning_rate_init=0.02)
    search = GridSearchCV(stack, {"corruption_level": [0.999, 0.1]}, cv=2, n_jobs=n_jobs).fit(X)
    assert search.best_params_ == {"corruption_level": 0.1}


def test_the_result_does_not_depend_on_n_jobs(X, y):
    def fit(n_jobs):
        search = GridSearchCV(make_classifier(), {"alpha": [0.0, 1.0]}, cv=2, n_jobs=n_jobs).fit(X, y)
        return search.best_estimator_.coefs_, search.cv_results_["mean_test_score"]

    (one, scores_one), (two, scores_two) = fit(1), fit(2)
    np.testing.assert_array_equal(scores_one, scores_two)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_fit_at_the_same_time(X, y):
    expected = make_classifier().fit(X, y)
    with joblib.parallel_backend("threading", n_jobs=2):
        results = joblib.Parallel()(joblib.delayed(make_classifier().fit)(X, y) for _ in range(4))
    for clf in results:
        np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])


# --- course of training --------------------------------------------------------------------------


@slow_without_the_jit
def test_early_stopping_restores_the_best_parameters(digits):
    X, y = digits
    options = {"solver": "sgd", "learning_rate_init": 0.5, "early_stopping": True, "validation_fraction": 0.3}
    clf = make_classifier((20,), max_iter=40, n_iter_no_change=6, **options).fit(X, y)
    assert clf.n_iter_ == len(clf.loss_curve_) == len(clf.validation_scores_)
    best = int(np.argmax(clf.validation_scores_)) + 1
    assert best < clf.n_iter_
    assert clf.best_validation_score_ == max(clf.validation_scores_) and clf.best_loss_ is None
    shorter = make_classifier((20,), max_iter=best, n_iter_no_change=100, **options).fit(X, y)
    for a, b in zip(clf.coefs_, shorter.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_validation_score_is_that_of_the_restored_parameters(digits):
    X, y = digits
    clf = make_classifier((20,), max_iter=40, early_stopping=True, warm_start=True).fit(X, y)
    first = clf.best_validation_score_
    clf.set_params(solver="sgd", learning_rate_init=5.0, max_iter=2).fit(X, y)  # a worse second fit
    assert clf.best_validation_score_ == max(clf.validation_scores_[-2:]) < first


def test_it_warns_when_it_has_not_converged_and_only_then(X, y):
    with pytest.warns(ConvergenceWarning, match=r"iterations \(3\).*Increase max_iter") as record:
        make_classifier().fit(X, y)
    assert record[0].filename == __file__  # it points at the caller
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_classifier(max_iter=500, tol=10, n_iter_no_change=1).fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_passes_of_partial_fit_equal_epochs_of_fit(solver, X, y):
    options = {"solver": solver, "shuffle": False, "batch_size": 20, "max_iter": 3, "tol": 0}
    frozen = FrozenEstimator(make_encoder(random_state=0).fit(X))
    whole = make_classifier(frozen, **options).fit(X, y)
    pieces = make_classifier(frozen, **options)
    for _ in range(3):
        for start in (0, 20, 40):
            part = slice(start, start + 20)
            pieces.partial_fit(X[part], y[part], classes=[0, 1, 2])
    for a, b in zip(whole.coefs_, pieces.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert pieces.t_ == whole.t_


def test_partial_fit_with_another_solver_starts_a_new_optimizer(X, y):
    clf = make_classifier(learning_rate_init=0.1).partial_fit(X, y, classes=[0, 1, 2])
    before = [coef.copy() for coef in clf.coefs_]
    clf.set_params(solver="sgd", learning_rate_init=1e-30).partial_fit(X, y)
    for a, b in zip(clf.coefs_, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_is_linear_in_the_number_of_classes(X, y):
    clf = make_classifier((1,), solver="sgd", momentum=0.0)
    clf.partial_fit(X, y, classes=[0, 1, 2])  # compiling kernels takes memory too
    clf = clone(clf)
    tracemalloc.start()
    clf.partial_fit(X, y, classes=np.arange(4000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # outputs and targets of a minibatch take 1.3 MB; a row for every class 64 MB
    assert peak < 10e6
    assert clf.predict(X).max() < 3


def test_partial_fit_pretrains_once_and_knows_all_classes(X, y):
    clf = make_classifier().partial_fit(X[:20][y[:20] < 2], y[:20][y[:20] < 2], classes=[0, 1, 2, 7])
    assert [layer.n_iter_ for layer in clf.encoder_] == [2, 2]
    assert list(clf.classes_) == [0, 1, 2, 7] and clf.predict_proba(X).shape == (60, 4)
    clf.partial_fit(X, y)
    assert [layer.n_iter_ for layer in clf.encoder_] == [2, 2] and clf.n_iter_ == 2


def test_warm_start_continues_without_pretraining(X, y):
    clf = make_classifier(warm_start=True).fit(X, y)
    before = [coef.copy() for coef in clf.coefs_]
    clf.set_params(learning_rate_init=1e-30).fit(X, y)
    for a, b in zip(clf.coefs_, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert clf.n_iter_ == 6 and clf.t_ == 360


def test_any_numeric_input_is_read_in_place(tmp_path, X, y):
    X = np.round(X * 255)
    expected = make_classifier().fit(X, y)
    path = tmp_path / "X.dat"
    mapped = np.memmap(path, dtype="uint8", mode="w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    for data in (np.memmap(path, dtype="uint8", mode="r", shape=X.shape), np.asfortranarray(X)):
        clf = make_classifier().fit(data, y)
        np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])
        np.testing.assert_array_equal(np.array(data), X)


def test_verbose_prints_both_phases(capsys, X, y):
    make_classifier(make_encoder(verbose=1), verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 + 3
    assert lines[-1].startswith("[Network 4 -> 6 -> 5 -> 3] epoch 3/3, loss = ")


def test_parameters_of_an_encoder_that_is_none_yet():
    with pytest.raises(ValueError, match=r"encoder=StackedAutoencoderTransformer\(\(50,\)\)"):
        SdAClassifier((50,)).set_params(encoder__corruption_level=0.1)
    with pytest.raises(ValueError, match=r"encoder=None is no estimator"):
        SdAClassifier().set_params(encoder__corruption_level=0.1)
    clf = SdAClassifier().set_params(
        encoder=StackedAutoencoderTransformer((5,)), encoder__corruption_level=0.1
    )
    assert clf.encoder.corruption_level == 0.1


def test_verbose_shows_the_pretraining_of_an_encoder_that_is_short_for_a_stack(capsys, X, y):
    SdAClassifier((3,), max_iter=1, verbose=1, tol=10).fit(X, y)
    printed = capsys.readouterr().out
    assert "[Autoencoder layer 4 -> 3] epoch 1/" in printed and "[Network 4 -> 3 -> " in printed


@slow_without_the_jit
def test_dropout_regularises_and_predictions_are_made_without():
    X = np.random.RandomState(0).uniform(size=(300, 8))
    y = X[:, 0] + X[:, 1] > 1
    options = {"max_iter": 40, "tol": 0, "alpha": 0, "learning_rate_init": 0.01}
    plain = make_classifier((20, 10), pretrain=False, **options).fit(X, y)
    none = make_classifier((20, 10), pretrain=False, dropout=[0, 0.0], **options).fit(X, y)
    for a, b in zip(plain.coefs_, none.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    clf = make_classifier((20, 10), pretrain=False, dropout=0.4, input_dropout=0.1, **options).fit(X, y)
    assert clf.loss_ > plain.loss_ + 0.05  # of the thinned networks
    assert clf.score(X, y) > 0.9
    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))
    again = make_classifier((20, 10), pretrain=False, dropout=0.4, input_dropout=0.1, **options).fit(X, y)
    np.testing.assert_array_equal(again.coefs_[0], clf.coefs_[0])


def test_dropout_of_each_layer_is_its_own(X, y):
    options = {"pretrain": False, "max_iter": 2, "tol": 0}
    fits = [
        make_classifier((20, 10), dropout=dropout, **options).fit(X, y).coefs_[0]
        for dropout in (0.3, [0.3, 0.3], (0.3, 0.0), (0, 0.3))
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    for other in fits[2:]:
        assert not np.array_equal(fits[0], other)
    assert not np.array_equal(fits[2], fits[3])
