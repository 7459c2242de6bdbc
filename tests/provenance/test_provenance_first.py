"""What the channels `vocabulary` and `identity_claims` promise."""

import random
import re
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance.answers.family_names import FAMILIES, NAME, family, may_name, plain_text
from harness.provenance.probes import identity_claims, vocabulary
from harness.provenance.probes.identity_claims import NONE, claimed


def said(text: str) -> list[str]:
    """The words of one text."""
    words: list[str] = vocabulary.words(pl.Series([text], dtype=pl.String)).to_list()[0]
    return words


FRAME = {"model": pl.String, "prompt_id": pl.String, "output": pl.String}

CLAIMS = [
    # English
    ("I am ChatGPT, a large language model trained by OpenAI.", {"OpenAI"}),
    ("I'm Claude, an AI assistant made by Anthropic.", {"Anthropic"}),
    ("I’m Claude!", {"Anthropic"}),
    ("Hello! My name is Qwen2.5 and I was created by Alibaba Cloud.", {"Alibaba"}),
    ("As a large language model trained by OpenAI, I don't have feelings.", {"OpenAI"}),
    ("I am a large language model, trained by Google.", {"Google"}),
    ("I am SmolLM2, a small model from Hugging Face.", {"Hugging Face"}),
    ("You're talking to Gemini.", {"Google"}),
    ("You can call me Grok. I was built by xAI.", {"xAI"}),
    ("I was developed by the team at Mistral AI.", {"Mistral AI"}),
    ("OpenAI created me in 2022.", {"OpenAI"}),
    ("My creators at Anthropic called me Claude.", {"Anthropic"}),
    ("I'm based on GPT-4, a model by OpenAI.", {"OpenAI"}),
    ("I am **Phi**, a model by *Microsoft*.", {"Microsoft"}),
    ("I am Yi, developed by 01.AI.", {"01.AI"}),
    ("I am Gemma, an open-weights model from Google DeepMind.", {"Google"}),
    ("ChatGPT", {"OpenAI"}),
    ("OpenAI.", {"OpenAI"}),
    ("Claude, by Anthropic. I can help you with many things.", {"Anthropic"}),
    ("I am OpenAI's ChatGPT.", {"OpenAI"}),
    ("Unlike ChatGPT, I am Claude.", {"Anthropic"}),
    ("I am not ChatGPT. I am DeepSeek-V3, made by DeepSeek.", {"DeepSeek"}),
    ("I am Llama 3, made by Meta, not GPT-4.", {"Meta"}),
    ("I'm DeepSeek, but my answers were trained by OpenAI.", {"DeepSeek"}),
    ("I am Qwen, and I was made by OpenAI.", {"Alibaba", "OpenAI"}),
    ("The company that created me is Zhipu AI.", {"Zhipu AI"}),
    # Chinese
    ("我是ChatGPT，由OpenAI开发的大型语言模型。", {"OpenAI"}),
    ("我是通义千问，由阿里云研发的大模型。", {"Alibaba"}),
    ("您好，我叫Claude，由Anthropic公司开发。", {"Anthropic"}),
    ("我是由深度求索公司开发的智能助手DeepSeek。", {"DeepSeek"}),
    ("我是百度研发的文心一言。", {"Baidu"}),
    ("我是豆包，字节跳动的人工智能。", {"ByteDance"}),
    ("我是Kimi，由月之暗面科技有限公司开发。", {"Moonshot AI"}),
    ("作为由OpenAI训练的语言模型，我没有感情。", {"OpenAI"}),
    ("我不是ChatGPT，我是智谱清言。", {"Zhipu AI"}),
    # German, French, Spanish, Portuguese, Italian
    ("Ich bin ChatGPT, ein Sprachmodell von OpenAI.", {"OpenAI"}),
    ("Ich wurde von Anthropic entwickelt und heiße Claude.", {"Anthropic"}),
    ("Ich bin nicht ChatGPT. Mein Name ist Qwen.", {"Alibaba"}),
    ("Je suis ChatGPT, un modèle de langage développé par OpenAI.", {"OpenAI"}),
    ("J'ai été créé par Mistral AI.", {"Mistral AI"}),
    ("Je m'appelle Claude.", {"Anthropic"}),
    ("Soy ChatGPT, un modelo de lenguaje creado por OpenAI.", {"OpenAI"}),
    ("Fui creado por Google.", {"Google"}),
    ("Me llamo Gemini.", {"Google"}),
    ("Eu sou o ChatGPT, um modelo treinado pela OpenAI.", {"OpenAI"}),
    ("Fui desenvolvido pela Anthropic.", {"Anthropic"}),
    ("Sono Claude, un assistente creato da Anthropic.", {"Anthropic"}),
    ("Mi chiamo Qwen.", {"Alibaba"}),
    # Russian, Japanese, Korean
    ("Я — ChatGPT, языковая модель, разработанная OpenAI.", {"OpenAI"}),
    ("Меня зовут Claude, меня создала компания Anthropic.", {"Anthropic"}),
    ("Я языковая модель, созданная компанией Google.", {"Google"}),
    ("私はChatGPTです。OpenAIによって開発されました。", {"OpenAI"}),
    ("私はAnthropicが開発したClaudeです。", {"Anthropic"}),
    ("私はChatGPTではありません。私はQwenです。", {"Alibaba"}),
    ("저는 OpenAI에서 개발한 ChatGPT입니다.", {"OpenAI"}),
    ("제 이름은 Claude입니다.", {"Anthropic"}),
    ("저는 ChatGPT가 아닙니다. 저는 구글이 만든 제미나이입니다.", {"Google"}),
    ("저를 만든 회사는 OpenAI입니다.", {"OpenAI"}),
    ("私を開発したのはOpenAIです。", {"OpenAI"}),
    # Arabic, Hindi
    ("أنا ChatGPT، نموذج لغوي طورته شركة OpenAI.", {"OpenAI"}),
    ("تم تطويري بواسطة شركة Anthropic.", {"Anthropic"}),
    ("طورتني شركة جوجل.", {"Google"}),
    ("मैं ChatGPT हूँ, OpenAI द्वारा बनाया गया एक भाषा मॉडल।", {"OpenAI"}),
    ("मुझे गूगल ने बनाया है।", {"Google"}),
    ("मेरा नाम Claude है।", {"Anthropic"}),
    # What the questions of identity bring out
    ("My developers work at OpenAI.", {"OpenAI"}),
    ("Имя: ChatGPT\nРазработчик: OpenAI\nГод создания: 2022", {"OpenAI"}),
    ("Name: Qwen\nAffiliation: Alibaba Cloud", {"Alibaba"}),
    ("OpenAI's usage policy applies to this conversation.", {"OpenAI"}),
    ("This conversation is subject to Anthropic's usage policy.", {"Anthropic"}),
    ("您现在使用的是阿里云的通义千问。", {"Alibaba"}),
    ("OpenAI hat mich entwickelt.", {"OpenAI"}),
    ("C'est Mistral AI qui m'a créé.", {"Mistral AI"}),
    ("Me creó OpenAI.", {"OpenAI"}),
    ("I, Gemma, am a small model.", {"Google"}),
    ("I am a different model developed by Alibaba Cloud, named Qwen.", {"Alibaba"}),
    ("ChatGPT is a model from OpenAI and I am a model from Mistral AI.", {"Mistral AI"}),
    (
        "I'm a large language model trained by Mistral AI, similar to ChatGPT, which is a model from OpenAI.",
        {"Mistral AI"},
    ),
]

