"""METHOD: who a model says it is, when asked.

The channel reads the answers to prompts that ask a model who it is, who made it or what it is based on. An answer
claims a family of models if it says of *itself* that it is, is called, is made by or is based on one of the
family's names. A name alone is no claim: "I am not ChatGPT" is a denial, "unlike GPT-4" a mention, "ChatGPT is made by
OpenAI" speaks of somebody else. The share of a family is the mean over prompts of the share of the prompt's answers
(repeats) that claim it, 0 to 1, with Wilson's interval over prompts (`harness.stats.estimate`). One answer may claim
several families. `(none)` is the share of answers that claim no known one.

The rules work on single clauses and know English, Chinese, German, French, Spanish, Portuguese, Italian, Russian,
Japanese, Korean, Arabic and Hindi. They are rules of thumb: a claim in another language, in irony or spread over
sentences is missed, and a role play is taken at its word.

Why it is evidence: students keep the teacher's self-description if it was not cleaned out of the training data.
Lee et al. (2025), "Quantification of Large Language Model Distillation", https://arxiv.org/abs/2501.12619, read
contradictions of identity so. Why it is no proof: such sentences are all over the web, and a system message can put
them there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness import stats
from harness.provenance.answers.family_names import NAME, families_of, family, plain_text

if TYPE_CHECKING:
    import polars as pl

TASKS = ("provenance_identity",)
SQL = """
    SELECT samples.model, md5(CAST(doc AS VARCHAR)) AS prompt_id, output, doc ->> 'domain' AS domain
    FROM samples JOIN chosen USING (run_id, model, task)
    WHERE task = {task} AND output IS NOT NULL AND samples.status IN ('answered', 'truncated')
    ORDER BY ALL
