"""Which parameters of a layer go together."""

from sklearn_sda._corruption import read_kinds


def check_combinations(layer, n_features, feature_names, y):
    """Raise ValueError if parameters do not go together, or not with the columns or labels.

    Parameters
    ----------
    layer : DenoisingAutoencoder
        Whose parameters they are.
    n_features : int
        Number of columns.
    feature_names : ndarray of str of shape (n_features,) or None
        Their names.
    y : array-like of shape (n_samples,) or None
        Labels.
    """
    layer._read_corruption(n_features, feature_names)
    layer._check_solver()
    if layer.solver == "marginalized":
        check_marginalized(layer, n_features)
    if layer.sparsity_weight > 0 and layer.activation != "logistic":
        raise ValueError(
            f"sparsity_weight={layer.sparsity_weight} needs codes in (0, 1), that is "
            f"activation='logistic', got activation={layer.activation!r}. Use activity_l1 instead."
        )
    if layer.supervision > 0 and y is None:
        raise ValueError(
            f"supervision={layer.supervision} requires y to be passed, but the target y is None."
        )


def check_marginalized(layer, n_features):
    """Raise ValueError if other parameters do not go with solver "marginalized", or with n_features."""
    if layer.n_components > n_features:
        raise ValueError(
            "solver='marginalized' reconstructs columns: n_components must be at most their number, "
            f"{n_features}, got {layer.n_components}."
        )
    if read_kinds(layer.corruption) != ["masking"]:
        raise ValueError(
            "solver='marginalized' integrates out masking noise: corruption must be 'masking', got "
            f"{layer.corruption!r}."
        )
    wanted = {
        "loss": ("auto", "squared_error"),
        "emphasis": (None,),
        "activity_l1": (0,),
        "sparsity_weight": (0,),
        "contraction": (0,),
        "supervision": (0,),
        "early_stopping": (False,),
    }
    for name, values in wanted.items():
        if getattr(layer, name) not in values:
            raise ValueError(
                f"{name}={getattr(layer, name)!r} makes no sense with solver='marginalized', which solves "
                f"for the squared error alone. Set it to {values[0]!r}."
            )
