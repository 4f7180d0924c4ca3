"""The README: its commands are those that CI runs, and its examples work."""

import re
from pathlib import Path

import numba
import pytest

README = Path(__file__).parents[1] / "README.md"
COMMANDS = """\
python -m pip install '.[cli]' && python -m sklearn_sda
python -m pip install '.[test]' && python -m pytest
"""


def test_the_two_commands_are_there():
    assert f"```\n{COMMANDS}```" in README.read_text()


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="takes minutes without the JIT")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*does not support callbacks")
def test_the_examples_run(capsys):
    pytest.importorskip("sklearn.callback", reason="the progress bar came with scikit-learn 1.9")
    pytest.importorskip("rich")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 3
    namespace = {}
    for block in blocks:
        exec(block, namespace)
    scores = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines() if line[-4:].isdigit()]
    assert len(scores) >= 4 and min(scores) > 0.9
