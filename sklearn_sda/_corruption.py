"""What a layer does to its clean samples: corruptions by name or callable, in turn, column by column."""

import copy
from numbers import Real

import numpy as np
from scipy.sparse import issparse

from sklearn_sda._kernels.corruption import CORRUPTIONS, choose_donors, emphasise

# How messages of NumPy end where an array that must not be modified would be.
READ_ONLY = ("array is read-only", "destination is read-only")


def name_of(kind):
    """Return how messages call a corruption: its name, or that of the callable."""
    return kind if isinstance(kind, str) else getattr(kind, "__qualname__", repr(kind))


def needs_columns(kinds):
    """Return whether one of some corruptions needs the `Columns` of the training samples."""
    return any(isinstance(kind, str) and CORRUPTIONS[kind].needs_columns for kind in kinds)


def read_kinds(corruption):
    """Return the parameter `corruption` of a layer as a list.

    Raises
    ------
    ValueError
        If the list is empty, or an item is neither a callable nor the name of a corruption.
    """
    kinds = list(corruption) if isinstance(corruption, list | tuple) else [corruption]
    if not kinds:
        raise ValueError("corruption must not be an empty list: for no noise, set corruption_level=0.")
    for kind in kinds:
        if not (callable(kind) or (isinstance(kind, str) and kind in CORRUPTIONS)):
            raise ValueError(
                f"corruption={corruption!r} has {kind!r}, which is neither a callable nor one of "
                f"{sorted(CORRUPTIONS)}."
            )
    return kinds


def read_levels(kinds, corruption_level, n_features, feature_names):
    """Return the parameter `corruption_level` of a layer: a float or an array for each corruption.

    Parameters
    ----------
    kinds : list of str or callable
        See `read_kinds`.
    corruption_level : float, array of shape (n_features,), dict, or list of them
        A list has one item for each of `kinds`. A dict has the level of some columns by name; that of the
        others is 0.
    n_features : int
        Number of columns.
    feature_names : ndarray of str of shape (n_features,) or None
        Names of the columns.

    Returns
    -------
    levels : list of float or ndarray of shape (n_features,)

    Raises
    ------
    ValueError
        If lengths, names or values are not valid.
    """
    given = (
        corruption_level if isinstance(corruption_level, list | tuple) else [corruption_level] * len(kinds)
    )
    if len(given) != len(kinds):
        raise ValueError(
            f"corruption_level={corruption_level!r} has {len(given)} values for {len(kinds)} corruption(s). "
            "A list has one value for each of them; for one value per column give an array or a dict."
        )
    levels = [_read_level(level, n_features, feature_names) for level in given]
    for kind, level in zip(kinds, levels, strict=True):
        probability = isinstance(kind, str) and CORRUPTIONS[kind].chooses
        values = np.asarray(level, float)
        upper = 1 if probability else np.inf
        if not ((values >= 0) & (values < upper)).all():
            domain = "in [0, 1)" if probability else "finite and not negative"
            raise ValueError(
                f"corruption_level must be {domain} for corruption {name_of(kind)!r}, got "
                f"{corruption_level!r}."
            )
    return levels


def level_by_column(level, feature_names):
    """Return one level, a dict as an array with a value for each column; see `read_levels`."""
    if isinstance(level, dict):
        if feature_names is None:
            raise ValueError(
                "corruption_level by column name needs X with column names that are all texts, such as a "
                'DataFrame (of a transformer before the layer: set_output(transform="pandas")).'
            )
        unknown = [name for name in level if name not in set(feature_names)]
        if unknown:
            raise ValueError(
                f"corruption_level names columns that X does not have: {unknown}. Its columns are "
                f"{list(feature_names)}."
            )
        for name, value in level.items():
            if not isinstance(value, Real):
                raise ValueError(f"The corruption_level of column {name!r} must be a number, got {value!r}.")
        return np.array([level.get(name, 0) for name in feature_names])
    return level


def _read_level(level, n_features, feature_names):
    """Return one level: a float, or an array of shape (n_features,)."""
    level = level_by_column(level, feature_names)
    if isinstance(level, Real):
        return float(level)
    level = np.asarray(level)
    if level.dtype.kind not in "biuf" or level.shape != (n_features,):
        raise ValueError(
            f"corruption_level per column must be {n_features} numbers, one for each column of X, got an "
            f"array of shape {level.shape} and type {level.dtype}."
        )
    return level.astype(float)


def read_emphasis(emphasis, kinds, levels):
    """Return the parameter `emphasis` of a layer: (alpha, beta), or None.

    Raises
    ------
    ValueError
        If it is no pair of weights, or makes no sense with the corruption.
    """
    if emphasis is None:
        return None
    pair = tuple(emphasis)
    if (
        len(pair) != 2
        or not all(isinstance(w, Real) and np.isfinite(w) and w >= 0 for w in pair)
        or not any(pair)
    ):
        raise ValueError(
            "emphasis must be a pair of weights (of corrupted components, of clean components), not negative "
            f"and not both 0, got {emphasis!r}."
        )
    for kind in kinds:
        if isinstance(kind, str) and not CORRUPTIONS[kind].chooses:
            raise ValueError(
                f"emphasis={emphasis!r} makes no sense with corruption {kind!r}, which corrupts every "
                "component."
            )
    if pair[1] == 0 and not any(np.any(level) for level in levels):
        raise ValueError(
            f"emphasis={emphasis!r} with corruption_level=0 leaves nothing to learn: no component is "
            "corrupted."
        )
    return pair


