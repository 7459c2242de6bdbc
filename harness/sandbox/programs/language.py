"""Loads the box of a program in another language, without the packages around it and all that they import."""

import sys
import types

folder = sys.argv.pop(1)
for name in ("harness", "harness.sandbox"):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [folder]
from harness.sandbox.language_box import main  # noqa: E402 - it can only be found from here on

main()
