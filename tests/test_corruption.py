"""Corruption: what each kind does to the samples, column by column, and what the loss makes of it."""

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from test_bad_input import assert_refused
from threadpoolctl import threadpool_limits

import naive
from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._columns import Columns
from sklearn_sda._corruption import Corruption
from sklearn_sda._kernels.corruption import CORRUPTIONS


def corrupt(kinds, levels, X, position=0, *, seed=1, dtype="float64", minibatch=None, **options):
    """Return corrupted samples, made in minibatches of a size (None: all together)."""
    corruption = Corruption(
        kinds if isinstance(kinds, list) else [kinds],
        levels if isinstance(levels, list) else [levels],
        seed=seed, dtype=np.dtype(dtype), n_features=X.shape[1], columns=Columns.of(X), donors=X, **options,
    )  # fmt: skip
    clean, out = X.astype(dtype), np.empty(X.shape, dtype)
    for start in range(0, len(X), minibatch or len(X)):
        rows = slice(start, start + (minibatch or len(X)))
        corruption(clean[rows], position + start, out[rows])
    np.testing.assert_array_equal(clean, X.astype(dtype))
    return out


@pytest.fixture
def samples():
    """Columns of their own scale and range, strongly correlated, all values different."""
    rng = np.random.RandomState(0)
    common = rng.standard_normal((4000, 1))
    return (common + 0.1 * rng.standard_normal((4000, 6))) * [1, 2, 4, 8, 16, 32] + [1, 20, -30, 0, 5, 7]


CHOOSING = [name for name, noise in CORRUPTIONS.items() if noise.chooses]


# --- what each kind does -------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHOOSING)
def test_cells_are_chosen_independently_with_the_given_probability(name, samples):
    changed = corrupt(name, 0.3, samples) != samples
    sigma = np.sqrt(0.3 * 0.7 / samples.size)
    assert abs(changed.mean() - 0.3) < 4 * sigma + 1e-3  # salt and pepper may hit an extreme itself
    correlation = np.corrcoef(changed.T) - np.eye(6)
    assert abs(correlation).max() < 5 / np.sqrt(4000)
    assert abs((changed[1:] & changed[:-1]).mean() - 0.09) < 0.01


def test_masking_sets_to_zero_and_does_not_rescale(samples):
    out = corrupt("masking", 0.3, samples)
    assert ((out == 0) | (out == samples)).all()


def test_salt_and_pepper_goes_to_each_columns_own_extremes(samples):
    out = corrupt("salt_and_pepper", 0.3, samples)
    low, high = samples.min(axis=0), samples.max(axis=0)
    assert ((out == low) | (out == high) | (out == samples)).all()
    n_low, n_high = (out == low).sum(), (out == high).sum()
    assert abs(n_low / (n_low + n_high) - 0.5) < 4 * 0.5 / np.sqrt(n_low + n_high)


def test_swap_keeps_the_distribution_of_each_column_and_breaks_their_relation(samples):
    out = corrupt("swap", 0.9, samples)
    for before, after in zip(samples.T, out.T, strict=True):
        assert np.isin(after, before).all()
        np.testing.assert_allclose(np.quantile(after, [0.1, 0.5, 0.9]), np.quantile(before, [0.1, 0.5, 0.9]),
                                   atol=0.1 * before.std())  # fmt: skip
    assert abs(np.corrcoef(samples.T)).min() > 0.9
    assert np.median(abs(np.corrcoef(out.T) - np.eye(6))) < 0.1
    # donors are drawn for each cell: the values of a row come from different rows
    donors = [
        np.searchsorted(np.sort(column), values) for column, values in zip(samples.T, out.T, strict=True)
    ]
    assert (donors[0] != donors[1]).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "unit"), [("gaussian", lambda X: X.std(axis=0)), ("gaussian_absolute", lambda X: np.ones(6))]
)
def test_normal_noise_has_the_given_deviation(name, unit, samples):
    noise = (corrupt(name, 0.5, samples) - samples) / (0.5 * unit(samples))
    n = len(samples)
    assert abs(noise.mean(axis=0)).max() < 4 / np.sqrt(n)
    assert abs(noise.std(axis=0) - 1).max() < 4 / np.sqrt(2 * n)
    assert abs((noise**3).mean()) < 4 * np.sqrt(15 / noise.size)
    assert abs((noise**4).mean() - 3) < 4 * np.sqrt(96 / noise.size)
    assert abs(np.corrcoef(noise.T) - np.eye(6)).max() < 5 / np.sqrt(n)