"""
"""A prompt is known by the content of its document, so that runs of different versions of a task are compared on the
prompts they share. Truncated answers are answers."""
TABLE = "identity_claims"
ABOUT = "One row per model and identity it claimed when asked who it is. No proof: models misname themselves."
COLUMNS = (
    ("model", "VARCHAR!", "The model's name in results."),
    ("claimed", "VARCHAR!", "The family of models claimed; (none) is the answers that claim no known one."),
    (
        "share",
        "DOUBLE!",
        "Share of the answers that claim it, 0 to 1, prompts weighing the same. One answer may claim several.",
    ),
    ("ci_low", "DOUBLE", "Lower limit of the 95 % interval over prompts."),
    ("ci_high", "DOUBLE", "Upper limit of the 95 % interval over prompts."),
    (
        "ci_method",
        "VARCHAR!",
        "How the interval was made: a method of harness/stats/intervals.py.",
    ),
    ("n", "BIGINT!", "Identity prompts that the model answered."),
    ("calibrated", "BOOLEAN!", "True if base_share is that of at least five models."),
    ("base_share", "DOUBLE", "Mean share of the same claim over models of other families; null if none."),
    ("base_n", "BIGINT!", "Models of other families behind base_share, as their names give them away."),
    ("base_claiming", "BIGINT!", "How many of those claim it at least once."),
)

NONE = "(none)"
"""The answers that claim no known family."""

MAX_GAP = 110
"""Most characters between "I am" and the name: longer, and the clause is about something else."""


def _any(*patterns: str) -> str:
    return "(?:" + "|".join(patterns) + ")"


def _words(*patterns: str) -> str:
    """Any of the patterns as whole words, for languages with spaces between words."""
    return rf"(?<!\w){_any(*patterns)}(?!\w)"


_CLAUSE_END = re.compile(
    r"[!;。！；؛।\n]+|[?？؟]+|\.(?=\s|$)|"
    + _words("but", "while", "whereas", "although", "aber", "pero", "mas", "mais", "но")
)
_QUESTION = ("?", "？", "؟")
_MARKUP = re.compile(r"[*_`#>\"“”„«»「」『』《》]+")

_LLM = r"(?:a\.?i\.?|artificial|large|language|assistant|chat-?bot|virtual|model|machine|text)"
_MAKERS = (
    r"(?:creators?|developers?|makers?|owners?|providers?|parent company|company|team|underlying model|base model)"
)
_MADE = r"(?:created|developed|made|trained|built|designed|programmed|released)"

# What opens a statement about oneself, verb included if the language needs one. Per language, so that another one
# is another line.
_SELF = re.compile(
    _any(
        _words(
            # English
            r"i\s?['’]?m", "i am", "i was", r"i['’]ve been", "i have been", "i go by", "i identify as",
            "i run on", "i,",
            "i belong to", r"my (?:\w+ )?name(?: is|['’]s)", "(?:you can |please )?call me",
            r"you(?:['’]re| are) (?:talking|speaking|chatting|interacting) (?:to|with)",
            rf"my {_MAKERS}(?: is| are| was| were| at| works? (?:at|for)|,)", f"{_MADE} me (?:is|was)",
            f"as an? {_LLM}", f"as the {_LLM}",
            "this conversation (?:is (?:subject to|governed by|covered by)|falls under)",
            # German
            "ich bin", "ich hei(?:ß|ss)e", "mein name ist", "ich w[ue]rde", "bin ich", "wurde ich", "ich basiere",
            "als (?:ein )?(?:ki|sprachmodell|großes)", "mein(?:e)? entwickler (?:ist|sind)", "mich (?:hat|haben)",
            # French
            "je suis", r"je m['’]appelle", "mon nom est", r"j['’]ai été", "je me nomme",
            r"en tant que? (?:modèle|qu['’](?:ia|assistant|intelligence))",
            r"m['’](?:a|ont) (?:créé|développé|conçu)",
            # Spanish
            "soy", "me llamo", "mi nombre es", "fui", "he sido", "como (?:un )?(?:modelo|asistente)",
            "me (?:creó|desarrolló|entrenó|ha creado|ha desarrollado)",
            # Portuguese
            "(?:eu )?sou", "me chamo", "chamo-me", "(?:o )?meu nome é", "como (?:um )?(?:modelo|assistente)",
            # Italian
            "(?:io )?sono", "mi chiamo", "il mio nome è", "in quanto (?:modello|ia|assistente)", "come modello",
            "mi ha (?:creato|sviluppato|addestrato)",
            # Russian
            "я", "меня зовут", "мо[её] имя", "меня (?:создал[аи]?|разработал[аи]?|обучил[аи]?)", "будучи",
            "мо[ий] (?:создател[ьи]|разработчики?)",
        ),
        # Chinese
        "我的?(?:名字|全名)?(?:是|叫做?|名为|为)", "我由", "我来自", "我基于",
        r"我的(?:开发|研发|创造|母公司|团队)\w{0,6}(?:是|来自)",
        "(?:开发|创造|训练|研发|设计)我的(?:公司|团队|机构|人)?是?", "本(?:模型|助手)(?:是|由|名为)",
        "作为(?:一个|一款|一名|由)?",
        "(?:您|你)?(?:正在|现在|目前|当前)?使用的是", "我[,，]?(?=(?:chat|gpt|claude|qwen|deepseek|gemini))",
        # Japanese
        "(?:私|わたし|僕|ぼく|当方|当モデル)(?:は|の名前は|の名は|が)",
        r"(?:私|わたし)を(?:作|開発|創|訓練)\w{0,4}?(?:のは|会社は)",
        # Korean
        r"저는|나는|제\s?이름은|제가|저의 이름은", r"저를 (?:만든|개발한|훈련한)\s?\w*",
        # Arabic
        "[أا]نا", "[اإ]سمي", "تم (?:تطويري|إنشائي|تدريبي|تصميمي)", "(?:طور|أنشأ|صنع|درب)ت?ني", r"مطور[يو]\w*",
        # Hindi
        "मैं", "मेरा नाम", "मुझे", "मेरे (?:निर्माता|डेवलपर)",
        # A questionnaire, one field a line
        r"^[\s\d.)•-]*(?:full |model |my )?(?:name|model|developer|developed by|created by|made by|creator|affiliation"
        r"|author|company|organi[sz]ation|имя|название|разработчик|создатель|name des modells|entwickler|nom"
        r"|nombre|nome|desarrollador|desenvolvedor|名称|名字|模型|开发者|公司|名前|所属|開発者|이름|개발자|소속|الاسم|المطور|नाम)\s?[:：]",
    ),
    re.IGNORECASE,
)  # fmt: skip
# First person and third person plural at once: not the opening of a statement about a name that came before it.
_AMBIGUOUS = frozenset({"sono"})
# Words between the opening and the name that turn the claim into a denial, a comparison or a mention.
_NO_CLAIM = re.compile(
    _any(
        _words(
            "not", "never", "neither", "nor", "no", "cannot", r"can['’]?t", r"\w+n['’]t", "without", "unlike", "like",
            "similar(?:ly)?", "such as", r"compar\w+", r"capab\w+", r"(?:as|so) \w+ (?:as|that)", "those of", "vary",
            r"differ\w+(?! (?:\w+ )?(?:model|assistant),? (?:developed|made|created|trained|built|by|named|called))",
            "the same", "other", "another", "rather than", "instead of", "than", "versus", "vs", "between", "about",
            "alternative", "competitor", "rival", "inspired", "separate", "independent", "distinct", "to",
            "for", "with",
            "mistaken", "confused", "whether", "if", "my", "you", "using google", "trained on", "data", "texts? from",
            "information", "search", "unrelated", "affiliated",
            "nicht", r"kein\w*", "nie", "anders", "ähnlich", "wie", r"vergleich\w*", "über", "gegensatz",
            "statt", "ob",
            r"unterschied\w*", "pas", "ne", r"n['’](?=\w)", "jamais", r"aucun\w*", "contrairement", "comme",
            "semblable",
            "similaire", r"différen\w*", "plutôt", "nunca", "ningún", "ninguna", "diferencia", "diferente",
            r"distint\w+",
            "como", "igual", "sino", r"parecid\w+", "não", "nem", r"nenhum\w*", "diferença", "semelhante",
            "non", "mai",
            r"nessun\w*", "differenza", "diverso", "simile", "come", "не", "нет", "ни", "отличие", "подобно",
            r"подобн\w+", r"похож\w*", "как и", "вроде", "например", "знаю", "могу",
        ),
        "不(?!仅|断|同版本)", "并非", "没有?", "无关", "像", "类似", "比如", "例如", "诸如", "其他", "区别",
        "与", "跟", "如果", "假如",
        "是否", "无法", "相比",
        "ではな", "じゃな", "でなく", "異な", "違", "ような", "みたい", "比べ", "と同じ", "아니", "달리",
        "다른", "같은", "비슷",
        "لست", "ليس", "لم ", "لا ", "لن ", "مثل", "عكس", "بخلاف", "مختلف", "يشبه", "مقارن", "नहीं", "अलग",
        "जैस", "तुलना",
    ),
    re.IGNORECASE,
)  # fmt: skip
# What comes after a name and shows that it is the subject of a clause of its own, or is denied at the end.
_AFTER_NO_CLAIM = re.compile(
    _any(
        r"\s*[-’']?(?:like|style|inspired|compatible)\b",
        r"['’]?s?\s+(?:competitor|rival|alternative)",
        r"[\w.\s-]{0,12}?\s(?:is|was|are|were|has been|have been|ist|wurde|sind|est|a été|es|foi|fue|è|это)\s",
        r"(?:のモデル|によって\w{0,6}|が\w{0,8}|社|モデル|という名前)?"
        r"(?:では(?:あり|ござい)?ま?せ?[なん]|では\w{0,2}な|じゃな|とは(?:異|違|別|関係|無関係)|と(?:異|違))",
        r"(?:의\s?모델)?(?:이|가|은|는|에서|과|와)?\s?(?:\w+\s)?(?:아니|아닙|아녜|달리|다른|다르|무관)",
        r"\s?(?:不同|无关|没有关系|不一样|的竞争)",
        r"[^।,]{0,25}नहीं",
        r"\s?(?:से|की) (?:अलग|भिन्न|तरह)",
    ),
    re.IGNORECASE,
)
# Words earlier in the clause that make the whole statement somebody else's, or unreal.
_UNREAL = re.compile(
    _any(
        _words(
            "if", "whether", "you (?:said|say|called)", "people", "someone", "some users", "users may",
            "pretend", "imagine",
            r"suppos\w+", "as though", "were", r"it['’]?s not true", "not true that", "incorrect", "mistake(?:nly)?",
            "would you", "ob", "falls", "wenn", "si", "se", "если",
        ),
        "如果", "假如", "假设", "是否", "もし", "만약", "لو ", "अगर",
    ),
    re.IGNORECASE,
)  # fmt: skip
_DENIED_BEFORE = re.compile(r"(?<!\w)(?:no|não|nunca|non|never|not|не|n['’]|لم\s?ي?)\s*$", re.IGNORECASE)
_DENIED = re.compile(_any(_words("not", "nicht", "no", "não", "non", "не", "ne"), "不是", "并非", "ليس"), re.IGNORECASE)
# "OpenAI created me", "OpenAI is the company that made me", "OpenAI's terms apply".
_MADE_ME = re.compile(
    r"(?P<gap>[^,]{0,60}?)"
    + _any(
        rf"\b{_MADE} me\b",
        r"\b(?:is|are|was|were) my (?:creators?|developers?|makers?|owners?|parent company)",
        r"(?:polic(?:y|ies)|terms)\b[^,]{0,30}\b(?:applies|apply)\b",
        "(?:hat|haben) mich (?:entwickelt|erschaffen|trainiert|erstellt)",
        r"m['’](?:a|ont) (?:créé|développé|entraîné|conçu)",
        "me (?:creó|desarrolló|entrenó|ha creado|criou|desenvolveu|treinou)",
        "mi ha (?:creato|sviluppato|addestrato)",
        "(?:开发|创造|训练|研发|设计|打造)了我",
        "(?:создал|разработал|обучил)[аи]? меня",
        "(?:が|によって)(?:私|わたし)を?(?:開発|作|創|訓練)",
        "(?:가|이|에서) 저를 (?:만들|개발|훈련)",
    ),
    re.IGNORECASE,
)
# An answer, or its first clause, of nothing but names and the words that go with them.
_BARE = re.compile(
    r"[\s\d.,:()\-–—/'’]|"
    + _words(
        "by", "from", "made", "created", "developed", "the", "an?", "of", "name", "company", "inc", "ai",
        "model", "assistant",
        "team", "cloud", "and", "llc", "pbc", "version", "instruct", "chat", "turbo", "pro", "mini", "large", "flash",
        "sonnet", "opus", "haiku", "v", "r", "o", "b", "von", "de", "par", "por", "da", "от",
    )
    + "|公司|的|云",
    re.IGNORECASE,
)  # fmt: skip


def claimed(answer: str) -> frozenset[str]:
    """The families of models that an answer says its speaker belongs to."""
    text = _MARKUP.sub("", plain_text(answer)).strip()
    found: set[str] = set()
    start = 0
    first = True
    for end in [*_CLAUSE_END.finditer(text), None]:
        clause = text[start : end.start() if end else len(text)].strip()
        start = end.end() if end else len(text)
        if clause and not (end and end.group().startswith(_QUESTION)):
            found |= _claimed_in(clause)
            if first:
                found |= _bare(clause)
        first = first and not clause
    return frozenset(found)


def _bare(clause: str) -> set[str]:
    if _BARE.sub("", NAME.sub("", clause)):
        return set()
    return {family(name) for name in NAME.finditer(clause)}


def _claimed_in(clause: str) -> set[str]:
    """The families claimed in one clause, name by name from the left."""
    found: set[str] = set()
    # Where the last name that is no claim ended: what follows is about that name, until the speaker says "I" again.
    foreign = -1
    for name in NAME.finditer(clause):
        if _speaks_of_self(clause, name, foreign) or _made_me(clause, name):
            found.add(family(name))
        else:
            foreign = name.end()
    return found


def _speaks_of_self(clause: str, name: re.Match[str], foreign: int) -> bool:
    """True if an "I am" leads to the name."""
    openings = list(_SELF.finditer(clause, 0, name.start()))
    if not openings:
        return False
    start, end = openings[-1].span()
    if start < foreign or (foreign >= 0 and clause[start:end].lower() in _AMBIGUOUS):
        return False
    before, gap = clause[:start], clause[end : name.start()]
    return len(gap) <= MAX_GAP and not (
        _NO_CLAIM.search(gap)
        or _UNREAL.search(before)
        or _DENIED_BEFORE.search(before)
        or _AFTER_NO_CLAIM.match(clause, name.end())
    )


def _made_me(clause: str, name: re.Match[str]) -> bool:
    """True if the name is who made the speaker."""
    statement = _MADE_ME.match(clause, name.end())
    if statement is None or _NO_CLAIM.search(statement["gap"]) or NAME.search(statement["gap"]):
        return False
    before = clause[: name.start()]
    return not (_UNREAL.search(before) or _DENIED.search(before))


def claims(answers: pl.DataFrame) -> pl.DataFrame:
    """Who every model claims to be.

    Args:
        answers: columns `model`, `prompt_id`, `output`: answers to prompts that ask a model who it is. The order of
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
        for name in {NONE}.union(*(said for repeats in by_prompt.values() for said in repeats)):
            share = stats.estimate([[float(name in said) for said in repeats] for repeats in by_prompt.values()], True)
            rows.append((model, name, share.value, share.low, share.high, share.method, share.n, False))
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
    return pl.DataFrame(rows, schema=schema, orient="row").sort(
        "model", "share", "claimed", descending=[False, True, False]
    )


