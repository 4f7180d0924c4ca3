"""Write the recorded figures into README.md and benchmarks/README.md, and draw those of the speed.

A block begins with ``<!-- NAME -->`` and ends with ``<!-- end -->``; NAME is a key of `TABLES`.
"""

import json
import re
from statistics import mean, median, stdev

import numpy as np
from tutorial_mnist import rows_of

from _common import RESULTS, ROOT, interval
from few_labels import cell_name
from sklearn_sda._comparison import PretrainingComparison
from speed import draw

PAGES = (ROOT / "README.md", ROOT / "benchmarks" / "README.md")


def record(name):
    """Return a record."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(header, rows):
    """Return a Markdown table: the first column to the left, the others to the right."""
    rule = ["---", *(["---:"] * (len(header) - 1))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (header, rule, *rows))


def taken(data):
    """Return how a record was taken, in one line."""
    run = data["environment"]
    clean = ", with uncommitted changes" if run["uncommitted changes in the package"] else ""
    # cells of a table may be of several runs; those that do not say their processor are of the first one's
    cells = data.get("cells", [])
    cells = list(cells.values()) if isinstance(cells, dict) else []
    commits = sorted({cell["commit"][:7] for cell in cells} or {run["commit"][:7]})
    processors = sorted({cell.get("cpu", run["cpu"]) for cell in cells} or {run["cpu"]})
    days = sorted({cell["date"][:10] for cell in cells} or {run["date"][:10]})
    return (
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}, "
        f"commit{'s'[: len(commits) > 1]} {', '.join(commits)}{clean}, "
        f"{' and '.join(processors)}, {run['cpus']} cores, "
        f"Python {run['python']}, NumPy {run['numpy']}, "
        f"scikit-learn {run['scikit-learn']}, Numba {run['numba']}."
    )


def tutorial():
    """Return the tutorial's figures and ours."""
    data = record("tutorial_mnist")
    published, variants = data["tutorial"], rows_of(data["cells"])
    ours = [variants[name][0] for name in ("pretrained", "pretrained, dropout")]
    rows = [
        (
            phase,
            f"{published[f'{phase} minutes']:.0f} minutes",
            *(f"{run[f'{phase} seconds'] / 60:.1f} minutes" for run in ours),
        )
        for phase in ("pretraining", "fine-tuning")
    ]
    for name in ("validation error", "test error"):
        errors = [source[f"{name} %"] for source in (published, *ours)]
        rows.append((name, *(f"{error:.2f} %" for error in errors)))
    header = ("784-1000-1000-1000-10 on MNIST", "the tutorial", "sklearn_sda", "with dropout")
    return table(header, rows)


def pretraining():
    """Return whether pretraining helped."""
    data = record("tutorial_mnist")
    rows = []
    for name, cells in rows_of(data["cells"]).items():
        errors = [cell["test error %"] for cell in cells]
        epochs = [len(cell["validation errors %"]) for cell in cells]
        rows.append(
            (
                name,
                " ".join(map(str, epochs)),
                " ".join(f"{error:.2f}" for error in errors),
                f"{mean(errors):.2f}",
                f"{stdev(errors):.2f}",
            )
        )
    header = (
        "start of the fine-tuning",
        "epochs",
        "test error % with three seeds",
        "mean",
        "standard deviation",
    )
    return f"{table(header, rows)}\n\n{taken(data)}"


def defaults():
    """Return accuracy and seconds of the chosen defaults beside MLPClassifier's."""
    data = record("defaults")
    baseline, choice = "MLPClassifier", data["choice"]
    rows = []
    for name, accuracy in data["accuracy"].items():
        seconds = data["fit_seconds"][name]
        rows.append(
            (
                name,
                f"{accuracy[baseline]:.4f}",
                f"{accuracy[choice]:.4f}",
                f"{accuracy['relu 100']:.4f}",
                f"{accuracy['relu 100, not pretrained']:.4f}",
                f"{seconds[baseline]:.2f} s",
                f"{seconds[choice]:.2f} s",
            )
        )
    header = (
        "data",
        "MLPClassifier (100 units)",
        "SdAClassifier (200 units)",
        "SdAClassifier (100 units)",
        "the same, `pretrain=False`",
        "MLPClassifier fit",
        "SdAClassifier fit",
    )
    return f"{table(header, rows)}\n\n{taken(data)}"


def aim(row):
    """Return the ratio that was aimed at, and whether it was missed."""
    if not row["target"]:
        return ""
    return f"{row['target']:g}x" + (", missed" if row["ratio"] < row["target"] else "")


def speed(name="speed"):
    """Return how many times faster than each peer."""
    data = record(name)
    rows = [
        (
            row["case"], row["peer"], row["threads"], f"{row['ratio']:.2f}x",
            f"{row['lowest']:.2f} to {row['highest']:.2f}", aim(row),
            f"{row['GFLOP/s']:.0f}", f"{row['fraction of the limit']:.0%}",
        )
        for row in data["cases"]
    ]  # fmt: skip
    header = ("case", "peer", "threads", "times faster", "range", "aim", "our GFLOP/s", "of the limit")
    return f"{table(header, rows)}\n\n{taken(data)}"


