"""What bad input gets: an error that names the parameter, the value and the remedy; nothing half done."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MAKERS = {
    "layer": lambda **kwargs: DenoisingAutoencoder(3, **{"max_iter": 2, "random_state": 0, **kwargs}),
    "stack": lambda **kwargs: StackedAutoencoderTransformer(
        (3, 2), **{"max_iter": 2, "random_state": 0, **kwargs}
    ),
    "classifier": lambda **kwargs: SdAClassifier((3, 2), **{"max_iter": 2, "random_state": 0, **kwargs}),
    "regressor": lambda **kwargs: SdARegressor((3, 2), **{"max_iter": 2, "random_state": 0, **kwargs}),
}
every_estimator = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def state(estimator):
    """Everything that a failing call must leave as it is."""
    return {
        name: copy.deepcopy(value)
        for name, value in vars(estimator).items()
        if name not in ("encoder", "memory")
    }


def assert_same_state(before, after):
    assert before.keys() == after.keys()
    for name, value in before.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(after[name], value)
        elif isinstance(value, int | float | str | list | tuple | None):
            assert after[name] == value, name


def assert_refused(estimator, error, match, *args, method="fit"):
    """The call raises, and the estimator is as before, fitted or not."""
    before = state(estimator)
    with pytest.raises(error, match=match):
        getattr(estimator, method)(*args)
    assert_same_state(before, state(estimator))


@every_estimator
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity(make, bad, X, y):
    spoiled = X.copy()
    spoiled[3, 1] = bad
    fitted = make().fit(X, y)
    for estimator in (make(), fitted):
        assert_refused(estimator, ValueError, r"NaN|infinity", spoiled, y)
        assert_refused(estimator, ValueError, r"NaN|infinity", spoiled, y, method="partial_fit")
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        fitted.transform(spoiled)


@every_estimator
@pytest.mark.parametrize("dtype", ["datetime64[s]", "timedelta64[s]"])
def test_times_are_not_numbers(make, dtype, X, y):
    times = (X * 10).astype(int).astype(dtype)
    match = r"X is not numeric: it has dtype\(.*\). Convert"
    fitted = make().fit(X, y)
    for estimator in (make(), fitted):
        assert_refused(estimator, ValueError, match, times, y)
    for method in ("transform", "predict", "score_samples"):
        if hasattr(fitted, method):
            assert_refused(fitted, ValueError, match, times, method=method)
    if hasattr(fitted, "inverse_transform"):
        width = len(fitted.get_feature_names_out())
        assert_refused(fitted, ValueError, match, times[:, :width], method="inverse_transform")


@every_estimator
def test_values_beyond_the_compute_type(make, X, y):
    huge = X.copy()
    huge[0, 0] = 1e39
    assert_refused(make(), ValueError, r"too large for dtype\('float32'\).*1e\+39.*Scale X", huge, y)
    with pytest.raises(ValueError, match="too large"):
        make().fit(X, y).transform(huge)


@every_estimator
def test_no_rows_and_wrong_number_of_features(make, X, y):
    assert_refused(make(), ValueError, "0 sample", X[:0], y[:0])
    fitted = make().fit(X, y)
    for call in (fitted.transform, getattr(fitted, "predict", fitted.transform)):
        with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
            call(X[:, :3])
    assert_refused(fitted, ValueError, "X has 3 features", X[:, :3], y, method="partial_fit")


@pytest.mark.parametrize("make", [MAKERS["layer"], MAKERS["stack"]], ids=["layer", "stack"])
def test_codes_of_another_length(make, X):
    with pytest.raises(ValueError, match=r"X has 4 columns, but the code has (2|3) components"):
        make().fit(X).inverse_transform(X)


@pytest.mark.parametrize("make", [MAKERS["layer"], MAKERS["stack"]], ids=["layer", "stack"])
def test_codes_beyond_the_compute_type(make, X):
    codes = make().fit(X).transform(X).astype("float64")
    codes[0, 0] = 1e300
    fitted = make().fit(X)
    assert_refused(fitted, ValueError, r"too large for dtype\('float32'\)", codes, method="inverse_transform")
    # the type that counts is that of the fit, not that of the parameter
    fitted.set_params(dtype="float64")
    huge = np.where(X == X[0, 0], 1e300, X)
    for method, samples in (("inverse_transform", codes), ("transform", huge), ("score_samples", huge)):
        assert_refused(fitted, ValueError, r"too large for dtype\('float32'\)", samples, method=method)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("corruption_level", -0.1),
        ("sparsity_target", 1.0),
        ("supervision", 1.5),
        ("contraction", -0.1),
        ("corruption", "salt"),
        ("activation", "sigmoid"),
        ("loss", "mse"),
        ("solver", "rmsprop"),
        ("learning_rate_init", 0.0),
        ("batch_size", 0),
        ("max_iter", -1),
        ("momentum", 1.0),
        ("validation_fraction", 1.0),
        ("dtype", "float16"),
        ("alpha", -1.0),
    ],
)
@pytest.mark.parametrize("make", [MAKERS["layer"], MAKERS["stack"]], ids=["layer", "stack"])
def test_parameters_out_of_range(make, parameter, value, X):
    match = f"The '{parameter}' parameter of .* must be .* Got {value!r}"
    assert_refused(make(**{parameter: value}), ValueError, match, X)


@every_estimator
def test_parameters_out_of_range_in_a_later_partial_fit(make, X, y):
    fitted = make().partial_fit(X, y, *([[0, 1, 2]] * (make is MAKERS["classifier"])))
    for parameter, value in {"solver": "rmsprop", "momentum": 7, "batch_size": 0}.items():
        changed = copy.deepcopy(fitted).set_params(**{parameter: value})
        match = f"The '{parameter}' parameter of {type(fitted).__name__} must be"
        assert_refused(changed, ValueError, match, X, y, method="partial_fit")


@pytest.mark.parametrize("dtype", ["foo", 5, None, np.dtype("float32")])
def test_an_encoder_with_an_unknown_dtype(dtype, X, y):
    for encoder in (
        MAKERS["layer"](dtype=dtype),
        MAKERS["stack"](dtype=dtype),
        make_pipeline(MAKERS["layer"](dtype=dtype)),
    ):
        clf = SdAClassifier(encoder, warm_start=True, max_iter=1)
        assert_refused(clf, ValueError, "The 'dtype' parameter of .* must be", X, y)
        clf.set_params(encoder=(3,)).fit(X, y).set_params(encoder=encoder)
        assert_refused(clf, ValueError, "The 'dtype' parameter of .* must be", X, y)


def test_an_option_that_is_unknown_lists_the_known_ones(X):
    with pytest.raises(
        ValueError, match=r"'identity', 'logistic', 'relu', 'softplus', 'tanh'|must be a str among"
    ):
        DenoisingAutoencoder(activation="sigmoid").fit(X)


@pytest.mark.parametrize("sizes", [(), (3, 0), (3, 2.5), 0, -1, ("a",), [3, None]])
def test_layer_sizes(sizes, X, y):
    assert_refused(StackedAutoencoderTransformer(sizes), ValueError, "hidden_layer_sizes", X)
    if isinstance(sizes, tuple | list):
        assert_refused(SdAClassifier(sizes), ValueError, "hidden_layer_sizes", X, y)
    with pytest.raises(ValueError, match="n_components"):
        DenoisingAutoencoder(0).fit(X)


@pytest.mark.parametrize("value", [(0.1,), [0.1, 0.2, 0.3], ()])
def test_sequence_of_the_wrong_length(value, X):
    stack = MAKERS["stack"](corruption_level=value)
    assert_refused(stack, ValueError, rf"corruption_level=.* has {len(value)} values for the 2 layers", X)


def test_a_bad_value_for_a_later_layer_is_found_before_the_first_is_trained(X, capsys):
    stack = MAKERS["stack"](corruption_level=(0.1, 1.5), verbose=1)
    assert_refused(stack, ValueError, r"Layer 2 of 2: corruption_level must be in \[0, 1\) for .* got 1.5", X)
    stack.set_params(corruption_level=0.1, momentum=(0.5, 1.5))
    assert_refused(stack, ValueError, "'momentum' parameter of DenoisingAutoencoder", X)
    assert capsys.readouterr().out == ""


@every_estimator
def test_cross_entropy_outside_the_unit_interval(make, X, y):
    data = X * 7 - 2.5
    match = r"cross-entropy loss needs data in \[0, 1\], but X lies in \[-2.*, 4.*\].*MinMaxScaler"
    estimator = make()
    if hasattr(estimator, "encoder"):
        estimator.set_params(encoder=DenoisingAutoencoder(3, loss="cross_entropy"))
    else:
        estimator.set_params(loss="cross_entropy")
    assert_refused(estimator, ValueError, match, data, y)
    assert_refused(estimator, ValueError, match, data, y, *([[0, 1, 2]] * (make is MAKERS["classifier"])),
                   method="partial_fit")  # fmt: skip


@pytest.mark.parametrize(
    ("encoder", "match"),
    [
        ([DenoisingAutoencoder(3), DenoisingAutoencoder(2)], "put the layers in a Pipeline"),
        (PCA(2), r"encoder must be .* got PCA\(n_components=2\), which has no autoencoder"),
        (make_pipeline(StandardScaler(), PCA(2)), "has no autoencoder"),
        (
            make_pipeline(DenoisingAutoencoder(), PCA(2)),
            r"got PCA\(n_components=2\)\. Preprocessing belongs before",
        ),
        (FrozenEstimator(PCA(2).fit(np.eye(4))), "has no autoencoder"),
    ],
)
def test_an_encoder_that_is_no_autoencoder(encoder, match, X, y):
    assert_refused(SdAClassifier(encoder), TypeError, match, X, y)


@pytest.mark.parametrize("first", [None, "passthrough", MinMaxScaler()])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_samples_that_a_frozen_encoder_does_not_know(method, first, X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    encoder = MAKERS["stack"]()
    if first is not None:
        encoder = make_pipeline(first, encoder)
    clf = SdAClassifier(FrozenEstimator(encoder.fit(frame)), max_iter=1)
    more = [] if method == "fit" else [[0, 1, 2]]
    for width in (1, 3):
        match = rf"X has {width} features, but \w+ is expecting 4 features"
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            assert_refused(clf, ValueError, match, X[:, :width], y, *more, method=method)
    match = "Feature names must be in the same order"
    assert_refused(clf, ValueError, match, frame[list("dcba")], y, *more, method=method)
    assert getattr(clf, method)(frame, y, *more).predict(frame).shape == (60,)


@pytest.mark.parametrize("encoder", ["stack", 2.5, DenoisingAutoencoder])
def test_an_encoder_of_the_wrong_type(encoder, X, y):
    assert_refused(SdAClassifier(encoder), (ValueError, TypeError), "encoder", X, y)


def test_layers_of_different_types(X, y):
    encoder = make_pipeline(
        DenoisingAutoencoder(3, dtype="float64"), DenoisingAutoencoder(2, dtype="float32")
    )
    assert_refused(SdAClassifier(encoder), ValueError, "same dtype, got float32 and float64", X, y)


def test_one_class_only(X, y):
    assert_refused(
        MAKERS["classifier"](), ValueError, r"at least 2 classes, but y has 1 class.*\[7\]", X, np.full(60, 7)
    )


@pytest.mark.parametrize(("bad", "match"), [(np.nan, "NaN"), (1e200, r"too large for dtype\('float32'\)")])
def test_what_preprocessing_lets_through(bad, match, X, y):
    spoiled = X.copy()
    spoiled[3, 1] = bad
    encoder = make_pipeline(MinMaxScaler(), DenoisingAutoencoder(3, max_iter=1, random_state=0))
    clf = SdAClassifier(encoder, max_iter=1, random_state=0).fit(X, y)
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        assert_refused(clf, ValueError, match, spoiled, method=method)
    assert_refused(clf, ValueError, match, spoiled, y, method="score")
    assert_refused(clf, ValueError, match, spoiled, y, method="partial_fit")
    frozen = SdAClassifier(FrozenEstimator(encoder.fit(X)))
    assert_refused(frozen, ValueError, match, spoiled, y)


def test_preprocessing_that_gives_another_number_of_columns(X, y):
    widths = iter([4, 3])  # fit looks once
    changing = FunctionTransformer(lambda X: X[:, : next(widths)])
    clf = SdAClassifier(make_pipeline(changing, DenoisingAutoencoder(3, max_iter=1)), max_iter=1).fit(X, y)
    assert_refused(clf, ValueError, "X has 3 features, but .* is expecting 4 features", X, method="predict")


def test_fewer_than_two_classes_in_partial_fit(X, y):
    for classes, match in (
        ([7], r"classes has 1 class.*\[7\]"),
        ([7, 7], r"1 class.*\[7\]"),
        ([], r"0 class.*\[\]"),
    ):
        match = f"at least 2 classes, but .*{match}"
        assert_refused(
            MAKERS["classifier"](), ValueError, match, X, np.full(60, 7), classes, method="partial_fit"
        )


def test_labels_that_are_not_valid(X, y):
    clf = MAKERS["classifier"]()
    assert_refused(clf, ValueError, "requires y to be passed", X, None)
    assert_refused(clf, ValueError, "inconsistent numbers of samples", X, y[:-1])
    assert_refused(clf, ValueError, "infinity", X, np.where(y == 0, np.inf, y))
    assert_refused(clf, ValueError, "continuous", X, y + 0.5)


def test_classes_must_not_have_the_label_of_samples_without(X, y):
    pandas = pytest.importorskip("pandas")
    for missing in (None, np.nan, pandas.NA, -1):
        args = X, np.array(["a", "b", "c"])[y], ["a", "b", "c", missing]
        match = "classes has labels that stand for 'unlabelled'.* 1 of 4"
        assert_refused(MAKERS["classifier"](), ValueError, match, *args, method="partial_fit")


def test_unknown_labels(X, y):
    clf = MAKERS["classifier"]()
    assert_refused(
        clf, ValueError, r"not among the classes \[0 1\]: \[2\]", X, y, [0, 1], method="partial_fit"
    )
    assert_refused(clf, ValueError, "classes must be passed on the first call", X, y, method="partial_fit")
    clf.partial_fit(X, y, classes=[0, 1, 2])
    assert_refused(
        clf,
        ValueError,
        r"not among the classes \[0 1 2\]: \[9\]",
        X,
        np.where(y == 2, 9, y),
        method="partial_fit",
    )
    clf = MAKERS["classifier"](warm_start=True).fit(X, y)
    assert_refused(clf, ValueError, r"not among the classes \[0 1 2\]: \[3\]", X, y + 1)


@every_estimator
def test_batch_size_above_the_number_of_samples_is_clipped_with_a_warning(make, X, y):
    message = r"Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
    estimator = make(batch_size=100)
    with pytest.warns(UserWarning, match=message):
        estimator.fit(X, y)
    full = make(batch_size=60).fit(X, y)
    np.testing.assert_array_equal(estimator.transform(X), full.transform(X))


@pytest.mark.parametrize("kind", ["layer", "classifier"])
def test_divergence_names_epoch_and_rate_and_leaves_no_nan(kind, X, y):
    explosive = {"solver": "sgd", "learning_rate_init": 1e30, "max_iter": 50}
    linear = DenoisingAutoencoder(3, activation="identity", loss="squared_error", max_iter=2, random_state=0)

    def make(**kwargs):
        estimator = linear if kind == "layer" else SdAClassifier(linear, max_iter=2, random_state=0)
        return clone(estimator).set_params(**kwargs)

    match = r"(layer|Network) 4 -> 3.*infinite or NaN in epoch \d+ with learning rate 1e\+30"
    assert_refused(make(**explosive), ValueError, match, X, y)
    # a fitted estimator keeps its last finite state
    fitted = make(warm_start=True).fit(X, y)
    code = fitted.transform(X)
    fitted.set_params(**explosive)
    assert_refused(fitted, ValueError, match, X, y)
    assert_refused(
        fitted, ValueError, match, np.repeat(X, 50, axis=0), np.repeat(y, 50), method="partial_fit"
    )
    np.testing.assert_array_equal(fitted.transform(X), code)


@pytest.mark.parametrize("memory", [False, True])
def test_divergence_in_a_stack_names_the_layer(memory, tmp_path, X):
    stack = MAKERS["stack"](
        solver="sgd",
        learning_rate_init=(0.1, 1e30),
        activation="identity",
        loss="squared_error",
        max_iter=50,
        memory=str(tmp_path) if memory else None,
    )
    assert_refused(stack, ValueError, r"Layer 2 of 2: Autoencoder layer 3 -> 2: .* learning rate 1e\+30", X)


def test_every_error_in_a_stack_names_the_layer(X):
    stack = MAKERS["stack"](loss="cross_entropy", activation="relu", warm_start=True)
    match = r"Layer 2 of 2: The cross-entropy loss needs data in \[0, 1\]"
    deep = clone(stack).set_params(max_iter=(200, 1), learning_rate_init=0.1)
    assert_refused(deep, ValueError, match, X)
    # also where all layers are fitted already
    stack.set_params(loss=("cross_entropy", "squared_error")).fit(X)
    stack.set_params(loss="cross_entropy", max_iter=(200, 1), learning_rate_init=0.1)
    assert_refused(stack, ValueError, r"Layer 2 of 2: ", X)
    assert_refused(stack, ValueError, r"Layer 1 of 2: The cross-entropy", X * 2)
    assert_refused(stack, ValueError, r"Layer 1 of 2: The cross-entropy", X * 2, method="partial_fit")


def test_continuing_with_other_sizes(X, y):
    layer = MAKERS["layer"](warm_start=True).fit(X)
    assert_refused(layer.set_params(n_components=5), ValueError, "n_components=5: the fitted layer has 3", X)
    layer = MAKERS["layer"]().fit(X).set_params(tied_weights=False)
    assert_refused(layer, ValueError, "tied_weights=False", X, method="partial_fit")
    layer = MAKERS["layer"](warm_start=True).fit(X).set_params(dtype="float64")
    assert_refused(layer, ValueError, "dtype='float64': the fitted layer has 'float32'", X)
    stack = MAKERS["stack"](warm_start=True).fit(X)
    stack.set_params(hidden_layer_sizes=(3, 2, 2))
    assert_refused(stack, ValueError, "the fitted stack has 2 layers", X, method="partial_fit")
    assert_refused(stack.set_params(hidden_layer_sizes=(3,)), ValueError, "the fitted stack has 2 layers", X)
    stack.set_params(hidden_layer_sizes=(4, 2, 2))
    assert_refused(stack, ValueError, "n_components=4: the fitted layer has 3", X)


@pytest.mark.parametrize("make", [MAKERS["layer"], MAKERS["stack"]], ids=["layer", "stack"])
@pytest.mark.parametrize(
    ("option", "value", "had"),
    [("activation", "tanh", "relu"), ("loss", "squared_error", "cross_entropy")],
)
def test_continuing_with_another_unit_or_loss(make, option, value, had, X):
    match = f"can't continue with {option}='{value}': the fitted layer has '{had}'"
    changed = make(warm_start=True).fit(X).set_params(**{option: value})
    for method in ("fit", "partial_fit"):
        assert_refused(changed, ValueError, match, X, method=method)
    changed.set_params(warm_start=False).fit(X).partial_fit(X)


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": (7, 5)},
        {"encoder": None},
        {"encoder": DenoisingAutoencoder(3)},
        {"encoder__hidden_layer_sizes": (3, 9)},
        {"encoder__activation": ("relu", "tanh")},
        {"encoder__dtype": "float64"},
        {"encoder": FrozenEstimator(MAKERS["layer"]().fit(np.eye(4)))},
    ],
)
def test_continuing_a_classifier_with_another_encoder(change, X, y):
    clf = SdAClassifier(MAKERS["stack"](), warm_start=True, max_iter=1, random_state=0).fit(X, y)
    clf.set_params(**change)
    match = r"(?s)continue with encoder=.*: its layers have .*, those of the fitted encoder .*\(3, 'relu'"
    for method in ("fit", "partial_fit"):
        assert_refused(clf, ValueError, match, X, y, method=method)
    clf.set_params(warm_start=False).fit(X, y).partial_fit(X, y)


def test_changes_of_the_encoder_that_do_not_matter(X, y):
    clf = SdAClassifier((3, 2), warm_start=True, max_iter=1, random_state=0).fit(X, y)
    for encoder in (
        [3, 2],
        MAKERS["stack"](corruption_level=0.5, max_iter=7),
        make_pipeline(DenoisingAutoencoder(3, dtype=np.float32), DenoisingAutoencoder(2)),
        FrozenEstimator(MAKERS["stack"]().fit(X)),
    ):
        clf.set_params(encoder=encoder, pretrain=False).fit(X, y)
    assert clf.n_iter_ == 5


def test_naming_the_loss_that_auto_chose_is_no_change(X):
    layer = MAKERS["layer"](warm_start=True).fit(X).set_params(loss="cross_entropy").fit(X)
    assert layer.n_iter_ == 4
    assert_refused(layer, ValueError, r"needs data in \[0, 1\]", X * 2)


def test_continuing_with_a_cache(tmp_path, X):
    stack = MAKERS["stack"](memory=str(tmp_path)).fit(X)
    assert_refused(stack, ValueError, "memory=.* can't cache.*memory=None", X, method="partial_fit")


def test_a_keyboard_interrupt_leaves_nothing_half_done(monkeypatch, X, y):
    from sklearn_sda._objectives import Network

    fitted = MAKERS["classifier"]().fit(X, y)
    proba = fitted.predict_proba(X)

    def interrupt(self, rows, position, optimizer):
        raise KeyboardInterrupt("stop")

    monkeypatch.setattr(Network, "step", interrupt)
    for estimator in (MAKERS["classifier"](), fitted):
        assert_refused(estimator, KeyboardInterrupt, "stop", X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), proba)


@pytest.mark.parametrize(
    "dropout, match",
    [
        ([0.1], "has 1 values for 2 hidden layers"),
        ([0.1, 1.0], r"must be a number in \[0, 1\), got \[0.1, 1.0\]"),
        ([0.1, "a"], "must be a number"),
        (1.0, "'dropout' parameter"),
        (-0.1, "'dropout' parameter"),
        ("a", "'dropout' parameter"),
    ],
)
def test_dropout_that_is_not_valid_is_found_before_pretraining(dropout, match, X, y, capsys):
    clf = SdAClassifier((4, 3), dropout=dropout, verbose=1)
    for call in (lambda: clf.fit(X, y), lambda: clf.partial_fit(X, y, classes=[0, 1])):
        with pytest.raises(ValueError, match=match):
            call()
    assert not hasattr(clf, "encoder_") and not capsys.readouterr().out
    with pytest.raises(ValueError, match="input_dropout"):
        SdAClassifier((4, 3), input_dropout=1.0).fit(X, y)


@pytest.mark.parametrize("make", [MAKERS["layer"], MAKERS["stack"]], ids=["layer", "stack"])
def test_a_warm_start_wants_the_columns_of_before(make, X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = make(warm_start=True).fit(frame)
    assert_refused(fitted, ValueError, "Feature names must be in the same order", frame[list("dcba")])
    fitted = make(warm_start=True).fit(X)
    assert_refused(fitted, ValueError, "X has 3 features", X[:, :3])


@every_estimator
def test_values_far_below_zero_are_beyond_the_compute_type_too(make, X, y):
    huge = X.copy()
    huge[0, 0] = -1e39
    match = r"too large for dtype\('float32'\): it lies in \[-1e\+39"
    assert_refused(make(), ValueError, match, huge, y)
    with pytest.raises(ValueError, match=match):
        make().fit(X, y).transform(huge)
