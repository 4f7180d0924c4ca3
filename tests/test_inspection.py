"""The displays show the estimator's own numbers."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda.inspection import FilterDisplay, LossCurveDisplay, ReconstructionDisplay

matplotlib = pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("agg")


@pytest.fixture(name="X")
def images():
    """Forty samples of 4 x 4 pixels in [0, 1]; no entry is 0, so that masking can be seen."""
    return np.random.RandomState(0).uniform(0.1, 1, (40, 16))


@pytest.fixture
def y():
    """Two classes for X."""
    return np.arange(40) % 2


def make_layer(n_components=6, **kwargs):
    return DenoisingAutoencoder(n_components, **{"max_iter": 2, "random_state": 0, **kwargs})


def make_stack(sizes=(6, 3), **kwargs):
    return StackedAutoencoderTransformer(sizes, **{"max_iter": 2, "random_state": 0, **kwargs})


def make_classifier(encoder, **kwargs):
    # enough patience for the warning about convergence, which is not the subject here, to stay away
    options = {"max_iter": 3, "n_iter_no_change": 1, "tol": 100, "random_state": 0, **kwargs}
    return SdAClassifier(encoder, **options)


def cells(display, height, width):
    """Return the images of a display, of shape (n_rows, n_columns, height, width), NaN where empty."""
    grid = np.ma.filled(display.im_.get_array(), np.nan)
    n_rows, n_columns = (grid.shape[0] + 1) // (height + 1), (grid.shape[1] + 1) // (width + 1)
    assert grid.shape == (n_rows * (height + 1) - 1, n_columns * (width + 1) - 1)
    images = [
        [grid[i * (height + 1) :, j * (width + 1) :][:height, :width] for j in range(n_columns)]
        for i in range(n_rows)
    ]
    return np.array(images)


def by_norm(filters):
    """Return filters, of shape (n_features, n_filters), as rows, that with the largest norm first."""
    return np.array(sorted(filters.T, key=np.linalg.norm, reverse=True))


DISPLAYS = {
    "filters": FilterDisplay.from_estimator,
    "reconstructions": lambda estimator, **kwargs: ReconstructionDisplay.from_estimator(
        estimator, np.full((3, 16), 0.5), **kwargs
    ),
    "curves": LossCurveDisplay.from_estimator,
}


# Filters


def test_filters_are_the_columns_of_the_encoder_each_scaled_by_its_largest_magnitude(X):
    layer = make_layer(7).fit(X)
    display = FilterDisplay.from_estimator(layer)
    filters = by_norm(layer.encoder_coef_)
    np.testing.assert_array_equal(display.filters, filters)
    images = cells(display, 4, 4)
    assert images.shape == (3, 3, 4, 4)
    for k in range(9):
        image = images[k // 3, k % 3]
        if k < 7:
            expected = filters[k].reshape(4, 4)
            np.testing.assert_allclose(image, expected / np.abs(expected).max(), rtol=1e-6)
        else:
            assert np.isnan(image).all()
    # nothing but the tiles: the lines between them are empty
    assert np.isfinite(np.ma.filled(display.im_.get_array(), np.nan)).sum() == 7 * 16
    assert display.im_.get_clim() == (-1, 1)
    assert not display.ax_.axison


def test_filters_shows_at_most_n_filters_the_largest_and_says_so(X):
    layer = make_layer(7).fit(X)
    display = FilterDisplay.from_estimator(layer, n_filters=2)
    np.testing.assert_array_equal(display.filters, by_norm(layer.encoder_coef_)[:2])
    assert display.ax_.get_title() == "layer 1, 2 of 7 filters"


def test_filters_of_a_higher_layer_are_projected_to_the_input(X):
    stack = make_stack((6, 5, 4)).fit(X)
    W1, W2, W3 = stack.coefs_
    for layer, expected in enumerate([W1, W1 @ W2, W1 @ W2 @ W3]):
        display = FilterDisplay.from_estimator(stack, layer=layer)
        np.testing.assert_allclose(display.filters, by_norm(expected), rtol=1e-4, atol=1e-6)
        assert display.ax_.get_title() == f"layer {layer + 1}"


def test_filters_are_a_copy(X):
    layer = make_layer().fit(X)
    before = layer.encoder_coef_.copy()
    FilterDisplay.from_estimator(layer).filters[:] = 0
    np.testing.assert_array_equal(layer.encoder_coef_, before)


def test_a_filter_of_zeros_is_grey():
    display = FilterDisplay(np.array([[0.0, 0, 0, 0], [1, -2, 0, 0]])).plot()
    images = cells(display, 2, 2)
    np.testing.assert_array_equal(images[0, 0], np.zeros((2, 2)))
    np.testing.assert_array_equal(images[0, 1], [[0.5, -1], [0, 0]])
    nothing = cells(FilterDisplay(np.zeros((1, 4))).plot(), 2, 2)
    np.testing.assert_array_equal(nothing, np.zeros((1, 1, 2, 2)))


def test_a_filter_of_next_to_nothing_is_not_blown_up():
    images = cells(
        FilterDisplay(np.array([[0.0, 0, 0, 1e-4], [1, -2, 0, 0], [0.1, 0, 0, -0.2]])).plot(), 2, 2
    )
    np.testing.assert_allclose(images[0, 0], [[0, 0], [0, 1e-3]])
    np.testing.assert_allclose(images[1, 0], [[0.5, 0], [0, -1]])


def test_image_shape_is_height_and_width(X):
    layer = make_layer(1).fit(X)
    image = cells(FilterDisplay.from_estimator(layer, image_shape=(2, 8)), 2, 8)[0, 0]
    expected = layer.encoder_coef_[:, 0].reshape(2, 8)
    np.testing.assert_allclose(image, expected / np.abs(expected).max(), rtol=1e-6)


def test_filters_that_are_no_image(X):
    layer = make_layer().fit(X[:, :15])
    with pytest.raises(ValueError, match=r"15 features do not make a square image.*image_shape"):
        FilterDisplay.from_estimator(layer)
    with pytest.raises(ValueError, match=r"image_shape=\(4, 4\) has 16 pixels, but there are 15"):
        FilterDisplay.from_estimator(layer, image_shape=(4, 4))
    assert np.isfinite(cells(FilterDisplay.from_estimator(layer, image_shape=(3, 5)), 3, 5)).sum() == 6 * 15


@pytest.mark.parametrize("layer", [-1, 2])
def test_filters_of_a_layer_that_is_not_there(X, layer):
    with pytest.raises(ValueError, match=rf"layer must be in \[0, 1\].*got {layer}"):
        FilterDisplay.from_estimator(make_stack().fit(X), layer=layer)


def test_nothing_to_draw(X):
    with pytest.raises(ValueError, match="n_filters == 0, must be >= 1"):
        FilterDisplay.from_estimator(make_layer().fit(X), n_filters=0)
    with pytest.raises(ValueError, match="n_samples == -1, must be >= 1"):
        ReconstructionDisplay.from_estimator(make_layer().fit(X), X, n_samples=-1)


def test_arguments_of_imshow(X):
    display = FilterDisplay.from_estimator(make_layer().fit(X), im_kwargs={"cmap": "RdBu", "vmax": 2})
    assert display.im_.get_cmap().name == "RdBu"
    assert display.im_.get_clim() == (-1, 2)


# What an estimator is made of


def test_layers_are_found_wherever_they_are(X, y):
    layer, stack = make_layer(), make_stack()
    estimators = [
        (make_pipeline(MinMaxScaler(), stack), 2),
        (make_pipeline(StandardScaler(), make_layer(6), make_layer(3), LogisticRegression()), 2),
        (make_pipeline(MinMaxScaler(), make_pipeline("passthrough", layer)), 1),
        (make_classifier(make_pipeline(StandardScaler(), make_layer(6), make_stack((5, 4)))), 3),
        (make_pipeline(MinMaxScaler(), make_classifier((6, 4))), 2),
    ]
    for estimator, n_layers in estimators:
        estimator.fit(X, y)
        display = FilterDisplay.from_estimator(estimator, layer=n_layers - 1)
        assert display.filters.shape[1] == 16
        with pytest.raises(ValueError, match="layer must be in"):
            FilterDisplay.from_estimator(estimator, layer=n_layers)


def test_filters_of_a_classifier_are_the_fine_tuned_ones(X, y):
    classifier = make_classifier(make_layer()).fit(X, y)
    display = FilterDisplay.from_estimator(make_pipeline("passthrough", classifier))
    np.testing.assert_array_equal(display.filters, by_norm(classifier.coefs_[0]))
    assert display.ax_.get_title() == "layer 1 after fine-tuning"
    pretrained = FilterDisplay.from_estimator(make_classifier(make_layer(), max_iter=0).fit(X, y))
    assert pretrained.ax_.get_title() == "layer 1"


@pytest.mark.parametrize("from_estimator", DISPLAYS.values(), ids=DISPLAYS)
def test_estimators_that_can_not_be_shown(from_estimator, X, y):
    for unfitted in (
        make_layer(),
        make_stack(),
        SdAClassifier(make_layer()),
        make_pipeline(make_layer(), make_layer()),
        make_pipeline(StandardScaler(), make_stack()),
    ):
        with pytest.raises(NotFittedError):
            from_estimator(unfitted)
    logistic = LogisticRegression().fit(X, y)
    for wrong in (logistic, make_pipeline(StandardScaler(), logistic), "stack", make_layer):
        with pytest.raises(TypeError, match=r"estimator must be .* got"):
            from_estimator(wrong)


@pytest.mark.parametrize("from_estimator", DISPLAYS.values(), ids=DISPLAYS)
def test_displays_draw_on_given_axes_with_a_given_name(from_estimator, X):
    from matplotlib.figure import Figure

    layer = make_layer().fit(X)
    ax = Figure().subplots()
    display = from_estimator(layer, ax=ax, name="mine")
    drawn_on = display.axes_[0] if hasattr(display, "axes_") else display.ax_
    assert drawn_on is ax
    assert display.figure_ is ax.figure
    assert ax.get_title().startswith("mine")
    # again, elsewhere, under another name: the data are kept
    assert display.plot(name="yours") is display
    assert display.figure_ is not ax.figure
    assert display.figure_.axes[0].get_title().startswith("yours")


@pytest.mark.parametrize("from_estimator", DISPLAYS.values(), ids=DISPLAYS)
def test_displays_need_matplotlib(from_estimator, X, monkeypatch):
    layer = make_layer().fit(X)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"matplotlib is needed .*pip install matplotlib$"):
        from_estimator(layer)


def test_importing_the_module_does_not_import_matplotlib():
    code = "import sys, sklearn_sda.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Reconstructions


def encode_and_decode(estimator, X):
    return estimator.inverse_transform(estimator.transform(X))


@pytest.mark.parametrize(
    "estimator",
    [
        make_layer(tied_weights=False, corruption_level=0.4),
        make_stack(corruption_level=(0.4, 0.1)),
        make_pipeline(make_layer(corruption_level=0.4), make_layer(3, activation="tanh")),
    ],
    ids=["layer", "stack", "pipeline"],
)
def test_reconstructions_are_those_of_corrupted_samples(estimator, X):
    estimator.fit(X)
    before = X.copy()
    display = ReconstructionDisplay.from_estimator(estimator, X, n_samples=30, random_state=0)
    np.testing.assert_array_equal(X, before)
    X = X.astype(np.float32)
    positions = [np.flatnonzero((X == row).all(axis=1)).item() for row in display.clean]
    assert len(set(positions)) == 30
    masked = display.corrupted == 0
    np.testing.assert_array_equal(display.corrupted[~masked], display.clean[~masked])
    # 4 sigma of a fraction of 480 entries
    assert abs(masked.mean() - 0.4) < 4 * np.sqrt(0.4 * 0.6 / masked.size)
    expected = encode_and_decode(estimator, display.corrupted)
    np.testing.assert_allclose(display.reconstructed, expected, rtol=1e-5)


@pytest.mark.parametrize("level", [(0, 0.5), (0.5, 0)])
def test_corruption_is_that_of_the_first_layer(level, X):
    display = ReconstructionDisplay.from_estimator(make_stack(corruption_level=level).fit(X), X)
    assert (display.corrupted == display.clean).all() == (level[0] == 0)


def test_reconstructions_of_a_pipeline_see_what_the_scaler_leaves(X, y):
    scaler = StandardScaler().fit(X)
    stack = make_stack(dtype="float64").fit(scaler.transform(X))
    display = ReconstructionDisplay.from_estimator(make_pipeline(scaler, stack), X, n_samples=40)
    np.testing.assert_array_equal(display.clean, scaler.transform(X))
    expected = encode_and_decode(stack, display.corrupted)
    np.testing.assert_allclose(display.reconstructed, expected, rtol=1e-9)

    # twice: a scaler before the classifier and another one in its encoder
    encoder = make_pipeline(StandardScaler(), make_stack(dtype="float64"))
    model = make_pipeline(MinMaxScaler(), make_classifier(encoder, max_iter=0)).fit(X, y)
    display = ReconstructionDisplay.from_estimator(model, X, n_samples=40)
    np.testing.assert_allclose(display.clean, scaler.transform(X))
    expected = encode_and_decode(model[-1].encoder_[-1], display.corrupted)
    np.testing.assert_allclose(display.reconstructed, expected, rtol=1e-9)


def test_few_samples_are_shown_in_their_order(X):
    display = ReconstructionDisplay.from_estimator(make_layer(dtype="float64").fit(X), X[:5].tolist())
    np.testing.assert_array_equal(display.clean, X[:5])


def test_the_random_state_chooses_samples_and_corruption(X):
    layer = make_layer().fit(X)
    first, second, other = (
        ReconstructionDisplay.from_estimator(layer, X, random_state=seed).corrupted for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    # all samples, so that only the corruption is left to differ
    first, other = (
        ReconstructionDisplay.from_estimator(layer, X, n_samples=40, random_state=seed).corrupted
        for seed in (0, 1)
    )
    assert (first != other).any()


def test_reconstructions_check_the_samples(X):
    layer = make_layer().fit(X)
    with pytest.raises(ValueError, match="15 features"):
        ReconstructionDisplay.from_estimator(layer, X[:, :15])
    with pytest.raises(ValueError, match="NaN"):
        ReconstructionDisplay.from_estimator(layer, np.full((2, 16), np.nan))


def test_reconstructions_of_data_frames(X, y):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"pixel{k}" for k in range(16)])
    models = (make_stack(), make_pipeline(MinMaxScaler(), make_stack()), make_classifier(make_layer()))
    for model in models:
        # a warning about lost column names would be an error
        display = ReconstructionDisplay.from_estimator(model.fit(frame, y), frame, n_samples=3)
        assert display.clean.shape == (3, 16)
        with pytest.raises(ValueError, match="feature names"):
            ReconstructionDisplay.from_estimator(model, frame[frame.columns[::-1]])


def test_rows_of_images(X):
    display = ReconstructionDisplay.from_estimator(make_layer().fit(X), X, n_samples=5)
    images = cells(display, 4, 4)
    for row, samples in enumerate([display.clean, display.corrupted, display.reconstructed]):
        np.testing.assert_array_equal(images[row], samples.reshape(5, 4, 4))
    ticks = zip(display.ax_.get_yticks(), display.ax_.get_yticklabels(), strict=True)
    assert [(tick, label.get_text()) for tick, label in ticks] == [
        (1.5, "clean"),
        (6.5, "corrupted"),
        (11.5, "reconstructed"),
    ]
    assert len(display.ax_.get_xticks()) == 0


def test_rows_share_one_range_of_colours():
    clean = np.array([[0.0, 1, 1, 1]])
    # that of what is to be seen: noise may lie far outside
    assert ReconstructionDisplay(clean, clean - 2, clean + 3).plot().im_.get_clim() == (0, 4)


def test_images_that_are_not_square(X):
    display = ReconstructionDisplay.from_estimator(make_layer().fit(X), X, n_samples=2, image_shape=(2, 8))
    np.testing.assert_array_equal(cells(display, 2, 8)[0, 1], display.clean[1].reshape(2, 8))


def test_samples_that_are_no_images_are_rows(X):
    display = ReconstructionDisplay.from_estimator(make_layer().fit(X[:, :15]), X[:, :15], n_samples=5)
    blocks = cells(display, 5, 15)
    assert blocks.shape == (3, 1, 5, 15)
    np.testing.assert_array_equal(blocks[0, 0], display.clean)
    np.testing.assert_array_equal(blocks[2, 0], display.reconstructed)
    assert display.ax_.get_xlabel() == "feature"
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["clean", "corrupted", "reconstructed"]
    np.testing.assert_array_equal(display.ax_.get_yticks(), [2, 8, 14])


# Learning curves


def points(line):
    return list(zip(*line.get_data(), strict=True))


def test_one_plot_per_phase(X, y):
    classifier = make_classifier(make_stack(max_iter=(2, 4))).fit(X, y)
    display = LossCurveDisplay.from_estimator(make_pipeline("passthrough", classifier))
    assert [axes.get_title() for axes in display.axes_] == ["layer 1", "layer 2", "fine-tuning"]
    trained = [*classifier.encoder_.pipeline_.named_steps.values(), classifier]
    for line, estimator in zip(display.lines_, trained, strict=True):
        assert points(line) == list(enumerate(estimator.loss_curve_, start=1))
    assert display.validation_lines_ == [None] * 3
    assert {axes.get_xlabel() for axes in display.axes_} == {"epoch"}
    assert display.axes_[0].get_ylabel() == "cross-entropy (nats per sample)"
    assert display.axes_[2].get_ylabel() == "log loss (nats per sample)"
    assert len(display.figure_.axes) == 3


def test_the_unit_is_that_of_the_loss(X):
    stack = make_stack(activation=("tanh", "logistic")).fit(X)
    display = LossCurveDisplay.from_estimator(make_pipeline(StandardScaler(), stack).fit(X))
    assert [axes.get_ylabel() for axes in display.axes_] == ["half squared error (per sample)"] * 2


def test_validation_scores_have_an_axis_of_their_own(X, y):
    classifier = make_classifier(make_layer(early_stopping=True), early_stopping=True).fit(X, y)
    display = LossCurveDisplay.from_estimator(classifier)
    labels = []
    for axes, line, trained in zip(
        display.axes_, display.validation_lines_, [classifier.encoder_, classifier], strict=True
    ):
        assert points(line) == list(enumerate(trained.validation_scores_, start=1))
        assert line.axes is not axes
        labels.append(line.axes.get_ylabel())
        # the labels must tell which line belongs to which axis
        assert line.axes.yaxis.label.get_color() == line.get_color() != axes.yaxis.label.get_color()
    assert labels == ["validation score", "validation accuracy"]


def test_phases_without_an_epoch_are_left_out(X, y):
    classifier = make_classifier(make_stack(), pretrain=False).fit(X, y)
    display = LossCurveDisplay.from_estimator(classifier)
    assert [axes.get_title() for axes in display.axes_] == ["fine-tuning"]
    with pytest.raises(ValueError, match="no learning curve"):
        LossCurveDisplay.from_estimator(make_layer(max_iter=0).fit(X))


def test_a_single_epoch_is_visible(X):
    display = LossCurveDisplay.from_estimator(make_layer(max_iter=1).fit(X))
    assert display.lines_[0].get_marker() == "."


def test_one_axes_is_divided_and_several_are_used(X):
    from matplotlib.figure import Figure

    curves = {"a": {"loss": [2.0, 1.0]}, "b": {"loss": [3.0], "validation": None}}
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = LossCurveDisplay(curves, name="net").plot(right)
    assert [axes.get_title() for axes in display.axes_] == ["net: a", "net: b"]
    assert not right.axison
    for axes in display.axes_:
        assert axes.figure is figure
        assert axes.get_position().x0 >= right.get_position().x0 > left.get_position().x1
    assert display.axes_[0].get_ylabel() == "loss"

    axes = Figure().subplots(1, 2)
    display = LossCurveDisplay(curves).plot(axes, curve_kwargs={"color": "red"})
    assert list(display.axes_) == list(axes)
    assert [line.get_color() for line in display.lines_] == ["red", "red"]
    with pytest.raises(ValueError, match="each of the 2 phases, got 1"):
        LossCurveDisplay(curves).plot([left])


@pytest.mark.parametrize("random_state", [0, 21])  # the latter has long tick labels
@pytest.mark.parametrize("in_grid", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_many_phases_in_one_small_axes_do_not_overprint(X, y, early_stopping, in_grid, random_state):
    from matplotlib.figure import Figure

    stack = make_stack((6, 5, 4, 3), early_stopping=early_stopping, max_iter=5)
    classifier = make_classifier(stack, early_stopping=early_stopping, random_state=random_state).fit(X, y)
    figure = Figure(figsize=(5, 3))
    ax = figure.subplots() if in_grid else figure.add_axes([0.125, 0.11, 0.775, 0.77])
    display = LossCurveDisplay.from_estimator(classifier, ax=ax)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in display.axes_]
    if early_stopping:
        twins = [line.axes.get_tightbbox() for line in display.validation_lines_]
        boxes = [box.union([box, twin]) for box, twin in zip(boxes, twins, strict=True)]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    # three, then two
    assert len({round(axes.get_position().y0, 6) for axes in display.axes_}) == 2
    assert [bool(axes.get_ylabel()) for axes in display.axes_] == [True, True, False, True, True]


def test_new_figures_have_three_phases_in_a_row(X, y):
    display = LossCurveDisplay.from_estimator(make_classifier(make_stack((6, 5, 4))).fit(X, y))
    places = [axes.get_subplotspec() for axes in display.axes_]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
    ]
    assert len(display.figure_.axes) == 4
    np.testing.assert_allclose(display.figure_.get_size_inches(), [12, 6.4])


def test_an_axes_that_is_in_no_grid_is_divided(X, y):
    from matplotlib.figure import Figure

    classifier = make_classifier(make_stack(), early_stopping=True).fit(X, y)
    figure = Figure()
    ax = figure.add_axes([0.2, 0.1, 0.6, 0.8])
    display = LossCurveDisplay.from_estimator(classifier, ax=ax)
    figure.draw_without_rendering()
    assert not ax.axison
    assert display.figure_ is figure
    # no insets, which their twins would hide
    assert set(display.axes_) < set(figure.axes)
    places = [axes.get_position() for axes in display.axes_]
    np.testing.assert_allclose([(place.y0, place.y1) for place in places], [(0.1, 0.9)] * 3)
    edges = [edge for place in places for edge in (place.x0, place.x1)]
    np.testing.assert_allclose([edges[0], edges[-1]], [0.2, 0.8])
    assert (np.diff(edges) > 0).all()
    twin = display.validation_lines_[-1].axes
    np.testing.assert_allclose(twin.get_position().bounds, places[-1].bounds)


def test_curves_of_layers_of_several_types(X):
    layers = make_pipeline(make_layer(dtype="float64"), make_layer(3)).fit(X)
    assert len(LossCurveDisplay.from_estimator(layers).lines_) == 2
    assert FilterDisplay.from_estimator(layers, layer=1).filters.shape == (3, X.shape[1])
    assert ReconstructionDisplay.from_estimator(layers, X).reconstructed.shape[1] == X.shape[1]


@pytest.mark.parametrize("kwargs", [{"label": "mine"}, {"c": "r"}, {"color": "r"}, {"ls": ":", "lw": 3}])
def test_arguments_of_lines(kwargs, X):
    layer = make_layer(early_stopping=True).fit(X)
    display = LossCurveDisplay.from_estimator(layer, curve_kwargs=kwargs)
    (line,) = display.lines_
    if "label" in kwargs:
        assert line.get_label() == "mine"
    elif "lw" in kwargs:
        assert (line.get_linestyle(), line.get_linewidth()) == (":", 3)
    else:
        assert line.get_color() == "r"


@pytest.mark.parametrize("display", [FilterDisplay, ReconstructionDisplay])
def test_a_norm_takes_the_place_of_the_range_of_colours(display, X):
    from matplotlib.colors import Normalize

    args = (X,) if display is ReconstructionDisplay else ()
    norm = Normalize(-3, 3)
    drawn = display.from_estimator(make_layer().fit(X), *args, im_kwargs={"norm": norm})
    assert drawn.im_.norm is norm


@pytest.mark.parametrize("layer", [1.0, "0", True])
def test_a_layer_is_given_by_an_integer(layer, X):
    with pytest.raises(TypeError, match="layer must be an integer"):
        FilterDisplay.from_estimator(make_stack().fit(X), layer=layer)


@pytest.mark.parametrize("shape", [(-8, -8), (8.0, 8.0), ("8", "8"), (0, 64)])
def test_the_shape_of_an_image_is_of_positive_integers(shape, X):
    with pytest.raises(ValueError, match=r"image_shape must be .* positive integers"):
        FilterDisplay.from_estimator(make_layer().fit(X), image_shape=shape)


@pytest.mark.parametrize("supervision", [0, 0.5, 1])
def test_the_loss_of_a_layer_that_learns_labels_is_named(supervision, X):
    layer = make_layer(supervision=supervision).fit(X, np.arange(len(X)) % 3)
    expected = {0: "cross-entropy (nats", 0.5: "loss, reconstruction and labels (", 1: "log loss (nats"}
    display = LossCurveDisplay.from_estimator(layer)
    assert display.lines_[0].axes.get_ylabel().startswith(expected[supervision])


@pytest.mark.parametrize(
    ("early", "labels"),
    [((True, True), ["", "validation score"]), ((True, False), ["validation score"])],
)
def test_the_right_label_is_left_out_only_where_the_next_has_it(early, labels, X):
    stack = StackedAutoencoderTransformer((4, 3), early_stopping=early, max_iter=3).fit(X)
    _, ax = matplotlib.pyplot.subplots()
    LossCurveDisplay.from_estimator(stack, ax=ax)
    twins = [one for one in ax.figure.axes if one.yaxis.get_label_position() == "right"]
    assert [one.get_ylabel().replace("\n", " ").split(" (")[0] for one in twins] == labels


def test_layers_below_a_stack_that_was_trained_as_a_whole_were_not(X):
    whole = StackedAutoencoderTransformer((3,), fine_tune={"max_iter": 1}, max_iter=1)
    pipeline = make_pipeline(make_layer(), whole).fit(X)
    names = [FilterDisplay.from_estimator(pipeline, layer=k).name for k in (0, 1)]
    assert ["after fine-tuning" in name for name in names] == [False, True]