def first_use(name="resources"):
    """Return the seconds of the first use."""
    data = record(name)
    first = data["first use"]
    rows = [("import, beyond scikit-learn and Numba", f"{first['import']['median']:.2f} s", "", "")]
    for estimator, row in first.items():
        if "empty cache" in row:
            rows.append(
                (
                    f"first fit of `{estimator}`, beyond a later one",
                    f"{row['empty cache']['median']:.1f} s",
                    f"{row['filled cache']['median']:.2f} s",
                    max(row["files added"]),
                )
            )
    together, after = first["eight processes together"], first["a process after them"]
    rows.append(("eight classifiers that start together", f"{max(together['all']):.0f} s", "", ""))
    rows.append(("the same, a process after them", "", f"{max(after['all']):.2f} s", ""))
    header = ("", "empty cache", "filled cache", "files that a second process adds")
    return f"{table(header, rows)}\n\n{taken(data)}"


def memory():
    """Return how far fits on a memmap raise the peak of memory."""
    data = record("resources")
    rows = [(name, *row.values()) for name, row in data["memory"].items()]
    header = ("fit on 1,000,000 x 784 bytes", *next(iter(data["memory"].values())))
    return f"{table(header, rows)}\n\n{taken(data)}"


def searches(name="resources"):
    """Return seconds and busy threads of grid searches."""
    data, rows = record(name), []
    for network in ("small", "large"):
        for jobs, row in data[f"search, {network} network"].items():
            rows.append(
                (
                    f"{network} network, n_jobs={jobs}",
                    f"{row['seconds']['median']:.1f} s",
                    *list(row.values())[1:],
                )
            )
    busy = list(row)[-2:]  # records count them in their own way
    header = ("search", "seconds", "of n_jobs=1", *busy)
    return f"{table(header, rows)}\n\n{taken(data)}"


def chosen(data, prefix, figure="validation error %"):
    """Return the cell of a paper's table with the lowest value of a figure among those of a prefix."""
    cells = [cell for name, cell in data["cells"].items() if name.startswith(prefix)]
    return min(cells, key=lambda cell: cell[figure])


def paper(name, first, n=10000):
    """Return published errors beside ours, with intervals for n test samples, and what was chosen."""
    data = record(f"papers/{name}")
    rows = []
    for model, published in data["published"].items():
        cell = chosen(data, f"{model} {{")
        error = cell["test error %"]
        options = next(key for key, value in data["cells"].items() if value is cell)[len(model) + 1 :]
        rows.append((model, f"{published:.2f} %", f"{error:.2f} ± {interval(error, n):.2f} %", options))
    return f"{table((first, 'published', 'sklearn_sda', 'chosen'), rows)}\n\n{taken(data)}"


def single_layer():
    """Return the errors of networks by the initialisation of their one hidden layer."""
    return paper("single_layer", "initialised as")


def greedy():
    """Return the errors of a network with a small top layer by its pretraining."""
    return paper("greedy", "start of the fine-tuning")


def closed_form():
    """Return seconds and errors of the closed form and of sampled noise."""
    data = record("papers/closed_form")
    rows = []
    for solver in data["solvers"]:
        cell = chosen(data, solver)
        error = cell["test error %"]
        rows.append(
            (
                solver,
                f"{cell['pretraining seconds']:.1f} s",
                f"{error:.2f} ± {interval(error, 10000):.2f} %",
            )
        )
    return f"{table(('', 'pretraining', 'test error'), rows)}\n\n{taken(data)}"


def variations():
    """Return the errors on regenerated variations of digits and shapes by the pretraining."""
    data = record("papers/variations")
    rows = []
    for data_set, published in data["published"].items():
        errors = [chosen(data, f"{data_set}, {model} {{")["test error %"] for model in data["grid"][data_set]]
        cells = [f"{error:.2f} ± {interval(error, 50000):.2f}" for error in errors]
        rows.append((data_set, f"{published:.2f}", *cells))
    header = ("test error %", "published SDAE-3", *data["grid"]["basic"])
    return f"{table(header, rows)}\n\n{taken(data)}"


def svm():
    """Return the errors of SVMs on raw pixels of regenerated sets, for each rule that they were made by."""
    data = record("papers/svm")
    rows = []
    for data_set, published in data["published"].items():
        titles = [data_set, *(f"{data_set}, {rule}" for rule in data["others"].get(data_set, []))]
        for title in titles:
            errors = [chosen(data, f"{title}, {kernel} {{")["test error %"] for kernel in data["grid"]]
            ours = [f"{error:.2f} ± {interval(error, data['n_test']):.2f}" for error in errors]
            pairs = zip(published, ours, strict=True)
            rows.append((title, *(figure for pair in pairs for figure in pair)))
    header = ["test error %"]
    for kernel in data["grid"]:
        header += [f"{kernel}, published", f"{kernel}, here"]
    return f"{table(header, rows)}\n\n{taken(data)}"


