"""The cache of compiled kernels: bounded, shared by processes, and not needed."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import sklearn_sda

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="the JIT is off")

USE_ALL = """
import numpy as np, warnings
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
warnings.simplefilter("ignore")
X = np.random.RandomState(0).uniform(size=(40, 5)); y = np.arange(40) % 2
DTYPES = {dtypes!r}
for dtype in DTYPES:
    for activation in ("logistic", "tanh", "relu", "softplus", "identity"):
        for solver in ("adam", "sgd"):
            stack = StackedAutoencoderTransformer((3, 2), activation=activation, solver=solver, dtype=dtype,
                                                  loss=("cross_entropy", "auto"), max_iter=1, alpha=0.1)
            clf = SdAClassifier(stack, solver=solver, max_iter=1).fit(X.astype(dtype), y)
            clf.predict_proba(np.asfortranarray(X)), clf.encoder_.score(X)
    for batch_size in (1, 20):
        layer = DenoisingAutoencoder(2, solver="sgd", momentum=0, max_iter=1, batch_size=batch_size,
                                     learning_rate_init=1e-6)
        layer.fit((255 * X).astype("uint8"))
"""


def run(code, cache, **environment):
    """Run code in a fresh process with its own kernel cache."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],  # without the current folder on the path
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": str(cache),
            "PYTHONPATH": str(Path(sklearn_sda.__file__).parents[1]),
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def finish(process):
    """Wait for a process and fail with what it printed if it failed."""
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def cached(folder):
    return sorted(path.name for path in Path(folder).rglob("*.nb[ci]"))


def test_a_second_process_adds_no_cache_file(tmp_path):
    finish(run(USE_ALL.format(dtypes=("float32", "float64")), tmp_path))
    first = cached(tmp_path)
    assert first
    finish(run(USE_ALL.format(dtypes=("float64", "float32")), tmp_path))
    assert cached(tmp_path) == first


def test_processes_that_start_together_on_an_empty_cache_agree(tmp_path):
    # the index of the cache has no lock; half of them want float32 first, half float64
    code = USE_ALL.replace("for activation in", "for activation in ('relu',) or")
    processes = [
        run(code.format(dtypes=("float32", "float64")[:: 1 - 2 * (number % 2)]), tmp_path)
        for number in range(4)
    ]
    for process in processes:
        finish(process)
    files = cached(tmp_path)
    finish(run(code.format(dtypes=("float32", "float64")), tmp_path))
    assert cached(tmp_path) == files


def test_it_works_where_nothing_can_be_written(tmp_path):
    package = tmp_path / "site" / "sklearn_sda"
    shutil.copytree(Path(sklearn_sda.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    # a file where Numba wants a folder stands for a read-only place, for root may write anywhere
    for folder in (package, package / "_kernels"):
        (folder / "__pycache__").write_text("")
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    home = tmp_path / "home"
    home.write_text("")
    code = USE_ALL.replace("for activation in", "for activation in ('relu',) or").format(dtypes=("float32",))
    check = "import sklearn_sda; assert 'site' in sklearn_sda.__file__, sklearn_sda.__file__\n"
    process = run(
        check + code, home, PYTHONPATH=str(tmp_path / "site"), HOME=str(home), XDG_CACHE_HOME=str(home),
        PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip
    finish(process)
    assert not list(tmp_path.rglob("*.nb[ci]"))
