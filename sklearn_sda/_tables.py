"""Tables of the command line, in and out.

Whatever is wrong with a file is an `InputError` whose one line names it. pandas and pyarrow are
imported where a file needs them.
"""

import difflib
import re
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from sklearn_sda._targets import array_of, unrounded

SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t"}
SUFFIXES = (*SEPARATORS, ".parquet", ".npz")
# What pandas calls a column without a name, such as an index that it wrote itself, perhaps twice.
NAMELESS = re.compile(r"(Unnamed: \d+(\.\d+)*)?\s*")


class InputError(Exception):
    """Something that the user can put right; the message is one line."""


def read_table(path):
    """Return the content of a file of samples.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz`` or ``.tsv`` with a header, ``.parquet``, or ``.npz`` with an array X of
        shape (n_samples, n_features).

    Returns
    -------
    table : pandas.DataFrame or dict of str to ndarray
        The latter for ``.npz``, with None for arrays of objects, which are not read.

    Raises
    ------
    InputError
        If the file can't be read, has no rows or columns, or a package is missing.
    """
    check_suffix(path)
    try:
        table = _read_npz(path) if path.suffix == ".npz" else _read_frame(path)
    except ImportError as error:
        raise _missing_package(path) from error
    except Exception as error:  # a damaged file raises almost anything
        raise InputError(f"can't read {path}: {reason(error)}") from error
    shape = table["X"].shape if isinstance(table, dict) else table.shape
    if 0 in shape:
        raise InputError(f"{path} has {shape[0]} rows and {shape[1]} columns; there is nothing to work on")
    return table


def _read_frame(path):
    """Return a ``.parquet`` file or one of text as a data frame; its columns are distinct strings."""
    import pandas as pd

    frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    frame.columns = [str(name) for name in frame.columns]
    _check_distinct(frame.columns)
    return frame


def _read_csv(path):
    """Return a file of text as a data frame; raise ValueError if its header and its rows don't match."""
    import pandas as pd

    separator = SEPARATORS[_suffix(path)]
    as_text = {"sep": separator, "header": None, "dtype": str, "keep_default_na": False}
    header = pd.Index(pd.read_csv(path, nrows=1, **as_text).iloc[0])
    single = len(header) == 1
    other = next((mark for mark in ";\t," if mark != separator and mark in header[0]), None)
    if single and other is not None:
        raise ValueError(f"columns must be separated by {separator!r}, but the header has {other!r}")
    # pandas would rename a second one; columns without a name it tells apart
    _check_distinct(header[header != ""])
    try:
        # where the header is but a row, pandas does not take the first fields of longer rows for an index
        pd.read_csv(path, nrows=2, **as_text)
        frame = pd.read_csv(path, sep=separator, low_memory=False, skip_blank_lines=not single)
        if single:  # an empty line is a missing value then, but at the end of the file
            lines = pd.read_csv(path, skip_blank_lines=False, **as_text)[0]
            frame = frame.iloc[: np.flatnonzero(lines != "")[-1]]
        return frame
    except pd.errors.ParserError as error:
        widths = f" (the header has {len(header)} fields; no row may have more)"
        raise ValueError(f"{reason(error)}{widths if 'fields' in str(error) else ''}") from error


def _check_distinct(names):
    """Raise ValueError if a name occurs twice in a pandas.Index."""
    if names.has_duplicates:
        raise ValueError(f"two columns are called {names[names.duplicated()][0]!r}")


def _read_npz(path):
    """Return the arrays of a ``.npz`` file; raise ValueError if there is no matrix X among them."""
    with path.open("rb") as file:  # NumPy takes any other file for a pickle, and says so
        if file.read(2) != b"PK":
            raise ValueError("it is not a .npz file")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: _read_array(archive, name) for name in archive.files}
    if "X" not in arrays:
        raise ValueError(f"it has no array X, but {_listed(arrays)}")
    if arrays["X"] is None:
        raise ValueError("X must be a matrix of numbers, but has objects")
    if arrays["X"].ndim != 2 or arrays["X"].dtype.kind not in "buif":
        X = arrays["X"]
        raise ValueError(f"X must be a matrix of numbers, got shape {X.shape} and type {X.dtype}")
    return arrays


