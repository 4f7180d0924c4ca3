"""scikit-learn's callbacks: one context per fit, per layer or phase, and per epoch."""

import threading

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer

pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Keeps (event, estimator, task, depth) of every hook, on whatever estimator it is propagated to."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.events = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.events.append(("setup", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", type(estimator).__name__, context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", type(estimator).__name__, context.task_name))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        self.events.append(("teardown", type(estimator).__name__))


def count(recorder, event, estimator, task):
    return sum(entry[:3] == (event, estimator, task) for entry in recorder.events)


def test_a_layer_reports_its_fit_and_every_epoch(X):
    recorder = Recorder()
    DenoisingAutoencoder(3, max_iter=4).set_callbacks(recorder).fit(X)
    name = "DenoisingAutoencoder"
    assert recorder.events[0] == ("setup", name) and recorder.events[-1] == ("teardown", name)
    assert recorder.events[1] == ("begin", name, "fit", 4)
    assert count(recorder, "begin", name, "epoch") == count(recorder, "end", name, "epoch") == 4
    assert count(recorder, "end", name, "fit") == 1


def test_a_classifier_reports_phases_layers_and_epochs(X, y):
    recorder = Recorder()
    encoder = StackedAutoencoderTransformer((4, 3), max_iter=(2, 3))
    SdAClassifier(encoder, max_iter=5).set_callbacks(recorder).fit(X, y)
    assert count(recorder, "end", "SdAClassifier", "pretrain") == 0  # merged with the stack's own fit
    assert count(recorder, "end", "StackedAutoencoderTransformer", "fit") == 1
    assert count(recorder, "end", "DenoisingAutoencoder", "epoch") == 5
    assert count(recorder, "end", "SdAClassifier", "fine-tune") == 1
    assert count(recorder, "end", "SdAClassifier", "epoch") == 5
    begun = sum(entry[0] == "begin" for entry in recorder.events)
    ended = sum(entry[0] == "end" for entry in recorder.events)
    assert begun == ended


class Told:
    """Keeps what tasks are told: names, labels and weights; holds what can't be copied."""

    def __init__(self):
        self.lock = threading.Lock()
        self.told = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, y=None, metadata=None):
        self.told.append((type(estimator).__name__, context.task_name, y, metadata))

    def on_fit_task_end(self, estimator, context):
        return False

    def teardown(self, estimator, context):
        pass


class ToldOfAll(Told):
    """Of the steps, too."""

    max_propagation_depth = None


def test_callbacks_are_told_labels_and_weights(X, y):
    weights = np.linspace(0.5, 1, len(y))
    encoder = StackedAutoencoderTransformer((4, 3), max_iter=2, fine_tune=True)
    told = ToldOfAll()
    SdAClassifier(encoder, max_iter=2).set_callbacks(told).fit(X, y, sample_weight=weights)
    tasks = {task[:2] for task in told.told}
    assert {(name, "epoch") for name in ("SdAClassifier", "StackedAutoencoderTransformer")} < tasks
    assert ("DenoisingAutoencoder", "epoch") in tasks
    for name, _, labels, metadata in told.told:
        if name == "Pipeline":  # scikit-learn's tells no weights
            continue
        np.testing.assert_array_equal(labels, y)
        np.testing.assert_array_equal(metadata["sample_weight"], weights)
    for solver in ("adam", "marginalized"):
        told = Told()
        DenoisingAutoencoder(3, solver=solver, max_iter=1, loss="squared_error").set_callbacks(told).fit(X)
        assert len(told.told) == 2 and all(task[2:] == (None, None) for task in told.told)


