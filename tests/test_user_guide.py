"""The user guide: it names every piece, its equations are those of the docstrings, its examples run."""

import inspect
import re
from pathlib import Path

import pytest

from marks import slow_without_the_jit
from sklearn_sda import (
    DenoisingAutoencoder,
    SdAClassifier,
    SdARegressor,
    StackedAutoencoderTransformer,
    compare_pretraining,
)
from sklearn_sda._kernels.corruption import CORRUPTIONS
from sklearn_sda._kernels.pointwise import ACTIVATIONS
from sklearn_sda._optimizers import OPTIMIZERS

GUIDE = (Path(__file__).parents[1] / "docs" / "user_guide.md").read_text()
VARIANTS = [
    "emphasis", "tied_weights", "activity_l1", "sparsity_weight", "sparsity_target", "contraction",
    "class_weight", "sample_weight", "freeze", "learning_rate_factors", "memory", "stopping", "X_val",
    "supervision", "fine_tune", "dropout", "input_dropout", "corruption_level", "alpha", "BernoulliRBM",
]  # fmt: skip


def test_it_names_every_piece():
    pieces = [*ACTIVATIONS, *CORRUPTIONS, *OPTIMIZERS, "marginalized", "cross_entropy", "squared_error"]
    for name in pieces:
        assert f'`"{name}"`' in GUIDE, name
    for name in VARIANTS:
        assert name in GUIDE, name


def test_equations_that_docstrings_refer_to_are_there():
    numbers = {int(number) for number in re.findall(r"^\((\d+)\)  ", GUIDE, re.MULTILINE)}
    assert numbers == set(range(1, 16))
    for estimator in (
        DenoisingAutoencoder, StackedAutoencoderTransformer, SdAClassifier, SdARegressor, SdAClassifier.fit,
        compare_pretraining,
    ):  # fmt: skip
        referred = {int(number) for number in re.findall(r"eq\. (\d+)", inspect.getdoc(estimator))}
        assert referred and referred <= numbers


@slow_without_the_jit
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_examples_run(capsys):
    pytest.importorskip("pandas")
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(block, namespace)
    bought, bag, gain, deep, anomalies, shape, accuracy, few, scores, self_training, epochs, verdict = (
        capsys.readouterr().out.splitlines()
    )
    assert 0.3 < float(anomalies) < 1
    assert bag == "(80, 50)" and float(gain) > 1.5
    assert bought == "['no' 'yes']"
    assert float(deep) > -20 and shape == "(1797, 64)" and float(accuracy) > 0.9
    assert all(float(score) > 0.8 for score in few.split())
    plain, trained_again = map(float, self_training.split())
    assert trained_again > plain > 0.8
    assert min(map(float, scores.strip("[]").split())) > 0.5 and epochs.count(",") == 1
    assert verdict.startswith("Pretraining: helps. ")
