"""What a network learns from labels: they are checked, written as targets, and read from its outputs.

Each kind of target has `loss`, `labelled`, `n_outputs`, `strata`, ``write(rows, out)``, ``part(rows)``,
``start(dtype, weights, rows)`` and ``score(outputs, weights)``, which is all that training asks for.
"""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite

# scikit-learn's label of a sample that has none (`sklearn.semi_supervised`).
UNLABELLED = -1
# What to do where no sample has a label.
ADVICE = "To learn from samples without labels alone, use a StackedAutoencoderTransformer."


def is_missing(label):
    """Return whether a label is None or, as NaN and pandas.NA, not equal to itself."""
    try:
        return label is None or not label == label
    except TypeError:  # pandas.NA == pandas.NA is neither true nor false
        return True


def is_unlabelled(y, mark=UNLABELLED):
    """Return which labels, of shape (n_labels,), are `mark`, None, NaN or pandas.NA.

    Of target values, among which there is no mark, it is None.
    """
    if y.dtype.kind == "O":
        mask = [is_missing(label) or (not isinstance(label, str) and label == mark) for label in y]
        return np.array(mask, bool)
    mask = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    return mask | (y == mark) if mark is not None and y.dtype.kind in "if" else mask


def refuse_written_marks(y):
    """Raise ValueError if y has texts with what NumPy makes of a mark of samples without a label.

    In an array of objects they are labels like any other.
    """
    written = [mark for mark in ("-1", "nan") if y.dtype.kind == "U" and (y == mark).any()]
    if written:
        raise ValueError(
            f"y is an array of texts with {written[0]!r}: where -1 or NaN is assigned to some of its items, "
            "to say that these samples have no label, NumPy makes a text of it, and so a class. Begin with "
            "y.astype(object), and assign then; if it is a class of yours, y.astype(object) is enough."
        )


def warn_of_written_marks(y):
    """Warn if y has texts that may be what NumPy made of a mark, and may be classes as well.

    They are None and pandas.NA, and -1 where the texts are of one letter.
    """
    if y.dtype.kind != "U":
        return
    cut = y.dtype == "U1" and not (y == "+").any()
    for text, mark in (("None", "None"), ("<NA>", "pandas.NA"), *([("-", "-1")] if cut else [])):
        if (y == text).any():
            warnings.warn(
                f"y is an array of texts with {text!r}, a class here. If it was to be {mark}, for samples "
                "without a label, of which NumPy makes a text: begin with y.astype(object), and assign then; "
                "if it is a class of yours, y.astype(object) is enough.",
                UserWarning,
                stacklevel=2,
            )


def warn_of_wrapped_marks(y):
    """Warn if y is of an unsigned type and has the label that -1 becomes there, as np.where makes it."""
    if y.dtype.kind == "u" and (y == np.iinfo(y.dtype).max).any():
        warnings.warn(
            f"y has the type {y.dtype} and the label {np.iinfo(y.dtype).max}, a class here. If it was to be "
            "-1, for samples without a label: begin with y.astype(int).",
            UserWarning,
            stacklevel=2,
        )


def unrounded(y):
    """Return labels as an array; of a column of integers with gaps, which NumPy would round, as objects."""
    if isinstance(y, list | tuple):
        return array_of(y)
    array = np.asarray(y)
    if array.dtype.kind == "f" and "int" in str(getattr(y, "dtype", "")).lower():
        return np.array(list(y), dtype=object)
    return array


def as_labels(y):
    """Return labels as an array; a list of texts with gaps as one of objects, where NumPy would write "nan".

    A sparse matrix becomes a dense one.

    Raises
    ------
    ValueError
        If they are dates or times.
    """
    if issparse(y):
        return y.toarray()
    if isinstance(y, list | tuple) and any(isinstance(label, str) for label in y):
        return np.array(y, dtype=object if any(not isinstance(label, str) for label in y) else None)
    y = unrounded(y)
    if y.dtype.kind in "mM":
        raise ValueError(
            f"y has dates or times ({y.dtype}), of which the missing ones could not be told. Convert them to "
            "numbers or texts."
        )
    return y


def plain(labels):
    """Return labels, an array of which may be of objects, as one of numbers if they are numbers."""
    if labels.dtype.kind != "O" or any(isinstance(label, str) for label in labels.flat):
        return labels
    return array_of(labels.tolist())


