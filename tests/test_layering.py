"""Imports run one way: estimators -> training -> kernels -> numpy, numba."""

import ast
import sys
from pathlib import Path

import pytest

import sklearn_sda

PACKAGE = Path(sklearn_sda.__file__).parent
STANDARD = set(sys.stdlib_module_names)
# module -> what it may import, by prefix. A module that is not listed fails the test.
LAYERS = {
    "_version": set(),
    "_kernels.__init__": set(),
    "_kernels._jit": {"llvmlite", "numba", "numpy"},
    "_kernels.views": {"llvmlite", "numba", "numpy"},
    "_kernels.pointwise": {"numba", "numpy", "sklearn_sda._kernels._jit", "sklearn_sda._kernels.views"},
    "_kernels.corruption": {"numpy", "sklearn_sda._kernels._jit"},
    "_kernels.penalty": {"numpy", "sklearn_sda._kernels._jit", "sklearn_sda._kernels.views"},
    "_kernels.steps": {
        "llvmlite",
        "numba",
        "numpy",
        "sklearn_sda._kernels",
    },
    "_kernels.blas": {"numba", "threadpoolctl"},
    "_kernels.products": {"llvmlite", "numba", "numpy", "sklearn_sda._kernels"},
    "_kernels.update": {"numpy", "sklearn_sda._kernels._jit"},
    "_training": {"numpy", "scipy"},
    "_threads": {"threadpoolctl"},
    "_network": {"numpy", "sklearn_sda._columns", "sklearn_sda._kernels", "sklearn_sda._threads"},
    "_stopping": set(),
    "_columns": {"numpy", "scipy"},
    "_targets": {"numpy", "scipy", "sklearn"},
    "_weights": {"numpy"},
    "_parameters": {"numpy", "safetensors", "sklearn", "sklearn_sda._base", "sklearn_sda._version"},
    "_corruption": {"numpy", "scipy", "sklearn_sda._kernels"},
    "_marginalized": {
        "numpy",
        "scipy",
        "sklearn_sda._columns",
        "sklearn_sda._threads",
        "sklearn_sda._training",
    },
    "_objectives": {
        "numba",
        "numpy",
        "sklearn_sda._kernels",
        "sklearn_sda._network",
        "sklearn_sda._optimizers",
        "sklearn_sda._threads",
    },
    "_optimizers": {"numpy", "sklearn_sda._kernels"},
    "_compat": {"sklearn"},
    "_samples": {"numpy", "scipy", "sklearn"},
    "_combinations": {"sklearn_sda._corruption"},
    "_base": {
        "numpy",
        "sklearn",
        "sklearn_sda._compat",
        "sklearn_sda._optimizers",
        "sklearn_sda._stopping",
        "sklearn_sda._threads",
        "sklearn_sda._training",
    },
}
ESTIMATORS = {
    "_boltzmann",
    "_autoencoder",
    "_unrolled",
    "_stacked",
    "_encoder",
    "_perceptron",
    "_supervised",
    "_classifier",
    "_regressor",
}
ABOVE = {"inspection", "_comparison", "__main__", "_parts", "_runs", "_tables"}


def imports(source):
    """Return the modules that a source imports at its top level or anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.append(node.module)
            if node.module.split(".")[0] in ("sklearn", "sklearn_sda"):
                names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.split(".")[0] not in STANDARD and name != "sklearn_sda"]


def violations(module, source):
    """Return the imports of a module that its layer does not allow."""
    if module in ESTIMATORS:
        return [name for name in imports(source) if name.removeprefix("sklearn_sda.") in ABOVE]
    if module in ABOVE or module == "__init__":
        return []
    allowed = LAYERS[module]
    return [
        name
        for name in imports(source)
        if not any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)
    ]


def modules():
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text()
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@pytest.mark.parametrize("module", modules())
def test_imports_run_one_way(module):
    assert violations(module, modules()[module]) == []


def test_private_names_of_public_modules_are_seen():
    assert "sklearn.base._fit_context" in imports("from sklearn.base import _fit_context")


@pytest.mark.parametrize("module", modules())
def test_private_helpers_of_scikit_learn_stay_in_one_place(module):
    private = [name for name in imports(modules()[module]) if name.startswith("sklearn.") and "._" in name]
    assert private == [] or module == "_compat"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("_training", "from sklearn_sda._objectives import Reconstruction"),
        ("_kernels.update", "import scipy"),
        ("_kernels.pointwise", "from sklearn_sda._kernels.corruption import masking"),
        ("_network", "def f():\n    from sklearn_sda import SdAClassifier"),
        ("_supervised", "from sklearn_sda import inspection"),
    ],
)
def test_the_gate_bites(module, source):
    assert violations(module, source)
