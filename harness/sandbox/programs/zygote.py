"""Loads the zygote without the packages around it, which import more than the standard library."""

import sys
import types

folder = sys.argv.pop(1)
for name in ("harness", "harness.sandbox"):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [folder]
from harness.sandbox.zygote import main  # noqa: E402 - it can only be found from here on

main()
