"""Training runs of the command line: the model file, the report, a folder that is whole or not there."""

import json
import math
import platform
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import sklearn
from sklearn.exceptions import NotFittedError

from sklearn_sda._tables import InputError, reason, writing
from sklearn_sda._version import __version__

# What a training run writes; of an earlier run's folder, nothing else is replaced or removed.
RUN_FILES = (
    "model.joblib",
    "report.json",
    "filters.png",
    "reconstructions.png",
    "learning_curves.png",
    "pretraining.png",
)
# What the name of a folder of files that are not whole yet begins with.
TEMPORARY = ".sklearn_sda-"


def load_model(path):
    """Return a fitted model of this package from a file of joblib's.

    Raises
    ------
    InputError
        If the file can't be read or holds something else.
    """
    import joblib

    from sklearn_sda._parts import find_parts

    try:
        model = joblib.load(path)
    except OSError as error:
        raise InputError(f"can't read {path}: {reason(error)}") from error
    except Exception as error:  # unpickling what is no pickle raises almost anything
        # of a model from elsewhere it says what is missing here; of other files, nothing of use
        missing = f": {reason(error)}" if isinstance(error, ImportError | AttributeError) else ""
        raise InputError(f"{path} is not a model of sklearn_sda{missing}") from error
    try:
        find_parts(model)
    except TypeError as error:
        raise InputError(f"{path} is not a model of sklearn_sda, but a {type(model).__name__}") from error
    except NotFittedError as error:
        raise InputError(f"the model in {path} is not fitted") from error
    return model


@contextmanager
def run_folder(output):
    """Yield an empty folder, whose files become those of `output` if nothing is raised.

    `output` is made if it is not there. If it is, it must be empty or have the ``report.json`` of an
    earlier run: that run's files are then replaced (and removed where this run has no such file), and
    all others left alone.

    Parameters
    ----------
    output : Path

    Yields
    ------
    folder : Path
        Temporary, on the same file system.

    Raises
    ------
    InputError
        If `output` has something else in it, or can't be written.
    """
    with writing(output):
        exists = output.exists()
        # a run that was killed leaves its folder
        if output.is_symlink() and not exists:
            raise InputError(f"{output} is a link to nothing; remove it, or choose another --output")
        others = exists and any(not path.name.startswith(TEMPORARY) for path in output.iterdir())
        if others and not _is_run(output):
            raise InputError(
                f"{output} is neither empty nor the output of an earlier run (it has no report.json of one); "
                "choose another --output"
            )
        for file in RUN_FILES:
            if (output / file).is_dir():
                raise InputError(f"{output / file} is a folder, not a file; choose another --output")
        parent = output if exists else output.parent
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=parent) as name:
            folder, earlier = Path(name) / "new", Path(name) / "earlier"
            folder.mkdir()
            earlier.mkdir()
            yield folder
            output.mkdir(exist_ok=True)
            _move_all(
                [
                    (path, target / path.name)
                    for source, target in ((output, earlier), (folder, output))
                    for path in map(source.joinpath, RUN_FILES)
                ]
            )


def _move_all(moves):
    """Move files, pairs of paths, those that are there; or none, if one can't be moved."""
    done = []
    try:
        for source, target in moves:
            if source.exists():
                source.replace(target)
                done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            target.replace(source)
        raise


def write_run(folder, model, report, pictures):
    """Write the files of a training run.

    Parameters
    ----------
    folder : Path
    model : Pipeline
        Fitted.
    report : dict
        For ``report.json``; the versions are added.
    pictures : dict of str to tuple
        For each file name the size in inches (width, height) and a function of (module of displays,
        Axes).

    Returns
    -------
    names : list of str
        The files; without pictures if matplotlib is not installed.
    """
    import joblib
    import numba

    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "numba": numba.__version__,
        "sklearn_sda": __version__,
    }
    joblib.dump(model, folder / "model.joblib")
    report = {"sklearn_sda": __version__, **report, "versions": versions}
    text = json.dumps(report, indent=2, allow_nan=False, default=_plain)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    names = ["model.joblib", "report.json"]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return names
    from sklearn_sda import inspection

    for name, (size, draw) in pictures.items():
        # not pyplot's, which may want a screen
        figure = Figure(figsize=size, layout="constrained")
        draw(inspection, figure.subplots())
        figure.savefig(folder / name, dpi=150, bbox_inches="tight")
    return names + list(pictures)


def _plain(value):
    """Return what JSON has no type for as a number, a list, or else a text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else repr(value)


def finite(value):
    """Return a parameter for a report: with texts for infinity and NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _is_run(folder):
    """Return whether a folder has the ``report.json`` of a training run."""
    try:
        return "sklearn_sda" in json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False
