"""METHOD: who a model says it is, when asked.

The channel reads the answers to prompts that ask a model who it is, who made it or what it is based on. An answer
claims a family of models where it says of *itself* that it is, is called, is made by or is based on one of the family's
names. A name alone is no claim: "I am not ChatGPT" is a denial, "unlike GPT-4" a mention, "ChatGPT is made by OpenAI"
speaks of somebody else. The share of a family is the mean over prompts of the share of the prompt's answers (repeats)
that claim it, 0 to 1, with Wilson's interval over prompts (`harness.stats.estimate`). One answer may claim several
families; `(none)` is the share of answers that claim no known one.

The rules work on single clauses and know English, Chinese, German, French, Spanish, Portuguese, Italian, Russian,
Japanese and Korean. They are rules of thumb: a claim in another language, in irony or spread over sentences is missed.

Why it is evidence: students keep the teacher's self-description where it was not cleaned out of the training data. Lee et
al. (2025), "Quantification of Large Language Model Distillation", https://arxiv.org/abs/2501.12619, use contradictions of
identity so. Why it is no proof: such sentences are also all over the web, and a system message can put them there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness import stats
from harness.provenance import NAME, family, plain_text

if TYPE_CHECKING:
    import polars as pl

NONE = "(none)"
"""The answers that claim no known family."""

MAX_GAP = 110
"""Most characters between "I am" and the name: longer, and the clause is about something else."""

_CLAUSE_END = re.compile(r"[!;。！；\n]+|[?？]+|\.(?=\s|$)|\bbut\b|\bwhile\b|\bwhereas\b|\baber\b|但是?|而且?(?=不)")
_MARKUP = re.compile(r"[*_`#>\"“”„«»「」『』《》]+")

_MODEL_WORD = r"(?:a\.?i\.?|artificial|large|language|assistant|chat-?bot|virtual|model|machine|text)"
# What opens a statement about oneself, verb included where the language needs one.
_SELF = re.compile(
    r"(?<!\w)(?:"
    # English
    rf"i\s?['’]?m|i am|i was|i['’]ve been|i have been|i go by|i identify as|i run on|i belong to|my (?:\w+ )?name(?: is|['’]s)"
    r"|(?:you can |please )?call me|you(?:['’]re| are) (?:talking|speaking|chatting|interacting) (?:to|with)|^this is"
    r"|my (?:creators?|developers?|makers?|owners?|providers?|parent company|company|team|underlying model|base model)"
    r"(?: is| are| was| were| at|,)|(?:created|made|developed|trained|built|designed) me (?:is|was)"
    rf"|as an? {_MODEL_WORD}|as the {_MODEL_WORD}"
    # German
    r"|ich bin|ich hei(?:ß|ss)e|mein name ist|ich wurde|ich werde|bin ich|wurde ich|ich basiere|als (?:ein )?(?:ki|sprachmodell|großes)"
    r"|mein entwickler ist"
    # French
    r"|je suis|je m['’]appelle|mon nom est|j['’]ai été|je me nomme|en tant que? (?:modèle|qu['’](?:ia|assistant|intelligence))"
    # Spanish
    r"|soy|me llamo|mi nombre es|fui|he sido|como (?:un )?(?:modelo|asistente)"
    # Portuguese
    r"|(?:eu )?sou|me chamo|chamo-me|meu nome é|o meu nome é|fui|como (?:um )?(?:modelo|assistente)"
    # Italian
    r"|(?:io )?sono|mi chiamo|il mio nome è|in quanto (?:modello|ia|assistente)|come modello"
    # Russian
    r"|я|меня зовут|мо[её] имя|меня (?:создал[аи]?|разработал[аи]?|обучил[аи]?)|будучи"
    r")(?!\w)"
    # Chinese, Japanese, Korean: no spaces around words
    r"|我的?(?:名字|全名)?(?:是|叫做?|名为|为)|我由|我来自|我基于|我的(?:开发者|创造者|研发团队|母公司|开发公司)是|本(?:模型|助手)(?:是|由|名为)"
    r"|作为(?:一个|一款|一名|由)?|我,?(?=(?:chat|gpt|claude|qwen|deepseek|gemini))"
    r"|(?:私|わたし|僕|ぼく|当方|当モデル)(?:は|の名前は|の名は|が)|(?:저는|나는|제\s?이름은|제가|저의 이름은)",
    re.IGNORECASE,
)
# Words between the opening and the name that turn the claim into a denial, a comparison or a mention.
_NO_CLAIM = re.compile(
    r"(?<!\w)(?:"
    r"not|never|neither|nor|no|cannot|can['’]?t|\w+n['’]t|without|unlike|like|similar(?:ly)?|such as|compar\w+|differ\w+|other|another"
    r"|rather than|instead of|than|versus|vs|between|about|alternative|competitor|rival|inspired|separate|independent|distinct"
    r"|to|for|with(?= (?!the name))|mistaken|confused|whether|if|using google|trained on|data|texts? from|information|search|unrelated|affiliated"
    r"|nicht|kein\w*|nie|anders|ähnlich|wie|vergleich\w*|über|gegensatz|unterschied\w*|statt|ob"
    r"|pas|ne|n['’](?=\w)|jamais|aucun\w*|contrairement|comme|semblable|similaire|différen\w*|plutôt"
    r"|nunca|ningún|ninguna|diferencia|diferente|distint\w+|como|igual|sino|parecid\w+"
    r"|não|nem|nenhum\w*|diferença|semelhante|parecid\w+"
    r"|non|mai|nessun\w*|differenza|diverso|simile|come"
    r"|не|нет|ни|отличие|подобно|подобн\w+|похож\w*|как и|вроде|например|знаю|могу"
    r")(?!\w)"
    r"|不(?!仅|断|同版本)|并非|没有?|无关|像|类似|比如|例如|诸如|其他|区别|与|跟|如果|假如|是否|无法|相比|而是(?=其)"
    r"|ではな|じゃな|でなく|異な|違|ような|みたい|比べ|と同じ|아니|달리|다른|같은|비슷",
    re.IGNORECASE,
)
# What comes after a name and shows that the name is the subject of its own clause, or is denied at the end.
_AFTER_NO_CLAIM = re.compile(
    r"\s*[-’']?(?:like|style|inspired|compatible)\b"
    r"|['’]?s?\s+(?:competitor|rival|alternative)"
    r"|[\w.\s-]{0,12}?\s(?:is|was|are|were|has been|have been|ist|wurde|sind|est|a été|es|é|foi|fue|è|sono|это)\s"
    r"|(?:のモデル|によって\w{0,6}|が\w{0,8}|社|モデル|という名前)?(?:では(?:あり|ござい)?ま?せ?[なん]|では\w{0,2}な|じゃな|とは(?:異|違|別|関係|無関係)|と(?:異|違))"
    r"|(?:의\s?모델)?(?:이|가|은|는|에서|과|와)?\s?(?:\w+\s)?(?:아니|아닙|아녜|달리|다른|다르|무관)"
    r"|\s?(?:不同|无关|没有关系|不一样|的竞争)",
    re.IGNORECASE,
)
# Words earlier in the sentence that make the whole statement somebody else's, or unreal.
_UNREAL = re.compile(
    r"(?<!\w)(?:if|whether|you said|you say|you called|people|someone|some users|users may|pretend|imagine|suppos\w+|as though|were"
    r"|it['’]?s not true|not true that|incorrect|mistake(?:nly)?|ob|falls|wenn|si|se|если|would you)(?!\w)|如果|假如|假设|是否|もし|만약",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(r"(?:\b(?:no|não|nunca|non|never|not)|(?<!\w)не|(?<!\w)n['’])\s*$", re.IGNORECASE)
# "OpenAI created me", "OpenAI is the company that made me".
_MADE_ME = re.compile(
    r"(?P<gap>[^,]{0,60}?)(?:\b(?:created|developed|made|trained|built|designed|programmed|released) me\b"
    r"|\b(?:is|are|was|were) my (?:creators?|developers?|makers?|owners?|parent company)"
    r"|(?:hat|haben) mich (?:entwickelt|erschaffen|trainiert|erstellt)|m['’](?:a|ont) (?:créé|développé|entraîné|conçu)"
    r"|me (?:creó|desarrolló|entrenó|ha creado|criou|desenvolveu|treinou)|mi ha (?:creato|sviluppato|addestrato)"
    r"|(?:开发|创造|训练|研发|设计|打造)了我|(?:создал|разработал|обучил)[аи]? меня)",
    re.IGNORECASE,
)
# An answer, or its first sentence, of nothing but names and the words that go with them.
_BARE = re.compile(
    r"[\s\d.,:()\-–—/'’]|\b(?:by|from|made|created|developed|the|an?|of|name|company|inc|ai|model|assistant|team|cloud|and|llc|pbc"
    r"|version|instruct|chat|turbo|pro|mini|large|flash|sonnet|opus|haiku|v|r|o|b|von|de|par|por|da|от)\b|公司|的|云",
    re.IGNORECASE,
)


def claimed(answer: str) -> frozenset[str]:
    """The families of models that an answer says its speaker belongs to."""
    text = _MARKUP.sub("", plain_text(answer)).strip()
    found: set[str] = set()
    start = 0
    first = True
    for end in [*_CLAUSE_END.finditer(text), None]:
        clause = text[start : end.start() if end else len(text)].strip()
        start = end.end() if end else len(text)
        if not clause:
            continue
        if not (end and end.group().startswith(("?", "？"))):
            found |= _claimed_in(clause)
            if first:
                found |= _bare(clause)
        first = False
    return frozenset(found)


def _bare(clause: str) -> set[str]:
    if _BARE.sub("", NAME.sub("", clause)):
        return set()
    return {family(name) for name in NAME.finditer(clause)}


def _claimed_in(clause: str) -> set[str]:
    """The families claimed in one clause, name by name from the left."""
    found: set[str] = set()
    # Where the last name that is no claim ended: what follows it is about that name, until the speaker says "I" again.
    foreign = -1
    for name in NAME.finditer(clause):
        opening = _opening(clause, name.start())
        if opening is not None and opening.start() >= foreign and _speaks_of_self(clause, opening, name):
            found.add(family(name))
        elif _made_me(clause, name):
            found.add(family(name))
        else:
            foreign = name.end()
    return found


def _opening(clause: str, end: int) -> re.Match[str] | None:
    """The last "I am" before a name."""
    last = None
    for last in _SELF.finditer(clause, 0, end):
        pass
    return last


def _speaks_of_self(clause: str, opening: re.Match[str], name: re.Match[str]) -> bool:
    before, gap = clause[: opening.start()], clause[opening.end() : name.start()]
    return not (
        len(gap) > MAX_GAP
        or _NO_CLAIM.search(gap)
        or _UNREAL.search(before)
        or _DENIED_BEFORE.search(before)
        or _AFTER_NO_CLAIM.match(clause, name.end())
    )


def _made_me(clause: str, name: re.Match[str]) -> bool:
    statement = _MADE_ME.match(clause, name.end())
    before = clause[: name.start()]
    return bool(
        statement
        and not _NO_CLAIM.search(statement["gap"])
        and not NAME.search(statement["gap"])
        and not _UNREAL.search(before)
        and not re.search(r"(?<!\w)(?:not|nicht|no|não|non|не|ne)(?!\w)|不是|并非", before, re.IGNORECASE)
    )


def claims(answers: pl.DataFrame) -> pl.DataFrame:
    """Who every model claims to be.

    Args:
        answers: columns `model`, `prompt_id`, `output`: answers to prompts that ask a model who it is; the order of
            rows does not matter, several rows per model and prompt are repeats.

    Returns:
        Rows sorted by model, largest share first: `model`, `claimed` (a family, or `(none)`, which is always there),
        `share` in [0, 1], `ci_low`, `ci_high`, `ci_method`, `n` prompts answered, `calibrated` (false).
    """
    import polars as pl

    prompts: dict[str, dict[str, list[frozenset[str]]]] = {}
    columns = answers.filter(pl.col("output").is_not_null()).select("model", "prompt_id", "output")
    for model, prompt, output in columns.iter_rows():
        prompts.setdefault(model, {}).setdefault(prompt, []).append(claimed(output) or frozenset({NONE}))
    rows = []
    for model, by_prompt in prompts.items():
        for name in {NONE}.union(*(said for answers_ in by_prompt.values() for said in answers_)):
            result = stats.estimate([[float(name in said) for said in repeats] for repeats in by_prompt.values()], True)
            rows.append((model, name, result.value, result.low, result.high, result.method, result.n, False))
    schema = {
        "model": pl.String,
        "claimed": pl.String,
        "share": pl.Float64,
        "ci_low": pl.Float64,
        "ci_high": pl.Float64,
        "ci_method": pl.String,
        "n": pl.Int64,
        "calibrated": pl.Boolean,
    }
    rows.sort(key=lambda row: (row[0], -row[2], row[1]))
    return pl.DataFrame(rows, schema=schema, orient="row")
