"""How models and labs are called in text: the names of every family, and whose a name is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "OpenAI": (
        r"chat\s?-?gpts?", r"gpts?(?![-\s]?(?:j|neo|neox|like|style)\b)", r"open\s?ai", r"davinci",
        r"오픈AI", r"أوبن إيه آي", r"شات جي بي تي", r"ओपनएआई", r"चैटजीपीटी",
    ),
    "Anthropic": (r"claude", r"anthropic", r"クロード", r"클로드", r"克劳德", r"أنثروبيك", r"एंथ्रोपिक"),
    "Google": (
        r"gemini", r"(?-i:Bard)", r"google", r"gemma", r"deepmind", r"(?-i:PaLM)", r"(?-i:LaMDA)",
        r"谷歌", r"グーグル", r"구글", r"제미나이", r"جوجل|غوغل", r"गूगल",
    ),
    "DeepSeek": (r"deep\s?seek", r"深度求索", r"딥시크"),
    "Alibaba": (r"qwen", r"qwq", r"tongyi", r"alibaba", r"通义", r"千问", r"阿里云?", r"アリババ", r"알리바바"),
    "Meta": (r"llama", r"(?-i:Meta)(?:\s?ai)?", r"facebook", r"(?-i:FAIR)"),
    "Mistral AI": (r"mi[sx]tral", r"(?-i:Le Chat)"),
    "xAI": (r"grok", r"x\.?ai"),
    "Hugging Face": (r"smol\s?lm", r"hugging\s?face", r"zephyr"),
    "Microsoft": (r"(?-i:Phi|PHI)", r"microsoft", r"copilot", r"bing(?:\schat)?", r"微软", r"マイクロソフト"),
    "01.AI": (r"(?-i:Yi)", r"01\s?\.?\s?ai", r"零一万物"),
    "Zhipu AI": (r"chatglm", r"glm", r"zhipu", r"z\.ai", r"智谱", r"清言"),
    "Moonshot AI": (r"kimi", r"moonshot", r"月之暗面"),
    "Baidu": (r"ernie", r"baidu", r"文心", r"百度", r"wenxin"),
    "ByteDance": (r"doubao", r"byte\s?dance", r"豆包", r"字节跳动"),
    "Tencent": (r"hunyuan", r"tencent", r"腾讯", r"混元"),
    "iFlytek": (r"iflytek", r"讯飞", r"xinghuo"),
    "MiniMax": (r"minimax", r"稀宇"),
    "Shanghai AI Laboratory": (r"intern\s?lm", r"书生", r"上海人工智能实验室"),
    "Baichuan": (r"baichuan", r"百川"),
    "Cohere": (r"cohere", r"(?-i:Command[-\s]R)", r"(?-i:Aya)"),
    "Ai2": (r"olmo", r"tulu", r"tülu", r"allen\sinstitute", r"(?-i:Ai2|AI2)"),
    "NVIDIA": (r"nvidia", r"nemotron"),
    "IBM": (r"(?-i:IBM)", r"watsonx", r"(?-i:Granite)"),
    "Amazon": (r"amazon", r"alexa", r"(?-i:Nova)"),
    "Apple": (r"(?-i:Apple)", r"(?-i:Siri)"),
    "TII": (r"(?-i:Falcon)", r"(?-i:TII)", r"technology\sinnovation\sinstitute"),
    "LMSYS": (r"vicuna", r"lmsys"),
    "Stanford": (r"(?-i:Alpaca)", r"stanford"),
    "Open Assistant": (r"open[\s-]?assistant", r"laion"),
    "Nous Research": (r"nous\sresearch", r"(?-i:Hermes)"),
    "Databricks": (r"databricks", r"dbrx", r"dolly"),
    "Yandex": (r"yandex(?:gpt)?", r"яндекс", r"(?-i:Алиса)"),
    "Sber": (r"gigachat", r"(?-i:Sber|Сбер)\w*"),
    "LG": (r"exaone", r"(?-i:LG)(?:\sai)?"),
    "Naver": (r"hyperclova", r"naver", r"네이버"),
}  # fmt: skip
"""How every family of models is called: its products and its lab. Regular expressions, not case-sensitive unless
they say so (a `Phi` is a model, a `phi` is a letter)."""


_START = r"(?:^|\||\()(?:\?-i:|\?:)?"
"""What stands before the first letter of a pattern of `FAMILIES`, and of each of its alternatives."""
_BEGINNING = re.compile(rf"{_START}([A-Za-z0-9](?:[^\W_](?![?*])){{0,2}})")
"""How a pattern of `FAMILIES` begins, and each of its alternatives: all that it matches begin with these letters."""
_ALSO = {"i": "İı", "k": "\u212a", "s": "ſ"}
"""Letters that are taken for these if case does not count."""


def _beginning_with(beginnings: Iterable[str]) -> str:
    """A regular expression of texts that begin so, in capitals or not. It tries no letter twice."""
    rests: dict[str, set[str]] = {}
    for text in beginnings:
        if not text:
            return ""
        rests.setdefault(text[0], set()).add(text[1:])
    ways = (f"[{c}{c.upper()}{_ALSO.get(c, '')}]{_beginning_with(rest)}" for c, rest in sorted(rests.items()))
    return f"(?:{'|'.join(ways)})"


_EVERY = [pattern for patterns in FAMILIES.values() for pattern in patterns]
_MAY_BEGIN = _beginning_with({begin.lower() for pattern in _EVERY for begin in _BEGINNING.findall(pattern)})
_FOREIGN = re.compile(rf"{_START}([^\x00-\x7f])")
"""The first letter of those that begin in another script."""
_MAY_BEGIN_FOREIGN = "".join(
    sorted({form for pattern in _EVERY for c in _FOREIGN.findall(pattern) for form in (c, c.lower(), c.upper())})
)
# Latin names end where letters end, so that `Qwen2.5` and a name between Chinese characters are found too. Looking at
# the first letters first makes it about seven times as fast on prose, and changes nothing that it finds.
NAME = re.compile(
    rf"(?<![A-Za-z0-9])(?=(?-i:[{_MAY_BEGIN_FOREIGN}]|{_MAY_BEGIN}))(?:"
    + "|".join(f"(?P<f{i}>{'|'.join(patterns)})" for i, patterns in enumerate(FAMILIES.values()))
    + r")(?![A-Za-z])",
    re.IGNORECASE,
)
"""Any name of any family. The name of the group that matched leads to the family: see `family`."""
_LOOKING_AHEAD = re.compile(r"\(\?!(?:[^()]|\([^()]*\))*\)")
# To Python alone, the separators of ASCII are blanks.
_BARE = _LOOKING_AHEAD.sub("", "|".join(_EVERY)).replace(r"\s", r"[\s\x1c-\x1f]")
_MAY_NAME = rf"(?:^|[^A-Za-z0-9])(?i:{_BARE})|[{''.join(_ALSO.values())}]"
"""`NAME` for Polars, which does not look around: it finds some more."""
_FAMILY_NAMES = tuple(FAMILIES)


def family(match: re.Match[str]) -> str:
    """The family whose name `NAME` found."""
    return _FAMILY_NAMES[int(str(match.lastgroup)[1:])]


def families_of(model: str) -> frozenset[str]:
    """The families that a model's own name gives away. None if it gives none away."""
    # Some names count with a capital alone (a Phi is a model, a phi a letter). In a model's name, case says nothing.
    return frozenset(family(match) for name in (model, model.title()) for match in NAME.finditer(name))


def may_name(texts: pl.Series) -> pl.Series:
    """Of each text, whether it may hold a name. If not, it holds none: that is told in a hundredth of the time."""
    return texts.str.contains(_MAY_NAME)


def plain_text(text: str) -> str:
    """Compatibility forms unified (full-width letters become plain ones), invisible format characters removed."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    hidden = {ord(c): None for c in set(text) if not c.isascii() and unicodedata.category(c) == "Cf"}
    return text.translate(hidden) if hidden else text