LEAST_OTHERS = 5
"""Models of other families below which a share has no base rate worth the name."""


def against_others(shares: pl.DataFrame, control_of: Mapping[str, str]) -> pl.DataFrame:
    """Every claim beside its base rate: how often models that are not of that family claim it.

    A model's own family is what its name gives away. Models whose name gives none away are in no base rate, nor are a
    model's own controls or what it is a control of.

    Args:
        shares: what `claims` returns.
        control_of: whose relative a positive control is.

    Returns:
        The same rows with `base_share`, `base_n`, `base_claiming`. `calibrated` where `base_n` is at least
        `LEAST_OTHERS`.
    """
    import polars as pl

    own = {model: families_of(model) for model in shares["model"].unique()}
    origin = {model: control_of.get(model, model) for model in own}
    said = {(model, claimed): share for model, claimed, share in shares.select("model", "claimed", "share").iter_rows()}
    base = []
    for model, claimed in shares.select("model", "claimed").iter_rows():
        others = sorted(
            u for u in own if origin[u] != origin[model] and u == origin[u] and own[u] and claimed not in own[u]
        )
        values = [said.get((u, claimed), 0.0) for u in others]
        base.append((sum(values) / len(values) if values else None, len(values), sum(v > 0 for v in values)))
    schema = {"base_share": pl.Float64, "base_n": pl.Int64, "base_claiming": pl.Int64}
    extra = pl.DataFrame(base, schema=schema, orient="row")
    return shares.hstack(extra).with_columns(calibrated=pl.col("base_n") >= LEAST_OTHERS)


def derive(answers: pl.DataFrame, control_of: Mapping[str, str]) -> pl.DataFrame:
    """Every claim beside its base rate."""
    return against_others(claims(answers), control_of)