def _read_array(archive, name):
    """Return an array of a ``.npz`` file, None if it has objects: they are pickled, and could run code."""
    try:
        return np.asarray(archive[name])  # what is no .npy file comes as bytes
    except ValueError as error:
        if "allow_pickle" in str(error):
            return None
        raise


def split_target(table, target, path, drop=(), unlabelled=None):
    """Separate labels from features.

    Parameters
    ----------
    table : pandas.DataFrame or dict of str to ndarray
        See `read_table`.
    target : str or None
        Name of the column (in ``.npz`` of the array) with the labels.
    path : Path
        For messages.
    drop : sequence of str, default=()
        Names of the columns to leave out, of several joined by commas too.
    unlabelled : str or None, default=None
        Label of rows that have none; missing ones have none either then. None if all have one.

    Returns
    -------
    X : pandas.DataFrame or ndarray of shape (n_samples, n_features)
        Finite numbers.
    y : ndarray of shape (n_samples,) or None
        Labels; None without `target`. Where a row has none, -1 among numbers, else None.

    Raises
    ------
    InputError
        If there is no such column, labels are missing or continuous, all or none are `unlabelled`, or a
        feature has no name or is not numeric and finite.
    """
    is_frame = not isinstance(table, dict)
    if drop and not is_frame:
        raise InputError(f"{path}: the columns of an array have no names that --drop could mean")
    features = _feature_frame(table, target, path, drop) if is_frame else table["X"]
    if target is None:
        return (finite_frame(features, path, True) if is_frame else finite_matrix(features, path)), None
    names = list(table.columns if is_frame else table)
    if target not in names:
        what = "column" if is_frame else "array"
        raise InputError(f"{path} has no {what} {target!r}; it has {_listed(names, like=target)}")
    if target == "X" and not is_frame:
        raise InputError(f"{path}: the array 'X' has the features, not the target")
    if table[target] is None:
        raise InputError(
            f"{path}: the array {target!r} has objects, with which a file can run code: save it as numbers, "
            "or as texts (astype(str))"
        )
    y = unrounded(table[target])
    if not is_frame and y.shape != table["X"].shape[:1]:
        raise InputError(f"{path}: {target} has shape {y.shape}, but X has {len(table['X'])} rows")
    missing = np.zeros(len(y), bool)
    if is_frame:
        missing = table[target].isna().to_numpy()
    elif y.dtype.kind == "f":
        missing = np.isnan(y)
    if missing.any() and unlabelled is None:
        row = int(np.argmax(missing))
        raise InputError(
            f"{path}: target {target!r} has {missing.sum()} missing values, the first in row {row + 1}; "
            "--unlabelled '' trains on those rows without labels (NA, None, null and the like are read as "
            "missing: a class needs another name)"
        )
    without = missing.copy()
    without[~missing] = _has_value(y[~missing], unlabelled)
    labels = y[~without]
    if not len(labels):
        raise InputError(f"{path}: no row has a label in {target!r}; train without --target")
    if labels.dtype == object and all(map(np.isscalar, labels)):
        # of texts, or of numbers that pandas has its own type for
        labels = array_of(labels.tolist())
    if labels.dtype.kind not in "biufU":
        raise InputError(f"{path}: target {target!r} has type {labels.dtype}; classes are numbers or texts")
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.floor(labels))
        if not whole.all():
            row = int(np.flatnonzero(~without)[np.argmin(whole)])
            raise InputError(
                f"{path}: target {target!r} is continuous ({y[row]:g} in row {row + 1}), but classes are "
                "needed"
            )
    if unlabelled is not None:
        if not without.any():
            raise InputError(
                f"{path}: no row has {unlabelled!r} or nothing in {target!r}: all have a label; leave out "
                "--unlabelled"
            )
        if missing.any() and labels.dtype.kind == "f":  # of integers a column with gaps makes such
            if np.abs(labels).max() >= 2**53:
                raise InputError(
                    f"{path}: target {target!r} has gaps, and integers that are too large to be told apart "
                    f"then ({np.abs(labels).max():.0f}); give each class a short name, or the gaps a mark"
                )
            labels = labels.astype(np.int64)
    return (finite_frame(features, path, True) if is_frame else finite_matrix(features, path)), _with_gaps(
        labels, without
    )


