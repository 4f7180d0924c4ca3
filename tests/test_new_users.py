"""What a new user tried with nothing but the README: lists with gaps, dates, frozen steps, texts in X."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from sklearn_sda import (
    DenoisingAutoencoder,
    SdAClassifier,
    SdARegressor,
    StackedAutoencoderTransformer,
    compare_pretraining,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(name="X")
def samples():
    return np.random.RandomState(0).uniform(size=(30, 4))


@pytest.mark.parametrize("gap", [np.nan, None])
def test_a_gap_in_a_list_of_texts_is_no_class(gap, X):
    names = ["left", "right"] * 15
    y = [gap, *names[1:]]
    clf = SdAClassifier((3,), max_iter=2, tol=1e9, random_state=0).fit(X, y)
    assert list(clf.classes_) == ["left", "right"]
    assert clf.score(X, y) == clf.score(X[1:], names[1:])
    again = SdAClassifier((3,), max_iter=2, tol=1e9, random_state=0).fit(X, np.array(y, object))
    np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize("kind", ["datetime64[s]", "timedelta64[s]"])
@pytest.mark.parametrize("estimator", [SdAClassifier((3,)), SdARegressor((3,))])
def test_dates_and_times_are_no_targets(kind, estimator, X):
    y = np.arange(30).astype(kind)
    y[::2] = "NaT"
    with pytest.raises(ValueError, match=r"y has dates or times .*Convert them"):
        estimator.fit(X, y)


def test_several_texts_per_sample(X):
    with pytest.raises(ValueError, match="y should be a 1d array"):
        SdAClassifier((3,)).fit(X, np.full((30, 2), "left"))


def test_a_frozen_step_within_a_pipeline_is_refused(X):
    layer = DenoisingAutoencoder(3, max_iter=1, tol=1e9).fit(X)
    scaler = MinMaxScaler().fit(X)
    for encoder in (
        make_pipeline(FrozenEstimator(scaler), FrozenEstimator(layer)),
        make_pipeline(FrozenEstimator(layer), DenoisingAutoencoder(2)),
        make_pipeline(FrozenEstimator(make_pipeline(scaler, layer)), DenoisingAutoencoder(2)),
    ):
        with pytest.raises(TypeError, match=r"Freeze the Pipeline as a whole, FrozenEstimator\(pipeline\)"):
            SdAClassifier(encoder).fit(X, np.arange(30) % 2)
    # a frozen scaler is preprocessing like any other
    encoder = make_pipeline(FrozenEstimator(scaler), DenoisingAutoencoder(2, max_iter=1, tol=1e9))
    SdAClassifier(encoder, max_iter=1, tol=1e9).fit(X, np.arange(30) % 2)


def test_a_frozen_encoder_has_no_pretraining_to_compare(X):
    stack = StackedAutoencoderTransformer((3,), max_iter=1, tol=1e9).fit(X)
    pipeline = make_pipeline(MinMaxScaler(), SdAClassifier(FrozenEstimator(stack)))
    with pytest.raises(ValueError, match=r"sdaclassifier__encoder is frozen.*Hand over the encoder itself"):
        compare_pretraining(pipeline, X, np.arange(30) % 2)


def test_a_regressor_does_not_speak_of_minus_one(X):
    with pytest.raises(ValueError, match=r"unlabelled \(NaN in y\)"):
        SdARegressor((3,)).fit(X, np.full(30, np.nan))
    y = np.arange(30.0)
    with pytest.raises(ValueError, match=r"2 samples without label \(NaN\)"):
        SdARegressor((3,), max_iter=1).fit(X, y, X_val=X[:3], y_val=[np.nan, np.nan, 1.0])


def test_supervision_names_itself(X):
    encoder = StackedAutoencoderTransformer((3,), supervision=0.5, max_iter=1)
    for y in (np.arange(30) / 7, np.zeros((30, 2))):
        with pytest.raises(ValueError, match="Labels for `supervision`, one class for each sample"):
            encoder.fit(X, y)


@pytest.mark.parametrize("kind", ["category", "object", "string"])
@pytest.mark.parametrize("estimator", [SdAClassifier((3,)), StackedAutoencoderTransformer((3,))])
def test_texts_in_a_data_frame_are_named(kind, estimator, X):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    frame["e"] = pandas.Series(["red", "blue"] * 15, dtype=kind)
    with pytest.raises(ValueError, match=r"X is not numeric: column 'e' has 'red'.*OneHotEncoder"):
        estimator.fit(frame, np.arange(30) % 2)
    # other complaints stay what they are
    fitted = estimator.set_params(max_iter=1).fit(frame[list("abcd")], np.arange(30) % 2)
    with pytest.raises(ValueError, match=r"Feature names unseen at fit time:\n- e"):
        fitted.transform(frame)


@pytest.mark.parametrize("mark", [-1, np.nan])
def test_a_mark_that_numpy_wrote_as_text_is_refused(mark, X):
    y = np.array(["left", "right"] * 15)
    y[4:] = mark  # a text, for y has a type of texts
    for fit in (
        SdAClassifier((3,)).fit,
        StackedAutoencoderTransformer((3,), supervision=0.5).fit,
        lambda X, y: compare_pretraining(SdAClassifier((3,)), X, y),
    ):
        with pytest.raises(ValueError, match=rf"y is an array of texts with '{mark}'.*astype\(object\)"):
            fit(X, y)
    # among objects it is a class, and so it may be in y_true
    clf = SdAClassifier((3,), max_iter=1).fit(X, y.astype(object))
    assert str(mark) in clf.classes_
    clf.score(X, y)


def test_what_cannot_be_cached_is_said_in_a_line(X, tmp_path):
    layer = DenoisingAutoencoder(3, corruption=lambda X, level, random_state: X, random_state=0)
    clf = SdAClassifier(layer, memory=str(tmp_path), random_state=0)
    with pytest.raises(ValueError, match=r"can't cache the pretraining.*lambda.*memory=None") as caught:
        clf.fit(X, np.arange(30) % 2)
    assert len(str(caught.value)) < 500


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_preprocessing_may_have_a_lambda_with_a_cache(X, tmp_path):
    encoder = make_pipeline(FunctionTransformer(lambda X: X), DenoisingAutoencoder(3, random_state=0))
    SdAClassifier(encoder, memory=str(tmp_path), random_state=0).fit(X, np.arange(30) % 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_minus_one_that_became_255_is_a_warning(X):
    y = np.arange(30, dtype=np.uint8) % 2
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="y has the type")
        SdAClassifier((3,), max_iter=1).fit(X, y)
    with pytest.warns(UserWarning, match=r"type uint8 and the label 255.*y\.astype\(int\)"):
        clf = SdAClassifier((3,), max_iter=1).fit(X, np.where(y == 0, y, -1))
    assert clf.classes_.tolist() == [0, 255]


@pytest.mark.parametrize("kind", ["category", "decimal", "polars"])
def test_frames_of_numbers_that_are_no_floats(kind, X):
    pandas, decimal = pytest.importorskip("pandas"), pytest.importorskip("decimal")
    X = np.round(X, 2)
    if kind == "polars":
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame(X, schema=list("abcd")).cast(polars.Decimal(10, 2))
    else:
        frame = pandas.DataFrame(X, columns=list("abcd"))
        frame = frame.astype("category") if kind == "category" else frame.map(decimal.Decimal)
    layer = DenoisingAutoencoder(3, max_iter=1, random_state=0)
    np.testing.assert_array_equal(layer.fit_transform(frame), layer.fit_transform(X))


def test_texts_in_a_table_of_arrow_are_said(X):
    pyarrow = pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="could not convert string to float: 'x'"):
        DenoisingAutoencoder(3).fit(pyarrow.table({"a": [1.0, 2], "b": ["x", "y"]}))


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "mixed"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_frames_of_indicators(dtype, X):
    pandas = pytest.importorskip("pandas")
    Y = np.arange(60).reshape(30, 2) % 3 == 0
    frame = pandas.DataFrame(Y.astype(int), columns=["left", "right"])
    frame = frame.astype({"left": bool} if dtype == "mixed" else dtype)
    clf = SdAClassifier((3,), max_iter=2, random_state=0)
    expected = clf.fit(X, Y.astype(int), X_val=X, y_val=Y.astype(int)).predict(X)
    np.testing.assert_array_equal(clf.fit(X, frame, X_val=X, y_val=frame).predict(X), expected)
    sparse = csr_array(Y.astype(int))
    np.testing.assert_array_equal(clf.fit(X, sparse, X_val=X, y_val=sparse).predict(X), expected)


def test_a_cache_that_would_never_be_used_is_a_warning(X, tmp_path):
    y = np.arange(30) % 2
    seeded = StackedAutoencoderTransformer((3,), max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="memory=.* is of no use with random_state=None"):
        SdAClassifier((3,), max_iter=1, memory=str(tmp_path)).fit(X, y)
    with pytest.warns(UserWarning, match="memory=.* is of no use with random_state=None") as caught:
        StackedAutoencoderTransformer((3, 2), max_iter=1, memory=str(tmp_path)).fit(X)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        SdAClassifier((3,), max_iter=1, memory=str(tmp_path), random_state=0).fit(X, y)
        SdAClassifier(seeded, max_iter=1, memory=str(tmp_path)).fit(X, y)
        seeded.set_params(memory=str(tmp_path)).fit(X)


def test_too_few_samples_for_early_stopping_are_two_sentences(X):
    clf = SdAClassifier((3,), early_stopping=True, validation_fraction=0.1, max_iter=1)
    with pytest.raises(ValueError, match=r"number of classes = 5\. Set another fraction"):
        clf.fit(X, np.arange(30) % 5)


@pytest.mark.parametrize("mark", [None, "<NA>", -1])
def test_a_text_that_may_be_a_mark_is_a_warning(mark, X):
    y = np.array(["M", "B"] * 15, dtype="U1" if mark == -1 else "U5")
    y[4:] = mark  # a text, for y has a type of texts
    text = {None: "None", -1: "-"}.get(mark, mark)
    clf = SdAClassifier((3,), max_iter=1)
    with pytest.warns(UserWarning, match=rf"array of texts with '{text}', a class here.*astype\(object\)"):
        assert text in clf.fit(X, y).classes_
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="y is an array of texts")
        clf.fit(X, y.astype(object))
        clf.fit(X, np.array(["+", "-"] * 15))
        clf.fit(X, np.array(["No", "N"] * 15))


def test_few_labels_of_many_classes_are_no_warning(X):
    many = np.vstack([X] * 4)
    y = np.full(120, -1)
    y[:40] = np.arange(40)
    clf = SdAClassifier((3,), max_iter=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The number of unique classes")
        clf.fit(many, y)
        clone(clf).partial_fit(X, np.arange(30), classes=range(40))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        clf.fit(many, np.where(y == -1, np.nan, y / 7))


def test_texts_are_not_taken_for_numbers(X):
    y = np.arange(30) % 15
    clf = SdAClassifier((3,), max_iter=1).fit(X, y)
    texts = SdAClassifier((3,), max_iter=1).fit(X, y.astype(str))
    for call in (
        lambda: clf.partial_fit(X, y.astype(str)),
        lambda: texts.partial_fit(X, y),
        lambda: clf.fit(X, y, X_val=X, y_val=y.astype(str)),
        lambda: SdAClassifier((3,)).partial_fit(X, y.astype(str), classes=range(15)),
    ):
        with pytest.raises(ValueError, match="y has labels that are not among the classes"):
            call()
    clone(texts).partial_fit(X, y.astype(str).astype(object), classes=texts.classes_)
