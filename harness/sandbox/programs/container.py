"""The first program in the container. It takes the sandbox's sources from standard input, and runs them."""

import json
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
folder.chmod(0o755)
for name, text in json.loads(sys.stdin.readline()).items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
sys.path.insert(0, str(folder))
from harness.sandbox.inside import main  # noqa: E402 - it can only be found from here on

main()
