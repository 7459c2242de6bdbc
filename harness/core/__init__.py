"""The ground floor, which every other room may use: identity, plugins, shipped files, the machine, progress, tables."""

from harness.core.environment import Checkout, Machine, looks_secret, publishable_args
from harness.core.identity import Digester, canonical_json, digest, digest_items, file_sha256, plain, prompt_id
from harness.core.progress import RunProgress, say
from harness.core.tables import (
    code_block,
    compact_json,
    grid,
    json_text,
    jsonable,
    markdown_table,
    markdown_text,
    paragraph,
    render,
    visible,
    wrapped,
)
from harness.core.threads import one_thread, one_thread_each

__all__ = [
    "Checkout",
    "Digester",
    "Machine",
    "RunProgress",
    "canonical_json",
    "code_block",
    "compact_json",
    "digest",
    "digest_items",
    "environment",
    "file_sha256",
    "grid",
    "identity",
    "installation",
    "json_text",
    "jsonable",
    "looks_secret",
    "markdown_table",
    "markdown_text",
    "one_thread",
    "one_thread_each",
    "panels",
    "paragraph",
    "patches",
    "plain",
    "plugins",
    "programs",
    "progress",
    "prompt_id",
    "publishable_args",
    "render",
    "resources",
    "say",
    "tables",
    "visible",
    "weights",
    "wrapped",
]
