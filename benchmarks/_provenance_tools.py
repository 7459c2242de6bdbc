"""What tools in an environment of their own say: run by `provenance_peers.py` with that environment's interpreter.

    TOOLS/bin/python benchmarks/_provenance_tools.py audit < texts.json > found.json
    TOOLS/bin/python benchmarks/_provenance_tools.py words < words.json > found.json

*audit* reads answers by model and candidates (`{"texts": {model: [answer, ...]}, "candidates": [model, ...]}`), and
gives for each pair what knowlyr-modelaudit's two black-box methods say: `[suspect, candidate, similarity by llmmap,
derived by its threshold, similarity by dli, derived]`. Its `audit` takes their mean, and calls a pair derived if both
do.
*words* reads a list of words, and gives how often people write each (wordfreq, English).
"""

import importlib.metadata
import json
import sys


def audit(given: dict) -> dict:
    """Both methods on each pair. A fingerprint is made of the answers, as `get_fingerprint` makes it of its probes'."""
    from modelaudit.methods.dli import DLIFingerprinter, _extract_behavior_signature
    from modelaudit.methods.llmmap import LLMmapFingerprinter, _compute_fingerprint_vector, _extract_response_features
    from modelaudit.models import Fingerprint

    prints = {}
    for model, texts in given["texts"].items():
        vector = _compute_fingerprint_vector([_extract_response_features(text) for text in texts])
        about = {"model_id": model, "fingerprint_type": "blackbox"}
        prints[model] = (
            Fingerprint(method="llmmap", data={"vector": vector}, **about),
            Fingerprint(method="dli", data={"signature": _extract_behavior_signature(texts)}, **about),
        )
    methods = (LLMmapFingerprinter(), DLIFingerprinter())
    rows = []
    for suspect, mine in prints.items():
        for candidate in given["candidates"]:
            if suspect != candidate:
                found = [m.compare(b, a) for m, a, b in zip(methods, mine, prints[candidate], strict=True)]
                rows.append([suspect, candidate, *(x for one in found for x in (one.similarity, one.is_derived))])
    return {"rows": rows, "version": importlib.metadata.version("knowlyr-modelaudit")}


def words(given: list) -> dict:
    """Frequencies, as a share of all words."""
    from wordfreq import word_frequency

    found = {word: word_frequency(word, "en") for word in given}
    return {"frequencies": found, "version": importlib.metadata.version("wordfreq")}


if __name__ == "__main__":
    json.dump({"audit": audit, "words": words}[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
