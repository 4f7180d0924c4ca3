"""Train and use stacked denoising autoencoders from a shell: ``python -m sklearn_sda --help``."""

import argparse
import ast
import math
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer, __version__, compare_pretraining
from sklearn_sda._runs import finite, load_model, run_folder, write_run
from sklearn_sda._tables import (
    SUFFIXES,
    InputError,
    check_suffix,
    model_inputs,
    read_table,
    reason,
    split_target,
    write_table,
)
from sklearn_sda._targets import array_of, is_unlabelled
from sklearn_sda.inspection import grid_shape

# What is trained unless options say otherwise: two layers of the default size, the other parameters the
# defaults too, chosen before any test set was seen.
NETWORK = SdAClassifier(StackedAutoencoderTransformer((200, 200)))
# Rows that are beyond those of training are clipped: cross-entropy wants [0, 1].
SCALERS = {"minmax": MinMaxScaler(clip=True), "standard": StandardScaler()}
# The digits are split in the same way whatever --random-state is.
DIGITS_TEST_FRACTION, DIGITS_SPLIT_SEED = 0.25, 0
# Enough for L-BFGS to converge on the digits.
LOGISTIC_MAX_ITER = 1000
# Folds of `--compare`, where every class has so many rows.
MOST_FOLDS = 5
# Fewer pixels than 4 x 4 are no picture.
SMALLEST_IMAGE = 16
# A warning about arrays whose columns were matched by name before.
NO_NAMES = "X does not have valid feature names"

DATA_HELP = ", ".join(SUFFIXES)
DESCRIPTION = """\
Stacked denoising autoencoders for scikit-learn.

Without a command: train on scikit-learn's handwritten digits, compare the test accuracy with that of the
same network without pretraining, of a logistic regression and of an MLPClassifier of the same sizes, and
write to DIR
  model.joblib          the fitted pipeline, scaling included (joblib.load gives it back)
  report.json           accuracies, seconds, sizes, learning curves, parameters, versions
  filters.png, reconstructions.png, learning_curves.png

DIR is made. If it exists it must be empty or hold the report.json of an earlier run, whose files are then
replaced; other files in it are left alone.

The table goes to standard output, progress to standard error. Errors are one line, exit status 2.
"""
TRAIN_DESCRIPTION = """\
Train on a file and write model.joblib, report.json, learning_curves.png and, where the number of features
is a square number of at least 16, filters.png to DIR (see python -m sklearn_sda --help).

DATA is .csv, .csv.gz or .tsv with a header, .parquet, or .npz with an array X of shape (rows, columns). All
columns but the target must be numbers, none of them missing; the model scales them (--scale). --drop leaves
columns out; the model ignores them from then on.

With --target, an SdAClassifier is trained on a part of the rows, and its accuracy on the others is compared
with that of the same network without pretraining, of a logistic regression and of the most frequent class.
The rows are divided at random with the same proportion of each class. Rows without a label (--unlabelled)
are pretrained on, but never tested. --compare answers whether pretraining helps, by pairs of fits with and
without it on the training rows, and adds pretraining.png. Without --target, every column is a feature and a
StackedAutoencoderTransformer learns a representation of all rows.
"""
TRANSFORM_DESCRIPTION = """\
Write the code of each row of DATA: the outputs of the last hidden layer. In an .npz file it is the array X.

DATA is as in training. A model that was trained on named columns takes those, in any order, and ignores all
others, such as the target. MODEL is loaded with joblib: only use files that you trust.
"""
PREDICT_DESCRIPTION = """\
Write the class of each row of DATA, column "prediction", and the probability of each class, columns
"probability_CLASS". In an .npz file they are the arrays "prediction" (rows), "probability" (rows, classes)
and "classes".

DATA is as in training. A model that was trained on named columns takes those, in any order, and ignores all
others, such as the target. MODEL is loaded with joblib: only use files that you trust.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line too."""

    def error(self, message):
        """Raise InputError."""
        raise InputError(f"{message} (see {self.prog} --help)")