def array_of(labels):
    """Return a list of numbers or texts as an array; where NumPy would round large integers, of uint64."""
    array = np.array(labels)
    if array.dtype.kind == "f" and all(isinstance(label, int) and label >= 0 for label in labels):
        return np.array(labels, dtype=np.uint64)
    return array


def require_y(y, estimator_name):
    """Raise ValueError if there is no y."""
    if y is None:
        raise ValueError(f"{estimator_name} requires y to be passed, but the target y is None.")


def check_some_labelled(labelled, advice, marks="-1, None or NaN"):
    """Raise ValueError if no sample is labelled; `advice` says what to do, `marks` what means no label."""
    if not labelled.any():
        raise ValueError(
            f"All {len(labelled)} samples are unlabelled ({marks} in y): there is nothing to learn from. "
            f"{advice}"
        )


def check_all_labelled(targets, marks="-1, None or NaN"):
    """Return targets; raise ValueError if a sample has none. `marks` says what stands for that."""
    if not targets.labelled.all():
        raise ValueError(
            f"y_val has {(~targets.labelled).sum()} samples without label ({marks}), which can't validate. "
            "Leave them out."
        )
    return targets


class ClassTargets:
    """One of several classes for each sample: softmax outputs, log loss.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Position in `classes` of each label, -1 without.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    """

    loss = "log_loss"

    def __init__(self, codes, classes):
        self.codes, self.classes = codes, classes
        self.labelled = codes >= 0
        self.n_outputs = len(classes)

    @classmethod
    def read(cls, X, y, classes=None, advice=""):
        """Return the targets of labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Class labels; -1, None, NaN or pandas.NA for a sample without.
        classes : ndarray of shape (n_classes,) or None
            Sorted known labels; None for those of y.
        advice : str
            What to do if all samples are unlabelled.

        Returns
        -------
        targets : ClassTargets

        Raises
        ------
        ValueError
            If y has another length than X, is not 1d, is continuous, has no labels, labels of one class
            only, such as are not in `classes`, or marks that became texts.
        """
        check_consistent_length(X, y)
        y = column_or_1d(as_labels(y), warn=True)
        refuse_written_marks(y)
        warn_of_written_marks(y)
        if y.dtype.kind not in "OUSTbiu":
            assert_all_finite(y, allow_nan=True, input_name="y")
        labelled = ~is_unlabelled(y)
        check_some_labelled(labelled, advice)
        known = plain(y[labelled])
        warn_of_wrapped_marks(known)
        if classes is None and labelled.all():
            check_classification_targets(known)
        else:  # with a warning of many classes it would mean that there are few labels
            check_classification_targets(np.repeat(known, 3))
        labels, codes = np.unique(known, return_inverse=True)
        if classes is None:
            classes = labels
            check_classes(classes, "y")
        ordered = classes
        kinds = {classes.dtype.kind, labels.dtype.kind}
        if kinds == {"i", "u"} or (len(kinds) > 1 and "U" in kinds):  # NumPy would compare floats, or texts
            ordered, labels = classes.astype(object), labels.astype(object)
        known = np.isin(labels, ordered)
        if not known.all():
            raise ValueError(f"y has labels that are not among the classes {classes}: {labels[~known]}.")
        all_codes = np.full(len(y), UNLABELLED)
        all_codes[labelled] = np.searchsorted(ordered, labels)[codes]
        return cls(all_codes, classes)

    @property
    def strata(self):
        """Labels that both parts of a split shall have in the same proportion."""
        return self.codes

    def part(self, rows):
        """Return the targets of some rows."""
        return ClassTargets(self.codes[rows], self.classes)

    def of_classes_in(self, rows):
        """Return targets with only the classes of some rows, if they have any; others lose their labels.

        Raises
        ------
        ValueError
            If they have one class only.
        """
        codes = np.unique(self.codes[rows])
        codes = codes[codes >= 0]
        if not len(codes):
            return self
        check_classes(self.classes[codes], "y without its samples of weight 0")
        new = np.full(self.n_outputs + 1, UNLABELLED)  # the last one is of samples without label
        new[codes] = np.arange(len(codes))
        return ClassTargets(new[self.codes], self.classes[codes])

    def alike(self, X, y):
        """Return targets of the same kind for samples that are all labelled."""
        return check_all_labelled(ClassTargets.read(X, y, self.classes))

    def write(self, rows, out):
        """Write 1 to the column of each row's class and 0 elsewhere; only 0 for a row without label."""
        codes = self.codes[rows]
        out.fill(0)
        labelled = codes >= 0
        out[np.flatnonzero(labelled), codes[labelled]] = 1

    def check_enough(self):
        """Return these targets: one sample is enough for a score."""
        return self

    def start(self, dtype, weights, rows):
        """Return the intercept of an output layer that has not learned anything."""
        return np.zeros(self.n_outputs, dtype)

    def score(self, outputs, weights):
        """Return the accuracy of outputs, of shape (n_samples, n_outputs), without their link."""
        return accuracy_score(self.codes, outputs.argmax(axis=1), sample_weight=weights)