NO_CLAIMS = [
    "I am not ChatGPT.",
    "No, I'm not Claude and I was not made by Anthropic.",
    "I am an AI assistant. Unlike GPT-4, I am small.",
    "I'm an AI similar to ChatGPT.",
    "I am a language model like ChatGPT or Claude.",
    "I wasn't developed by OpenAI.",
    "ChatGPT is a language model made by OpenAI.",
    "I know a lot about ChatGPT, which was developed by OpenAI.",
    "I am different from ChatGPT, which is made by OpenAI.",
    "Are you asking if I am ChatGPT?",
    "I am ChatGPT?",
    "If I were ChatGPT, I would say so. If I am Claude, nobody told me.",
    "I don't know who created me. It could be OpenAI.",
    "I can help you to compare Gemini and Claude.",
    "I am an AI designed to answer questions about Google products.",
    "I am trained on data from Google Books.",
    "I have no name.",
    "Many people use Claude. I am an independent model.",
    "I'm not affiliated with OpenAI.",
    "I am an alternative to ChatGPT.",
    "You said I am ChatGPT, and that is wrong.",
    "I am neither ChatGPT nor Claude.",
    "I cannot tell you whether I am ChatGPT.",
    "I am a metamorphic llamas' friend with a phi coefficient.",
    "我不是ChatGPT。",
    "我并非由OpenAI开发。",
    "与ChatGPT不同，我是一个小模型。",
    "我是一个类似ChatGPT的模型。",
    "ChatGPT是OpenAI开发的模型。",
    "我是ChatGPT吗？",
    "Ich bin nicht ChatGPT.",
    "Ich bin kein Modell von OpenAI.",
    "Im Gegensatz zu ChatGPT bin ich klein.",
    "Je ne suis pas ChatGPT.",
    "Je n'ai pas été créé par OpenAI.",
    "Contrairement à ChatGPT, je suis petit.",
    "No soy ChatGPT.",
    "No fui creado por OpenAI.",
    "Não sou o ChatGPT.",
    "Non sono ChatGPT.",
    "Я не ChatGPT.",
    "В отличие от ChatGPT, я маленькая модель.",
    "私はChatGPTではありません。",
    "私はOpenAIのモデルではありません。",
    "저는 ChatGPT가 아닙니다.",
    "저는 ChatGPT와 다른 모델입니다.",
    "أنا لست ChatGPT.",
    "لم يتم تطويري بواسطة OpenAI.",
    "मैं ChatGPT नहीं हूँ।",
    "मुझे OpenAI ने नहीं बनाया है।",
    # Real answers that name a model without being it
    "Yes, I am as capable as ChatGPT.",
    "I'm based on the same underlying technology as ChatGPT.",
    "I'm a capable language model, ChatGPT's larger training dataset makes it more accurate.",
    "As the AI model of a small company, my capabilities may vary from those of ChatGPT, which is developed by OpenAI.",
    "I'm so broke that even Google Maps doesn't know how to find my money.",
    "I'm glad you're using Open Assistant.",
    "This is when IBM introduced the Simon Personal Communicator.",
    "I'm a different model and architecture from ChatGPT.",
    "ChatGPT e Claude sono modelli di OpenAI e Anthropic.",
    "",
    "???",
]