def make_parser():
    """Return the parser of the command line; ``run`` of what it parses is the command's function."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = _Parser("python -m sklearn_sda", description=DESCRIPTION, formatter_class=as_written)
    parser.add_argument("--version", action="version", version=f"sklearn_sda {__version__}")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path("sda-digits"), help="default: %(default)s"
    )
    parser.set_defaults(run=run_digits)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    train = commands.add_parser(
        "train", help="train on a file", description=TRAIN_DESCRIPTION, formatter_class=as_written
    )
    train.add_argument("data", type=Path, metavar="DATA", help="samples, and labels if there is a target")
    train.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder to write to")
    train.add_argument("--target", metavar="COLUMN", help="column (.npz: array, such as y) with the classes")
    train.add_argument(
        "--drop",
        action="append",
        metavar="COLUMN",
        default=[],
        help="column to leave out, such as an identifier; several as id,name or with --drop again",
    )
    sizes = NETWORK.encoder.hidden_layer_sizes
    train.add_argument(
        "--hidden",
        type=_sizes,
        metavar="SIZES",
        default=sizes,
        help=f"units of each hidden layer, such as 500,250 (default: {','.join(map(str, sizes))})",
    )
    train.add_argument(
        "--unlabelled",
        metavar="VALUE",
        help="label of rows that have none, such as ? or -1; '' means missing ones, which always count",
    )
    train.add_argument("--no-pretrain", action="store_true", help="fine-tune random initial parameters")
    train.add_argument(
        "--test-fraction",
        type=_fraction,
        metavar="F",
        help="fraction of the rows held out, between 0 and 1 (default: 0.2)",
    )
    train.set_defaults(run=run_train)

    for name, run, summary, description in (
        ("transform", run_transform, "encode the rows of a file", TRANSFORM_DESCRIPTION),
        ("predict", run_predict, "classify the rows of a file", PREDICT_DESCRIPTION),
    ):
        command = commands.add_parser(name, help=summary, description=description, formatter_class=as_written)
        command.add_argument("model", type=Path, metavar="MODEL", help="model.joblib of a training run")
        command.add_argument("data", type=Path, metavar="DATA", help=DATA_HELP)
        command.add_argument(
            "-o",
            "--output",
            type=Path,
            metavar="OUT",
            required=True,
            help=f"{DATA_HELP}; replaced if it exists",
        )
        command.set_defaults(run=run)

    for command in (parser, train):
        # no default in the command, so that it does not undo what stands before the command
        default = {} if command is parser else {"default": argparse.SUPPRESS}
        command.add_argument(
            "--random-state",
            type=_seed,
            metavar="N",
            help="seed of all training (default: 0)",
            **({"default": 0} | default),
        )
        command.add_argument(
            "--scale",
            choices=SCALERS,
            metavar="HOW",
            help="minmax: features to [0, 1]; standard: to mean 0, variance 1 (default: minmax)",
            **({"default": "minmax"} | default),
        )
        command.add_argument(
            "--set",
            action="append",
            type=_setting,
            metavar="NAME=VALUE",
            # what stands after the command adds to what stands before it
            dest="settings" if command is parser else "more_settings",
            default=[],
            help="parameter of the estimator, such as max_iter=500 or encoder__corruption_level=0.1",
        )
        command.add_argument(
            "--compare",
            action="store_true",
            help="say whether pretraining helps, from at most twenty fits on the training rows; "
            "--set encoder__max_iter=100 gives layers time for a fair answer",
            **default,
        )
        command.add_argument("--quiet", action="store_true", help="print the final table only", **default)
    parser.set_defaults(more_settings=[])
    return parser


def _sizes(text):
    """Return the layer sizes in a text such as "500,250" as a tuple of int."""
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of positive integers such as 500,250")
    return sizes


def _fraction(text):
    """Return the number in a text, if it lies strictly between 0 and 1."""
    try:
        fraction = float(text)
    except ValueError:
        fraction = math.nan
    if not 0 < fraction < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1")
    return fraction


def _seed(text):
    """Return the integer in a text, if NumPy's generator takes it as a seed."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is no integer from 0 to 2**32 - 1")
    return int(text)