def test_callbacks_of_an_encoder_are_never_copied(X, y):
    told = Told()  # its lock can't be
    encoder = StackedAutoencoderTransformer((4,), max_iter=1).set_callbacks(told)
    clf = SdAClassifier(encoder, max_iter=1, warm_start=True).fit(X, y)
    clf.fit(X, y)
    told.told.clear()
    clf.set_params(encoder__hidden_layer_sizes=(4, 3)).fit(X, y)
    assert ("StackedAutoencoderTransformer", "fit") in {task[:2] for task in told.told}
    SdAClassifier(FrozenEstimator(encoder.fit(X)), max_iter=1).fit(X, y)
    SdAClassifier(encoder).partial_fit(X, y, [0, 1, 2]).partial_fit(X, y)


def test_callbacks_of_a_pipeline_that_is_not_fitted_are_refused(X, y):
    encoder = make_pipeline(MinMaxScaler(), DenoisingAutoencoder(3, max_iter=1)).set_callbacks(Told())
    with pytest.raises(ValueError, match=r"callbacks of its own.*Set them on its autoencoders"):
        SdAClassifier(encoder, max_iter=1).fit(X, y)
    SdAClassifier(FrozenEstimator(encoder.fit(X)), max_iter=1).fit(X, y)


def test_a_callback_may_stop_every_phase(X, y):
    recorder = Recorder(stop_after=2)
    encoder = StackedAutoencoderTransformer((4, 3), max_iter=9)
    clf = SdAClassifier(encoder, max_iter=9).set_callbacks(recorder).fit(X, y)
    assert [layer.n_iter_ for layer in clf.encoder_] == [2, 2] and clf.n_iter_ == 2


def test_callbacks_change_no_result_and_are_torn_down_after_an_error(X, y):
    plain = SdAClassifier((4,), max_iter=3, random_state=0).fit(X, y)
    recorder = Recorder()
    watched = SdAClassifier((4,), max_iter=3, random_state=0).set_callbacks(recorder).fit(X, y)
    np.testing.assert_array_equal(plain.coefs_[0], watched.coefs_[0])
    recorder.events.clear()
    diverging = DenoisingAutoencoder(
        3, activation="identity", loss="squared_error", solver="sgd", learning_rate_init=1e30
    )
    with pytest.raises(ValueError, match="infinite or NaN"):
        diverging.set_callbacks(recorder).fit(X)
    assert recorder.events[-1] == ("teardown", "DenoisingAutoencoder")