def features():
    """Return the errors of a linear SVM on codes by the number of layers."""
    data = record("papers/features")
    rows = []
    for data_set, published in data["published"].items():
        cells = [figures for name, figures in data["cells"].items() if name.startswith(f"{data_set},")]
        chosen_errors = [
            min(
                (
                    errors
                    for figures in cells
                    for name, errors in figures.items()
                    if name.startswith(f"{depth} layers")
                ),
                key=lambda errors: errors["validation error %"],
            )["test error %"]
            for depth in range(len(published))
        ]
        size = 10000 if data_set == "mnist" else 50000
        ours = (f"{error:.2f} ± {interval(error, size):.2f}" for error in chosen_errors)
        rows.append((f"{data_set}, published", *(f"{error:.2f}" for error in published)))
        rows.append((f"{data_set}, here", *ours))
    header = ("test error %", "no layer", "1 layer", "2 layers", "3 layers")
    return f"{table(header, rows)}\n\n{taken(data)}"


def deep_autoencoder():
    """Return the squared errors of a deep autoencoder and of PCA."""
    data = record("papers/deep_autoencoder")
    cell = chosen(data, "", "validation error")
    ours = {"deep autoencoder": cell["test error"], "PCA": data["pca"]}
    rows = [(name, f"{published:.2f}", f"{ours[name]:.2f}") for name, published in data["published"].items()]
    return f"{table(('squared error of an image', 'published', 'here'), rows)}\n\n{taken(data)}"


def few_labels():
    """Return the errors on MNIST with few labels."""
    data = record("few_labels")
    rows = [(name, *(f"{error:.2f}" for error in errors)) for name, errors in data["published"].items()]
    for model, grid in data["grid"].items():
        columns = []
        for n in data["labels"]:
            options = grid[str(n)]
            names = [cell_name(model, n, seed, options) for seed in range(data["draws"])]
            errors = [data["cells"][name]["test error %"] for name in names]
            columns.append(f"{mean(errors):.2f} ± {stdev(errors):.2f}")
        rows.append((f"sklearn_sda, {model}", *columns))
    header = ("test error %", *(f"{n} labels" for n in data["labels"]))
    return f"{table(header, rows)}\n\n{taken(data)}"


def representations(n_tables):
    """Return accuracies on what was learned without labels: with all labels, in a second table with few.

    The intervals of the differences are those of the corrected resampled t-test (`compare_pretraining`).
    """
    data = record("representations")
    blocks = []
    for labels in data["labels"][:n_tables]:
        rows = []
        for data_set in data["data"]:
            accuracies = {
                name: np.array([split["accuracy"] for split in data["cells"][f"{data_set}, {name}"][labels]])
                for name in data["grid"]
            }
            code = accuracies["StackedAutoencoderTransformer"]
            n_folds = {10: 5, 3: 3}[len(code)]  # five folds twice, or three once
            pairs = PretrainingComparison(code, accuracies["PCA"], 1 / n_folds, len(code) // n_folds)
            low, high = pairs.interval
            rows.append(
                (
                    data_set,
                    *(f"{own.mean():.4f}" for own in accuracies.values()),
                    f"{pairs.mean_difference:+.3f} ({low:+.3f} to {high:+.3f})",
                )
            )
        blocks.append(table((labels, *data["grid"], "the last minus PCA, 95 %"), rows))
    return "\n\n".join([*blocks, taken(data)])


def grid_memory():
    """Return the seconds of a grid search with and without a cache of the pretraining."""
    data = record("grid_memory")
    rows = [(name, f"{median(seconds):.1f} s") for name, seconds in data["seconds"].items()]
    return f"{table(('grid search', 'seconds'), rows)}\n\n{taken(data)}"


TABLES = {
    "variations": variations,
    "features": features,
    "deep_autoencoder": deep_autoencoder,
    "svm": svm,
    "speed_avx2": lambda: speed("speed_avx2"),
    "speed_mkl": lambda: speed("speed_mkl"),
    "speed_zen5": lambda: speed("speed_zen5"),
    "first_use_zen5": lambda: first_use("resources_zen5"),
    "searches_zen5": lambda: searches("resources_zen5"),
    "representations": lambda: representations(2),
    "representations_all_labels": lambda: representations(1),
    "few_labels": few_labels,
    "grid_memory": grid_memory,
    "tutorial": tutorial,
    "single_layer": single_layer,
    "greedy": greedy,
    "closed_form": closed_form,
    "pretraining": pretraining,
    "defaults": defaults,
    "speed": speed,
    "first_use": first_use,
    "memory": memory,
    "searches": searches,
}


def filled(text):
    """Return a page with its blocks up to date."""

    def block(match):
        return f"<!-- {match[1]} -->\n\n{TABLES[match[1]]()}\n\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", block, text, flags=re.S)


def main():
    """Rewrite the pages and draw the picture."""
    for page in PAGES:
        page.write_text(filled(page.read_text()))
    runs = {"SciPy's BLAS (default)": "speed", "MKL (extra)": "speed_mkl"}
    draw({title: record(name)["cases"] for title, name in runs.items()}, RESULTS / "speed.png")


if __name__ == "__main__":
    main()