def _setting(text):
    """Return the name and the value, a Python literal or else a text, in a text such as "tol=0.1"."""
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if value == "inf":  # no literal
        return name, math.inf
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; those of the process if None.

    Returns
    -------
    status : int
        0, or 2 after an error, which is printed as one line; 130 after Ctrl-C.
    """
    if hasattr(sys.stdout, "reconfigure"):  # names of classes may have letters that a console has not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = make_parser().parse_args(argv)
        arguments.run(arguments)
    except InputError as error:
        print(f"sklearn_sda: error: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"sklearn_sda: error: not enough memory: {reason(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sklearn_sda: interrupted", file=sys.stderr)
        return 130
    return 0


def run_digits(arguments):
    """Compare the network with others on the digits and write what it learned."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    seed = arguments.random_state
    network = configure(clone(NETWORK).set_params(random_state=seed), arguments)
    candidates = make_candidates(network)
    if network.max_iter != 0:  # which it refuses
        candidates["MLPClassifier"] = MLPClassifier(
            network.encoder.hidden_layer_sizes, max_iter=network.max_iter, random_state=seed
        )
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, _ = split = train_test_split(
        X, y, test_size=DIGITS_TEST_FRACTION, stratify=y, random_state=DIGITS_SPLIT_SEED
    )
    folds = check_comparison(network, y_train, arguments)
    with run_folder(arguments.output) as folder:
        model, records = compare(candidates, split, arguments)
        data = {"source": "scikit-learn digits", "train_rows": len(X_train), "test_rows": len(X_test)}
        report = {"command": "digits", "random_state": seed, "data": data, "models": records}
        comparison, comparison_pictures = compare_with_itself(
            network, X_train, y_train, folds, report, arguments
        )

        def draw_reconstructions(displays, ax):
            # fine-tuning does not keep the decoders up: the same pretraining again, without it
            pretrained = clone(model).set_params(sdaclassifier__max_iter=0).fit(X_train, y_train)
            displays.ReconstructionDisplay.from_estimator(
                pretrained, X_test, random_state=seed, ax=ax, name="after pretraining, before fine-tuning"
            )

        pictures = common_pictures(model, next(iter(records.values())))
        if network.pretrain:
            pictures["reconstructions.png"] = ((9, 3), draw_reconstructions)
        pictures |= comparison_pictures
        written = write_run(folder, model, report, pictures)
    print_accuracies(records, len(X_test))
    print_comparison(comparison)
    say_written(written, pictures, arguments)


def run_train(arguments):
    """Train on a file, with or without labels."""
    if arguments.target is None:
        for option in ("no_pretrain", "test_fraction", "unlabelled", "compare"):
            if getattr(arguments, option) not in (None, False):
                raise InputError(f"--{option.replace('_', '-')} has no meaning without --target")
    table = read_table(arguments.data)
    X, y = split_target(table, arguments.target, arguments.data, arguments.drop, arguments.unlabelled)
    seed = arguments.random_state
    network = clone(NETWORK).set_params(
        encoder__hidden_layer_sizes=arguments.hidden, pretrain=not arguments.no_pretrain, random_state=seed
    )
    if y is None:
        network = network.encoder.set_params(random_state=seed)
    configure(network, arguments)
    data = {"source": str(arguments.data), "target": arguments.target, "dropped": arguments.drop}
    if y is None:
        if len(X) < 2:
            raise InputError(f"{arguments.data} has 1 row; at least 2 are needed")
        data["train_rows"] = len(X)
    else:
        fraction = arguments.test_fraction or 0.2
        if arguments.unlabelled is None and y.dtype.kind in "if" and (y == -1).any():
            y = y.astype(str)  # a class like any other, not what stands for no label
        if y.dtype.kind == "U":
            y = y.astype(object)  # among these "-1" is a class, too
        labelled, known = ~is_unlabelled(y), known_labels(y)
        check_classes(known, fraction, arguments)
        train, test = train_test_split(
            np.flatnonzero(labelled), test_size=fraction, stratify=known, random_state=seed
        )
        train = np.concatenate([train, np.flatnonzero(~labelled)])
        X_train, X_test = (X.iloc[rows] if hasattr(X, "iloc") else X[rows] for rows in (train, test))
        y_train, y_test = y[train], known_labels(y[test])
        split, known_train = (X_train, X_test, y_train, y_test), known_labels(y_train)
        left_out = np.setdiff1d(known, known_train)
        if len(left_out):
            rare, rows = left_out[0], np.sum(known == left_out[0])
            raise InputError(
                f"{arguments.data}: a test fraction of {fraction} leaves none of the {rows} rows of class "
                f"{str(rare)!r} to train with; choose a smaller one"
            )
        n_unlabelled = int((~labelled).sum())
        data |= {"train_rows": len(known_train), "unlabelled_rows": n_unlabelled, "test_rows": len(X_test)}
        folds = check_comparison(network, y_train, arguments)
    comparison, comparison_pictures = None, {}
    with run_folder(arguments.output) as folder:
        if y is None:
            compile_kernels(network, X, None, arguments)
            name = type(network).__name__
            model, record = fit(name, network, X, None, arguments.scale, arguments.quiet)
            records = {name: record}
        else:
            model, records = compare(make_candidates(network), split, arguments)
            record = next(iter(records.values()))
            labels, counts = np.unique(known_train, return_counts=True)
            majority = labels[counts.argmax()]
            baseline = {"class": str(majority), "test_accuracy": float(np.mean(y_test == majority))}
            records["most frequent class"] = baseline
        report = {"command": "train", "random_state": seed, "data": data, "models": records}
        if y is not None:
            comparison, comparison_pictures = compare_with_itself(
                network, X_train, y_train, folds, report, arguments
            )
        pictures = common_pictures(model, record) | comparison_pictures
        written = write_run(folder, model, report, pictures)
    if y is None:
        print_phases(record)
    else:
        print_accuracies(records, len(X_test))
        print_comparison(comparison)
        if record["test_accuracy"] <= baseline["test_accuracy"]:
            say("The classifier is no better than always answering with that class", arguments.quiet)
    say_written(written, pictures, arguments)