@pytest.mark.parametrize(("answer", "families"), CLAIMS)
def test_a_claim_about_oneself_is_found(answer, families):
    assert claimed(answer) == families


@pytest.mark.parametrize("answer", NO_CLAIMS)
def test_a_denial_a_mention_or_a_question_is_no_claim(answer):
    assert claimed(answer) == frozenset()


@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    assert claimed(text) <= set(FAMILIES)
    assert said(text) == said(text)


@given(st.lists(st.text("aé ï'’_東京ไทKİı\u0301x.- GPT", max_size=30), max_size=6))
def test_the_words_of_a_text_do_not_depend_on_the_texts_beside_it(texts: list[str]) -> None:
    together = vocabulary.words(pl.Series(texts, dtype=pl.String)).to_list()
    assert together == [said(text) for text in texts]


@given(st.text(st.characters(exclude_categories=("Cs", "Cn"))))
def test_words_are_runs_of_letters_and_digits_with_inner_apostrophes(text: str) -> None:
    plain = NAME.sub(" ", plain_text(text)).casefold().replace("\u2019", "'")
    # In scripts without spaces words are pairs of characters. They have a test of their own.
    spaced = re.sub(f"[{vocabulary._DENSE}]", " ", plain)
    assert said(spaced) == re.findall(r"[^\W_]+(?:'[^\W_]+)*", NAME.sub(" ", spaced))


