"""What the benchmarks share: MNIST and its kin, and records that say where a figure comes from."""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
OPENML = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST"}


def argument_parser(doc, name):
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data",
        help="folder with mnist.npz (x_train, y_train, x_test, y_test); without it, OpenML is asked",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="a small run, to see that it works; not recorded"
    )
    parser.add_argument("--output", type=Path, default=RESULTS / f"{name}.json", help="the record")
    return parser


def load_images(name, folder):
    """Return X_train, y_train, X_test, y_test of MNIST or Fashion-MNIST, X as uint8 of shape (n, 784)."""
    path = folder / f"{name}.npz"
    if path.exists():
        with np.load(path) as data:
            arrays = [data[key] for key in ("x_train", "y_train", "x_test", "y_test")]
        return [array.reshape(len(array), -1) if array.ndim == 3 else array for array in arrays]
    from sklearn.datasets import fetch_openml

    try:
        X, y = fetch_openml(OPENML[name], version=1, return_X_y=True, as_frame=False)
    except OSError as error:
        sys.exit(f"{path} does not exist and OpenML can't be reached ({error}); give the folder with --data.")
    X, y = X.astype(np.uint8), y.astype(np.int64)
    return X[:60000], y[:60000], X[60000:], y[60000:]


def cpu_name():
    """Return the model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def package_version(name):
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def environment():
    """Return the versions, the processor, the threads and the commit of this run."""
    from threadpoolctl import threadpool_info

    import sklearn_sda
    from sklearn_sda._kernels.blas import BLAS

    def git(*args):
        return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    packages = ("numpy", "scipy", "scikit-learn", "numba", "joblib", "torch", "mkl")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "HEAD"),
        "uncommitted changes in the package": bool(git("status", "--porcelain", "sklearn_sda")),
        "python": platform.python_version(),
        "sklearn_sda": sklearn_sda.__version__,
        **{name: package_version(name) for name in packages if package_version(name)},
        "products by": BLAS.name,
        **{name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")},
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "blas threads": {pool["filepath"].split("/")[-1]: pool["num_threads"] for pool in threadpool_info()},
    }


def interval(percent, n):
    """Return half of the 95 % interval of an error of so many percent on n samples, in percent."""
    p = percent / 100
    return 100 * 1.96 * math.sqrt(p * (1 - p) / n)


def write_record(path, environment, **content):
    """Write a JSON record that begins with the environment, taken when the run began."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"environment": environment, **content}, indent=1) + "\n")
    print(f"recorded in {path}")
