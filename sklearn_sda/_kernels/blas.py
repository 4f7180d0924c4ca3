"""Which BLAS multiplies: MKL, if its package is installed and the processor is Intel's; else SciPy's."""

import ctypes
import importlib.metadata
import re
from typing import NamedTuple

from numba.extending import get_cython_function_address
from threadpoolctl import threadpool_info

ROUTINES = ("sgemm", "dgemm")
# Constants of MKL: the functions with 32-bit integers, a code branch, and the mode in which an element of a
# product has the same bits whatever is computed with it ("strict CNR").
LP64, AVX2, STRICT = 0, 10, 0x10000


class Blas(NamedTuple):
    """A library of matrix products.

    Attributes
    ----------
    name : str
        Identifies the library and what it does for this processor: code that is compiled for one must not
        be taken from the cache for another.
    addresses : dict of str to int
        Where its routines, with the interface of Fortran and 32-bit integers, begin.
    strict : bool
        Whether each element of a product has the same bits whatever is computed with it.
    avx2, avx512 : bool
        Whether it is OpenBLAS and uses AVX2, or AVX-512.
    """

    name: str
    addresses: dict
    strict: bool
    avx2: bool
    avx512: bool


def _mkl():
    """Return MKL as a `Blas`, or None where it can't be had.

    In strict mode: documented for processors of Intel's with AVX2 or AVX-512 ("oneMKL Developer Guide,
    Reproducibility Conditions"). The mode is the process's, and can't be set once MKL has been used.
    """
    try:
        files = importlib.metadata.files("mkl") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [file.locate() for file in files if re.match(r"(lib)?mkl_rt\..*(so|dll)", file.name)]
    try:
        library = ctypes.CDLL(str(paths[0]))
        branch = library.MKL_CBWR_Get_Auto_Branch()
        if branch < AVX2 or library.MKL_Set_Interface_Layer(LP64) != LP64:
            return None
        if library.MKL_CBWR_Set(branch | STRICT) != 0:
            return None
        addresses = {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in ROUTINES}
    except (IndexError, OSError, AttributeError):  # not there, can't be loaded, or another version's
        return None
    return Blas(f"mkl_{branch}", addresses, strict=True, avx2=False, avx512=False)


def _scipy():
    """Return the BLAS that SciPy brings; it publishes its addresses for this purpose."""
    addresses = {name: get_cython_function_address("scipy.linalg.cython_blas", name) for name in ROUTINES}
    found = [library for library in threadpool_info() if library["internal_api"] == "openblas"]
    architectures = sorted({str(library.get("architecture")) for library in found})
    avx2 = not {"Haswell", "Zen"}.isdisjoint(architectures)
    avx512 = not {"SkylakeX", "Cooperlake", "SapphireRapids"}.isdisjoint(architectures)
    return Blas(f"scipy_{'_'.join(architectures)}", addresses, strict=False, avx2=avx2, avx512=avx512)


BLAS = _mkl() or _scipy()