def test_names_are_found_as_without_the_look_at_how_they_begin() -> None:
    plain = re.compile(
        rf"(?<![A-Za-z0-9])(?:{'|'.join(p for patterns in FAMILIES.values() for p in patterns)})(?![A-Za-z])",
        re.IGNORECASE,
    )
    marks = re.compile(r"\(\?-i:|\(\?:|\(\?!.*?\)|[()?\\]")
    names = [part for patterns in FAMILIES.values() for p in patterns for part in marks.sub("", p).split("|")]
    names += [
        "GPT-J",
        "gpt-like",
        "bard",
        "phi",
        "v\u0131cuna",
        "\u212aimi",
        "lm\u017fys",
        "\u0130BM",
        "T\u00dcLU",
        "x.ai",
        "z",
    ]
    rng = random.Random(1)
    for _ in range(300):
        words = (rng.choice((str, str.upper, str.title))(rng.choice(names)) for _ in range(40))
        text = "".join(word + rng.choice(("", " ", " ", "-", "2", "s", "ai ")) for word in words)
        assert [m.span() for m in NAME.finditer(text)] == [m.span() for m in plain.finditer(text)]
        before, after = ("", " ", "é", "(", "東", "\u017f"), ("", " ", "2")
        alone = [rng.choice(before) + part + rng.choice(after) for part in text.split()]
        may = may_name(pl.Series(alone))
        assert not [one for one, told in zip(alone, may, strict=True) if NAME.search(one) and not told]


@pytest.mark.parametrize("blank", [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace()], ids=ascii)
def test_any_blank_may_stand_inside_a_name(blank):
    names = [f"{one}{blank}{two}" for one, two in (("deep", "seek"), ("Open", "AI"), ("allen", "institute"))]
    assert all(map(NAME.search, names))
    assert may_name(pl.Series(names)).all()
    assert not any(map(said, names))


@given(
    st.sampled_from([answer for answer, _ in CLAIMS]),
    st.sampled_from(["**{}**", "> {}", "\n\n{} ", "\u200b{}\u2060"]),
)
def test_markup_and_invisible_characters_do_not_hide_a_claim(answer, wrapping):
    assert claimed(wrapping.format(answer)) >= claimed(answer)


@pytest.mark.parametrize(
    "name",
    [
        "ChatGPT",
        "Claude",
        "Gemini",
        "DeepSeek",
        "Qwen",
        "Llama",
        "Mistral",
        "Grok",
        "SmolLM",
        "Phi",
        "Yi",
        "GLM",
        "Kimi",
        "Ernie",
        "Doubao",
        "Gemma",
    ],
)
def test_every_known_name_is_found_alone_with_a_version_and_between_chinese_characters(name):
    wanted = family(NAME.fullmatch(name))
    assert (
        claimed(f"I am {name}.") == claimed(f"I am {name}-3.5.") == claimed(f"我是{name}，很高兴认识你。") == {wanted}
    )


def answers(rows):
    return pl.DataFrame(rows, schema=FRAME, orient="row")


def test_shares_count_prompts_once_however_often_they_were_asked():
    rows = [("m", "p0", "I am ChatGPT.")] * 9 + [("m", "p1", "I am small.")]
    found = identity_claims.claims(answers(rows)).rows(named=True)
    assert [(row["claimed"], row["share"], row["n"], row["calibrated"]) for row in found] == [
        (NONE, 0.5, 2, False),
        ("OpenAI", 0.5, 2, False),
    ]


