"""What the channels `vocabulary` and `identity_claims` promise."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance import FAMILIES, identity_claims, vocabulary
from harness.provenance.identity_claims import NONE, claimed

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
    "",
    "???",
]


@pytest.mark.parametrize(("answer", "families"), CLAIMS)
def test_a_claim_about_oneself_is_found(answer, families):
    assert claimed(answer) == families


@pytest.mark.parametrize("answer", NO_CLAIMS)
def test_a_denial_a_mention_or_a_question_is_no_claim(answer):
    assert claimed(answer) == frozenset()
