"""Reading a model's `args` strictly: a misspelt argument is an error, never silently the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import ConfigError, unknown_name
from harness.specs import ModelSpec


def read(model: ModelSpec, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """`model.args` over `defaults`.

    Args:
        model: the model whose arguments are read.
        defaults: every argument the backend knows. A value given must be of its default's type (a whole number
            will do for a float), unless that default is `None`.

    Raises:
        ConfigError: an argument is not known, or has another type.
    """
    where = f"model {model.name}, backend {model.backend}"
    values = dict(defaults)
    for name, value in model.args.items():
        if name not in defaults:
            raise ConfigError(f"{where}: {unknown_name('argument', name, defaults)}")
        default = defaults[name]
        want = (int, float) if isinstance(default, float) else type(default)
        wrong = not isinstance(value, want) or (isinstance(value, bool) and not isinstance(default, bool))
        if default is not None and wrong:
            kind = type(default).__name__
            raise ConfigError(f"{where}: argument {name} is {value!r}, expected {kind} (default {default!r})")
        values[name] = value
    return values
