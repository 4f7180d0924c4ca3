"""Pictures of trained networks: filters, reconstructions, learning curves, what pretraining was worth.

The classes follow scikit-learn's Display convention: the data are stored by `__init__`, `plot` draws
them, `from_estimator` does both. matplotlib is imported when something is drawn.
"""

import math
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state, check_scalar, resample

from sklearn_sda._columns import dense_rows
from sklearn_sda._comparison import compare_pretraining
from sklearn_sda._encoder import decoders_of
from sklearn_sda._network import forward
from sklearn_sda._parts import SUPERVISED, find_parts, learning_curves
from sklearn_sda._stacked import StackedAutoencoderTransformer

__all__ = ["FilterDisplay", "LossCurveDisplay", "PretrainingComparisonDisplay", "ReconstructionDisplay"]

# A filter below this fraction of the largest one is noise, and drawn paler instead of at full contrast.
FAINT = 0.05
# Phases side by side in learning curves.
PHASES_PER_ROW = 3
ROWS = ("clean", "corrupted", "reconstructed")


class FilterDisplay:
    """Filters of hidden units, drawn as a grid of images.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, n_features)
        One filter per row.
    image_shape : tuple of int (height, width), default=None
        Shape of the image that the features are the pixels of; None for a square one.
    name : str, default=None
        Title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        The figure that it belongs to.
    im_ : matplotlib AxesImage
        The grid: tiles with one empty pixel between them. Each tile is divided by its own largest
        magnitude, so that 0 is mid-grey and the units of a filter do not matter; by a twentieth of
        the largest magnitude of all, if that is more, so that a filter of next to nothing is grey.

    See Also
    --------
    ReconstructionDisplay : What a network makes of corrupted samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import DenoisingAutoencoder
    >>> from sklearn_sda.inspection import FilterDisplay
    >>> layer = DenoisingAutoencoder(25, max_iter=2, random_state=0).fit(load_digits().data / 16)
    >>> display = FilterDisplay.from_estimator(layer)  # doctest: +SKIP
    """

    def __init__(self, filters, image_shape=None, name=None):
        self.filters = filters
        self.image_shape = image_shape
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, *, layer=0, n_filters=100, image_shape=None, name=None, ax=None, im_kwargs=None
    ):
        """Draw the filters of one layer: the columns of its `encoder_coef_`.

        The filters of a layer above the first are projected back linearly to the network's input,
        through the encoder coefficients of the layers below: W_1 W_2 ... W_k, without intercepts and
        hidden units. That shows what a unit looks for only as far as the lower layers are linear.

        Parameters
        ----------
        estimator : estimator
            Fitted DenoisingAutoencoder, StackedAutoencoderTransformer, SdAClassifier, SdARegressor, a
            Pipeline with one of them, or what has fitted one (a search, a `TransformedTargetRegressor`).
        layer : int, default=0
            The layer, 0 being the lowest.
        n_filters : int, default=100
            Largest number of filters, those with the largest norm. They are drawn in the order of their
            norms, the largest first.
        image_shape : tuple of int (height, width), default=None
            See the class.
        name : str, default=None
            Title; None names the layer, says whether it was fine-tuned, and how many of its filters are
            drawn if not all of them.
        ax : matplotlib Axes, default=None
            To draw on; None for a new figure.
        im_kwargs : dict, default=None
            Further arguments of `imshow`.

        Returns
        -------
        display : FilterDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no autoencoder in it, or `layer` is no integer.
        ValueError
            If there is no such layer, n_filters is below 1, or the features do not make such an image.
        """
        check_scalar(n_filters, "n_filters", Integral, min_val=1)
        if not isinstance(layer, Integral) or isinstance(layer, bool):
            raise TypeError(f"layer must be an integer, the lowest layer being 0; got {layer!r}.")
        parts = find_parts(estimator)
        layers = parts.layers
        if not 0 <= layer < len(layers):
            raise ValueError(f"layer must be in [0, {len(layers) - 1}], the layers there are; got {layer!r}.")
        filters = layers[layer].encoder_coef_
        for lower in reversed(layers[:layer]):
            filters = lower.encoder_coef_ @ filters
        filters = filters.T
        drawn = filters[np.argsort(-np.linalg.norm(filters, axis=1), kind="stable")[:n_filters]]
        if name is None:
            supervised = isinstance(parts.owner, SUPERVISED) and _is_fine_tuned(parts.owner, layer)
            together, below = [parts.owner] * supervised, 0
            for step in parts.autoencoders:
                if isinstance(step, StackedAutoencoderTransformer):
                    together += [step] * (below <= layer)
                    below += len(step)
                else:
                    below += 1
            tuned = any(getattr(s, "loss_curve_", []) for s in together)
            name = f"layer {layer + 1}{' after fine-tuning' if tuned else ''}"
            if len(drawn) < len(filters):
                name += f", {len(drawn)} of {len(filters)} filters"
        return cls(drawn, image_shape, name).plot(ax, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, name=None, im_kwargs=None):
        """Draw the filters.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw on; None for a new figure.
        name : str, default=None
            Title; None for `self.name`.
        im_kwargs : dict, default=None
            Further arguments of `imshow`, such as ``{"cmap": "RdBu"}``.

        Returns
        -------
        self : FilterDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the features do not make such an image.
        """
        pyplot = _import_pyplot(self)
        filters = np.asarray(self.filters)
        height, width = _check_image_shape(self.image_shape, filters.shape[1])
        largest = np.abs(filters).max(axis=1, keepdims=True)
        largest = np.maximum(largest, FAINT * largest.max())
        tiles = (filters / np.where(largest > 0, largest, 1)).reshape(-1, height, width)
        grid = _tile(tiles, n_columns=math.ceil(math.sqrt(len(tiles) * height / width)))
        if ax is None:
            size = 5 / max(grid.shape)
            figsize = (grid.shape[1] * size, grid.shape[0] * size + 0.4)
            _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
        self.im_ = _draw_image(ax, grid, im_kwargs, cmap="gray", vmin=-1, vmax=1)
        ax.set_axis_off()
        _set_title(ax, name or self.name)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class ReconstructionDisplay:
    """Clean samples, what corruption leaves of them, and what a network makes of that.

    Samples that are images are drawn as such, others as three blocks of rows, one row per sample.

    Parameters
    ----------
    clean, corrupted, reconstructed : ndarray of shape (n_samples, n_features)
        The same samples.
    image_shape : tuple of int (height, width), default=None
        Shape of the image that the features are the pixels of. None for a square one if the number of
        features is a square number, and for no image otherwise.
    name : str, default=None
        Title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        The figure that it belongs to.
    im_ : matplotlib AxesImage
        All samples; the range of colours is that of the clean and the reconstructed ones.

    See Also
    --------
    FilterDisplay : What the hidden units look for.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import DenoisingAutoencoder
    >>> from sklearn_sda.inspection import ReconstructionDisplay
    >>> X = load_digits().data / 16
    >>> layer = DenoisingAutoencoder(25, max_iter=2, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(layer, X, random_state=0)  # doctest: +SKIP
    """

    def __init__(self, clean, corrupted, reconstructed, image_shape=None, name=None):
        self.clean = clean
        self.corrupted = corrupted
        self.reconstructed = reconstructed
        self.image_shape = image_shape
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_samples=10,
        image_shape=None,
        random_state=None,
        name=None,
        ax=None,
        im_kwargs=None,
    ):
        """Corrupt some samples as the first layer does in training, and draw their reconstructions.

        "swap" takes its values from X. A layer that was loaded from a file does not know the columns'
        ranges and deviations, which other kinds of noise need: they are those of X then.

        The corrupted samples are encoded by all layers and decoded by all decoders. In a pipeline the
        samples go through the earlier steps first, and are drawn as those leave them.

        Of an `SdAClassifier` the encoder is used. Fine-tuning moves the encoder and leaves the decoders
        as they were, unless the weights are tied, and trains neither to reconstruct: reconstructions
        tell something about a pretrained encoder (an `SdAClassifier` with ``max_iter=0``, for
        instance), little about a fine-tuned one.

        Parameters
        ----------
        estimator : estimator
            Fitted DenoisingAutoencoder, StackedAutoencoderTransformer, SdAClassifier, SdARegressor, a
            Pipeline with one of them, or what has fitted one (a search, a `TransformedTargetRegressor`).
        X : array-like of shape (n_samples, n_features)
            Samples, as the estimator takes them.
        n_samples : int, default=10
            Number of samples drawn at random. If X has not more, all of them, in their order.
        image_shape : tuple of int (height, width), default=None
            See the class.
        random_state : int, RandomState instance or None, default=None
            Chooses samples and corruption.
        name : str, default=None
            Title.
        ax : matplotlib Axes, default=None
            To draw on; None for a new figure.
        im_kwargs : dict, default=None
            Further arguments of `imshow`.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no autoencoder in it.
        ValueError
            If X is not valid, n_samples is below 1, or the features do not make such an image.
        """
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        parts = find_parts(estimator)
        rng = check_random_state(random_state)
        first, inputs = parts.layers[0], parts.inputs(X)
        rows = np.arange(inputs.shape[0])
        if n_samples < len(rows):
            rows = resample(rows, replace=False, n_samples=n_samples, random_state=rng)
        clean = np.ascontiguousarray(dense_rows(inputs, rows), dtype=first.encoder_coef_.dtype)
        corrupted = clean.copy()
        corruption = first._make_corruption(rng.randint(np.iinfo(np.int32).max), first._columns, inputs)
        corruption(clean, 0, corrupted)
        encoders = [layer._encoder() for layer in parts.layers]
        decoders = [step for autoencoder in reversed(parts.autoencoders) for step in decoders_of(autoencoder)]
        reconstructed = forward([*encoders, *decoders], corrupted)
        return cls(clean, corrupted, reconstructed, image_shape, name).plot(ax, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, name=None, im_kwargs=None):
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw on; None for a new figure.
        name : str, default=None
            Title; None for `self.name`.
        im_kwargs : dict, default=None
            Further arguments of `imshow`.

        Returns
        -------
        self : ReconstructionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the features do not make such an image.
        """
        pyplot = _import_pyplot(self)
        samples = np.stack([self.clean, self.corrupted, self.reconstructed])
        _, n_samples, n_features = samples.shape
        is_image = self.image_shape is not None or _is_square(n_features)
        if is_image:
            height, width = _check_image_shape(self.image_shape, n_features)
            grid = _tile(samples.reshape(-1, height, width), n_columns=n_samples)
            figsize = (0.7 * n_samples + 1.2, 0.7 * 3 * height / width + 0.4)
        else:
            height = n_samples
            grid = _tile(samples, n_columns=1)
            figsize = (6, 4)
        if ax is None:
            _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
        self.im_ = _draw_image(
            ax,
            grid,
            im_kwargs,
            cmap="gray" if is_image else "viridis",
            aspect="equal" if is_image else "auto",
            # noise may lie far outside of what is to be seen
            vmin=samples[[0, 2]].min(),
            vmax=samples[[0, 2]].max(),
        )
        ax.spines[:].set_visible(False)
        ax.set_yticks([(height + 1) * row + (height - 1) / 2 for row in range(len(ROWS))], ROWS)
        ax.tick_params(length=0)
        if is_image:
            ax.set_xticks([])
        else:
            ax.set_xlabel("feature")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.figure.colorbar(self.im_, ax=ax, label="value")
        _set_title(ax, name or self.name)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class LossCurveDisplay:
    """Learning curves, one plot per phase: each layer's pretraining, and fine-tuning.

    Parameters
    ----------
    curves : dict of str to dict
        For each phase a dict with "loss", a list of the training loss of each epoch; "validation", a
        list of the validation score after each epoch, or None; and, if wanted, "loss_label" and
        "validation_label", the labels of their axes.
    name : str, default=None
        Put before the phase in the titles.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_phases,)
        One per phase. Validation scores have a twin of it, with an axis on the right.
    figure_ : matplotlib Figure
        The figure that they belong to.
    lines_ : list of matplotlib Line2D
        The training loss of each phase.
    validation_lines_ : list of matplotlib Line2D or None
        The validation scores of each phase, None where there are none.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import StackedAutoencoderTransformer
    >>> from sklearn_sda.inspection import LossCurveDisplay
    >>> stack = StackedAutoencoderTransformer((30, 10), max_iter=5).fit(load_digits().data / 16)
    >>> display = LossCurveDisplay.from_estimator(stack)  # doctest: +SKIP
    """

    def __init__(self, curves, name=None):
        self.curves = curves
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, curve_kwargs=None):
        """Draw the learning curves of an estimator's parts.

        Parameters
        ----------
        estimator : estimator
            Fitted DenoisingAutoencoder, StackedAutoencoderTransformer, SdAClassifier, SdARegressor, a
            Pipeline with one of them, or what has fitted one (a search, a `TransformedTargetRegressor`).
        name : str, default=None
            Put before the phase in the titles.
        ax : matplotlib Axes or array-like of them, default=None
            See `plot`.
        curve_kwargs : dict, default=None
            Further arguments of the lines.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no autoencoder in it.
        ValueError
            If no phase has an epoch, or `ax` has the wrong number of Axes.
        """
        return cls(learning_curves(estimator), name).plot(ax, curve_kwargs=curve_kwargs)

    def plot(self, ax=None, *, name=None, curve_kwargs=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            To draw on: one per phase, or one whose place in the figure is divided among the phases,
            which then share labels; None for a new figure. At most three phases are side by side.
        name : str, default=None
            Put before the phase in the titles; None for `self.name`.
        curve_kwargs : dict, default=None
            Further arguments of the lines.

        Returns
        -------
        self : LossCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no curve, or `ax` has the wrong number of Axes.
        """
        pyplot = _import_pyplot(self)
        if not self.curves:
            raise ValueError("There is no learning curve to draw: no phase of the training has an epoch.")
        name = name or self.name
        n_phases = len(self.curves)
        shape = grid_shape(n_phases)
        divided = ax is not None and not isinstance(ax, list | tuple | np.ndarray) and n_phases > 1
        if ax is None:
            figure = pyplot.figure(figsize=(4 * shape[1], 3.2 * shape[0]), layout="constrained")
            grid = figure.add_gridspec(*shape)
            ax = [figure.add_subplot(grid[divmod(phase, shape[1])]) for phase in range(n_phases)]
        elif divided:
            has_twins = any(curve.get("validation") for curve in self.curves.values())
            ax = _divide(ax, n_phases, gap=3.0 if has_twins else 0.9)
        self.axes_ = np.array(ax, dtype=object).reshape(-1)
        if len(self.axes_) != n_phases:
            raise ValueError(
                f"ax must have one Axes for each of the {n_phases} phases, got {len(self.axes_)}."
            )
        self.figure_ = self.axes_[0].figure
        self.lines_, self.validation_lines_ = [], []
        for axes, (phase, curve) in zip(self.axes_, self.curves.items(), strict=True):
            _set_title(axes, f"{name}: {phase}" if name else phase)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            options = {"color": "C0", **_with_long_names(curve_kwargs)}
            self.lines_.append(_plot_curve(axes, curve["loss"], curve.get("loss_label", "loss"), options))
            self.validation_lines_.append(None)
            if curve.get("validation"):
                twin, label = axes.twinx(), curve.get("validation_label", "validation score")
                options = {**options, "color": "C1", "linestyle": "--"}
                self.validation_lines_[-1] = _plot_curve(twin, curve["validation"], label, options)
                _match_colors(axes, self.lines_[-1])
                _match_colors(twin, self.validation_lines_[-1])
        if divided:
            _share_labels(self.axes_, self.validation_lines_)
        return self