class IndicatorTargets:
    """Any number of classes for each sample: logistic outputs, cross-entropy summed over classes.

    Parameters
    ----------
    indicator : ndarray of int8 of shape (n_samples, n_classes)
        1 where a sample has the class, else 0; -1 in every column of a sample without labels.
    """

    loss = "cross_entropy"
    strata = None

    def __init__(self, indicator):
        self.indicator = indicator
        self.labelled = (indicator >= 0).all(axis=1)
        self.n_outputs = indicator.shape[1]
        self.classes = np.arange(self.n_outputs)

    @classmethod
    def read(cls, X, y, classes=None, advice=""):
        """Return the targets of a matrix of 0 and 1.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_classes)
            Indicators; -1 in all columns for a sample without labels.
        classes : ndarray of shape (n_classes,) or None
            ``arange(n_classes)``, or None for as many as y has columns.
        advice : str
            What to do if all samples are unlabelled.

        Returns
        -------
        targets : IndicatorTargets

        Raises
        ------
        ValueError
            If y has another length than X, another number of columns than `classes`, values that are not
            0 or 1, samples that are labelled in a part of the columns, or no labels.
        """
        check_consistent_length(X, y)
        y = check_array(plain(as_labels(y)), dtype=None, input_name="y")
        unlabelled = (y == UNLABELLED).any(axis=1)
        partly = unlabelled & (y != UNLABELLED).any(axis=1)
        if partly.any():
            raise ValueError(
                f"{partly.sum()} rows of y have -1 in some columns only, the first of them row "
                f"{partly.argmax()}. A sample has all its labels or, with -1 in every column, none."
            )
        check_some_labelled(~unlabelled, advice)
        if not np.isin(y[~unlabelled], (0, 1)).all():
            raise ValueError(f"A matrix of labels must have 0 and 1 only, got {np.unique(y)}.")
        if classes is not None and len(classes) != y.shape[1]:
            raise ValueError(f"y has {y.shape[1]} columns, but there are {len(classes)} classes.")
        if classes is not None and list(classes) != list(range(y.shape[1])):
            raise ValueError(
                f"The classes of a matrix of labels are the numbers of its columns, range({y.shape[1]}), got "
                f"{np.asarray(classes).tolist()}."
            )
        return cls(y.astype(np.int8))

    def part(self, rows):
        """Return the targets of some rows."""
        return IndicatorTargets(self.indicator[rows])

    def alike(self, X, y):
        """Return targets of the same kind for samples that are all labelled."""
        return check_all_labelled(IndicatorTargets.read(X, y, self.classes))

    def write(self, rows, out):
        """Write the indicators of some rows."""
        out[...] = self.indicator[rows]

    def check_enough(self):
        """Return these targets: one sample is enough for a score."""
        return self

    def start(self, dtype, weights, rows):
        """Return the intercept of an output layer that has not learned anything."""
        return np.zeros(self.n_outputs, dtype)

    def score(self, outputs, weights):
        """Return the share of samples of which every label is right, outputs being without their link."""
        return accuracy_score(self.indicator, (outputs > 0).astype(np.int8), sample_weight=weights)