def test_a_constant_column_gets_no_relative_noise(samples):
    samples[:, 2] = 7
    np.testing.assert_array_equal(corrupt("gaussian", 0.5, samples)[:, 2], 7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_noise_is_addressed_by_position_not_by_batch(name, dtype, samples):
    X = samples[:50]
    whole = corrupt(name, 0.4, X, 20, dtype=dtype)
    np.testing.assert_array_equal(whole, corrupt(name, 0.4, X, 20, dtype=dtype, minibatch=7))
    for other in (corrupt(name, 0.4, X, 21, dtype=dtype), corrupt(name, 0.4, X, 20, seed=2, dtype=dtype)):
        assert (whole != other).mean() > 0.3


def test_columns_are_those_of_all_parts(samples):
    columns = Columns.of(samples[:1300]).merged(Columns.of(samples[1300:]))
    np.testing.assert_array_equal(columns.low, samples.min(axis=0))
    np.testing.assert_array_equal(columns.high, samples.max(axis=0))
    np.testing.assert_allclose(columns.deviation, samples.std(axis=0), rtol=1e-12)


# --- levels per column, several in turn, callables -----------------------------------------------


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_column_has_its_own_level(name, samples):
    levels = np.array([0, 0.1, 0.2, 0.4, 0.6, 0.9])
    out = corrupt(name, levels, samples)
    changed = (out != samples).mean(axis=0)
    assert changed[0] == 0
    if name in CHOOSING:
        assert abs(changed - levels).max() < 0.03
    else:
        deviations = (out - samples).std(axis=0)
        unit = samples.std(axis=0) if name == "gaussian" else 1
        np.testing.assert_allclose(deviations, levels * unit, rtol=0.05)


def negative(X, level, random_state):
    return -X


def test_several_are_applied_in_turn(samples):
    np.testing.assert_array_equal(
        corrupt(["masking", negative], [0.3, 1.0], samples), -corrupt("masking", 0.3, samples)
    )
    # with random numbers of their own: half of a half of the cells is left
    twice = corrupt(["masking", "masking"], [0.5, 0.5], samples) != 0
    assert abs(twice.mean() - 0.25) < 0.02


def test_a_callable_gets_the_minibatch_the_level_and_random_numbers(samples):
    seen = []

    def noise(X, level, random_state):
        seen.append((X.copy(), level, random_state.uniform()))
        return X + level * random_state.standard_normal(X.shape)

    out = corrupt(noise, 0.2, samples[:50], minibatch=20)
    assert [len(X) for X, *_ in seen] == [20, 20, 10]
    np.testing.assert_array_equal(np.concatenate([X for X, *_ in seen]), samples[:50])
    assert {level for _, level, _ in seen} == {0.2} and len({number for *_, number in seen}) == 3
    assert 0.1 < (out - samples[:50]).std() < 0.3
    np.testing.assert_array_equal(out, corrupt(noise, 0.2, samples[:50], minibatch=20))


# --- in an estimator -----------------------------------------------------------------------------

OPTIONS = {"activation": "tanh", "dtype": "float64", "shuffle": False, "batch_size": 60, "random_state": 0}


@pytest.fixture(name="X")
def few_samples(samples):
    return samples[:60] / 10


def first_loss(X, corruption, level, naive_noise, **options):
    """Return the loss of the first epoch, which is one minibatch, and that of the naive reference."""
    layer = DenoisingAutoencoder(4, corruption=corruption, corruption_level=level, **OPTIONS, **options)
    start = clone(layer).set_params(max_iter=0).fit(X)
    seed = check_random_state(0).randint(np.iinfo(np.int32).max)
    X_tilde = naive_noise(np.asarray(X), seed)
    parameters = start.encoder_coef_, start.encoder_intercept_, start.decoder_intercept_, None
    expected = naive.reconstruction_loss(np.asarray(X), X_tilde, *parameters, "tanh", "squared_error", 0)
    return layer.set_params(max_iter=1).fit(X).loss_, expected


@pytest.mark.parametrize("form", ["scalar", "array", "dict"])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_layer_is_trained_on_what_the_reference_makes(name, form, X):
    levels = np.full(6, 0.25) if form == "scalar" else np.array([0.25, 0, 0.5, 0, 0, 0.125])

    def noise(X, seed):
        if name == "swap":
            return naive.swap(X, levels, X, seed, 0)
        strengths = levels * X.std(axis=0) if name == "gaussian" else levels
        return naive.CORRUPTIONS[name](X, strengths, X.min(axis=0), X.max(axis=0), seed, 0)

    given = {"scalar": 0.25, "array": levels, "dict": {"a": 0.25, "c": 0.5, "f": 0.125}}[form]
    if form == "dict":
        samples = pytest.importorskip("pandas").DataFrame(X, columns=list("abcdef"))
    else:
        samples = X
    loss, expected = first_loss(samples, name, given, noise)
    np.testing.assert_allclose(loss, expected, rtol=1e-8)


def test_a_layer_with_several_corruptions_and_a_callable(X):
    def noise(X, seed):
        return -naive.masking(X, np.full(6, 0.5), None, None, seed, 0)

    loss, expected = first_loss(X, ["masking", negative], [0.5, 1.0], noise)
    np.testing.assert_allclose(loss, expected, rtol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_emphasis_weights_the_chosen_components(loss):
    X = np.random.RandomState(0).uniform(size=(60, 6)) * (np.arange(6) > 2)  # zeros can be masked too
    layer = DenoisingAutoencoder(4, corruption_level=0.25, loss=loss, **OPTIONS)
    start = clone(layer).set_params(max_iter=0).fit(X)
    seed = check_random_state(0).randint(np.iinfo(np.int32).max)
    chosen = naive.chosen(X.shape, 0.25, seed, 0)
    parameters = start.encoder_coef_, start.encoder_intercept_, start.decoder_intercept_, None
    for pair in ((1, 0.5), (1, 0), (0, 3.0)):
        expected = naive.reconstruction_loss(
            X, np.where(chosen, 0, X), *parameters, "tanh", loss, 0, emphasis=np.where(chosen, *pair)
        )
        fitted = clone(layer).set_params(max_iter=1, emphasis=pair).fit(X)
        np.testing.assert_allclose(fitted.loss_, expected, rtol=1e-10)
    # a callable corrupts what it changes
    mask = np.where(chosen, 0, X)
    fitted = clone(layer).set_params(
        max_iter=1, emphasis=(1, 0), corruption=lambda X, level, random_state: np.where(chosen, 0, X)
    )
    expected = naive.reconstruction_loss(X, mask, *parameters, "tanh", loss, 0, emphasis=mask != X)
    np.testing.assert_allclose(fitted.fit(X).loss_, expected, rtol=1e-10)


def test_batch_size_one_knows_every_variant(X):
    # the step of single samples leaves emphasis, penalties and labels to the other one
    options = {**OPTIONS, "batch_size": 1, "solver": "sgd", "momentum": 0, "max_iter": 1}
    plain = DenoisingAutoencoder(4, **options).fit(X).encoder_coef_
    y = np.arange(60) % 2
    for change in (
        {"emphasis": (1, 0.5)},
        {"activity_l1": 0.1},
        {"contraction": 0.1},
        {"supervision": 0.5},
        {"activation": "logistic", "sparsity_weight": 0.1},
    ):
        fitted = DenoisingAutoencoder(4, **{**options, **change}).fit(X, y)
        assert np.isfinite(fitted.loss_) and not np.allclose(fitted.encoder_coef_, plain)


@slow_without_the_jit
def test_more_threads_give_the_same_bits_with_a_callable():
    X = np.random.RandomState(0).uniform(size=(400, 300)).astype("float32")

    def noise(X, level, random_state):
        return X * (random_state.uniform(size=X.shape) > level)

    fits = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            layer = DenoisingAutoencoder(
                300,
                corruption=[noise, "swap"],
                corruption_level=0.2,
                batch_size=128,
                max_iter=2,
                random_state=0,
            )
            fits.append(layer.fit(X).encoder_coef_)
    np.testing.assert_array_equal(*fits)


def test_partial_fit_learns_the_columns_as_they_come(X):
    layer = DenoisingAutoencoder(4, corruption="salt_and_pepper", **{**OPTIONS, "batch_size": 30})
    layer.partial_fit(X[:30]).partial_fit(X[30:])
    np.testing.assert_array_equal(layer._columns.high, X.max(axis=0))
    np.testing.assert_allclose(layer._columns.deviation, X.std(axis=0))


# --- in a stack ----------------------------------------------------------------------------------


def test_a_list_is_per_layer_and_an_array_or_dict_belongs_to_the_first(X):
    pd = pytest.importorskip("pandas")
    levels = np.full(6, 0.1)
    kinds = ["swap", ["masking", "gaussian"]]
    stack = StackedAutoencoderTransformer(
        (5, 4), corruption=kinds, corruption_level=[levels, [0.1, 0.2]], max_iter=2, random_state=0
    ).fit(X)
    assert [layer.corruption for layer in stack] == kinds
    assert stack[0].corruption_level is levels and stack[1].corruption_level == [0.1, 0.2]
    stack.set_params(corruption="masking", corruption_level=levels).fit(X)
    assert stack[0].corruption_level is levels and stack[1].corruption_level == 0.3
    frame = pd.DataFrame(X, columns=list("abcdef"))
    stack.set_params(corruption_level={"a": 0.5}).fit(frame)
    np.testing.assert_array_equal(stack[0].corruption_level, [0.5, 0, 0, 0, 0, 0])
    assert stack[1].corruption_level == 0.3
    np.testing.assert_array_equal(
        stack[0].encoder_coef_,
        clone(stack).set_params(corruption_level=np.array([0.5, 0, 0, 0, 0, 0])).fit(X)[0].encoder_coef_,
    )


def test_emphasis_of_a_stack(X):
    def fitted(emphasis):
        stack = StackedAutoencoderTransformer((5, 4), emphasis=emphasis, max_iter=1, random_state=0).fit(X)
        return [layer.emphasis for layer in stack]

    assert fitted((1, 0.5)) == [(1, 0.5), (1, 0.5)]
    assert fitted([(1, 0.5), None]) == [(1, 0.5), None]


def test_corruption_in_a_grid_and_in_a_pipeline_with_names(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    encoder = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        StackedAutoencoderTransformer((5,), max_iter=2, random_state=0),
    )
    grid = {
        "stackedautoencodertransformer__corruption": ["swap", "masking"],
        "stackedautoencodertransformer__corruption_level": [{"a": 0.5, "b": 0.1}, 0.2],
    }
    search = GridSearchCV(encoder, grid, cv=2, n_jobs=2, error_score="raise").fit(frame)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    clf = SdAClassifier(search.best_estimator_, max_iter=0).fit(frame, np.arange(60) % 2)
    assert clf.predict(frame).shape == (60,)


# --- bad input -----------------------------------------------------------------------------------


def writes(X, level, random_state):
    X *= 0
    return X


def loses_a_row(X, level, random_state):
    return X[1:]


def makes_nan(X, level, random_state):
    return X + np.nan


def makes_text(X, level, random_state):
    return X.astype(str)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (writes, "corruption writes modifies its input"),
        (loses_a_row, r"corruption loses_a_row returned an array of shape \(59, 6\) .* shape \(60, 6\)"),
        (makes_nan, "corruption makes_nan returned NaN or infinity"),
        (makes_text, "corruption makes_text returned .* not numeric"),
    ],
)
def test_a_bad_callable_is_refused_by_name(function, message, X):
    assert_refused(DenoisingAutoencoder(4, corruption=function, **OPTIONS), ValueError, message, X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"corruption": "salt"},
            "'corruption' parameter of DenoisingAutoencoder must be .*'salt_and_pepper'",
        ),
        ({"corruption": ["masking", "salt"]}, r"has 'salt', which is neither .*'salt_and_pepper', 'swap'"),
        ({"corruption": []}, "must not be an empty list"),
        ({"corruption_level": np.full(5, 0.1)}, r"must be 6 numbers, .* got an array of shape \(5,\)"),
        ({"corruption_level": np.full((6, 1), 0.1)}, r"got an array of shape \(6, 1\)"),
        ({"corruption_level": np.array(list("abcdef"))}, "must be 6 numbers, .* type <U1"),
        ({"corruption_level": [0.1, 0.2]}, r"has 2 values for 1 corruption\(s\)"),
        ({"corruption_level": {"a": 0.1}}, "needs X with column names"),
        ({"corruption_level": 1.0}, r"must be in \[0, 1\) for corruption 'masking', got 1.0"),
        (
            {"corruption_level": np.array([0.1] * 5 + [np.nan])},
            r"must be in \[0, 1\) for corruption 'masking'",
        ),
        ({"corruption": "gaussian", "corruption_level": np.array([0.1] * 5 + [-1])}, "not negative"),
        ({"emphasis": (1, -0.5)}, "emphasis must be a pair of weights .* got"),
        ({"emphasis": (1,)}, "emphasis must be a pair of weights"),
        ({"emphasis": (0, 0)}, "emphasis must be a pair of weights"),
        ({"emphasis": (1, 0.5), "corruption": "gaussian"}, "makes no sense with corruption 'gaussian'"),
        ({"emphasis": (1, 0), "corruption_level": 0}, "leaves nothing to learn"),
        ({"sparsity_weight": 0.1}, "needs codes in .* got activation='tanh'"),
        ({"supervision": 0.5}, "supervision=0.5 requires y to be passed"),
    ],
    ids=str,
)
def test_bad_parameters(parameters, message, X):
    assert_refused(DenoisingAutoencoder(4, **{**OPTIONS, **parameters}), ValueError, message, X)


def test_unknown_column_names(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    layer = DenoisingAutoencoder(4, corruption_level={"a": 0.1, "z": 0.2}, **OPTIONS)
    assert_refused(layer, ValueError, r"columns that X does not have: \['z'\]", frame)


def test_partial_fit_has_no_supervision(X):
    layer = DenoisingAutoencoder(4, supervision=0.5, **OPTIONS)
    assert_refused(
        layer, AttributeError, "has no attribute 'partial_fit'", X, [0, 1] * 30, method="partial_fit"
    )


def test_levels_beyond_one_are_for_normal_noise(X):
    for earlier, later in itertools.pairwise([0.5, 1.0, 3.0]):
        noise = [np.std(corrupt("gaussian", level, X) - X) for level in (earlier, later)]
        assert noise[1] > 1.5 * noise[0]


def test_minibatches_of_a_callable_have_their_own_random_numbers(samples):
    seen, X = [], samples[:60].copy()

    def noise(X, level, random_state):
        seen.append(random_state.uniform())
        return X

    corruption = Corruption([noise], [0.2], seed=1, dtype=np.dtype("float64"), n_features=6)
    corruption(X, 0, np.empty_like(X), batch_size=20)
    assert len(seen) == len(set(seen)) == 3