class PretrainingComparisonDisplay:
    """What pairs of fits with and without pretraining show: their differences, the mean and its interval.

    Parameters
    ----------
    comparison : PretrainingComparison
        Of `sklearn_sda.compare_pretraining`.
    name : str, default=None
        Put before the verdict in the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        The figure that it belongs to.
    points_ : list of matplotlib Line2D
        The differences of each repeat.
    interval_ : matplotlib ErrorbarContainer
        The mean and its 95 % interval.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import SdAClassifier
    >>> from sklearn_sda.inspection import PretrainingComparisonDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = SdAClassifier((30,), max_iter=10)
    >>> PretrainingComparisonDisplay.from_estimator(clf, X / 16, y)  # doctest: +SKIP
    """

    def __init__(self, comparison, name=None):
        self.comparison = comparison
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, name=None, ax=None, **options):
        """Compare and draw.

        Parameters
        ----------
        estimator : estimator
            As in `compare_pretraining`.
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or target values.
        name : str, default=None
            Put before the verdict in the title.
        ax : matplotlib Axes, default=None
            To draw on; None for a new figure.
        **options : dict
            The other parameters of `compare_pretraining`.

        Returns
        -------
        display : PretrainingComparisonDisplay
        """
        return cls(compare_pretraining(estimator, X, y, **options), name).plot(ax)

    def plot(self, ax=None, *, name=None):
        """Draw the differences.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw on; None for a new figure.
        name : str, default=None
            Put before the verdict in the title; None for `self.name`.

        Returns
        -------
        self : PretrainingComparisonDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = _import_pyplot(self)
        if ax is None:
            _, ax = pyplot.subplots(figsize=(6, 2.6), layout="constrained")
        comparison, name = self.comparison, name or self.name
        repeats = np.split(comparison.differences, comparison.n_repeats)
        ax.axvline(0, color="0.6", linewidth=1)
        self.points_ = [
            # one above the other, for many are equal
            ax.plot(
                differences, repeat + np.linspace(-0.2, 0.2, len(differences)), "o", color="C0", alpha=0.5
            )[0]
            for repeat, differences in enumerate(repeats, start=1)
        ]
        low, high = comparison.interval
        half = (high - low) / 2
        row = len(repeats) + 1
        self.interval_ = ax.errorbar(
            comparison.mean_difference, row, xerr=half, fmt="D", color="C1", capsize=4, linewidth=2
        )
        ax.set_yticks(range(1, row + 1), [*(f"repeat {k}" for k in range(1, row)), "mean, 95 %"])
        ax.set_ylim(row + 0.7, 0.3)
        ax.set_xlabel("score with pretraining minus score without")
        title = f"Pretraining: {comparison.verdict} ({comparison.mean_difference:+.3f})"
        _set_title(ax, f"{name}. {title}" if name else title)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def grid_shape(n_phases):
    """Return the number of rows and columns in which the learning curves of that many phases are drawn."""
    return math.ceil(n_phases / PHASES_PER_ROW), min(n_phases, PHASES_PER_ROW)


def _import_pyplot(display):
    """Return `matplotlib.pyplot`; raise ImportError that says what to install."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"matplotlib is needed for {type(display).__name__}: python -m pip install matplotlib"
        ) from error
    return pyplot