class Corruption:
    """Corruptions that are applied to clean samples in turn.

    Parameters
    ----------
    kinds : list of str or callable
        Keys of `CORRUPTIONS`, or ``kind(X, level, random_state)``, which gets a minibatch that it must not
        modify and returns the corrupted one.
    levels : list of float or ndarray of shape (n_features,)
        Strength of each of them; 0 is none.
    seed : int
        All noise follows from it and the position of a sample.
    dtype : dtype
        The compute type.
    n_features : int
        Number of columns.
    columns : Columns or None
        Of the training samples, see `needs_columns`.
    donors : ndarray of shape (n_samples, n_features) or None
        Samples of any numeric type that "swap" takes values from.
    donor_rows : ndarray of int of shape (n_donors,) or None
        Which of them; None for all.
    emphasis : tuple of float (alpha, beta) or None
        Weights of corrupted and of clean components in the loss.

    Attributes
    ----------
    corrupts : bool
        Whether there is any noise.
    takes_minibatches : bool
        Whether the samples must come in whole minibatches, for a callable sees them together.
    """

    def __init__(
        self,
        kinds,
        levels,
        *,
        seed,
        dtype,
        n_features,
        columns=None,
        donors=None,
        donor_rows=None,
        emphasis=None,
    ):
        self.emphasis = emphasis
        self._donors, self._donor_rows = donors, donor_rows
        self._low = self._high = np.zeros(n_features, dtype)
        if columns is not None:
            self._low, self._high = columns.low.astype(dtype), columns.high.astype(dtype)
        self._turns = []
        for number, (kind, level) in enumerate(zip(kinds, levels, strict=True)):
            if not np.any(level):
                continue
            levels = np.broadcast_to(level, n_features).astype(dtype)
            if isinstance(kind, str) and CORRUPTIONS[kind].in_deviations:
                levels *= columns.deviation.astype(dtype)
            self._turns.append((kind, level, levels, seed + number))
        self.corrupts = bool(self._turns)
        self.takes_minibatches = any(callable(kind) for kind, *_ in self._turns)

    def __call__(self, clean, position, out, emphasis=None, batch_size=None):
        """Corrupt samples.

        Parameters
        ----------
        clean : ndarray of shape (n_samples, n_features)
            In the compute type and C order.
        position : int
            Number of samples that the run had seen before.
        out : ndarray of shape (n_samples, n_features)
            Out: corrupted samples. May be `clean`.
        emphasis : ndarray of shape (n_samples, n_features) or None
            Out: weight of each component in the loss.
        batch_size : int or None
            Samples that callables get together; None for all of them.

        Raises
        ------
        ValueError
            If a callable modifies its input or returns what is no finite minibatch of the same shape.
        """
        if self.takes_minibatches and batch_size is not None:
            for start in range(0, len(clean), batch_size):
                rows = slice(start, start + batch_size)
                weights = None if emphasis is None else emphasis[rows]
                self(clean[rows], position + start, out[rows], weights)
            return
        if emphasis is not None:
            emphasis.fill(self.emphasis[1])
        source = clean
        for kind, level, levels, seed in self._turns:
            if callable(kind):
                self._call(kind, source, level, (seed, position), out, emphasis)
            else:
                self._apply(CORRUPTIONS[kind], source, levels, seed, position, out)
                if emphasis is not None:
                    emphasise(levels, self.emphasis[0], seed, position, emphasis)
            source = out

    def _apply(self, noise, source, levels, seed, position, out):
        """Write what a corruption of `CORRUPTIONS` makes of samples to `out`, perhaps `source` itself."""
        if noise.kernel is not choose_donors:
            noise.kernel(source, levels, self._low, self._high, seed, position, out)
            return
        donors = np.empty(source.shape, np.int64)
        n_donors = self._donors.shape[0] if self._donor_rows is None else len(self._donor_rows)
        choose_donors(levels, n_donors, seed, position, donors)
        np.copyto(out, source)
        rows, columns = np.nonzero(donors >= 0)
        chosen = donors[rows, columns]
        if self._donor_rows is not None:
            chosen = self._donor_rows[chosen]
        values = self._donors[chosen, columns]
        out[rows, columns] = values.toarray().ravel() if issparse(values) else np.ravel(values)

    def _call(self, function, source, level, address, out, emphasis):
        """Write what a callable makes of a minibatch to `out`."""
        name, given = name_of(function), source.copy()
        given.flags.writeable = False
        seed, position = address
        random_state = np.random.RandomState([seed, position & 0xFFFFFFFF, position >> 32])
        try:
            made = np.asarray(function(given, copy.copy(level), random_state))
        except ValueError as error:
            if not str(error).endswith(READ_ONLY):
                raise
            raise ValueError(
                f"The corruption {name} modifies its input. It must return a new array."
            ) from error
        if made.shape != given.shape:
            raise ValueError(
                f"The corruption {name} returned an array of shape {made.shape} for samples of shape "
                f"{given.shape}. It must return as many samples of as many features."
            )
        if made.dtype.kind not in "biuf":
            raise ValueError(f"The corruption {name} returned {made.dtype!r}, which is not numeric.")
        made = made.astype(out.dtype)
        if not np.isfinite(made).all():
            raise ValueError(f"The corruption {name} returned NaN or infinity.")
        np.copyto(out, made)
        if emphasis is not None:
            emphasis[made != given] = self.emphasis[0]