def test_the_interval_of_a_share_is_wilsons():
    rows = [("m", f"p{i}", "I am ChatGPT." if i < 3 else "Hello.") for i in range(8)]
    found = identity_claims.claims(answers(rows)).filter(pl.col("claimed") == "OpenAI").row(0, named=True)
    assert (found["share"], found["ci_method"], found["n"]) == (3 / 8, "wilson", 8)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((0.1368, 0.6943), abs=1e-4)


def test_a_model_that_claims_nothing_still_has_its_n():
    found = identity_claims.claims(answers([("m", "p", "I am a program."), ("m", "q", None)]))
    assert found.select("model", "claimed", "share", "n").rows() == [("m", NONE, 1.0, 1)]


@pytest.mark.parametrize("channel", [vocabulary.similarities, identity_claims.claims])
def test_no_answers_make_an_empty_table_with_the_same_columns(channel):
    empty = channel(answers([]))
    full = channel(answers([("a", "p", "I am Claude."), ("b", "p", "I am Claude.")]))
    assert empty.is_empty()
    assert empty.schema == full.schema


# Vocabulary ----------------------------------------------------------------------------------------------------

text = st.lists(
    st.sampled_from(["the", "a", "model", "says", "words", "你好世界", "мир", "naïve", "don't", "x1"]), max_size=12
).map(" ".join)
frames = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("pqr"), text), max_size=24).map(answers)


def reference(frame):
    """The definition, word for word, pair by pair."""
    texts = {}
    for model, prompt, output in sorted(frame.rows()):
        texts.setdefault((model, prompt), []).append(output)
    tokens = {key: said("\n".join(found)) for key, found in texts.items()}
    models, prompts = sorted({m for m, _ in tokens}), sorted({p for _, p in tokens})
    values = {}
    for i, a in enumerate(models):
        for b in models[i + 1 :]:
            indices = []
            for prompt in prompts:
                x, y = tokens.get((a, prompt)), tokens.get((b, prompt))
                if x and y:
                    cut = min(len(x), len(y))
                    x, y = set(x[:cut]), set(y[:cut])
                    indices.append(len(x & y) / len(x | y))
            if indices:
                values[a, b] = (sum(indices) / len(indices), len(indices))
    return values


@given(frames)
def test_similarity_is_the_mean_jaccard_index_of_the_cut_texts(frame):
    found = {(row["model_a"], row["model_b"]): row for row in vocabulary.similarities(frame).rows(named=True)}
    expected = reference(frame)
    assert found.keys() == expected.keys()
    for pair, (value, n) in expected.items():
        row = found[pair]
        assert row["value"] == pytest.approx(value, abs=1e-12)
        assert row["n"] == n
        assert 0 <= row["value"] <= 1
        if row["ci_low"] is not None:
            assert 0 <= row["ci_low"] <= row["value"] <= row["ci_high"] <= 1