def _has_value(y, text):
    """Return which labels, of shape (n_labels,), are what a text says; none if it is None or empty."""
    if not text:
        return np.zeros(len(y), bool)
    number = None
    for kind in (float, int):  # an int is exact
        with suppress(ValueError):
            number = kind(text)
    return np.array([str(label) == text or (number is not None and label == number) for label in y], bool)


def _with_gaps(labels, without):
    """Return labels with a place for each row that has none: -1 among numbers, else None."""
    if not without.any():
        return labels
    if labels.dtype.kind == "u" and labels.max() > np.iinfo(np.int64).max:
        y = np.full(len(without), None, dtype=object)  # no type of integers has them and -1
        labels = labels.astype(object)
    elif labels.dtype.kind in "bU" or (labels == -1).any():  # -1 would stand for no label
        y = np.full(len(without), None, dtype=object)
        labels = labels.astype(bool if labels.dtype.kind == "b" else str).astype(object)
    else:
        y = np.full(len(without), -1, dtype=np.float64 if labels.dtype.kind == "f" else np.int64)
    y[~without] = labels
    return y


def _feature_frame(frame, target, path, drop):
    """Return a data frame without `target` and `drop`; see `split_target`."""
    # a name may have a comma in it
    drop = [name for text in drop for name in ([text] if text in frame else text.split(","))]
    for name in drop:
        if name not in frame:
            raise InputError(f"{path} has no column {name!r} to drop; it has {_listed(frame, like=name)}")
        if name == target:
            raise InputError(f"--drop {name!r} is the target")
    frame = frame.drop(columns=[*drop, target] if target in frame else drop)
    for name in filter(NAMELESS.fullmatch, frame):
        raise InputError(
            f"{path}: a column has no name (is it an index?); name it, or leave it out with --drop {name!r}"
        )
    return frame


def finite_frame(frame, path, droppable=False):
    """Return a data frame as one of floats: float32 if that is what all columns are, else float64.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_samples, n_features)
    path : Path
        For messages.
    droppable : bool, default=False
        Whether the message about a column may name ``--drop``.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_samples, n_features)

    Raises
    ------
    InputError
        If there is no column, or one has text, missing or infinite values.
    """
    import pandas as pd

    if frame.shape[1] == 0:
        raise InputError(f"{path} has no column left to train on")
    converted = {}
    for name, column in frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            text = column.notna()
            if not pd.api.types.is_datetime64_any_dtype(column):
                numbers = pd.to_numeric(column, errors="coerce")
                text &= numbers.isna()
                if column.dtype == object and not (text | column.map(type).eq(str)).any():
                    converted[name] = numbers  # truth values with gaps, decimal numbers
                    continue
            row = int(np.argmax(text))
            raise InputError(
                f"{path}: column {name!r} is not numeric: {str(column.iloc[row])!r} in row {row + 1} (of the "
                f"data, header not counted){f'; leave it out with --drop {name!r}' if droppable else ''}"
            )
    if converted:
        frame = pd.DataFrame({name: converted.get(name, column) for name, column in frame.items()})
    dtype = np.float32 if all(column.dtype == np.float32 for _, column in frame.items()) else np.float64
    values = frame.to_numpy(dtype=dtype, na_value=np.nan)
    finite_matrix(values, path, list(frame.columns))
    return pd.DataFrame(values, columns=frame.columns)


def finite_matrix(X, path, names=None):
    """Return X itself if it is finite.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    path : Path
        For messages.
    names : list of str, default=None
        Names of the columns; numbers from 0 if None.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)

    Raises
    ------
    InputError
        If a value is NaN or infinite.
    """
    names = list(range(X.shape[1])) if names is None else names
    for test, what in ((np.isnan, "missing (NaN)"), (np.isinf, "infinite")):
        counts = test(X).sum(axis=0)
        columns = np.flatnonzero(counts)
        if len(columns):
            others = f", and {len(columns) - 1} other columns have some too" if len(columns) > 1 else ""
            first = columns[0]
            row = int(np.argmax(test(X[:, first])))
            raise InputError(
                f"{path}: column {names[first]!r} has {counts[first]} {what} values, the first in row "
                f"{row + 1}{others}; fill them, or leave such rows or columns out"
            )
    return X


