"""MKL is used where it can be, and in strict mode; where it can't, SciPy's BLAS is."""

import ctypes
import importlib.metadata
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from sklearn_sda._kernels import blas
from sklearn_sda._kernels.products import multiply

PRODUCT = ctypes.CFUNCTYPE(None)(lambda: None)


def mkl(branch=14, layer=blas.LP64, status=0):
    """Return what stands for MKL, and a list of the modes that were set."""
    modes = []

    def set_mode(mode):
        modes.append(mode)
        return status

    library = SimpleNamespace(
        MKL_CBWR_Get_Auto_Branch=lambda: branch,
        MKL_Set_Interface_Layer=lambda wanted: layer,
        MKL_CBWR_Set=set_mode,
        sgemm=PRODUCT,
        dgemm=PRODUCT,
    )
    return library, modes


@pytest.fixture
def install(monkeypatch):
    """Return a function that installs a library as MKL, or an error as what comes from loading it."""

    def do(library, files=("../../libmkl_rt.so.3",)):
        def load(path):
            if isinstance(library, Exception):
                raise library
            return library

        paths = [importlib.metadata.PackagePath(file) for file in files]
        for path in paths:
            path.dist = SimpleNamespace(locate_file=lambda file: file)
        monkeypatch.setattr(importlib.metadata, "files", lambda name: paths)
        monkeypatch.setattr(ctypes, "CDLL", load)

    return do


@pytest.mark.parametrize("file", ["../../libmkl_rt.so.3", "../../Library/bin/mkl_rt.2.dll"])
def test_mkl_is_used_in_strict_mode(install, file):
    library, modes = mkl()
    install(library, ["mkl.dist-info/RECORD", "../../libmkl_core.so.3", file])
    found = blas._mkl()
    assert found.strict and not (found.avx2 or found.avx512) and set(found.addresses) == {"sgemm", "dgemm"}
    assert modes == [14 | blas.STRICT]


@pytest.mark.parametrize(
    "library",
    [
        mkl(branch=3)[0],  # a processor for which it has no strict mode
        mkl(layer=1)[0],  # integers of 64 bits
        mkl(status=-8)[0],  # used before, in another mode
        OSError("no such library"),
        SimpleNamespace(),  # without the functions that we need
    ],
)
def test_mkl_is_not_used_where_it_cannot_be_had(install, library):
    install(library)
    assert blas._mkl() is None


def test_mkl_need_not_be_there(monkeypatch, install):
    install(mkl()[0], files=["mkl.dist-info/RECORD"])
    assert blas._mkl() is None

    def not_found(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", not_found)
    assert blas._mkl() is None


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the JIT is off")
def test_the_cache_has_a_product_of_its_own_for_each_blas():
    # the way of cutting products is part of the compiled code
    compiled = multiply._of(np.dtype("float32"))
    assert compiled.py_func.__qualname__ == f"multiply_float32{blas.BLAS.name}"
    assert blas._scipy().name.startswith("scipy_")
