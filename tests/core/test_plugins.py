"""The folder is the registry."""

import subprocess
import sys

import pytest

from harness.core import plugins
from harness.errors import ConfigError


def test_every_file_of_a_folder_is_a_plugin_and_helpers_are_not() -> None:
    assert {"fake", "llama_cpp", "lm_eval_model"} <= set(plugins.names("backends"))
    for kind in plugins.KINDS:
        names = plugins.names(kind)
        assert names == sorted(names)
        assert not [name for name in names if name.startswith("_")]


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_plugin_can_be_loaded_by_its_name(kind: str) -> None:
    for name in plugins.names(kind):
        assert plugins.load(kind, name).__name__ == f"harness.{kind}.{name}"


def test_a_plugin_is_imported_only_when_it_is_asked_for() -> None:
    code = (
        "import sys\nfrom harness.core import plugins\nplugins.names('backends')\n"
        "print('A', [m for m in sys.modules if m.startswith('harness.backends')])\n"
        "plugins.load('backends', 'fake')\n"
        "print('B', [m for m in ('harness.backends.llama_cpp', 'xllamacpp', 'lm_eval') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "A []\nB []\n"


def test_an_unknown_name_is_answered_with_near_misses() -> None:
    with pytest.raises(ConfigError, match=r"backend 'llama_cp'.*'llama_cpp'"):
        plugins.load("backends", "llama_cp")


@pytest.mark.parametrize("name", ["_think", "__init__", "", ".", "os", "fake.Backend", "../fake"])
def test_what_is_no_plugin_is_not_imported(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown backend"):
        plugins.load("backends", name)