def model_inputs(table, model, path):
    """Return the columns of a table that a model was trained on, in its order.

    Columns are chosen by name if the model knows names, so that further ones (the target) are ignored;
    otherwise, and in ``.npz`` files, by position.

    Parameters
    ----------
    table : pandas.DataFrame or dict of str to ndarray
        See `read_table`.
    model : estimator
        Fitted.
    path : Path
        For messages.

    Returns
    -------
    X : ndarray or pandas.DataFrame of shape (n_samples, n_features)
        The latter if the columns were chosen by name.

    Raises
    ------
    InputError
        If a column is missing or not numeric and finite, the number of columns is wrong, or the model does
        not know it.
    """
    first = _first_step(model)
    names = getattr(first, "feature_names_in_", None)
    if isinstance(table, dict):
        X = finite_matrix(table["X"], path)
    elif names is None:
        X = finite_frame(table, path).to_numpy()
    else:
        missing = [name for name in names if name not in table.columns]
        if missing:
            raise InputError(f"{path} lacks columns that the model was trained on: {_listed(missing)}")
        X = finite_frame(table[list(names)], path)
    if X.shape[1] != first.n_features_in_:
        raise InputError(
            f"{path} has {X.shape[1]} columns, but the model was trained on {first.n_features_in_}"
        )
    return X


def _first_step(model):
    """Return the first part of a fitted model that knows its columns: "passthrough" does not."""
    while not hasattr(model, "n_features_in_"):
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif hasattr(model, "steps"):
            model = next(step for _, step in model.steps if step not in (None, "passthrough"))
        else:
            raise InputError(
                f"the model begins with a {type(model).__name__}, which does not say how many columns it was "
                "trained on; use it in Python"
            )
    return model


def write_table(path, columns, arrays):
    """Write a table that is whole or not there.

    Parameters
    ----------
    path : Path
        Its suffix gives the format.
    columns : dict of str to ndarray of shape (n_samples,)
        For all but ``.npz``.
    arrays : dict of str to ndarray
        For ``.npz``.

    Raises
    ------
    InputError
        If the file can't be written or a package is missing.
    """
    with writing(path), tempfile.TemporaryDirectory(prefix=".sklearn_sda-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        if path.suffix == ".npz":
            # object arrays would be pickled
            arrays = {name: a.astype(str) if a.dtype == object else a for name, a in arrays.items()}
            np.savez(temporary, **arrays)
        else:
            try:
                import pandas as pd

                frame = pd.DataFrame(columns)
                if path.suffix == ".parquet":
                    frame.to_parquet(temporary, index=False)
                else:
                    frame.to_csv(temporary, sep=SEPARATORS[_suffix(path)], index=False)
            except ImportError as error:
                raise _missing_package(path) from error
        temporary.replace(path)


def check_suffix(path):
    """Raise InputError if a file has another extension than `SUFFIXES`."""
    if _suffix(path) not in SUFFIXES:
        raise InputError(f"{path} has the extension {path.suffix!r}; it must be one of {', '.join(SUFFIXES)}")


def _suffix(path):
    """Return the extension of a path, both of them in ``.csv.gz``."""
    return ".csv.gz" if path.name.endswith(".csv.gz") else path.suffix


@contextmanager
def writing(path):
    """Turn any OSError into an InputError that says that `path` can't be written."""
    try:
        yield
    except OSError as error:
        raise InputError(f"can't write {path}: {reason(error)}") from error


def _missing_package(path):
    """Return the InputError that says what to install for a file."""
    packages = ["pandas", "pyarrow"] if path.suffix == ".parquet" else ["pandas"]
    command = f"python -m pip install {' '.join(packages)}"
    return InputError(f"{_suffix(path)} files need {' and '.join(packages)}: {command}")


def reason(error):
    """Return what an exception says, on one line, without the file name that the caller gives."""
    if isinstance(error, UnicodeDecodeError):
        return f"{error}; save the file as UTF-8"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _listed(names, most=5, like=""):
    """Return some names as text, at most `most` of them, those that are like another text first."""
    names = list(map(str, names))
    close = difflib.get_close_matches(like.lower(), [name.lower() for name in names])
    names = [repr(name) for name in sorted(names, key=lambda name: name.lower() not in close)]
    text = ", ".join(names[:most]) or "none"
    return f"{text} and {len(names) - most} more" if len(names) > most else text
