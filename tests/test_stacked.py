"""A stack is a pipeline: greedy pretraining on trained layers, parameters per layer, the deep decoder."""

from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import naive
from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, StackedAutoencoderTransformer
from sklearn_sda._objectives import Reconstruction

QUICK = {"activation": "logistic", "max_iter": 2, "random_state": 0}


def make_stack(**kwargs):
    return StackedAutoencoderTransformer(**{"hidden_layer_sizes": (6, 5, 3), **QUICK, **kwargs})


def test_each_layer_is_trained_on_the_code_of_the_trained_ones_below(monkeypatch, X):
    inputs = []
    init = Reconstruction.__init__

    def recording(self, X, *args, **kwargs):
        inputs.append(np.array(X))
        init(self, X, *args, **kwargs)

    monkeypatch.setattr(Reconstruction, "__init__", recording)
    stack = make_stack().fit(X)
    np.testing.assert_array_equal(inputs[0], X)
    # the article's bug: layer i + 1 fed by an untrained layer i; clean code, not corrupted
    code = X
    for number in (1, 2):
        code = stack[number - 1].transform(code)
        np.testing.assert_array_equal(inputs[number], code)
    untrained = make_stack(max_iter=0).fit(X)
    assert not np.allclose(inputs[1], untrained[0].transform(X))


def test_untrained_layers_do_not_code_all_samples(monkeypatch):
    X = np.random.RandomState(0).uniform(size=(1500, 8))
    whole = make_stack(max_iter=0).fit(X, sample_weight=np.ones(len(X)))  # by the pipeline's fit
    seen = []
    transform = DenoisingAutoencoder.transform

    def recording(self, X):
        seen.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(DenoisingAutoencoder, "transform", recording)
    stack = make_stack(max_iter=0).fit(X)
    assert max(seen) == 1000
    for number in range(3):
        np.testing.assert_array_equal(stack.coefs_[number], whole.coefs_[number])
        assert stack[number].out_activation_ == whole[number].out_activation_
    seen.clear()
    make_stack(max_iter=(0, 0, 1)).fit(X)
    assert seen == [1500, 1500]


def test_it_equals_the_pipeline_of_its_layers(X):
    stack = make_stack().fit(X)
    pipeline = make_pipeline(
        *(
            DenoisingAutoencoder(size, **{**QUICK, "random_state": layer.random_state})
            for size, layer in zip((6, 5, 3), stack, strict=True)
        )
    ).fit(X)
    np.testing.assert_allclose(stack.transform(X), pipeline.transform(X), rtol=1e-6)
    code = stack.transform(X)
    np.testing.assert_allclose(stack.inverse_transform(code), pipeline.inverse_transform(code), rtol=1e-6)


def test_transform_inverse_transform_and_score_follow_their_formulas(X):
    stack = make_stack(dtype="float64").fit(X)
    code = X
    for coef, intercept in zip(stack.coefs_, stack.intercepts_, strict=True):
        code = naive.logistic(code @ coef + intercept)
    np.testing.assert_allclose(stack.transform(X), code, rtol=1e-10)
    decoded = code
    for layer in reversed(list(stack)):
        logits = decoded @ layer.encoder_coef_.T + layer.decoder_intercept_
        decoded = naive.logistic(logits)
    np.testing.assert_allclose(stack.inverse_transform(code), decoded, rtol=1e-10)
    np.testing.assert_allclose(stack.score_samples(X), -naive.cross_entropy(X, logits), rtol=1e-10)
    np.testing.assert_allclose(stack.score(X), stack.score_samples(X).mean())


def test_a_sequence_is_per_layer_and_a_scalar_for_all(X):
    stack = make_stack(
        corruption_level=(0.1, 0.2, 0.4),
        activation=["tanh", "relu", "logistic"],
        max_iter=(1, 2, 3),
        tied_weights=[True, False, True],
        alpha=0.5,
    ).fit(X)
    assert [layer.corruption_level for layer in stack] == [0.1, 0.2, 0.4]
    assert [layer.activation for layer in stack] == ["tanh", "relu", "logistic"]
    assert [layer.n_iter_ for layer in stack] == [1, 2, 3] and stack.n_iter_ == 6
    assert [layer.tied_weights for layer in stack] == [True, False, True]
    assert {layer.alpha for layer in stack} == {0.5}


def test_access_to_layers(X):
    stack = make_stack()
    assert len(stack) == 3 and bool(stack)  # also before fit
    stack.fit(X)
    assert [layer.n_components for layer in stack] == [6, 5, 3]
    assert stack[-1] is stack.named_steps["layer3"] is stack.pipeline_[2]
    assert len(stack[:2]) == 2
    for layer, coef, intercept in zip(stack, stack.coefs_, stack.intercepts_, strict=True):
        assert coef is layer.encoder_coef_ and intercept is layer.encoder_intercept_
    assert len(StackedAutoencoderTransformer(7)) == 1
    assert list(stack.get_feature_names_out()) == [f"stackedautoencodertransformer{i}" for i in range(3)]


