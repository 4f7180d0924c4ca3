"""scikit-learn's own contract, for every estimator."""

import inspect

import numpy as np
import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer

# kernels without the JIT are compared in the other files; the contract does not depend on how they run
pytestmark = slow_without_the_jit

ESTIMATORS = [
    DenoisingAutoencoder(n_components=5, max_iter=5),
    StackedAutoencoderTransformer((6, 4), max_iter=3),
    SdAClassifier((10, 10), max_iter=20),
    SdAClassifier(
        DenoisingAutoencoder(20, activation="relu"), solver="sgd", learning_rate_init=0.1, max_iter=20
    ),
    SdARegressor((10, 10), max_iter=50),
]


# As scikit-learn declares for its own multilayer perceptrons; full batches have no minibatches and no noise,
# and pass below.
MINIBATCHES = {
    f"check_sample_weight_equivalence_on_{kind}_data": "repeated samples make other minibatches, other noise"
    for kind in ("dense", "sparse")
}
# The check wants a class -1, but not of scikit-learn's own semi-supervised classifiers, which it knows by
# name; under such a name it passes below.
SEMI_SUPERVISED = {"check_classifiers_classes": "the label -1 stands for samples without label"}


def expected_failures(estimator):
    return {**MINIBATCHES, **(SEMI_SUPERVISED if isinstance(estimator, SdAClassifier) else {})}


# the checks use few epochs, and mix data frames with arrays
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator_contract(estimator, check):
    check(estimator)


FULL_BATCH_LAYER = DenoisingAutoencoder(
    n_components=3, corruption_level=0, solver="lbfgs", max_iter=5, tol=0, activation="tanh", dtype="float64"
)
FULL_BATCH = {"solver": "lbfgs", "max_iter": 5, "tol": 0}


@pytest.mark.parametrize(
    "estimator",
    [
        FULL_BATCH_LAYER,
        DenoisingAutoencoder(
            3, activation="logistic", corruption_level=0, activity_l1=0.1, sparsity_weight=0.1,
            contraction=0.1, alpha=0.1, solver="lbfgs", max_iter=5, dtype="float64",
        ),
        DenoisingAutoencoder(3, solver="marginalized", alpha=0.1, dtype="float64"),
        StackedAutoencoderTransformer(
            (4, 3), corruption_level=0, solver="lbfgs", max_iter=5, dtype="float64", fine_tune=True
        ),
        SdAClassifier(FULL_BATCH_LAYER, **FULL_BATCH),
        SdAClassifier(FULL_BATCH_LAYER, class_weight="balanced", **FULL_BATCH),
        SdARegressor(FULL_BATCH_LAYER, alpha=0.1, **FULL_BATCH),
    ],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_in_full_batches_weights_are_repetitions(kind, estimator):
    check = getattr(estimator_checks, f"check_sample_weight_equivalence_on_{kind}_data", None)
    check = check or estimator_checks.check_sample_weight_equivalence  # before scikit-learn 1.7
    check(type(estimator).__name__, estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classes_as_scikit_learn_checks_them_where_minus_one_is_no_label():
    estimator_checks.check_classifiers_classes("SelfTrainingClassifier", SdAClassifier((10, 10), max_iter=20))


# Checks that parametrize_with_checks does not run by itself.
EXTRA_CHECKS = [
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
]


@pytest.mark.parametrize(
    "estimator", [*ESTIMATORS[:3], ESTIMATORS[-1]], ids=lambda estimator: type(estimator).__name__
)
@pytest.mark.parametrize("name", EXTRA_CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X has feature names, but:UserWarning")
def test_extra_checks(name, estimator):
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip(f"this scikit-learn has no {name}")
    if "pandas" in name or "dataframe" in name:
        pytest.importorskip("pandas")
    if "polars" in name:
        pytest.importorskip("polars")
    check(type(estimator).__name__, estimator)


def test_the_stack_has_the_parameters_of_a_layer_with_the_same_defaults():
    layer = inspect.signature(DenoisingAutoencoder).parameters
    stack = inspect.signature(StackedAutoencoderTransformer).parameters
    assert set(stack) - set(layer) == {"hidden_layer_sizes", "memory", "fine_tune"}
    assert set(layer) - set(stack) == {"n_components"}
    for name in set(layer) & set(stack):
        assert stack[name].default == layer[name].default, name


def test_init_only_stores():
    marker = object()
    for estimator in ESTIMATORS:
        names = list(estimator.get_params(deep=False))
        made = type(estimator)(**dict.fromkeys(names, marker))
        assert vars(made) == dict.fromkeys(names, marker)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_output_has_the_compute_type(dtype):
    X = np.random.RandomState(0).uniform(size=(20, 4))
    layer = DenoisingAutoencoder(3, dtype=dtype, max_iter=1).fit(X.astype("float32"))
    assert layer.transform(X).dtype == layer.inverse_transform(np.zeros((2, 3))).dtype == dtype
    assert layer.encoder_coef_.dtype == dtype
