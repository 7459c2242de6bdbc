"""What a release is made of: an image that runs as nobody in particular, and a workflow that signs what it publishes."""

import re

import yaml
from conftest import ROOT

from harness import __version__

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
RECIPE = (ROOT / "Containerfile").read_text(encoding="utf-8")


def uses(job: str) -> list[str]:
    return [step["uses"].partition("@")[0] for step in WORKFLOW["jobs"][job]["steps"] if "uses" in step]


def test_the_image_runs_without_rights_and_says_its_sandbox_tier() -> None:
    last = RECIPE.rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert users
    assert all(int(number) >= 1000 for number in users[-1])
    assert last.index("USER") < last.index("ENTRYPOINT")
    assert 'sandbox-tier="B"' in last
    assert 0 < RECIPE.index('"pip>=25.1"') < RECIPE.index("--require-hashes -r requirements.lock")
    copied = {word for line in re.findall(r"^COPY (?!--)(.+) \S+$", RECIPE, re.MULTILINE) for word in line.split()}
    kept = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_whatever_is_published_is_signed_and_what_publishes_runs_no_code_of_ours() -> None:
    assert WORKFLOW["permissions"] == {}
    for job in ("publish", "image"):
        rights = WORKFLOW["jobs"][job]["permissions"]
        assert rights["id-token"] == rights["attestations"] == "write"
        assert "actions/attest-build-provenance" in uses(job)
    publish = WORKFLOW["jobs"]["publish"]
    assert "pypa/gh-action-pypi-publish" in uses("publish")
    assert all("run" not in step for step in publish["steps"])
    assert "actions/checkout" not in uses("publish")
    assert publish["environment"] == "pypi"
    assert "password" not in str(publish), "no key of the registry is kept"
    assert WORKFLOW["jobs"]["build"]["permissions"] == {"contents": "read"}


def test_the_package_and_the_code_name_one_version() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