def _is_fine_tuned(owner, layer):
    """Return whether the training of what owns the layers changes one, by its number from 0, or one below."""
    factors = getattr(owner, "learning_rate_factors", None) or [1] * (layer + 1)
    return any(factors[getattr(owner, "freeze", 0) : layer + 1])


def _is_square(n_features):
    """Return whether that many pixels make a square image."""
    return math.isqrt(n_features) ** 2 == n_features


def _check_image_shape(image_shape, n_features):
    """Return (height, width) of an image of n_features pixels, a square one if `image_shape` is None.

    Raises
    ------
    ValueError
        If they are not height * width, or no square number.
    """
    if image_shape is None:
        if not _is_square(n_features):
            raise ValueError(
                f"{n_features} features do not make a square image. Pass image_shape=(height, width)."
            )
        return (math.isqrt(n_features),) * 2
    if np.shape(image_shape) != (2,) or not all(isinstance(n, Integral) and n > 0 for n in image_shape):
        raise ValueError(f"image_shape must be (height, width), two positive integers; got {image_shape!r}.")
    height, width = image_shape
    if height * width != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} has {height * width} pixels, but there are {n_features} features."
        )
    return height, width


def _draw_image(ax, image, im_kwargs, **defaults):
    """Draw an image with some arguments of `imshow` or, where these are missing, defaults; return it."""
    given = im_kwargs or {}
    if given.get("norm") is not None:  # it has a range of its own
        defaults = {name: value for name, value in defaults.items() if name not in ("vmin", "vmax")}
    return ax.imshow(image, **{"interpolation": "nearest", **defaults, **given})


