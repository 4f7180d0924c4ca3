"""Marks that several test files share."""

import numba
import pytest

slow_without_the_jit = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="takes minutes then")
