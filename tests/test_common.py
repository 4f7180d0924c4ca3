"""scikit-learn's own contract, for every estimator."""

import inspect

import numpy as np
import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer

ESTIMATORS = [
    DenoisingAutoencoder(n_components=5, max_iter=5),
    StackedAutoencoderTransformer((6, 4), max_iter=3),
    SdAClassifier((10, 10), max_iter=20),
    SdAClassifier(
        DenoisingAutoencoder(20, activation="relu"), solver="sgd", learning_rate_init=0.1, max_iter=20
    ),
]


# the checks use few epochs, and mix data frames with arrays
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_estimator_contract(estimator, check):
    check(estimator)


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


@pytest.mark.parametrize("estimator", ESTIMATORS[:3], ids=lambda estimator: type(estimator).__name__)
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