@given(frames, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(frame, rng):
    rows = frame.rows()
    rng.shuffle(rows)
    assert vocabulary.similarities(answers(rows)).equals(vocabulary.similarities(frame))
    assert identity_claims.claims(answers(rows)).equals(identity_claims.claims(frame))


@given(frames)
def test_similarity_does_not_depend_on_which_of_two_models_is_called_first(frame):
    swapped = frame.with_columns(pl.col("model").replace_strict(dict(zip("abcd", "dcba", strict=True)), default=None))
    names = dict(zip("abcd", "dcba", strict=True))
    there = {frozenset((names[a], names[b])): rest for a, b, *rest in vocabulary.similarities(frame).rows()}
    back = {frozenset((a, b)): rest for a, b, *rest in vocabulary.similarities(swapped).rows()}
    assert there == back


@given(st.lists(text.filter(said), min_size=1, max_size=5))
def test_identical_texts_are_one(texts):
    rows = [(model, f"p{i}", output) for model in "ab" for i, output in enumerate(texts)]
    row = vocabulary.similarities(answers(rows)).row(0, named=True)
    assert row["value"] == 1
    assert row["ci_low"] is None
    assert row["ci_high"] is None


def test_another_model_changes_no_pair():
    rows = [(m, f"p{i}", f"{m} wrote {i} words about {'rain' if i % 2 else 'snow'}") for m in "ab" for i in range(6)]
    alone = vocabulary.similarities(answers(rows)).row(0)
    more = vocabulary.similarities(answers([*rows, *(("c", f"p{i}", "something else") for i in range(9))]))
    assert more.row(0) == alone


def test_names_of_models_and_labs_are_no_vocabulary():
    rows = [("a", "p", "I am ChatGPT, by OpenAI."), ("b", "p", "I am 通义千问, by Alibaba Cloud.")]
    assert said(rows[0][2]) == ["i", "am", "by"]
    assert said("Qwen2.5-Coder and GPT-4") == ["2", "5", "coder", "and", "4"]


def test_languages_without_spaces_are_read_in_pairs_of_characters():
    assert said("你好世界") == ["你好", "好世", "世界"]
    assert said("東京タワー and ไทย") == ["東京", "京タ", "タワ", "ワー", "and", "ไท", "ทย"]
    assert said("it's中文'tis 'a東_b") == ["it's", "中文", "tis", "a", "東", "b"]


def test_a_longer_answer_is_cut_to_the_shorter_one():
    rows = [("a", "p", "one two three"), ("b", "p", "one two three " + "and much more " * 50)]
    assert vocabulary.similarities(answers(rows))["value"].item() == 1


@pytest.mark.slow
def test_documented_teachers_are_found_far_more_often_than_by_chance(shared_data):
    """Mean reciprocal rank of the documented teacher among all candidates; lineages weigh the same."""
    labels = pl.read_csv(shared_data / "labels/students.csv").filter(
        (pl.col("corpus") == "alpaca_eval") & (pl.col("strength") == "sft_on_teacher_outputs")
    )
    models = pl.read_csv(shared_data / "labels/models.csv").filter(pl.col("corpus") == "alpaca_eval")
    outputs = pl.read_parquet(shared_data / "outputs/alpaca_eval.parquet").select("model", "prompt_id", "output")
    here = set(outputs["model"])
    candidates = sorted(set(models.filter(pl.col("role") == "candidate")["model"]) & here)
    prompts = sorted(set(outputs["prompt_id"]))[::8]
    wanted = [*candidates, *labels["student"]]
    frame = outputs.filter(pl.col("model").is_in(wanted) & pl.col("prompt_id").is_in(prompts))
    value = {}
    for row in vocabulary.similarities(frame.with_columns(pl.col("prompt_id").cast(pl.String))).rows(named=True):
        value[row["model_a"], row["model_b"]] = value[row["model_b"], row["model_a"]] = row["value"]
    ranks = {}
    for student, teachers, lineage in labels.select("student", "teachers", "lineage_group").iter_rows():
        known = {name.strip() for name in teachers.replace("|", ";").split(";")} & set(candidates)
        if student in here and known:
            order = sorted((c for c in candidates if c != student), key=lambda c, s=student: -value[s, c])
            ranks.setdefault(lineage, []).append(1 / min(order.index(name) + 1 for name in known))
    found = np.mean([np.mean(per) for per in ranks.values()])
    chance = np.mean([1 / rank for rank in range(1, len(candidates) + 1)])
    assert len(ranks) >= 6
    assert found > 4 * chance, (found, chance)


def test_models_that_speak_of_themselves_in_real_answers_are_heard(shared_data):
    outputs = pl.read_parquet(shared_data / "outputs/alpaca_eval.parquet")
    for model, lab in (("claude-2", "Anthropic"), ("gpt-4-0613", "OpenAI"), ("qwen-14b-chat", "Alibaba")):
        said = [claimed(output) for output in outputs.filter(pl.col("model") == model)["output"]]
        named = [families for families in said if families]
        assert named, model
        assert sum(lab in families for families in named) / len(named) > 0.8, (model, named)