def test_callbacks_see_a_fitted_estimator_after_every_epoch(X, y):
    seen = []

    class Scorer:
        def setup(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def teardown(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.task_name == "epoch":
                seen.append(fitted_estimator.score(X, y))
                assert fitted_estimator.n_iter_ == context.task_id + 1  # complete, not half fitted

    SdAClassifier((4,), max_iter=3).set_callbacks(Scorer()).fit(X, y)
    assert len(seen) == 3 and all(0 <= score <= 1 for score in seen)
    seen.clear()
    layer = DenoisingAutoencoder(4, max_iter=3).set_callbacks(Scorer()).fit(X)
    assert len(seen) == 3 and seen[-1] == layer.score(X)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_progress_bar_of_a_grid_search_shows_the_whole_tree(n_jobs, capsys, X, y):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    pipeline = make_pipeline(MinMaxScaler(), SdAClassifier((4, 3), max_iter=3, random_state=0))
    search = GridSearchCV(pipeline, {"sdaclassifier__alpha": [0.0, 1.0]}, cv=2, n_jobs=n_jobs)
    # scikit-learn warns of the steps that do not support callbacks (yet)
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not support callbacks")
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    shown = capsys.readouterr().out
    for name in ("GridSearchCV", "Pipeline", "SdAClassifier", "fine-tune", "DenoisingAutoencoder"):
        assert name in shown


@pytest.mark.parametrize("metadata", [(), ("sample_weight",), ("X_val", "y_val")])
def test_layers_of_a_pipeline_report_with_metadata_too(metadata, X, y):
    given = {"sample_weight": np.ones(len(X)), "X_val": X, "y_val": y}
    layers = DenoisingAutoencoder(4, max_iter=2), DenoisingAutoencoder(3, max_iter=3)
    recorder = Recorder()
    model = SdAClassifier(make_pipeline(MinMaxScaler(), *layers), max_iter=2, random_state=0)
    model.set_callbacks(recorder).fit(X, y, **{name: given[name] for name in metadata})
    assert count(recorder, "end", "Pipeline", "fit") == 1
    assert count(recorder, "end", "DenoisingAutoencoder", "epoch") == 5
    if "X_val" in metadata:
        assert all(len(layer.validation_scores_) == layer.n_iter_ for _, layer in model.encoder_.steps[1:])


def test_requests_of_layers_remain(X, y):
    layers = DenoisingAutoencoder(4, max_iter=1), DenoisingAutoencoder(3)
    with config_context(enable_metadata_routing=True):
        layers[0].set_fit_request(X_val=False)
    before = layers[0].get_metadata_routing()
    model = SdAClassifier(make_pipeline(*layers), max_iter=1).fit(X, y, sample_weight=np.ones(len(X)))
    first, second = model.encoder_
    assert str(first.get_metadata_routing()) == str(before)
    assert str(second.get_metadata_routing()) == str(layers[1].get_metadata_routing())


class Locked(Recorder):
    """What can't be hashed or stored."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


def test_callbacks_of_an_encoder_are_no_matter_of_the_cache(X, y, tmp_path):
    encoder = StackedAutoencoderTransformer((4,), max_iter=2).set_callbacks(Locked())
    for alpha in (0, 1):
        model = SdAClassifier(encoder, max_iter=1, memory=str(tmp_path), random_state=0, alpha=alpha)
        model.fit(X, y)
        assert len(list(tmp_path.rglob("output.pkl"))) == 1
        assert model.encoder_._skl_callbacks == encoder._skl_callbacks


class Keeper:
    """Keeps the fitted estimator of every epoch, and what it computed then."""

    def __init__(self, X):
        self.X, self.kept = X, []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch" and fitted_estimator.n_features_in_ == self.X.shape[1]:
            self.kept.append((fitted_estimator, fitted_estimator.transform(self.X)))

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize(
    "estimator",
    [
        DenoisingAutoencoder(3, max_iter=3),
        StackedAutoencoderTransformer((3,), max_iter=2, fine_tune={"max_iter": 3}),
        SdAClassifier((3,), max_iter=3),
        SdAClassifier(make_pipeline(MinMaxScaler(), DenoisingAutoencoder(3)), max_iter=3),
        SdAClassifier(BernoulliRBM(3, n_iter=1), max_iter=3),
    ],
    ids=["layer", "stack", "classifier", "pipeline", "machine"],
)
def test_an_estimator_that_a_callback_keeps_stays_as_it_is(estimator, X, y):
    keeper = Keeper(X)
    fitted = estimator.set_callbacks(keeper).fit(X, y)
    assert len(keeper.kept) >= 3
    codes = [code for _, code in keeper.kept]
    for (kept, code), later in zip(keeper.kept, [*codes[1:], None], strict=True):
        np.testing.assert_array_equal(kept.transform(X), code)
        assert later is None or (later != code).any()
    np.testing.assert_array_equal(codes[-1], fitted.transform(X))


def test_loading_parameters_is_no_fit_that_callbacks_hear_of(X, y, tmp_path):
    pytest.importorskip("safetensors")
    for estimator in (
        DenoisingAutoencoder(3, max_iter=1),
        StackedAutoencoderTransformer((3,), max_iter=1),
        SdAClassifier((3,), max_iter=1),
    ):
        estimator.fit(X, y).save_parameters(tmp_path / "file")
        recorder = Recorder()
        loaded = clone(estimator).set_callbacks(recorder)
        if isinstance(loaded, SdAClassifier):
            encoder = StackedAutoencoderTransformer((3,), max_iter=1).set_callbacks(recorder)
            loaded.set_params(encoder=encoder)
        loaded.load_parameters(tmp_path / "file")
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))
        assert recorder.events == []