def _with_long_names(line_kwargs):
    """Return arguments of lines by their long names: "color" for "c", and so on."""
    from matplotlib import cbook, lines

    return cbook.normalize_kwargs(line_kwargs, lines.Line2D)


def _tile(images, n_columns):
    """Return images put together row by row, with one pixel of NaN between them.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    n_columns : int
        Images per row.

    Returns
    -------
    grid : ndarray of shape (n_rows * (height + 1) - 1, n_columns * (width + 1) - 1)
        NaN where there is no image.
    """
    n_images, height, width = images.shape
    n_rows = math.ceil(n_images / n_columns)
    cells = np.full((n_rows * n_columns, height + 1, width + 1), np.nan, images.dtype)
    cells[:n_images, :-1, :-1] = images
    grid = cells.reshape(n_rows, n_columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(n_rows * (height + 1), n_columns * (width + 1))[:-1, :-1]


def _divide(ax, n_parts, gap):
    """Return n_parts new Axes in the place of Axes `ax`, which are switched off.

    Parameters
    ----------
    ax : matplotlib Axes
    n_parts : int
    gap : float
        Space between two in a row, in widths of one of them.

    Returns
    -------
    parts : list of matplotlib Axes
        In the grid of `grid_shape`.
    """
    from matplotlib.gridspec import GridSpec

    ax.set_axis_off()
    figure, (n_rows, n_columns) = ax.figure, grid_shape(n_parts)
    # a layout engine makes room for labels itself
    spaces = {"wspace": gap, "hspace": 0.9} if figure.get_layout_engine() is None else {}
    cells = [divmod(part, n_columns) for part in range(n_parts)]
    if ax.get_subplotspec() is not None:
        grid = ax.get_subplotspec().subgridspec(n_rows, n_columns, **spaces)
        return [figure.add_subplot(grid[cell]) for cell in cells]
    # in no grid; insets would not do: their twins would hide them
    place = ax.get_position()
    sides = {"left": place.x0, "right": place.x1, "bottom": place.y0, "top": place.y1}
    grid = GridSpec(n_rows, n_columns, **sides, **spaces)
    bottoms, tops, lefts, rights = grid.get_grid_positions(figure)
    return [
        figure.add_axes([lefts[j], bottoms[i], rights[j] - lefts[j], tops[i] - bottoms[i]]) for i, j in cells
    ]


def _share_labels(axes, validation_lines):
    """Label phases that are close together sparingly.

    Parameters
    ----------
    axes : ndarray of matplotlib Axes of shape (n_phases,)
        Of the phases, in the grid of `grid_shape`.
    validation_lines : list of matplotlib Line2D or None
        Of the phases.
    """
    n_columns = grid_shape(len(axes))[1]
    labels = [one.get_ylabel() for one in axes]
    twin_labels = [None if line is None else line.axes.get_ylabel() for line in validation_lines]
    for k, (one, line) in enumerate(zip(axes, validation_lines, strict=True)):
        twin = None if line is None else line.axes
        for drawn in filter(None, (one, twin)):
            drawn.tick_params(labelsize="x-small", length=2, pad=1)
            drawn.yaxis.get_major_locator().set_params(nbins=3)
            # the unit on a line of its own
            drawn.set_ylabel(drawn.get_ylabel().replace(" (", "\n("), fontsize="x-small", labelpad=1)
        one.xaxis.get_major_locator().set_params(nbins=3)
        one.title.set_fontsize("small")
        one.set_xlabel(one.get_xlabel(), fontsize="x-small", labelpad=1)
        if k % n_columns > 0 and labels[k] == labels[k - 1]:
            one.set_ylabel("")
        if k + n_columns < len(axes):
            one.set_xlabel("")
        if (k + 1) % n_columns > 0 and k + 1 < len(axes) and twin_labels[k] == twin_labels[k + 1] is not None:
            twin.set_ylabel("")


def _plot_curve(axes, values, label, options):
    """Draw one value per epoch, of shape (n_epochs,), and label the axis; return the line."""
    # a line through a single point would not be seen
    options = {"marker": "." if len(values) <= 20 else None, **options}
    (line,) = axes.plot(range(1, len(values) + 1), values, **{"label": label, **options})
    axes.set_ylabel(label)
    return line


def _match_colors(axes, line):
    """Give a y axis the colour of its line, to tell it from its twin."""
    axes.yaxis.label.set_color(line.get_color())
    axes.tick_params(axis="y", labelcolor=line.get_color())


def _set_title(axes, title):
    """Give Axes a title unless it is None."""
    if title is not None:
        axes.set_title(title)
