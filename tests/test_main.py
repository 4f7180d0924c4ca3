"""The command line, called as a function on small files."""

import itertools
import json
import os
import subprocess
import sys
import time
import zipfile
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sklearn_sda import (
    DenoisingAutoencoder,
    SdAClassifier,
    StackedAutoencoderTransformer,
    __main__,
    __version__,
    inspection,
)

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

NAMES = [f"x{k}" for k in range(16)]
RUN = ["learning_curves.png", "model.joblib", "report.json"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Train a small network for few epochs, in an empty folder."""
    network = SdAClassifier(StackedAutoencoderTransformer((5, 3), max_iter=2), max_iter=4)
    monkeypatch.setattr(__main__, "NETWORK", network)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def frame():
    """Sixty rows of sixteen features, far from [0, 1], and a column of text with three classes."""
    X = np.random.RandomState(0).uniform(-50, 200, (60, 16)).astype("float32")
    labels = np.array(["ant", "bee", "cat"])[np.r_[np.zeros(30, int), np.ones(20, int), np.full(10, 2)]]
    return pd.DataFrame(X, columns=NAMES).assign(kind=labels)


@pytest.fixture
def files(frame):
    """The same samples in each format; returns the paths."""
    frame.to_csv("data.csv", index=False)
    frame.to_parquet("data.parquet", index=False)
    np.savez("data.npz", X=frame[NAMES].to_numpy(), y=frame["kind"].to_numpy(str))
    return ["data.csv", "data.parquet", "data.npz"]


def run(*argv):
    return __main__.main([str(word) for word in argv])


def train(data, output="run", *options):
    target = "y" if data.endswith(".npz") else "kind"
    assert run("train", data, "--target", target, "--output", output, *options) == 0
    return joblib.load(f"{output}/model.joblib")


def read_frame(path):
    return pd.read_csv(path) if path.endswith("csv") else pd.read_parquet(path)


def read_features(path):
    """Return the features in a file as the model was trained on them."""
    if path.endswith("npz"):
        with np.load(path) as arrays:
            return arrays["X"]
    return read_frame(path)[NAMES]


def load_report(folder):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(Path(folder, "report.json").read_text(encoding="utf-8"), parse_constant=refuse)


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def fails(capsys, tmp_path, *argv):
    """Run, check that it fails as it should and leaves nothing, and return the message."""
    before = listing(tmp_path)
    capsys.readouterr()
    assert run(*argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sklearn_sda: error: ")
    assert err.count("\n") == 1
    assert listing(tmp_path) == before
    return err


# The main job


@pytest.fixture
def few_digits(monkeypatch):
    """Eighty digits in place of all."""
    X, y = load_digits(return_X_y=True)
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda return_X_y: (X[:80], y[:80]))
    split = {"test_size": 0.25, "stratify": y[:80], "random_state": 0}
    return train_test_split(X[:80], y[:80], **split)


def test_digits(few_digits, tmp_path, capsys):
    assert run("--random-state", 3) == 0
    out, err = capsys.readouterr()
    assert listing(tmp_path / "sda-digits") == sorted([*RUN, "filters.png", "reconstructions.png"])
    assert all(path.stat().st_size > 1000 for path in (tmp_path / "sda-digits").iterdir())

    X_train, X_test, y_train, y_test = few_digits
    model = joblib.load("sda-digits/model.joblib")
    report = load_report("sda-digits")
    models = report["models"]
    assert list(models) == [
        "SdAClassifier",
        "SdAClassifier, pretrain=False",
        "LogisticRegression",
        "MLPClassifier",
    ]
    assert models["SdAClassifier"]["test_accuracy"] == model.score(X_test, y_test)
    again = clone(model).set_params(sdaclassifier__max_iter=0).fit(X_train, y_train)
    assert model[-1].random_state == 3
    # the saved model is the pretrained one
    curves = models["SdAClassifier"]["learning_curves"]
    assert list(curves) == ["layer 1", "layer 2", "fine-tuning"]
    assert curves["layer 2"]["loss"] == again[-1].encoder_[1].loss_curve_
    assert curves["fine-tuning"]["loss"] == model[-1].loss_curve_
    assert list(models["SdAClassifier, pretrain=False"]["learning_curves"]) == ["fine-tuning"]
    assert models["SdAClassifier"]["sizes"] == [64, 5, 3, 10]
    assert models["SdAClassifier"]["parameters"]["encoder__hidden_layer_sizes"] == [5, 3]
    peer = models["MLPClassifier"]["parameters"]
    assert (peer["random_state"], peer["hidden_layer_sizes"], peer["max_iter"]) == (3, [5, 3], 4)
    assert report["random_state"] == 3
    assert report["data"] == {"source": "scikit-learn digits", "train_rows": 60, "test_rows": 20}
    assert report["sklearn_sda"] == report["versions"]["sklearn_sda"] == __version__
    assert report["versions"]["numpy"] == np.__version__
    assert set(report["versions"]) == {"python", "numpy", "scikit-learn", "numba", "sklearn_sda"}

    lines = out.splitlines()
    assert lines[0].split() == ["test", "accuracy", "fit", "seconds"]
    for line, (name, record) in zip(lines[1:5], models.items(), strict=True):
        assert line.startswith(name)
        accuracy, seconds = line.split()[-2:]
        assert float(accuracy) == pytest.approx(record["test_accuracy"], abs=1e-4)
        assert float(seconds) == pytest.approx(record["fit_seconds"], abs=0.01)
        # four epochs are all that it may have
        assert ("*" in line) == (record["epochs"] == record["max_iter"])
    assert "*" in lines[1]
    assert len({len(line) for line in lines[:5]}) == 1
    assert lines[5].startswith("20 test rows: with a standard error of about 0.")
    error, difference = (float(word) for word in lines[5].replace(",", "").split() if word.startswith("0."))
    assert difference == pytest.approx(2 * error, abs=2e-3)
    assert "no difference" in lines[6]
    assert lines[7].startswith("* stopped at max_iter")
    # one line per model and phase, and where it all went
    assert "  fine-tuning: 4 epochs, log loss (nats per sample)" in err
    progress = [line for line in err.splitlines() if not line.startswith("Compiling")]
    assert len(progress) == 4 + 3 + 1 + 1
    assert err.endswith("to sda-digits\n")


def test_kernels_are_compiled_before_the_clock_runs(files, monkeypatch, capsys):
    fitted = []

    def slow(name, estimator, X, y, scale, quiet):
        fitted.append((name, len(X), None if y is None else sorted(y)))
        time.sleep(1.5)  # the user is told after a second
        return fit(name, estimator, X, y, scale, quiet)

    fit = __main__.fit
    monkeypatch.setattr(__main__, "fit", slow)
    __main__.NETWORK.set_params(early_stopping=True, encoder__early_stopping=True, batch_size=40)
    X, y = np.arange(48.0).reshape(12, 4), np.arange(12) % 3
    arguments = SimpleNamespace(scale="minmax", quiet=False)
    __main__.compile_kernels(__main__.NETWORK, X, y, arguments)
    assert capsys.readouterr().err == "Compiling kernels (first run only)\n"
    arguments.quiet = True
    __main__.compile_kernels(__main__.NETWORK.encoder, X, None, arguments)
    assert capsys.readouterr().err == ""
    assert fitted == [("", 3, [0, 1, 2]), ("", 2, None)]


def test_reconstructions_are_those_of_the_same_encoder_before_fine_tuning(few_digits, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        inspection.ReconstructionDisplay,
        "from_estimator",
        lambda estimator, X, *, ax, **kwargs: drawn.append((estimator, X)),
    )
    assert run("--random-state", 1) == 0
    (pretrained, X), model = drawn[0], joblib.load("sda-digits/model.joblib")
    assert pretrained[-1].n_iter_ == 0
    for before, after in zip(pretrained[-1].encoder_[:], model[-1].encoder_[:], strict=True):
        assert before.loss_curve_ == after.loss_curve_
        assert (before.encoder_coef_ != after.encoder_coef_).any()
    np.testing.assert_array_equal(X, few_digits[1])  # the test set


def test_digits_again_and_quiet(few_digits, tmp_path, capsys):
    assert run("--quiet", "--output", "one") == run("--quiet", "--output", "two") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("LogisticRegression") == 2
    one, two = joblib.load("one/model.joblib"), joblib.load("two/model.joblib")
    for first, second in zip(one[-1].coefs_, two[-1].coefs_, strict=True):
        np.testing.assert_array_equal(first, second)
    assert run("--quiet", "--output", "three", "--random-state", "1") == 0
    assert (joblib.load("three/model.joblib")[-1].coefs_[0] != one[-1].coefs_[0]).any()


def test_without_matplotlib_there_are_no_pictures(few_digits, tmp_path, capsys, monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, module, None)
    assert run() == 0
    out, err = capsys.readouterr()
    assert "SdAClassifier" in out
    assert "No pictures: they need matplotlib (python -m pip install matplotlib)\n" in err
    assert listing(tmp_path / "sda-digits") == ["model.joblib", "report.json"]


# train


@pytest.mark.parametrize("number", range(3), ids=["csv", "parquet", "npz"])
def test_train_reports_the_accuracy_on_rows_that_were_held_out(files, frame, number, capsys):
    # the labels have nothing to do with the features: what it learns by heart does not help in the test
    __main__.NETWORK.set_params(encoder__activation="logistic", learning_rate_init=0.3, max_iter=30)
    model = train(files[number], "run", "--test-fraction", "0.3", "--random-state", "5", "--quiet")
    out, err = capsys.readouterr()
    assert err == ""
    is_npz = number == 2
    X_train, X_test, y_train, y_test = train_test_split(
        frame[NAMES], frame["kind"], test_size=0.3, stratify=frame["kind"], random_state=5
    )
    report = load_report("run")
    record = report["models"]["SdAClassifier"]
    # scaled to the range of the training rows, and of nothing else
    np.testing.assert_allclose(model[0].data_min_, X_train.min(axis=0))
    np.testing.assert_allclose(model[0].data_max_, X_train.max(axis=0))
    assert model[-1].classes_.tolist() == ["ant", "bee", "cat"]
    if is_npz:
        X_train, X_test = X_train.to_numpy(), X_test.to_numpy()
    assert record["test_accuracy"] == model.score(X_test, y_test) != model.score(X_train, y_train)
    assert list(report["models"]) == [
        "SdAClassifier",
        "SdAClassifier, pretrain=False",
        "LogisticRegression",
        "most frequent class",
    ]
    linear = make_pipeline(MinMaxScaler(clip=True), LogisticRegression(max_iter=1000)).fit(X_train, y_train)
    accuracies = {name: each["test_accuracy"] for name, each in report["models"].items()}
    assert accuracies["LogisticRegression"] == linear.score(X_test, y_test)
    assert report["models"]["SdAClassifier, pretrain=False"]["sizes"] == record["sizes"]
    assert report["models"]["most frequent class"] == {
        "class": "ant",
        "test_accuracy": (y_test == "ant").mean(),
    }
    assert "most frequent class (ant)" in out
    target = "y" if is_npz else "kind"
    data = {"source": files[number], "target": target, "dropped": [], "train_rows": 42, "test_rows": 18}
    assert report["data"] == {**data, "unlabelled_rows": 0}
    if is_npz:
        assert not hasattr(model, "feature_names_in_")
    else:
        assert model.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize("kind", ["texts", "numbers", "gaps", "arrays", "minus one", "minus one is a class"])
def test_rows_without_labels_are_trained_on_and_never_tested(kind, frame, capsys):
    rows, value, path = np.arange(60) % 4 == 0, "?", "some.csv"
    frame["kind"] = frame["kind"].astype(object)
    if kind != "texts" and kind != "arrays":
        frame["kind"] = frame["kind"].map({"ant": 0, "bee": 1, "cat": -1 if "class" in kind else 2})
    frame.loc[rows, "kind"] = {
        "texts": "?",
        "numbers": 9,
        "gaps": None,
        "minus one": -1,
        "arrays": "9.0",
    }.get(kind, 9)
    value = {"texts": "?", "gaps": "", "minus one": "-1", "arrays": "9.0"}.get(kind, "9")
    if kind == "arrays":
        path = "some.npz"
        np.savez(path, X=frame[NAMES].to_numpy(), y=frame["kind"].to_numpy(str))
    else:
        frame.to_csv(path, index=False)
    model = train(path, "run", "--unlabelled", value, "--quiet")
    report = load_report("run")
    assert report["data"]["train_rows"] == 36 and report["data"]["test_rows"] == 9
    assert report["data"]["unlabelled_rows"] == 15
    labels = ["ant", "bee", "cat"] if kind in ("texts", "arrays") else [0, 1, 2]
    assert model[-1].classes_.tolist() == (["-1", "0", "1"] if "class" in kind else labels)
    assert model[-1].encoder_[0].t_ == 2 * 51 and model[-1].t_ == 4 * 36
    low = frame[NAMES].to_numpy()[rows].min(axis=0)  # the scaler sees them too
    assert (model[0].data_min_ <= low + 1e-3).all()
    capsys.readouterr()


def test_minus_one_is_a_class_unless_told_otherwise(frame):
    frame["kind"] = np.where(frame["kind"] == "ant", -1, 1)
    frame.to_csv("signs.csv", index=False)
    assert train("signs.csv", "run", "--quiet")[-1].classes_.tolist() == ["-1", "1"]
    X = frame.drop(columns="kind").to_numpy(float)
    np.savez("signs.npz", X=X, y=frame["kind"].to_numpy().astype(str))
    assert train("signs.npz", "texts", "--quiet", "--compare")[-1].classes_.tolist() == ["-1", "1"]


def test_the_verdict_on_pretraining(files, few_digits, capsys, tmp_path):
    train(files[0], "run", "--compare", "--quiet")
    out = capsys.readouterr().out
    comparison = load_report("run")["comparison"]
    assert comparison["verdict"] in ("helps", "hurts", "no difference shown")
    assert f"Pretraining: {comparison['verdict']}. Mean score" in out and "10 pairs" in out
    assert len(comparison["with_pretraining"]) == comparison["folds"] * comparison["repeats"] == 10
    low, high = comparison["interval"]
    assert low <= comparison["mean_difference"] <= high
    assert listing(tmp_path / "run") == sorted([*RUN, "filters.png", "pretraining.png"])
    train(files[0], "run", "--quiet")  # which leaves no picture of an earlier run
    assert "pretraining.png" not in listing(tmp_path / "run") and "comparison" not in load_report("run")
    assert run("--quiet", "--compare", "--output", "digits") == 0
    assert "comparison" in load_report("digits")


@pytest.mark.parametrize(
    ("options", "words"), [(["--no-pretrain"], "leave out --no-pretrain"), ([], "at least 2 training rows")]
)
def test_a_comparison_that_cannot_be_made_is_refused_before_any_fit(options, words, files, frame, capsys):
    if not options:
        frame = pd.concat([frame[frame["kind"] != "cat"], frame[frame["kind"] == "cat"].head(2)])
        frame.to_csv(files[0], index=False)
    arguments = ["--target", "kind", "--test-fraction", "0.3", "--compare", "--output", "run", *options]
    assert run("train", files[0], *arguments) == 2
    err = capsys.readouterr().err
    assert words in err and "Fitting" not in err


def test_train_draws_filters_of_square_images_only(files, frame, tmp_path):
    train("data.csv", "square")
    assert listing(tmp_path / "square") == sorted([*RUN, "filters.png"])
    frame.drop(columns="x3").to_csv("fifteen.csv", index=False)
    train("fifteen.csv", "fifteen")
    frame[["x1", "x2", "x3", "x4", "kind"]].to_csv("four.csv", index=False)
    train("four.csv", "four")
    assert listing(tmp_path / "fifteen") == listing(tmp_path / "four") == RUN


def test_train_options(files):
    model = train("data.csv", "run", "--hidden", "4,3,2", "--no-pretrain")
    assert [coef.shape for coef in model[-1].coefs_] == [(16, 4), (4, 3), (3, 2), (2, 3)]
    models = load_report("run")["models"]
    assert list(models) == ["SdAClassifier, pretrain=False", "LogisticRegression", "most frequent class"]
    record = models["SdAClassifier, pretrain=False"]
    assert record["sizes"] == [16, 4, 3, 2, 3]
    assert list(record["learning_curves"]) == ["fine-tuning"]


def test_options_before_the_command_count(files, capsys):
    assert (
        run("--quiet", "--random-state", "7", "train", "data.csv", "--target", "kind", "--output", "a") == 0
    )
    assert capsys.readouterr().err == ""
    assert joblib.load("a/model.joblib")[-1].random_state == 7


def test_parameters_are_set(files, few_digits, frame):
    settings = ("--set", "encoder__corruption_level=(0.1, 0.2)", "--set", "solver=sgd")
    assert (
        run("--set", "max_iter=3", "train", "data.csv", "--target", "kind", "--output", "a", *settings) == 0
    )
    network = joblib.load("a/model.joblib")[-1]
    assert (network.max_iter, network.solver) == (3, "sgd")
    assert [layer.corruption_level for layer in network.encoder_] == [0.1, 0.2]
    models = load_report("a")["models"]
    assert models["SdAClassifier, pretrain=False"]["parameters"]["max_iter"] == 3
    # a parameter that has an option too
    assert next(iter(train_report("--set", "pretrain=False"))) == "SdAClassifier, pretrain=False"
    # without labels it is the stack that has parameters
    frame[NAMES].to_csv("features.csv", index=False)
    assert (
        run("train", "features.csv", "--output", "b", "--set", "max_iter=0", "--set", "activation=tanh") == 0
    )
    stack = joblib.load("b/model.joblib")[-1]
    assert (stack[1].activation, stack[1].n_iter_) == ("tanh", 0)
    assert not Path("b/learning_curves.png").exists()
    # the digits
    assert run("--set", "max_iter=2", "--set", "pretrain=False", "--output", "c") == 0
    models = load_report("c")["models"]
    assert list(models) == ["SdAClassifier, pretrain=False", "LogisticRegression", "MLPClassifier"]
    assert models["MLPClassifier"]["epochs"] == 2
    assert not Path("c/reconstructions.png").exists()


def train_report(*options):
    train("data.csv", "run", *options)
    return load_report("run")["models"]


@pytest.mark.parametrize("before", [False, True])
def test_standard_scaling_is_part_of_the_model(files, before):
    words = ("train", "data.csv", "--target", "kind", "--output", "run")
    option = ("--scale", "standard")
    assert run(*option, *words) == 0 if before else run(*words, *option) == 0
    model = joblib.load("run/model.joblib")
    assert isinstance(model[0], StandardScaler)
    assert model[-1].encoder_[0].out_activation_ == "identity"
    assert run("transform", "run/model.joblib", "data.csv", "-o", "codes.npz") == 0


def test_train_without_a_target_learns_a_representation(frame, tmp_path, capsys):
    frame[NAMES].to_csv("features.csv", index=False)
    assert run("train", "features.csv", "--output", "run", "--hidden", "4,2") == 0
    model = joblib.load("run/model.joblib")
    assert isinstance(model[-1], StackedAutoencoderTransformer)
    assert model.transform(frame[NAMES]).shape == (60, 2)
    np.testing.assert_allclose(model[0].data_min_, frame[NAMES].min())  # all rows
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epochs", "loss", "unit"]
    for number, line in enumerate(lines[1:]):
        assert line.split()[:3] == ["layer", str(number + 1), "2"]
        assert line.split()[3] == f"{model[-1][number].loss_:.4f}"
    assert load_report("run")["data"]["train_rows"] == 60


def test_numbers_of_other_types_are_read(frame):
    frame = frame.assign(kind=pd.array(np.arange(60) % 2, dtype="Int64"), flag=np.arange(60) % 3 == 0)
    frame["x0"] = pd.array(np.arange(60), dtype="Int32")
    frame.to_parquet("typed.parquet")
    model = train("typed.parquet")
    assert model[-1].classes_.tolist() == [0, 1]
    assert model.n_features_in_ == 17


def test_columns_without_a_name_are_neither_used_nor_dropped_silently(frame, capsys, tmp_path):
    frame[["x0", "x1", "kind"]].to_csv("indexed.csv")
    frame[["x0", "x1", "kind"]].reset_index(names="").to_parquet("indexed.parquet")
    arguments = ("--target", "kind", "--output", "run")
    message = fails(capsys, tmp_path, "train", "indexed.csv", *arguments)
    assert "indexed.csv: a column has no name" in message
    assert "--drop 'Unnamed: 0'" in message
    assert "--drop ''" in fails(capsys, tmp_path, "train", "indexed.parquet", *arguments)
    for name, column in (("indexed.csv", "Unnamed: 0"), ("indexed.parquet", "")):
        assert train(name, "run", "--drop", column).feature_names_in_.tolist() == ["x0", "x1"]
    # the target is not used as a feature
    assert run("train", "indexed.csv", "--target", "Unnamed: 0", "--output", "run", "--drop", "kind") == 2


def test_dropped_columns_are_left_out_from_then_on(frame, capsys):
    frame = frame.rename(columns={"x3": "x3, in mm"}).assign(id=[f"row {k}" for k in range(60)])
    frame.to_csv("data.csv", index=False)
    frame.drop(columns=["id", "x3, in mm", "x5"]).to_csv("fewer.csv", index=False)
    model = train("data.csv", "run", "--drop", "id,x5", "--drop", "x3, in mm")
    assert model.feature_names_in_.tolist() == [name for name in NAMES if name not in ("x3", "x5")]
    assert load_report("run")["data"]["dropped"] == ["id,x5", "x3, in mm"]
    for command in ("predict", "transform"):
        for name in ("data", "fewer"):
            assert run(command, "run/model.joblib", f"{name}.csv", "-o", f"o-{name}.csv") == 0
        assert Path("o-data.csv").read_bytes() == Path("o-fewer.csv").read_bytes()
    assert run("train", "data.csv", "--drop", "id,kind", "--output", "code") == 0
    assert joblib.load("code/model.joblib").n_features_in_ == 16


def test_the_model_is_saved_without_callbacks(files, monkeypatch):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    bars = []

    def make():
        bars.append(callback.ProgressBar(max_propagation_depth=None))
        return bars[-1]

    monkeypatch.setattr(__main__, "make_progress_bar", make)
    model = train("data.csv")
    assert len(bars) == 2  # one for each network
    assert b"ProgressBar" not in Path("run/model.joblib").read_bytes()
    assert model[-1].n_iter_ == 4
    train("data.csv", "run", "--quiet")
    assert len(bars) == 2


def test_a_progress_bar_is_for_terminals(monkeypatch):
    pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    for watched in itertools.product([False, True], repeat=2):
        for stream, terminal in zip((sys.stdout, sys.stderr), watched, strict=True):
            monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        assert (__main__.make_progress_bar() is not None) == all(watched)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert __main__.make_progress_bar() is None


# predict and transform


@pytest.mark.parametrize("number", range(3), ids=["csv", "parquet", "npz"])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_predictions_and_codes_are_the_models_own(files, number, suffix):
    model = train(files[number])
    X = read_features(files[number])
    assert run("predict", "run/model.joblib", files[number], "-o", f"p.{suffix}") == 0
    assert run("transform", "run/model.joblib", files[number], "-o", f"t.{suffix}") == 0
    if suffix == "npz":
        with np.load("p.npz") as arrays, np.load("t.npz") as codes:
            assert set(arrays) == {"prediction", "probability", "classes"}
            assert arrays["prediction"].tolist() == model.predict(X).tolist()
            np.testing.assert_array_equal(arrays["probability"], model.predict_proba(X))
            assert arrays["classes"].tolist() == ["ant", "bee", "cat"]
            np.testing.assert_array_equal(codes["X"], model.transform(X))
    else:
        written = read_frame(f"p.{suffix}")
        names = ["probability_ant", "probability_bee", "probability_cat"]
        assert written.columns.tolist() == ["prediction", *names]
        assert written["prediction"].tolist() == model.predict(X).tolist()
        written_codes = read_frame(f"t.{suffix}")
        assert written_codes.columns.tolist() == model.get_feature_names_out().tolist()
        for table, expected in (
            (written[names], model.predict_proba(X)),
            (written_codes, model.transform(X)),
        ):
            # in the numbers of the model, not rounded
            np.testing.assert_array_equal(table.to_numpy("float32"), expected)


def test_columns_are_found_by_name(files, frame):
    model = train("data.csv")
    shuffled = frame[["kind", *NAMES[::-1]]].assign(note="text")
    shuffled.to_csv("shuffled.csv", index=False)
    assert run("transform", "run/model.joblib", "shuffled.csv", "-o", "codes.npz") == 0
    with np.load("codes.npz") as codes:
        np.testing.assert_array_equal(codes["X"], model.transform(read_features("data.csv")))


def test_values_beyond_those_of_training_are_clipped(files, frame):
    model = train("data.csv")
    wide = frame.assign(x0=1e6, x1=-1e6)
    wide.to_csv("wide.csv", index=False)
    frame.assign(x0=model[0].data_max_[0], x1=model[0].data_min_[1]).to_csv("clipped.csv", index=False)
    codes = []
    for name in ("wide", "clipped"):
        assert run("transform", "run/model.joblib", f"{name}.csv", "-o", f"{name}.npz") == 0
        with np.load(f"{name}.npz") as arrays:
            codes.append(arrays["X"])
    np.testing.assert_allclose(*codes, rtol=1e-6)


def test_a_model_of_named_columns_takes_arrays_by_position(files, frame):
    model = train("data.csv")
    assert run("transform", "run/model.joblib", "data.npz", "-o", "codes.npz") == 0
    with np.load("codes.npz") as codes:
        np.testing.assert_allclose(codes["X"], model.transform(frame[NAMES]), rtol=1e-5)


def test_a_model_of_arrays_takes_tables_by_position(files, frame):
    model = train("data.npz")
    frame[NAMES].to_csv("features.csv", index=False)
    assert run("predict", "run/model.joblib", "features.csv", "-o", "p.csv") == 0
    assert pd.read_csv("p.csv")["prediction"].tolist() == model.predict(frame[NAMES].to_numpy()).tolist()


def test_models_that_were_not_trained_here_work_too(files, frame):
    model = make_pipeline(DenoisingAutoencoder(3, max_iter=1, loss="squared_error"), LogisticRegression())
    X = frame[NAMES] / 200
    joblib.dump(model.fit(X, frame["kind"]), "own.joblib")
    X.to_csv("scaled.csv", index=False)
    assert run("predict", "own.joblib", "scaled.csv", "-o", "p.npz") == 0
    with np.load("p.npz") as arrays:
        assert arrays["prediction"].tolist() == model.predict(X).tolist()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_searches_and_models_of_several_classes_are_written_too(files, frame):
    X, y = frame[NAMES] / 200, frame["kind"]
    X.to_csv("scaled.csv", index=False)
    clf = SdAClassifier((3,), max_iter=1, random_state=0)
    stack = StackedAutoencoderTransformer((3,), max_iter=1)
    for model, labels in (
        (GridSearchCV(clf, {"alpha": [0.0, 0.1]}, cv=2), y),
        (make_pipeline(FunctionTransformer(np.negative), stack), None),
    ):
        joblib.dump(model.fit(X, labels), "own.joblib")
        assert run("transform", "own.joblib", "scaled.csv", "-o", "codes.csv") == 0
        codes = pd.read_csv("codes.csv")
        assert list(codes) == ["code0", "code1", "code2"]
        np.testing.assert_allclose(codes, model.transform(X), rtol=1e-5)
    indicator = np.column_stack([y == "ant", y != "bee"]).astype(int)
    joblib.dump(clf.fit(X, indicator), "own.joblib")
    assert run("predict", "own.joblib", "scaled.csv", "-o", "p.csv") == 0
    table = pd.read_csv("p.csv")
    assert list(table) == ["prediction_0", "prediction_1", "probability_0", "probability_1"]
    np.testing.assert_array_equal(table[["prediction_0", "prediction_1"]], clf.predict(X))


def test_pictures_that_are_not_wanted_are_not_missed(files, capsys, tmp_path):
    train("data.csv", "run", "--set", "max_iter=0", "--set", "encoder__max_iter=0")
    assert "learning_curves.png" not in listing(tmp_path / "run")
    assert "No pictures" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["data.tsv", "data.csv.gz"])
def test_other_files_of_text(name, files, frame):
    frame.to_csv(name, index=False, sep="\t" if name.endswith("tsv") else ",")
    train("data.csv", "expected")
    train(name)
    assert run("predict", "expected/model.joblib", "data.csv", "-o", "expected.csv") == 0
    assert run("predict", "run/model.joblib", name, "-o", f"p-{name}") == 0
    written = pd.read_csv(f"p-{name}", sep="\t" if name.endswith("tsv") else ",")
    pd.testing.assert_frame_equal(written, pd.read_csv("expected.csv"))


def test_output_replaces_a_file(files):
    train("data.csv")
    Path("p.csv").write_text("old")
    assert run("predict", "run/model.joblib", "data.csv", "-o", "p.csv") == 0
    assert len(pd.read_csv("p.csv")) == 60


# Errors


def write_bad_files(frame):
    """Write files with one defect each."""
    frame.assign(x3=frame["x3"].astype(object).where(frame.index != 6, "seven")).to_csv(
        "text.csv", index=False
    )
    frame.assign(x3=frame["x3"].where(frame.index > 3)).to_csv("nan.csv", index=False)
    frame.assign(x3=frame["x3"].where(frame.index > 1, np.inf)).to_csv("inf.csv", index=False)
    frame.assign(x3=pd.Timestamp("2020-02-03")).to_parquet("date.parquet")
    frame.assign(kind=frame["kind"].where(frame.index > 4)).to_csv("unlabelled.csv", index=False)
    frame.iloc[:0].to_csv("none.csv", index=False)
    frame.iloc[:1][NAMES].to_csv("one.csv", index=False)
    frame.iloc[[0, 1, 30, 31, 50, 51]].to_csv("six.csv", index=False)
    frame.iloc[:31].to_csv("rare.csv", index=False)
    frame.iloc[:30].to_csv("single.csv", index=False)
    frame[["kind"]].to_csv("labels.csv", index=False)
    X = frame[NAMES].to_numpy()
    np.savez("cube.npz", X=X.reshape(60, 4, 4))
    np.savez("other.npz", data=X)
    np.savez("pickled.npz", X=np.array([[{}]], dtype=object))
    np.savez("short.npz", X=X, y=np.zeros(7))
    np.savez("nan.npz", X=np.where(X > 190, np.nan, X))
    np.savez("bytes.npz", X=X, y=frame["kind"].to_numpy("S"))
    np.savez("infinite.npz", X=X, y=np.where(np.arange(60) < 30, 1, np.inf))
    for name, labels in {"bytes": [b"ant", b"bee"], "lists": [[1], [2]], "ragged": [[1], [2, 3]]}.items():
        frame.assign(kind=labels * 30).to_parquet(f"{name}.parquet")
    with zipfile.ZipFile("text.npz", "w") as archive:
        archive.writestr("X", "no array")
    Path("latin.csv").write_bytes("x,kind\n1,Müller\n2,Maier\n".encode("latin-1"))
    for name in ("not.csv", "not.npz", "not.parquet", "data.txt"):
        Path(name).write_bytes(bytes(range(256)))
    for name, y in {"two": "A" * 100 + "B" * 2, "abc": "A" * 90 + "B" * 8 + "C" * 4}.items():
        pd.DataFrame({"x": range(102), "y": list(y)}).to_csv(f"{name}.csv", index=False)
    # with decimal commas, as spreadsheets write them
    frame[["x0", "kind"]].to_csv("semicolon.csv", index=False, sep=";", decimal=",")
    frame[["x0", "kind"]].to_csv("comma.tsv", index=False)
    frame.assign(kind=1.0).to_csv("float.csv", index=False)
    # the first column is that of an index, too
    rows = [f"{k},{k % 2},{k % 3}" for k in range(6)]
    for name, lines in {
        "trailing": ["a,b,kind", *(row + "," for row in rows)],
        "first": ["a,b,kind", rows[0] + ",7,8", *rows],
        "later": ["a,b,kind", *rows, rows[0] + ",7"],
        "twice": ["a,a,kind", *rows],
    }.items():
        Path(f"{name}.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("absent.csv --target kind", ["absent.csv", "No such file"]),
        ("absent.npz --target kind", ["absent.npz", "No such file"]),
        ("data.txt --target kind", ["data.txt", "'.txt'", ".csv, .csv.gz, .tsv, .parquet, .npz"]),
        ("not.csv --target kind", ["can't read not.csv"]),
        ("not.npz --target kind", ["can't read not.npz"]),
        ("not.parquet --target kind", ["can't read not.parquet"]),
        ("data.csv --target sort", ["data.csv", "no column 'sort'", "'x0'", "and 12 more"]),
        ("data.csv --target Kind_", ["no column 'Kind_'; it has 'kind', 'x0'", "and 12 more"]),
        ("latin.csv --target kind", ["can't read latin.csv", "0xfc", "save the file as UTF-8"]),
        ("data.npz --target sort", ["data.npz", "no array 'sort'", "it has 'X', 'y'"]),
        ("data.npz --target X", ["the array 'X' has the features"]),
        ("semicolon.csv --target kind", ["must be separated by ','", "the header has ';'"]),
        ("comma.tsv --target kind", [r"must be separated by '\t'", "the header has ','"]),
        ("float.csv --target kind", ["one class only, '1.0'"]),
        ("data.csv", ["column 'kind' is not numeric", "'ant' in row 1", "leave it out with --drop 'kind'"]),
        ("data.csv --target kind --drop x1,sort", ["no column 'sort' to drop", "'x0'"]),
        ("data.csv --target kind --drop kind", ["--drop 'kind' is the target"]),
        ("data.csv --target sort --drop kind", ["no column 'sort'"]),
        ("data.npz --target y --drop x1", ["data.npz", "--drop"]),
        ("labels.csv --drop kind", ["no column left to train on"]),
        ("text.csv --target kind", ["text.csv", "column 'x3' is not numeric", "'seven' in row 7"]),
        ("date.parquet --target kind", ["column 'x3' is not numeric", "'2020-02-03", "in row 1"]),
        (
            "nan.csv --target kind",
            ["nan.csv", "column 'x3' has 4 missing (NaN) values, the first in row", "fill them"],
        ),
        ("nan.npz", ["nan.npz", "missing (NaN) values", "other columns"]),
        ("inf.csv --target kind", ["column 'x3' has 2 infinite values"]),
        (
            "unlabelled.csv --target kind",
            ["target 'kind' has 5 missing values, the first in row", "--unlabelled ''"],
        ),
        ("data.csv --target kind --unlabelled x", ["no row has 'x' or nothing in 'kind'"]),
        ("single.csv --target kind --unlabelled ant", ["no row has a label in 'kind'"]),
        ("data.csv --unlabelled x", ["--unlabelled", "without --target"]),
        ("data.csv --compare", ["--compare", "without --target"]),
        ("data.csv --target kind --no-pretrain --compare --quiet", ["leave out --no-pretrain"]),
        ("data.csv --target kind --set pretrain=False --compare --quiet", ["and pretrain=False"]),
        ("data.csv --target x1", ["target 'x1' is continuous", "in row 1"]),
        ("none.csv --target kind", ["none.csv has 0 rows"]),
        ("one.csv", ["one.csv has 1 row; at least 2"]),
        ("six.csv --target kind", ["3 classes", "0.2", "4 of the 6 rows to train and 2 to test"]),
        ("rare.csv --target kind", ["class 'bee' has 1 row; at least 2"]),
        ("single.csv --target kind", ["one class only, 'ant'"]),
        ("two.csv --target y --test-fraction .9", ["0.9", "none of the 2 rows of class 'B' to train with"]),
        ("abc.csv --target y --test-fraction .92", ["none of the 4 rows of class 'C' to train with"]),
        ("labels.csv --target kind", ["no column left to train on"]),
        ("trailing.csv --target kind", ["trailing.csv", "in line 2, saw 4", "header has 3 fields"]),
        ("first.csv --target kind", ["first.csv", "in line 2, saw 5", "header has 3 fields"]),
        ("later.csv --target kind", ["later.csv", "in line 8, saw 4", "header has 3 fields"]),
        ("twice.csv --target kind", ["twice.csv", "two columns are called 'a'"]),
        ("cube.npz", ["cube.npz", "shape (60, 4, 4)"]),
        ("other.npz", ["no array X", "'data'"]),
        ("pickled.npz", ["can't read pickled.npz"]),
        ("text.npz", ["text.npz", "X must be a matrix of numbers"]),
        ("bytes.npz --target y", ["bytes.npz", "target 'y' has type |S3"]),
        ("infinite.npz --target y", ["target 'y' is continuous (inf in row 31)"]),
        ("bytes.parquet --target kind", ["bytes.parquet", "target 'kind' has type |S3"]),
        ("lists.parquet --target kind", ["lists.parquet", "target 'kind' has type object"]),
        ("ragged.parquet --target kind", ["ragged.parquet", "target 'kind' has type object"]),
        ("short.npz --target y", ["y has shape (7,)", "60 rows"]),
        ("data.csv --target kind --hidden 5,x", ["--hidden", "'5,x'", "500,250"]),
        ("data.csv --target kind --hidden 5,0", ["--hidden", "'5,0'"]),
        ("data.csv --target kind --test-fraction 1", ["--test-fraction", "'1'"]),
        ("data.csv --target kind --test-fraction half", ["--test-fraction", "'half'"]),
        ("data.csv --target kind --random-state -1", ["--random-state", "'-1'"]),
        ("data.csv --target kind --scale log", ["--scale", "'log'", "standard"]),
        ("data.csv --target kind --set tol", ["--set", "'tol' is not NAME=VALUE"]),
        ("data.csv --target kind --set corruption_level=1", ["'corruption_level'", "encoder__"]),
        ("data.csv --target kind --set encoder=5", ["can't set 'encoder'"]),
        ("data.csv --target kind --set random_state=7", ["can't set 'random_state'", "--random-state"]),
        ("data.csv --target kind --set encoder__tol__a=5", ["can't set 'encoder__tol__a'"]),
        ("data.npz --set encoder__tol=5", ["can't set 'encoder__tol'", "StackedAutoencoderTransformer"]),
        ("data.csv --target kind --quiet --set max_iter=-1", ["'max_iter' parameter of SdAClassifier", "-1"]),
        ("data.csv --target kind --quiet --set tol=small", ["'tol' parameter", "'small'"]),
        ("data.csv --target kind --quiet --set encoder__tol=(1,2,3)", ["tol", "2 layers"]),
        ("data.csv --no-pretrain", ["--no-pretrain", "without --target"]),
        ("data.csv --test-fraction 0.5", ["--test-fraction", "without --target"]),
    ],
)
def test_train_errors(argv, words, files, frame, capsys, tmp_path):
    write_bad_files(frame)
    message = fails(capsys, tmp_path, "train", *argv.split(), "--output", "run")
    for word in words:
        assert word in message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_arrays_are_read_or_refused(save):
    save("damaged.npz", X=np.arange(12.0).reshape(4, 3))
    path = Path("damaged.npz")
    content, refused = path.read_bytes(), 0
    for position, value in enumerate(content):
        path.write_bytes(content[:position] + bytes([value ^ 255]) + content[position + 1 :])
        try:
            __main__.read_table(path)
        except __main__.InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > len(content) / 2


@pytest.mark.parametrize("fraction", [1e-12, 0.1, 0.2, 0.5, 0.75, 1 - 2**-53])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_the_rows_that_are_asked_for_are_those_that_a_split_takes(n_classes, fraction):
    arguments = SimpleNamespace(data="data.csv", target="kind")
    for n_rows in range(2 * n_classes, 60):
        y = np.arange(n_rows) % n_classes
        try:
            __main__.check_classes(y, fraction, arguments)
        except __main__.InputError:
            with pytest.raises(ValueError, match=r"the number of classes|set will be empty"):
                train_test_split(y, test_size=fraction, stratify=y)
        else:
            train_test_split(y, test_size=fraction, stratify=y)


def test_numbers_of_numpy_are_numbers_in_the_report(files):
    __main__.NETWORK.set_params(max_iter=np.int64(3))
    train("data.csv")
    assert load_report("run")["models"]["SdAClassifier"]["parameters"]["max_iter"] == 3


def test_an_infinite_parameter_is_a_text_in_the_report(files):
    assert train("data.csv", "run", "--quiet", "--set", "max_iter=2", "--set", "n_iter_no_change=1e999")
    assert load_report("run")["models"]["SdAClassifier"]["parameters"]["n_iter_no_change"] == "inf"


def test_usage_errors(capsys, tmp_path):
    assert "sing" in fails(capsys, tmp_path, "sing")
    assert "--output" in fails(capsys, tmp_path, "train", "data.csv")
    assert "--loud" in fails(capsys, tmp_path, "--loud")


@pytest.mark.parametrize("command", ["predict", "transform"])
def test_model_and_output_errors(command, files, frame, capsys, tmp_path):
    train("data.csv")
    model = "run/model.joblib"
    joblib.dump(LogisticRegression(), "other.joblib")
    joblib.dump([1, 2], "list.joblib")
    joblib.dump(make_pipeline(DenoisingAutoencoder()), "unfitted.joblib")
    frame.drop(columns=["x2", "x5"]).to_csv("fewer.csv", index=False)
    np.savez("fewer.npz", X=frame[NAMES[:3]].to_numpy())
    write_bad_files(frame)
    long = "x" * 280  # longer than a file's name may be
    for argv, words in {
        "absent.joblib data.csv -o o.csv": ["absent.joblib", "No such file"],
        "data.csv data.csv -o o.csv": ["data.csv is not a model of sklearn_sda\n"],
        "other.joblib data.csv -o o.csv": ["other.joblib is not a model", "LogisticRegression"],
        "list.joblib data.csv -o o.csv": ["list.joblib is not a model", "list"],
        "unfitted.joblib data.csv -o o.csv": ["unfitted.joblib is not fitted"],
        f"{model} absent.csv -o o.csv": ["absent.csv", "No such file"],
        f"{model} fewer.csv -o o.csv": ["fewer.csv", "'x2', 'x5'"],
        f"{model} fewer.npz -o o.csv": ["3 columns", "16"],
        f"{model} text.csv -o o.csv": ["'x3'", "'seven' in row 7"],
        f"{model} nan.csv -o o.csv": ["'x3' has 4 missing"],
        f"{model} trailing.csv -o o.csv": ["trailing.csv", "header has 3 fields"],
        f"{model} data.csv -o o.xls": ["o.xls", "'.xls'"],
        f"{model} data.csv -o absent/o.csv": ["can't write absent/o.csv", "No such file"],
        f"{model} data.csv -o data.csv": ["output data.csv is also an input"],
        f"{model} {long}.csv -o o.csv": [f"can't read {long}.csv", "too long"],
        f"{model} data.csv -o {long}.csv": [f"can't write {long}.csv", "too long"],
        f"{model} data.csv -o {long}.parquet": [f"can't write {long}.parquet", "too long"],
        f"{long} data.csv -o o.csv": [f"can't read {long}", "too long"],
        f"{model} data.csv": ["-o"],
    }.items():
        message = fails(capsys, tmp_path, command, *argv.split())
        for word in words:
            assert word in message
    assert pd.read_csv("data.csv").shape == (60, 17)


def test_a_folder_is_no_output_file(files, capsys, tmp_path):
    train("data.csv")
    (tmp_path / "o.csv").mkdir()
    message = fails(capsys, tmp_path, "predict", "run/model.joblib", "data.csv", "-o", "o.csv")
    assert "can't write o.csv" in message


def test_predict_needs_a_classifier_and_transform_an_encoder(files, frame, capsys, tmp_path):
    assert run("train", "nothing.csv", "--output", "run") == 2
    frame[NAMES].to_csv("features.csv", index=False)
    assert run("train", "features.csv", "--output", "run") == 0
    message = fails(capsys, tmp_path, "predict", "run/model.joblib", "data.csv", "-o", "o.csv")
    assert "run/model.joblib is no classifier" in message
    model = Pipeline([("code", DenoisingAutoencoder(3, max_iter=1)), ("clf", LogisticRegression())])
    joblib.dump(model.fit(frame[NAMES], frame["kind"]), "own.joblib")
    message = fails(capsys, tmp_path, "transform", "own.joblib", "data.csv", "-o", "o.csv")
    assert "own.joblib has no transform" in message


def test_output_folders_that_are_refused(files, capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.json").write_text('{"of": "another program"}')
    (tmp_path / "file").write_text("")
    for output, words in {
        "mine": "neither empty nor the output of an earlier run",
        ".": "neither empty nor",
        "file": "can't write file",
        "file/run": "can't write file/run",
        "absent/run": "can't write absent/run",
    }.items():
        arguments = ("data.csv", "--target", "kind", "--output", output)
        assert words in fails(capsys, tmp_path, "train", *arguments)
    assert "mine" in fails(capsys, tmp_path, "--output", "mine")


def test_an_earlier_run_is_replaced_and_other_files_are_kept(files, frame, tmp_path):
    (tmp_path / "run").mkdir()  # empty, so it may be used
    train("data.csv")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    frame[["x0", "x1", "kind"]].to_csv("two.csv", index=False)
    model = train("two.csv")
    assert model.n_features_in_ == 2
    # the picture of the filters, which two columns do not have, is gone
    assert listing(tmp_path / "run") == sorted([*RUN, "notes.txt"])


def test_the_folder_of_a_killed_run_is_no_obstacle(files, tmp_path):
    (tmp_path / "run" / ".sklearn_sda-killed").mkdir(parents=True)
    train("data.csv")
    assert set(RUN) < set(listing(tmp_path / "run"))


def test_a_failure_to_write_leaves_the_earlier_run(files, capsys, tmp_path, monkeypatch):
    train("data.csv")
    before = (tmp_path / "run" / "model.joblib").read_bytes()

    def full(model, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(joblib, "dump", full)
    for output in ("run", "new"):
        arguments = ("data.csv", "--target", "kind", "--quiet", "--output", output)
        assert f"can't write {output}: No space left" in fails(capsys, tmp_path, "train", *arguments)
    assert (tmp_path / "run" / "model.joblib").read_bytes() == before


def hide(context, package):
    """Make a package look as if it were not installed."""

    class Hider:
        def find_spec(self, name, path=None, target=None):
            if name == package:
                raise ModuleNotFoundError(f"No module named {name!r}")

    # not None in sys.modules: scikit-learn looks there for pandas without importing it
    context.delitem(sys.modules, package)
    context.setattr(sys, "meta_path", [Hider(), *sys.meta_path])


def test_missing_packages(files, capsys, tmp_path, monkeypatch):
    train("data.npz")
    model = "run/model.joblib"
    for package, suffix in (("pyarrow", "parquet"), ("pandas", "parquet"), ("pandas", "csv")):
        with monkeypatch.context() as context:
            hide(context, package)
            for argv in (
                ("train", f"data.{suffix}", "--output", "new"),
                ("transform", model, f"data.{suffix}", "-o", "o.npz"),
                ("transform", model, "data.npz", "-o", f"o.{suffix}"),
            ):
                message = fails(capsys, tmp_path, *argv)
                assert f".{suffix} files need" in message
                assert package in message
                packages = "pandas pyarrow" if suffix == "parquet" else "pandas"
                assert message.rstrip().endswith(f"python -m pip install {packages}")
            # arrays need neither
            assert run("predict", model, "data.npz", "-o", "o.npz") == 0
            Path("o.npz").unlink()


# The command itself


def test_help_says_what_each_option_does(capsys):
    for argv in ([], ["train"], ["predict"], ["transform"]):
        with pytest.raises(SystemExit) as stop:
            run(*argv, "--help")
        assert stop.value.code == 0
        out = capsys.readouterr().out
        options = [line.split() for line in out.splitlines() if line.startswith("  -")]
        assert all(len(words) > 2 for words in options)
        assert ("DIR" if argv in ([], ["train"]) else "OUT") in out
    assert "5,3" not in out


def test_version():
    command = [sys.executable, "-m", "sklearn_sda", "--version"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__main__.__file__).parents[1]
    )
    assert done.stdout == f"sklearn_sda {__version__}\n"
    assert done.stderr == ""


def test_an_error_of_training_is_not_one_of_writing(capsys, tmp_path, files):
    Path("file").write_text("")  # where a cache wants a folder
    command = ["train", "data.csv", "--target", "kind", "--output", "out", "--set", "memory=file"]
    message = fails(capsys, tmp_path, *command)
    assert "training failed: " in message and "file" in message


def test_what_is_no_evidence_follows_the_least_certain_model(capsys):
    record = {"fit_seconds": 1.0, "epochs": 1, "max_iter": 2}
    accuracies = {"a": 0.5833, "b": 1.0}
    records = {name: {**record, "test_accuracy": accuracy} for name, accuracy in accuracies.items()}
    __main__.print_accuracies({**records, "most frequent": {"class": "c", "test_accuracy": 0.5}}, 12)
    assert "standard error of about 0.143, differences below 0.286" in capsys.readouterr().out


def test_values_beyond_the_type_are_one_line(frame, capsys, tmp_path):
    frame.to_csv("data.csv", index=False)
    train("data.csv", "run", "--scale", "standard")
    frame = frame.astype({"x2": float})
    frame.iloc[3, 2] = 1e300
    frame.to_csv("huge.csv", index=False)
    for command in ("predict", "transform"):
        message = fails(capsys, tmp_path, command, "run/model.joblib", "huge.csv", "-o", "out.csv")
        assert "too large for dtype('float32')" in message


def test_integers_beyond_int64_are_classes(frame):
    large = {"ant": 2**63 + 1, "bee": 2**53, "cat": 2**53 + 1}
    frame.assign(kind=frame["kind"].map(large)).to_csv("large.csv", index=False)
    assert train("large.csv").classes_.tolist() == [2**53, 2**53 + 1, 2**63 + 1]


def test_large_integers_with_gaps_are_not_rounded(frame, capsys, tmp_path):
    there = ("--output", "run")
    large = {"ant": 2**60, "bee": 2**60 + 1}
    gaps = frame.assign(kind=frame["kind"].map(lambda kind: large.get(kind, pd.NA)).astype("Int64"))
    gaps.to_csv("gaps.csv", index=False)
    message = fails(capsys, tmp_path, "train", "gaps.csv", "--target", "kind", "--unlabelled", "", *there)
    assert "too large to be told apart" in message
    gaps.to_parquet("gaps.parquet", index=False)
    assert run("train", "gaps.parquet", "--target", "kind", "--unlabelled", "", "--output", "run") == 0
    assert joblib.load("run/model.joblib").classes_.tolist() == [2**60, 2**60 + 1]


def test_infinity_can_be_set(files):
    model = train("data.csv", "run", "--set", "n_iter_no_change=inf")
    assert model[-1].n_iter_no_change == np.inf


def test_a_quote_that_is_not_closed(frame, capsys, tmp_path):
    there = ("--output", "run")
    Path("open.csv").write_text(frame.to_csv(index=False) + '1,"2,3\n')
    message = fails(capsys, tmp_path, "train", "open.csv", "--target", "kind", *there)
    assert "EOF inside string" in message and "no row may have more" not in message


def test_a_representation_follows_from_the_seed(frame):
    frame[NAMES].to_csv("features.csv", index=False)
    codes = []
    for output, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert run("train", "features.csv", "--output", output, "--random-state", seed, "--quiet") == 0
        codes.append(joblib.load(f"{output}/model.joblib").transform(frame[NAMES]))
    np.testing.assert_array_equal(codes[0], codes[1])
    assert (codes[0] != codes[2]).any()


def test_a_comparison_is_of_the_same_model_on_the_training_rows(files, monkeypatch):
    seen, compare = [], __main__.compare_pretraining

    def spy(model, X, y, **options):
        seen.append((model, X, options))
        return compare(model, X, y, **options)

    monkeypatch.setattr(__main__, "compare_pretraining", spy)
    train("data.csv", "run", "--compare", "--quiet", "--scale", "standard", "--random-state", "5")
    ((model, X, options),) = seen
    assert isinstance(model[0], StandardScaler) and len(X) == 48
    assert options == {"cv": 5, "random_state": 5}


def test_integers_with_gaps_are_integers(frame):
    frame["kind"] = pd.array([None, *([0, 1, 2] * 20)[1:]], dtype="Int64")
    frame.to_csv("gaps.csv", index=False)
    model = train("gaps.csv", "run", "--unlabelled", "", "--quiet")
    assert model[-1].classes_.dtype.kind == "i"
    assert run("predict", "run/model.joblib", "gaps.csv", "-o", "p.csv") == 0
    assert list(pd.read_csv("p.csv"))[1:] == ["probability_0", "probability_1", "probability_2"]


def test_an_index_that_was_written_twice_is_not_used_silently(frame, capsys, tmp_path):
    frame.to_csv("once.csv")
    pd.read_csv("once.csv").to_csv("twice.csv")
    words = ["train", "twice.csv", "--target", "kind", "--output", "run", "--drop"]
    assert "a column has no name" in fails(capsys, tmp_path, *words, "Unnamed: 0")
    assert run(*words, "Unnamed: 0,Unnamed: 0.1") == 0
    assert joblib.load("run/model.joblib").n_features_in_ == 16


def test_large_unsigned_integers_beside_rows_without_labels(frame):
    labels = np.uint64([2**63 + 1, 2**64 - 2, 0])
    frame.assign(kind=labels[np.arange(60) % 3]).to_csv("data.csv", index=False)
    model = train("data.csv", "run", "--unlabelled", "0")
    assert model.classes_.tolist() == [2**63 + 1, 2**64 - 2]
    assert json.loads(Path("run/report.json").read_text())["data"]["unlabelled_rows"] == 20


def test_integers_are_told_apart_from_the_mark_exactly(frame):
    labels = np.array([2**53, 2**53 + 1, 7])
    frame.assign(kind=labels[np.arange(60) % 3]).to_csv("data.csv", index=False)
    assert train("data.csv", "run", "--unlabelled", 2**53 + 1).classes_.tolist() == [7, 2**53]


def test_too_little_memory_is_one_line(files, capsys, tmp_path):
    words = ["train", "data.csv", "--target", "kind", "--output", "run", "--hidden", 10**15]
    assert "not enough memory: Unable to allocate" in fails(capsys, tmp_path, *words, "--quiet")


def test_an_interrupt_is_one_line(files, capsys, monkeypatch, tmp_path):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "compare", interrupt)
    before = listing(tmp_path)
    assert run("train", "data.csv", "--target", "kind", "--output", "run") == 130
    assert capsys.readouterr().err == "sklearn_sda: interrupted\n"
    assert listing(tmp_path) == before


def test_a_console_need_not_know_the_letters_of_a_class(frame, tmp_path):
    frame.replace({"kind": {"ant": "猫"}}).to_csv("data.csv", index=False)
    words = [sys.executable, "-m", "sklearn_sda", "train", "data.csv", "--target", "kind", "--output", "run"]
    result = subprocess.run(
        [*words, "--hidden", "3", "--set", "max_iter=1", "--quiet"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert result.returncode == 0, result.stderr
    assert r"most frequent class (\u732b)" in result.stdout


@pytest.mark.parametrize("failing", ["model.joblib", "report.json", "learning_curves.png"])
def test_an_earlier_run_is_replaced_as_a_whole_or_not_at_all(
    files, frame, failing, capsys, tmp_path, monkeypatch
):
    train("data.csv")
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    replace = Path.replace

    def refuse(path, target):
        if path.name == failing and path.parent.name == "new":
            raise PermissionError(13, "Permission denied")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    words = ["train", "data.csv", "--target", "kind", "--output", "run", "--random-state", "1", "--quiet"]
    assert "can't write run: Permission denied" in fails(capsys, tmp_path, *words)
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before


def test_folders_and_links_in_the_way_are_refused_before_training(files, capsys, tmp_path, monkeypatch):
    train("data.csv")
    monkeypatch.setattr(__main__, "compare", None)
    words = ["train", "data.csv", "--target", "kind", "--output"]
    Path("run/pretraining.png").mkdir()
    assert "pretraining.png is a folder, not a file" in fails(capsys, tmp_path, *words, "run")
    Path("link").symlink_to("nothing")
    assert "link is a link to nothing" in fails(capsys, tmp_path, *words, "link")


def test_arrays_of_objects_matter_only_where_they_are_asked_for(files, frame, capsys, tmp_path):
    X, y = frame[NAMES].to_numpy(), frame["kind"].to_numpy()
    np.savez("data.npz", X=X, y=y.astype(str), names=np.array(NAMES, dtype=object), z=y.astype(object))
    model = train("data.npz")
    assert run("predict", "run/model.joblib", "data.npz", "-o", "out.npz") == 0
    with np.load("out.npz") as out:
        np.testing.assert_array_equal(out["prediction"], model.predict(X))
    message = fails(capsys, tmp_path, "train", "data.npz", "--target", "z", "--output", "new")
    assert "the array 'z' has objects" in message
    np.savez("odd.npz", X=X.astype(object))
    assert "X must be a matrix of numbers" in fails(capsys, tmp_path, "train", "odd.npz", "--output", "new")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_first_step_may_do_nothing(files, frame):
    X, y = frame[NAMES], frame["kind"]
    model = make_pipeline("passthrough", SdAClassifier((3,), max_iter=3)).fit(X, y)
    joblib.dump(model, "model.joblib")
    frame[frame.columns[::-1]].to_csv("new.csv", index=False)
    assert run("predict", "model.joblib", "new.csv", "-o", "out.csv") == 0
    assert read_frame("out.csv")["prediction"].tolist() == model.predict(X).tolist()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_columns_that_a_model_chooses_by_name(files, frame):
    X, y = frame[NAMES], frame["kind"]
    columns = make_column_transformer((StandardScaler(), ["x3", "x1"]))
    model = make_pipeline(columns, SdAClassifier((3,), max_iter=3)).fit(X, y)
    joblib.dump(model, "model.joblib")
    assert run("predict", "model.joblib", "data.csv", "-o", "out.csv") == 0
    assert read_frame("out.csv")["prediction"].tolist() == model.predict(X).tolist()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_that_does_not_know_its_columns(files, frame, capsys, tmp_path):
    model = make_pipeline(FunctionTransformer(), SdAClassifier((3,), max_iter=3))
    model.fit(frame[NAMES].to_numpy(), frame["kind"])
    del model[0].n_features_in_
    joblib.dump(model, "model.joblib")
    message = fails(capsys, tmp_path, "predict", "model.joblib", "data.npz", "-o", "out.csv")
    assert "begins with a FunctionTransformer, which does not say how many columns" in message


def test_an_empty_line_of_a_single_column_is_a_missing_value(capsys, tmp_path):
    Path("gap.csv").write_text("x\n1\n\n3\n")
    message = fails(capsys, tmp_path, "train", "gap.csv", "--output", "run")
    assert "column 'x' has 1 missing (NaN) values, the first in row 2" in message
    Path("gap.csv").write_text("x\n1\n2\nNA\n")
    assert "the first in row 3" in fails(capsys, tmp_path, "train", "gap.csv", "--output", "run")
    Path("end.csv").write_text("x\n1\n2\n3\n\n\n")
    assert run("train", "end.csv", "--output", "run") == 0
    assert json.loads(Path("run/report.json").read_text())["data"]["train_rows"] == 3


def test_numbers_of_other_kinds_with_gaps(frame, capsys, tmp_path):
    flags = [True, None, False] * 20
    frame.assign(x3=flags).to_csv("data.csv", index=False)
    words = ["--target", "kind", "--output", "run"]
    message = fails(capsys, tmp_path, "train", "data.csv", *words)
    assert "column 'x3' has 20 missing (NaN) values, the first in row 2" in message
    frame.assign(x3=[Decimal(k) / 4 for k in range(60)]).to_parquet("data.parquet")
    assert train("data.parquet")[0].data_max_[3] == 59 / 4


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.NaT, range(60), dtype="datetime64[ns]"),
        pd.Series(pd.to_timedelta(np.arange(60), "s")),
        pd.Series(map(str, range(60))),
        pd.Series(list(map(str, range(60))), dtype=object),
    ],
    ids=["no date", "durations", "texts", "objects"],
)
def test_what_could_be_made_a_number_is_none(column, frame, capsys, tmp_path):
    frame.assign(x3=column).to_parquet("data.parquet")
    message = fails(capsys, tmp_path, "train", "data.parquet", "--target", "kind", "--output", "run")
    assert "column 'x3' is not numeric" in message


def test_a_separator_in_a_name_is_none(capsys, tmp_path):
    Path("data.csv").write_text('"height, cm"\n1.5\n2.5\n3\n')
    assert run("train", "data.csv", "--output", "run") == 0
    assert joblib.load("run/model.joblib").feature_names_in_.tolist() == ["height, cm"]


@pytest.mark.parametrize("option", [["--scale", "standard"], ["--set", "max_iter=5"], ["--compare"]])
def test_options_of_training_have_no_place_elsewhere(option, files, capsys, tmp_path):
    train("data.npz")
    for command in ("predict", "transform"):
        message = fails(capsys, tmp_path, *option, command, "run/model.joblib", "data.npz", "-o", "o.npz")
        assert f"{option[0]} is for training" in message


def test_digits_without_fine_tuning(few_digits, tmp_path, capsys):
    assert run("--set", "max_iter=0") == 0
    out = capsys.readouterr().out
    assert "SdAClassifier" in out
    assert "MLPClassifier" not in out