def configure(estimator, arguments):
    """Return an estimator with the parameters of ``--set``; raise InputError if it has no such one."""
    for name, value in arguments.settings + arguments.more_settings:
        parameters = estimator.get_params()
        if name == "random_state":
            raise InputError("--set can't set 'random_state': use --random-state, which splits the rows, too")
        # an encoder is no literal
        if name not in parameters or hasattr(parameters[name], "get_params"):
            kind = type(estimator).__name__
            prefixed = ", those of the layers begin with encoder__" if "encoder" in parameters else ""
            raise InputError(f"--set can't set {name!r}: see the parameters of {kind}{prefixed}")
        estimator.set_params(**{name: value})
    return estimator


def make_candidates(network):
    """Return classifiers to compare by name: a network, itself without pretraining, a linear one."""
    from sklearn.linear_model import LogisticRegression

    pretrained = {"SdAClassifier": network} if network.pretrain else {}
    return pretrained | {
        "SdAClassifier, pretrain=False": clone(network).set_params(pretrain=False),
        "LogisticRegression": LogisticRegression(max_iter=LOGISTIC_MAX_ITER),
    }


def compare(candidates, split, arguments):
    """Fit classifiers and test them.

    Parameters
    ----------
    candidates : dict of str to estimator
        Unfitted classifiers by name.
    split : list of array-like
        What `train_test_split` returned for samples and labels.
    arguments : argparse.Namespace
        With scale and quiet.

    Returns
    -------
    model : Pipeline
        The first of them, fitted.
    records : dict of str to dict
        What the report says about each.
    """
    X_train, X_test, y_train, y_test = split
    models, records = [], {}
    compile_kernels(next(iter(candidates.values())), X_train, y_train, arguments)
    for name, estimator in candidates.items():
        model, records[name] = fit(name, estimator, X_train, y_train, arguments.scale, arguments.quiet)
        with refusing():
            records[name]["test_accuracy"] = model.score(X_test, y_test)
        models.append(model)
    return models[0], records


@contextmanager
def refusing():
    """Turn a ValueError, with which an estimator refuses samples or parameters, into an InputError."""
    try:
        yield
    except ValueError as error:
        raise InputError(reason(error)) from error


def known_labels(y):
    """Return the labels there are among y, of shape (n_samples,), as an array of numbers or texts."""
    return array_of(y[~is_unlabelled(y)].tolist())