def test_layers_have_seeds_of_their_own(X):
    stack = StackedAutoencoderTransformer((4, 4, 4), max_iter=0, random_state=0).fit(X)
    assert len({layer.random_state for layer in stack}) == 3
    assert not np.array_equal(stack.coefs_[0], stack.coefs_[1])


def test_an_integer_seed_gives_the_same_bits_with_or_without_cache(tmp_path, X):
    expected = make_stack().fit(X)
    memory = joblib.Memory(tmp_path, verbose=0)
    for stack in (make_stack(), make_stack(memory=memory), make_stack(memory=memory)):
        for a, b in zip(stack.fit(X).coefs_, expected.coefs_, strict=True):
            np.testing.assert_array_equal(a, b)


def test_memory_trains_the_lower_layers_once(monkeypatch, tmp_path, X):
    trained = []
    init = Reconstruction.__init__

    def recording(self, *args, **kwargs):
        init(self, *args, **kwargs)
        trained.append(self.name)

    monkeypatch.setattr(Reconstruction, "__init__", recording)
    memory = joblib.Memory(tmp_path, verbose=0)
    make_stack(memory=memory).fit(X)
    make_stack(memory=memory).fit(X)
    assert trained == [f"Autoencoder layer {n}" for n in ("4 -> 6", "6 -> 5", "5 -> 3", "5 -> 3")]


def test_partial_fit_trains_every_layer_a_pass(X):
    stack = make_stack().partial_fit(X)
    first = [coef.copy() for coef in stack.coefs_]
    stack.partial_fit(X)
    assert [layer.n_iter_ for layer in stack] == [2, 2, 2]
    assert all((a != b).any() for a, b in zip(first, stack.coefs_, strict=True))
    for _ in range(60):
        stack.partial_fit(X)
    assert stack[0].loss_ < stack[0].loss_curve_[0]


def test_warm_start_continues_all_layers(X):
    stack = make_stack(warm_start=True, max_iter=1).fit(X)
    stack.set_params(max_iter=2).fit(X)
    assert [layer.n_iter_ for layer in stack] == [3, 3, 3]


def test_it_takes_other_losses_where_codes_leave_the_unit_interval(X):
    stack = make_stack(activation=("logistic", "tanh", "relu")).fit(X)
    assert [layer.out_activation_ for layer in stack] == ["logistic", "logistic", "identity"]
    assert np.isfinite(stack.score(X))


@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
def test_auto_loss_of_a_higher_layer_follows_the_unit_below_not_the_data(activation, X):
    # codes of the first samples may lie in [0, 1] by chance, and later ones not
    stack = make_stack(activation=activation, max_iter=0).fit(X * 1e-3)
    link = "logistic" if activation == "logistic" else "identity"
    assert [layer.out_activation_ for layer in stack] == ["logistic", link, link]


@slow_without_the_jit
def test_training_continues_when_codes_leave_the_unit_interval():
    Z = np.random.RandomState(0).rand(2000, 8) * 0.5
    stack = StackedAutoencoderTransformer((20, 10), random_state=0, warm_start=True)
    for _ in range(4):
        stack.fit(Z)
    assert stack[0].transform(Z).max() > 1


def test_layers_ignore_the_global_output_configuration(X):
    pytest.importorskip("pandas")
    from sklearn import config_context

    with config_context(transform_output="pandas"):
        stack = make_stack().fit(X)
        code = stack.transform(X)
    assert list(code.columns) == list(stack.get_feature_names_out())
    assert not hasattr(stack[1], "feature_names_in_")


def test_verbose_names_the_layers(capsys, X):
    make_stack(verbose=(0, 1, 0)).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(line.startswith("[Autoencoder layer 6 -> 5]") for line in lines)


@pytest.mark.parametrize(
    "make", [partial(DenoisingAutoencoder, 3), partial(StackedAutoencoderTransformer, (3, 2))]
)
def test_scores_by_cross_entropy_do_not_reward_what_lies_outside_the_unit_interval(make):
    # log(1 + exp(z)) - x z has no minimum for x > 1: it gave scores in the thousands
    X = np.random.RandomState(0).uniform(size=(60, 4))
    fitted = make(max_iter=100, random_state=0).fit(X)
    for outside in (X + 50, -X - 50):
        assert fitted.score(outside) < fitted.score(X) < 0
    # the usual case: a scaler fitted on other rows
    scores = cross_val_score(make_pipeline(MinMaxScaler(), make(max_iter=2, random_state=0)), X, cv=3)
    assert np.isfinite(scores).all()
