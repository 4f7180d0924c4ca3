"""Whole-stack training without labels: the layers together, as a deep autoencoder."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from test_bad_input import assert_refused

from marks import slow_without_the_jit
from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._parts import learning_curves
from sklearn_sda.inspection import ReconstructionDisplay

pytestmark = slow_without_the_jit

LONG = {"max_iter": 60, "corruption_level": 0, "learning_rate_init": 0.005}


def make_stack(fine_tune=True, **options):
    options = {"activation": ("tanh", "identity"), "max_iter": 30, "corruption_level": 0, **options}
    return StackedAutoencoderTransformer((30, 8), fine_tune=fine_tune, random_state=0, **options)


@pytest.mark.parametrize("tied_weights", [True, False, (False, True)])
def test_layers_together_reconstruct_better_than_one_by_one(tied_weights, digits):
    X, _ = digits
    greedy = make_stack(False, tied_weights=tied_weights).fit(X)
    deep = make_stack(LONG, tied_weights=tied_weights).fit(X)
    assert deep.score(X) > greedy.score(X) + 0.5
    assert deep.loss_curve_[0] > deep.loss_ and len(deep.loss_curve_) == 60
    # the loss is that of the whole chain, which score measures
    assert abs(deep.loss_ + deep.score(X)) < 0.2


def test_a_curve_of_one_dimension_needs_no_more_than_a_small_code():
    # principal components need six: a deep autoencoder with a decoder that is linear would be no better
    angle = np.random.RandomState(0).uniform(0, 2 * np.pi, 400)
    X = np.column_stack([function(k * angle) for k in (1, 2, 3) for function in (np.sin, np.cos)])
    pca = PCA(2).fit(X)
    error = 0.5 * ((pca.inverse_transform(pca.transform(X)) - X) ** 2).sum(axis=1).mean()
    deep = StackedAutoencoderTransformer(
        (60, 2),
        activation=("tanh", "identity"),
        tied_weights=False,
        corruption_level=0,
        max_iter=30,
        fine_tune={"max_iter": 100, "learning_rate_init": 0.002},
        random_state=0,
    ).fit(X)
    reconstruction = deep.inverse_transform(deep.transform(X))
    np.testing.assert_allclose(
        0.5 * ((reconstruction - X) ** 2).sum(axis=1), -deep.score_samples(X), rtol=1e-3
    )
    assert -deep.score(X) < 0.1 * error
    pytest.importorskip("matplotlib")
    display = ReconstructionDisplay.from_estimator(deep, X[:5], random_state=0, image_shape=(2, 3))
    np.testing.assert_allclose(display.reconstructed, reconstruction[:5], rtol=1e-5, atol=1e-6)


def test_it_starts_from_the_pretrained_arrays_and_moves_them(digits):
    X, _ = digits
    greedy = make_stack(False, tied_weights=(True, False)).fit(X)
    unchanged = make_stack({"max_iter": 0}, tied_weights=(True, False)).fit(X)
    deep = make_stack(True, tied_weights=(True, False)).fit(X)
    for number in (0, 1):
        for name in ("encoder_coef_", "encoder_intercept_", "decoder_coef_", "decoder_intercept_"):
            start, moved = getattr(greedy[number], name), getattr(deep[number], name)
            np.testing.assert_array_equal(getattr(unchanged[number], name), start)
            assert not np.allclose(start, moved)
    assert np.shares_memory(deep[0].decoder_coef_, deep.coefs_[0])
    assert deep.n_iter_ == greedy.n_iter_ + len(deep.loss_curve_)
    assert unchanged.loss_curve_ == []


def test_a_dict_changes_parameters_of_this_phase_only(digits, capsys):
    X, _ = digits
    changes = {"max_iter": 3, "solver": "sgd", "learning_rate_init": 0.01, "batch_size": 7, "verbose": 1}
    stack = make_stack(changes, corruption_level=(0.1, 0.2)).fit(X)
    greedy = make_stack(False, corruption_level=(0.1, 0.2)).fit(X)
    assert stack[0].n_iter_ == greedy[0].n_iter_ and stack[0].solver == "adam"
    assert stack.fine_tune is changes and len(stack.loss_curve_) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("[Network 64 -> 30 -> 8 -> 30 -> 64] epoch 1/3, loss = ")


def test_corruption_is_that_of_the_first_layer_or_of_the_dict(digits):
    pd = pytest.importorskip("pandas")
    X, _ = digits
    frame = pd.DataFrame(X, columns=[f"pixel {k}" for k in range(64)])
    levels = np.zeros(64)
    levels[:30] = 0.4
    by_name = {f"pixel {k}": 0.4 for k in range(30)}

    def code(X, fine_tune, **options):
        return make_stack(fine_tune, max_iter=2, **options).fit(X).transform(X)

    options = {"corruption": "swap", "corruption_level": levels}
    expected = code(X, True, **options)
    np.testing.assert_array_equal(code(frame, True, corruption="swap", corruption_level=by_name), expected)
    explicit = {"corruption": "swap", "corruption_level": by_name}
    np.testing.assert_array_equal(code(frame, explicit, **options), expected)
    for other in (
        {"corruption_level": 0},
        {"corruption": "masking"},
        {"corruption": lambda X, level, rng: X},
    ):
        assert not np.allclose(code(X, other, **options), expected)


def test_early_stopping_restores_the_best(digits):
    X, _ = digits
    stack = make_stack({**LONG, "early_stopping": True, "learning_rate_init": 0.02}).fit(X)
    assert len(stack.validation_scores_) == len(stack.loss_curve_) and stack.best_loss_ is None
    assert stack.best_validation_score_ == max(stack.validation_scores_)
    assert stack.score(X) > stack.validation_scores_[0]


def test_curves_for_the_display(digits):
    X, _ = digits
    curves = learning_curves(make_stack().fit(X))
    assert list(curves) == ["layer 1", "layer 2", "whole stack"]
    assert curves["whole stack"]["loss_label"] == "cross-entropy (nats per sample)"
    assert curves["whole stack"]["validation_label"] == "validation score"
    assert list(learning_curves(make_stack(False).fit(X))) == ["layer 1", "layer 2"]
    # a second fit without leaves no curve of the first
    assert not hasattr(make_stack().fit(X).set_params(fine_tune=False).fit(X), "loss_curve_")


def test_it_is_scikit_learns(digits, tmp_path):
    X, y = digits
    stack = make_stack({"max_iter": 2}, max_iter=2)
    np.testing.assert_array_equal(stack.fit_transform(X), clone(stack).fit(X).transform(X))
    joblib.dump(stack, tmp_path / "stack")
    np.testing.assert_array_equal(joblib.load(tmp_path / "stack").transform(X), stack.transform(X))
    grid = {"fine_tune": [False, True, {"max_iter": 1}]}
    assert np.isfinite(GridSearchCV(stack, grid, cv=2).fit(X).cv_results_["mean_test_score"]).all()
    # a classifier pretrains the stack with it, and without pretraining leaves it out
    start = SdAClassifier(stack, max_iter=0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(start.coefs_[0], stack.coefs_[0])
    random = SdAClassifier(stack, pretrain=False, max_iter=0, random_state=0).fit(X, y)
    assert not hasattr(random.encoder_, "loss_curve_")


def test_a_cache_keeps_the_layers_as_they_were(digits, tmp_path):
    X, _ = digits
    expected = make_stack().fit(X).transform(X)
    for _ in range(2):
        stack = make_stack(memory=joblib.Memory(tmp_path, mmap_mode="r", verbose=0))
        np.testing.assert_array_equal(stack.fit(X).transform(X), expected)


@pytest.mark.parametrize(
    ("fine_tune", "message"),
    [
        ({"n_components": 3}, r"has \['n_components'\], which are no parameters of the fine-tuning"),
        ({"max_iter": -1}, "'max_iter' parameter of DenoisingAutoencoder must be"),
        ({"corruption_level": 1.5}, r"corruption_level must be in \[0, 1\)"),
        ("yes", "'fine_tune' parameter of StackedAutoencoderTransformer must be"),
    ],
    ids=str,
)
def test_bad_values_are_found_before_training(fine_tune, message, digits, capsys):
    assert_refused(make_stack(fine_tune, verbose=1), ValueError, message, digits[0])
    assert capsys.readouterr().out == ""


def test_partial_fit_is_layer_by_layer(digits):
    assert_refused(
        make_stack(), AttributeError, "has no attribute 'partial_fit'", digits[0], method="partial_fit"
    )


def test_divergence_leaves_the_stack_as_it_was(digits):
    X, _ = digits
    fitted = make_stack(False, loss="squared_error").fit(X)
    fitted.set_params(fine_tune={"solver": "sgd", "learning_rate_init": 1e6, "momentum": 0})
    before = fitted.transform(X)
    with pytest.raises(
        ValueError, match="Network 64 -> 30 -> 8 -> 30 -> 64: the loss or the parameters became"
    ):
        fitted.fit(X)
    np.testing.assert_array_equal(fitted.transform(X), before)