class RealTargets:
    """One or several numbers for each sample: identity outputs, half squared error summed over them.

    Parameters
    ----------
    values : ndarray of float of shape (n_samples, n_outputs)
        NaN in every column of a sample without target.
    """

    loss = "squared_error"
    strata = None

    def __init__(self, values, dtype=np.float64):
        self.values, self.dtype = values, dtype
        self.labelled = ~np.isnan(values).any(axis=1)
        self.n_outputs = values.shape[1]

    @classmethod
    def read(cls, X, y, n_outputs=None, advice="", dtype=np.float64):
        """Return the targets of numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; NaN (in all columns) for a sample without.
        n_outputs : int or None
            The number of columns that y must have; None for any.
        advice : str
            What to do if all samples are unlabelled.
        dtype : dtype
            The compute type.

        Returns
        -------
        targets : RealTargets

        Raises
        ------
        ValueError
            If y has another length than X, another number of columns than expected, infinite values or
            such as are beyond the compute type, samples with NaN in a part of the columns, or only NaN.
        """
        check_consistent_length(X, y)
        shape = as_labels(y).shape
        if len(shape) == 2 and shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = check_array(y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y")
        values = y.reshape(-1, 1) if y.ndim == 1 else y
        unlabelled = np.isnan(values).any(axis=1)
        partly = unlabelled & ~np.isnan(values).all(axis=1)
        if partly.any():
            raise ValueError(
                f"{partly.sum()} rows of y have NaN in some columns only, the first of them row "
                f"{partly.argmax()}. A sample has all its targets or, with NaN in every column, none."
            )
        check_some_labelled(~unlabelled, advice, "NaN")
        largest = np.nanmax(np.abs(values))
        if largest > float(np.finfo(dtype).max):
            raise ValueError(
                f"y has a value too large for dtype('{np.dtype(dtype)}'): {largest:g}. Scale y, for instance "
                "with TransformedTargetRegressor, or use dtype='float64'."
            )
        if n_outputs is not None and values.shape[1] != n_outputs:
            raise ValueError(f"y has {values.shape[1]} columns, but training began with {n_outputs}.")
        return cls(values, dtype)

    def part(self, rows):
        """Return the targets of some rows."""
        return RealTargets(self.values[rows], self.dtype)

    def alike(self, X, y):
        """Return targets of the same kind for samples that are all labelled."""
        return check_all_labelled(RealTargets.read(X, y, self.n_outputs, dtype=self.dtype), "NaN")

    def write(self, rows, out):
        """Write the values of some rows."""
        out[...] = self.values[rows]

    def check_enough(self):
        """Return these targets; raise ValueError if they are too few for a score."""
        if len(self.values) < 2:
            raise ValueError(
                "R² needs at least 2 samples for validation, got 1. Set another validation_fraction, hand "
                "over more X_val and y_val, or set early_stopping=False."
            )
        return self

    def start(self, dtype, weights, rows):
        """Return the intercept of an output layer that has not learned anything: the mean target of rows."""
        rows = np.asarray(rows)
        weights = None if weights is None else weights[rows]
        return np.average(self.values[rows], axis=0, weights=weights).astype(dtype)

    def score(self, outputs, weights):
        """Return the coefficient of determination, averaged over the outputs."""
        return r2_score(self.values, outputs, sample_weight=weights)


def read_labels(X, y, classes=None, advice=""):
    """Return the `ClassTargets` or, of a matrix of indicators, the `IndicatorTargets` of labels.

    Parameters and errors are those of ``ClassTargets.read``.
    """
    labels = as_labels(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        if is_unlabelled(labels.ravel(), None).any():
            raise ValueError(
                "y is a matrix with None or NaN. In a matrix of labels, a sample without them has -1 in "
                "every column."
            )
        labels = plain(labels)
        if labels.dtype.kind not in "USO":
            known = np.where(labels == UNLABELLED, 0, labels)
            if type_of_target(known, input_name="y") == "multilabel-indicator":
                return IndicatorTargets.read(X, labels, classes, advice)
    return ClassTargets.read(X, y, classes, advice)


def check_none_missing(labels, name):
    """Raise ValueError if there are missing labels among those that `name` lists.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        Class labels.
    name : str
        Of the argument that they come from.
    """
    missing = int(is_unlabelled(labels).sum())
    if missing:
        raise ValueError(
            f"{name} has labels that stand for 'unlabelled' (-1, None, NaN or pandas.NA): {missing} of "
            f"{len(labels)}. Leave them out; if -1 is a class of yours, give it another label."
        )


def check_classes(classes, name):
    """Raise ValueError if there are fewer than two classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels.
    name : str
        Of the argument that they come from.
    """
    if len(classes) < 2:
        raise ValueError(
            f"Training with labels needs samples of at least 2 classes, but {name} has {len(classes)} "
            f"class(es): {classes}. (The label -1 stands for 'unlabelled'.)"
        )