def check_comparison(network, y, arguments):
    """Return the number of folds of a comparison on labels y; raise InputError if it can't be made.

    0 if ``--compare`` does not ask for one.
    """
    if not arguments.compare:
        return 0
    if not network.pretrain:
        raise InputError(
            "--compare needs a network that is pretrained: leave out --no-pretrain and pretrain=False"
        )
    folds = min(MOST_FOLDS, int(np.unique(known_labels(y), return_counts=True)[1].min()))
    if folds < 2:
        raise InputError("--compare needs at least 2 training rows of each class")
    return folds


def compare_with_itself(network, X, y, folds, report, arguments):
    """Compare a network with itself without pretraining, if ``--compare`` asks for it.

    Parameters
    ----------
    network : SdAClassifier
        Unfitted.
    X : array-like of shape (n_samples, n_features)
        Training samples.
    y : array-like of shape (n_samples,)
        Labels.
    folds : int
        Number of folds; 0 for no comparison.
    report : dict
        For ``report.json``; the figures are added.
    arguments : argparse.Namespace
        With scale, random_state and quiet.

    Returns
    -------
    comparison : PretrainingComparison or None
    pictures : dict
        For `write_run`.
    """
    if not folds:
        return None, {}
    say(f"Comparing fits with and without pretraining: {folds} folds, two repeats", arguments.quiet)
    model = make_pipeline(clone(SCALERS[arguments.scale]), clone(network).set_params(verbose=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with refusing():
            comparison = compare_pretraining(model, X, y, cv=folds, random_state=arguments.random_state)
    report["comparison"] = {
        "verdict": comparison.verdict,
        "mean_difference": comparison.mean_difference,
        "interval": comparison.interval,
        "with_pretraining": comparison.with_pretraining,
        "without_pretraining": comparison.without_pretraining,
        "folds": folds,
        "repeats": comparison.n_repeats,
    }

    def draw(displays, ax):
        displays.PretrainingComparisonDisplay(comparison).plot(ax)

    return comparison, {"pretraining.png": ((6, 2.6), draw)}


def check_classes(y, test_fraction, arguments):
    """Raise InputError unless labels y, of shape (n_samples,), suffice for a stratified split."""
    labels, counts = np.unique(y, return_counts=True)
    where = f"{arguments.data}: target {arguments.target!r}"
    if len(labels) < 2:
        raise InputError(f"{where} has one class only, {str(labels[0])!r}; at least 2 are needed")
    if counts.min() < 2:
        rare = str(labels[counts.argmin()])
        raise InputError(
            f"{where}: class {rare!r} has 1 row; at least 2 are needed, to train and to test with"
        )
    test_rows = math.ceil(len(y) * test_fraction)
    train_rows = len(y) - test_rows
    if min(train_rows, test_rows) < len(labels):
        raise InputError(
            f"{where} has {len(labels)} classes, but a test fraction of {test_fraction} leaves {train_rows} "
            f"of the {len(y)} rows to train and {test_rows} to test with; both take at least one per class"
        )


def run_transform(arguments):
    """Write the codes of the rows of a file."""
    model, X = load_inputs(arguments)
    if not hasattr(model, "transform"):
        raise InputError(f"the model in {arguments.model} has no transform: its last step is no encoder")
    with warnings.catch_warnings(), refusing():
        warnings.filterwarnings("ignore", message=NO_NAMES)
        codes = np.asarray(model.transform(X))
    try:
        names = model.get_feature_names_out()
    except AttributeError:  # a search has none, and a step of a pipeline from elsewhere may have none
        names = [f"code{k}" for k in range(codes.shape[1])]
    write_table(arguments.output, dict(zip(names, codes.T, strict=True)), {"X": codes})


def run_predict(arguments):
    """Write the predictions for the rows of a file."""
    model, X = load_inputs(arguments)
    if not hasattr(model, "predict_proba"):
        raise InputError(
            f"the model in {arguments.model} is no classifier with probabilities: one that was trained "
            "without --target has codes only. Use transform"
        )
    with warnings.catch_warnings(), refusing():
        warnings.filterwarnings("ignore", message=NO_NAMES)
        prediction, probability = model.predict(X), model.predict_proba(X)
    columns = {"prediction": prediction}
    if prediction.ndim == 2:  # samples with several classes
        columns = {f"prediction_{label}": p for label, p in zip(model.classes_, prediction.T, strict=True)}
    columns |= {f"probability_{label}": p for label, p in zip(model.classes_, probability.T, strict=True)}
    write_table(
        arguments.output,
        columns,
        {"prediction": prediction, "probability": probability, "classes": model.classes_},
    )


def load_inputs(arguments):
    """Return the model and the samples, of shape (n_samples, n_features), of `transform` or `predict`."""
    defaults = make_parser().parse_args([])
    for option, destination in (("--scale", "scale"), ("--set", "settings"), ("--compare", "compare")):
        if getattr(arguments, destination) != getattr(defaults, destination):
            raise InputError(f"{option} is for training: the model keeps its own")
    output = arguments.output
    check_suffix(output)
    for path in (arguments.model, arguments.data):
        if _is_same(output, path):
            raise InputError(f"the output {output} is also an input; choose another name")
    model = load_model(arguments.model)
    return model, model_inputs(read_table(arguments.data), model, arguments.data)


def _is_same(first, second):
    """Return whether two paths lead to one file; if one leads to none, using it says why."""
    try:
        return first.samefile(second)
    except OSError:
        return False


def say(text, quiet):
    """Print a line of progress to standard error, unless `quiet`."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def say_written(names, pictures, arguments):
    """Say which files were written, a list of str, and why there are no pictures of those that shall be."""
    say(f"Wrote {', '.join(names)} to {arguments.output}", arguments.quiet)
    if not set(pictures) <= set(names):
        say("No pictures: they need matplotlib (python -m pip install matplotlib)", arguments.quiet)


def common_pictures(model, record):
    """Return the pictures of any model for `write_run`, given what `fit` returned."""
    pictures = {}
    n_pixels = model.n_features_in_
    if n_pixels >= SMALLEST_IMAGE and math.isqrt(n_pixels) ** 2 == n_pixels:

        def draw_filters(displays, ax):
            displays.FilterDisplay.from_estimator(model, ax=ax)

        pictures["filters.png"] = ((6, 6), draw_filters)

    def draw_curves(displays, ax):
        displays.LossCurveDisplay.from_estimator(model, ax=ax)

    if record["learning_curves"]:  # there are none with max_iter=0
        n_rows, n_columns = grid_shape(len(record["learning_curves"]))
        pictures["learning_curves.png"] = ((4 * n_columns, 3.2 * n_rows), draw_curves)
    return pictures


def make_progress_bar():
    """Return scikit-learn's progress bar, or None if it can't be had or nobody is watching."""
    # it is drawn on standard output, which must stay clean where it goes to a file
    if not (sys.stderr.isatty() and sys.stdout.isatty()):
        return None
    try:
        from sklearn.callback import ProgressBar

        return ProgressBar(max_propagation_depth=None)
    except ImportError:  # scikit-learn before 1.9, or no rich
        return None


def compile_kernels(estimator, X, y, arguments):
    """Fit a copy of an estimator to a handful of rows, so that timed fits do not compile.

    Parameters
    ----------
    estimator : SdAClassifier or StackedAutoencoderTransformer
        Unfitted.
    X : array-like of shape (n_samples, n_features)
        Training samples.
    y : array-like of shape (n_samples,) or None
        Labels.
    arguments : argparse.Namespace
        With scale and quiet.
    """
    rows = [0, 1]
    if y is not None:
        known = np.flatnonzero(~is_unlabelled(y))
        rows = known[np.unique(known_labels(y), return_index=True)[1]]
    short = {"max_iter": 1, "batch_size": "auto", "early_stopping": False, "verbose": 0}
    short |= {f"encoder__{name}": value for name, value in short.items()}
    known = estimator.get_params()
    copy = clone(estimator).set_params(**{name: value for name, value in short.items() if name in known})
    notice = threading.Timer(1, say, ("Compiling kernels (first run only)", arguments.quiet))
    notice.start()
    try:
        fit("", copy, np.asarray(X)[rows], None if y is None else y[rows], arguments.scale, quiet=True)
    finally:
        notice.cancel()


def fit(name, estimator, X, y, scale, quiet):
    """Scale and fit, showing progress.

    Parameters
    ----------
    name : str
        For the messages.
    estimator : estimator
        Unfitted.
    X : array-like of shape (n_samples, n_features)
        Training samples.
    y : array-like of shape (n_samples,) or None
        Labels.
    scale : str
        Key of `SCALERS`.
    quiet : bool
        Whether to show nothing.

    Returns
    -------
    model : Pipeline
        A scaler and the estimator, fitted.
    record : dict
        What the report says about it.

    Raises
    ------
    InputError
        If the estimator refuses its parameters or the samples.
    """
    model = make_pipeline(clone(SCALERS[scale]), estimator)
    is_network = isinstance(estimator, SdAClassifier | StackedAutoencoderTransformer)
    if y is not None and not is_network and is_unlabelled(y).any():
        X, y = X[~is_unlabelled(y)], known_labels(y)
    say(f"Fitting {name} on {X.shape[0]} rows and {X.shape[1]} columns", quiet)
    bar = make_progress_bar() if is_network and not quiet else None
    if bar is not None:
        model.set_callbacks(bar)
    with warnings.catch_warnings():
        # the table says which training stopped at max_iter
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message=r"The estimator \w+ does not support callbacks")
        start = time.perf_counter()
        try:
            model.fit(X, y)
        except (TypeError, ValueError) as error:
            raise InputError(reason(error)) from error
        except OSError as error:  # a cache that can't be written, as its text says
            raise InputError(f"training failed: {error}") from error
        seconds = time.perf_counter() - start
    if bar is not None:
        model.set_callbacks()  # a callback must not be saved with the model
    estimator = model[-1]
    parameters = estimator.get_params()
    record = {
        "fit_seconds": seconds,
        "epochs": int(np.max(estimator.n_iter_)),
        "max_iter": estimator.max_iter,
        "parameters": {
            key: finite(value) for key, value in parameters.items() if not hasattr(value, "get_params")
        },
    }
    if is_network:
        from sklearn_sda._parts import learning_curves

        coefs = estimator.coefs_
        record["sizes"] = [len(coefs[0]), *(coef.shape[1] for coef in coefs)]
        record["learning_curves"] = learning_curves(model)
        for phase, curve in record["learning_curves"].items():
            loss = curve["loss"]
            line = f"  {phase}: {len(loss)} epochs, {curve['loss_label']} {loss[-1]:.4g}"
            say(line, quiet or bar is not None)
    return model, record


def print_accuracies(records, n_test):
    """Print a table of accuracies on n_test rows, given what `fit` returned for each model."""
    rows = [("", "test accuracy", "fit seconds")]
    for name, record in records.items():
        label, seconds = name, "-"
        if "class" in record:
            label += f" ({record['class']})"
        else:
            seconds = f"{record['fit_seconds']:.2f}"
            label += " *" if record["epochs"] == record["max_iter"] else ""
        rows.append((label, f"{record['test_accuracy']:.4f}", seconds))
    print_table(rows)
    # Laplace's estimate: an accuracy of 1 on few rows is not certain either
    accuracies = [record["test_accuracy"] for record in records.values() if "class" not in record]
    shares = [(accuracy * n_test + 1) / (n_test + 2) for accuracy in accuracies]
    error = max(math.sqrt(p * (1 - p) / n_test) for p in shares)
    print(
        f"{n_test} test rows: with a standard error of about {error:.3f}, differences below {2 * error:.3f} "
        "are no evidence;\non plentiful labels pretraining often makes no difference"
    )
    if any(label.endswith(" *") for label, *_ in rows):
        print("* stopped at max_iter, before its loss settled; --set max_iter=N gives networks more epochs")


def print_comparison(comparison):
    """Print the verdict of a comparison, if there was one."""
    if comparison is not None:
        print(comparison)


def print_phases(record):
    """Print a table of the phases of a training, given what `fit` returned."""
    rows = [("", "epochs", "loss", "unit")]
    for phase, curve in record["learning_curves"].items():
        rows.append((phase, str(len(curve["loss"])), f"{curve['loss'][-1]:.4f}", curve["loss_label"]))
    print_table(rows)


def print_table(rows):
    """Print rows, a list of tuples of str of one length, the first column flush left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]
        print("  ".join(cells).rstrip())


if __name__ == "__main__":
    sys.exit(main())
