"""What a model wraps around its answer, and how it comes off: reasoning, special tokens, invented turns.

Only this file knows the delimiters. Backends call `split`, which takes reasoning off before a reply is kept. Scorers
call `clean`, which takes off the rest before an answer is graded. `Removed` tells what came off.

A delimiter or token that the answer is about is kept: one in quotes or backticks, in a fenced block that closes, or
named in a sentence ("a <think> block"). Nothing here reads an answer. No text is added, and only what the answer itself
says can change a verdict from wrong to right. Time is linear in the length of the text.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from harness.records import Removed
from harness.scorers._fences import Block, blocks
from harness.scorers._patterns import later

SHOWN = 200
"""Characters of a removed piece that are recorded. The sample's output has the whole of it."""


@dataclass(frozen=True, slots=True)
class Split:
    """A reply, parted."""

    answer: str | None
    """`None` if the reply ended inside its reasoning."""
    reasoning: str | None = None
    """`None` if there is none, or an empty one."""
    opened_before: bool = False
    """The reply closed reasoning that it never opened: its chat template had."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """An answer without what was wrapped around it."""

    text: str
    removed: tuple[Removed, ...] = ()
    unfinished: bool = False
    """The reply ended inside its reasoning, and says nothing before it."""
    complete: bool = False
    """Something follows the answer in the reply, so that a reply that was cut off was not cut off in it."""


# The table ----------------------------------------------------------------------------------------------------

WORDS = (
    r"think(?:ing)?(?:[ _-](?:process|aloud|steps?))?|thoughts?(?:[ _-]process)?"
    r"|reason(?:ing)?(?:[ _-](?:process|steps?))?"
    r"|reflect(?:ion|ing)?|scratch[ _-]?pad|analysis|rationale|deliberat(?:e|ion)|cot|chain[ _-]of[ _-]thoughts?"
    r"|(?:inner|internal)[ _-]?(?:thoughts?|monologue|voice|reasoning)|monologue|plan(?:ning)?"
    r"|brainstorm(?:ing)?|ponder(?:ing)?|draft|critique|self[ _-]?(?:check|reflection|critique|talk|correction)"
    r"|思考(?:过程|過程)?|推理(?:过程|過程)?"
)
"""What models call their reasoning, in a tag of any of `BRACKETS`, with or without a prefix (`seed:think`)."""
BRACKETS = {"</|": "|>", "<": ">", "[": "]", "◁": "▷", "<|": "|>", "<｜": "｜>", "【": "】", "⟨": "⟩", "«": "»"}
PAIRS: Mapping[str, str] = {
    "[unused16]": "[unused17]",  # openPangu
    "<unused94>": "<unused95>",  # MedGemma
    "<|channel>": "<channel|>",  # Gemma 4
    "<|think|>": "<|content|>",  # Solar
    '<details type="reasoning"': "</details>",  # Open WebUI
    "Here is my thought process:": "Here is my response:",  # Granite 3.2
    "Here are my reasoning steps:": "[BEGIN FINAL RESPONSE]",  # Apriel
}
"""Further openings, with what closes each."""
_NEVER_ALONE = frozenset({'<details type="reasoning"', "<|think|>", "Here is my thought process:"})
"""Openings of `PAIRS` whose closing says nothing if it stands alone."""

_FIRSTS = tuple(dict.fromkeys(left[0] for left in BRACKETS))
"""The characters that brackets begin with: most texts hold none, and are not searched for anything that has one."""
_PREFIX = r"(?:[a-z][\w.-]{0,20}[:_])?(?:ant)?"
_TAG = later(
    # A place that no bracket begins at is passed over without trying each.
    rf"(?=[{re.escape(''.join(_FIRSTS))}])(?:"
    + "|".join(
        rf"{re.escape(left)}(?P<c{n}>[/\\]|end(?:[ _▁]of)?[ _▁])?(?:(?:begin|start)(?:[ _▁]of)?[ _▁])?"
        rf"{_PREFIX}(?P<w{n}>{WORDS})(?P<e{n}>[ _▁]end)?(?:[ _▁](?:start|begin))?[ \t]*{re.escape(right)}"
        for n, (left, right) in enumerate(BRACKETS.items())
    )
    + ")",
    re.IGNORECASE,
)
_LEFTS = tuple(BRACKETS)
_MARKS = 400
"""Delimiters that are looked at: half of them from the beginning of a text, half from its end."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A delimiter in a text."""

    start: int
    end: int
    closes: bool
    kind: str
    """What an opening and its closing have in common."""


@cache
def _pairs(more: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, tuple[str, bool]], list[str]]:
    """A pattern of the literal delimiters.

    Also the opening of each, with its case folded, and whether it closes, and those of them that hold no bracket.
    """
    known: dict[str, tuple[str, bool]] = {}
    for opening, closing in (*PAIRS.items(), *more):
        known[opening.casefold()] = (opening, False)
        known[closing.casefold()] = (opening, True)
    longest_first = sorted(known, key=len, reverse=True)
    bare = [name for name in known if not any(map(name.__contains__, _FIRSTS))]
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE), known, bare


def _marks(text: str, more: tuple[tuple[str, str], ...]) -> list[_Mark]:
    """The delimiters of reasoning in a text, in order."""
    found = []
    bracketed = any(map(text.__contains__, _FIRSTS))
    if bracketed:
        for match in _TAG.finditer(text):
            n = next(n for n in range(len(_LEFTS)) if match[f"w{n}"])
            if _LEFTS[n] != "[" or not text.startswith("(", match.end()):  # which is a link
                closes = bool(match[f"c{n}"] or match[f"e{n}"] or "/" in _LEFTS[n])
                kind = f"{_LEFTS[n].replace('/', '')}{match[f'w{n}'].lower()}"
                found.append(_Mark(match.start(), match.end(), closes, kind))
    pattern, known, bare = _pairs(more)
    folded = text.casefold()
    if any(map(folded.__contains__, known if bracketed else bare)):  # to search for the pattern takes 50 times as long
        for match in pattern.finditer(text):
            kind, closes = known[match.group().casefold()]
            found.append(_Mark(match.start(), match.end(), closes, kind))
    found.sort(key=lambda mark: (mark.start, -mark.end))
    return found if len(found) <= _MARKS else found[: _MARKS // 2] + found[-_MARKS // 2 :]


# Whether a piece is what the answer is about ------------------------------------------------------------------

_NAMED = later(
    r"[ \t]*(?:tags?|blocks?|tokens?|markers?|delimiters?|elements?|sections?|symbols?|strings?|mode)\b", re.IGNORECASE
)
_ARTICLE = later(
    r"\b(?:an?|the|no|any|this|that|my|its|closing|opening|without|literal|special|called|named)[ \t]$", re.IGNORECASE
)
_IN_SENTENCE = later(r"[ \t]+[a-z,.;:)]|[,.;:)?!]")
_APOSTROPHE = later(r"(?<![A-Za-z])'|'(?![A-Za-z])")
_QUOTES = (later("(?<!`)`(?!`)"), later('"'), _APOSTROPHE)
_COMMENT = later(r"[ \t]*#(?!#)|.*\S[ \t]{2,}# ")
_AROUND = 400
"""Characters of a line that are looked at on either side."""


class _Structure:
    """Tells structure from content in one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._blocks: list[Block] | None = None

    def content(self, start: int, end: int, *, alone: bool = True) -> bool:
        """Whether a piece stands for itself: quoted, in a fence that closes, a comment, or named in a sentence.

        Args:
            start: where it begins.
            end: where it ends.
            alone: a piece that has a line to itself is never content.
        """
        before, after = self.line(start, end)
        if alone and not before.strip() and not after.strip():
            return False
        if _COMMENT.match(before) or any(len(quote.findall(before)) % 2 and quote.search(after) for quote in _QUOTES):
            return True
        named = _NAMED.match(after) or (_ARTICLE.search(before) and _IN_SENTENCE.match(after))
        return bool(before.strip() and named) or self.fenced(start)

    def line(self, start: int, end: int) -> tuple[str, str]:
        """What stands before and behind a piece in its line."""
        text = self._text
        begin = max(text.rfind("\n", max(0, start - _AROUND), start) + 1, start - _AROUND, 0)
        stop = text.find("\n", end, end + _AROUND)
        return text[begin:start], text[end : stop if stop >= 0 else end + _AROUND]

    def fenced(self, place: int) -> bool:
        """Whether a place is in a fenced block that closes."""
        number = bisect.bisect_right(self.blocks, place, key=lambda block: block.inside) - 1
        return number >= 0 and self.blocks[number].closed and place < self.blocks[number].end

    @property
    def blocks(self) -> list[Block]:
        """The fenced blocks of the text."""
        if self._blocks is None:
            self._blocks = blocks(self._text) if "```" in self._text or "~~~" in self._text else []
        return self._blocks


# Reasoning ----------------------------------------------------------------------------------------------------

_HARMONY = later(
    r"(?:<\|start\|>[^<\n]{0,80})?<\|channel\|>(?P<name>[^<\n]{0,80}?)"
    r"(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>"
)
"""The head of a message of harmony (https://cookbook.openai.com/articles/openai-harmony)."""
_HARMONY_END = later(r"<\|(?:end|return|call|start|channel)\|>")
_HARMONY_USER = later(r"<\|start\|>(?!assistant)")
_BARE_HARMONY = later(r"analysis(?=[A-Z])")
_BARE_FINAL = later(r"assistantfinal(?=\S)")
"""Harmony whose tokens were lost on the way: `analysisWe need…assistantfinalThe answer`."""
_LEAD = later(
    r"(?:\s+|[\u200b\u2060\ufeff]|<s>|<bos>|<sop>|\[gMASK\]|\[/INST\]|<start_of_turn>(?:model|assistant)?"
    r"|<\|(?:im_start|start_header_id|start|role_start|begin|begin_of_text|startoftext)\|>(?=\s*(?:assistant|<))"
    r"|assistant(?=\s*<)|(?<=[>\]])assistant(?=\n)|<\|(?:end_header_id|im_sep|message|role_end)\|>"
    r"|<\|(?:assistant|CHATBOT_TOKEN|START_OF_TURN_TOKEN|START_RESPONSE|begin_of_solution)\|>"
    r"|<｜(?:Assistant|begin▁of▁sentence)｜>)*",
    re.IGNORECASE,
)
"""What a reply may begin with before anything is said: blanks, and the header of the assistant's own turn."""


@dataclass(slots=True)
class _Parted:
    """A reply without its reasoning."""

    answer: str
    thoughts: list[tuple[str, str]]
    """Each thought, and the delimiter that it was known by."""
    unfinished: bool = False
    opened_before: bool = False
    rest: str = ""
    """What follows the answer's own message, in harmony."""


def opens(prompt: str, more: Mapping[str, str] | None = None) -> bool:
    """Whether a text that a model goes on from ends by opening its reasoning.

    Args:
        prompt: the text, chat template and all.
        more: delimiters of this model, opening to closing, beside the known ones.
    """
    last = prompt.rstrip()[-200:]
    return any(mark.end == len(last) and not mark.closes for mark in _marks(last, _own(more)))


def split(text: str, more: Mapping[str, str] | None = None, *, opened: bool = False) -> Split:
    """Part a reply into its reasoning and its answer.

    Only blocks at the very start are reasoning. The same tags further down are part of the answer. A text that closes a
    block it never opened starts inside one, because some chat templates put the opening tag into the prompt.

    Args:
        text: everything the model wrote.
        more: delimiters of this model, opening to closing, beside the known ones.
        opened: the prompt is known to have opened reasoning.
    """
    parted = _part(text, _own(more), opened=opened, everywhere=False)
    if not parted.thoughts:
        return Split(text)
    reasoning = "\n\n".join(kept for thought, _ in parted.thoughts if (kept := thought.strip())) or None
    return Split(None if parted.unfinished else parted.answer.lstrip(), reasoning, parted.opened_before)


def _own(more: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((more or {}).items())


def _part(text: str, more: tuple[tuple[str, str], ...], *, opened: bool, everywhere: bool) -> _Parted:
    """Take reasoning off. With `everywhere`, also the blocks that come after something was said."""
    harmony = _harmony(text, everywhere=everywhere)
    if harmony is not None:
        return harmony
    marks = _marks(text, more)
    if marks or opened:
        return _without(text, marks, opened=opened, everywhere=everywhere)
    return _Parted(text, [])


def _without(text: str, marks: list[_Mark], *, opened: bool, everywhere: bool) -> _Parted:
    """A reply without the reasoning that its delimiters part off."""
    structure = _Structure(text)
    kept, at, number = "", 0, 0
    thoughts: list[tuple[str, str]] = []
    opened_before = False
    while number < len(marks):
        mark, number = marks[number], number + 1
        name = text[mark.start : mark.end]
        said = bool(kept.strip()) or _lead(text, at) < mark.start
        if mark.start < at or (said and structure.content(mark.start, mark.end)):
            continue
        if mark.closes:
            if mark.kind in _NEVER_ALONE or (said and thoughts and not text[mark.end :].strip()):
                continue  # the latter is a stray one behind the answer
            opened_before = opened_before or not thoughts
            thoughts.append((kept + text[at : mark.start], name))
            kept, at = "", mark.end
            continue
        closing = _closing(marks, number, mark, structure)
        if said and not everywhere:  # a part of the answer, up to its end
            number = number if closing is None else closing + 1
        elif closing is not None:
            thoughts.append((text[mark.end : marks[closing].start], name))
            kept, at, number = kept + text[at : mark.start] if said else "", marks[closing].end, closing + 1
        elif not said or not structure.line(mark.start, mark.end)[0].strip():
            kept = kept + text[at : mark.start] if said else ""
            thoughts.append((text[mark.end :], name))
            return _Parted(kept, thoughts, unfinished=not said, opened_before=opened_before)
    if opened and not thoughts:
        return _Parted("", [(text, "opened in the prompt")], unfinished=True, opened_before=True)
    return _Parted(kept + text[at:], thoughts, opened_before=opened_before)


def _closing(marks: list[_Mark], start: int, opening: _Mark, structure: _Structure) -> int | None:
    """The number of the mark that closes an opening: of its own kind before any other, and not one of the text's."""
    closing = [number for number in range(start, len(marks)) if marks[number].closes]
    same = [number for number in closing if marks[number].kind == opening.kind]
    for number in (*same, *closing):
        if not structure.content(marks[number].start, marks[number].end):
            return number
    return same[0] if same else None


def _lead(text: str, start: int) -> int:
    """The first place, from one on, at which something is said."""
    found = _LEAD.match(text, start)
    return found.end() if found else start


def _harmony(text: str, *, everywhere: bool) -> _Parted | None:  # noqa: PLR0911 - one per form
    """The parts of a reply in harmony's channels. `None` if it is none."""
    begin = _lead(text, 0)
    if _BARE_HARMONY.match(text, begin):
        final = _BARE_FINAL.search(text, begin)
        if final is None:
            return _Parted("", [(text, "analysis")], unfinished=True)
        return _Parted(text[final.end() :], [(text[: final.start()], "analysis")])
    if "<|channel|>" not in text:
        return None
    heads = list(itertools.islice(_HARMONY.finditer(text), _MARKS))
    if not heads or _Structure(text).content(heads[0].start(), heads[0].end()):
        return None
    before = text[begin : heads[0].start()]
    if before.strip() and ((not everywhere and not _HARMONY_END.search(before)) or _HARMONY_USER.search(before)):
        return None
    thoughts = [(before, "<|channel|>")] if before.strip() else []
    for head in heads:
        end = _HARMONY_END.search(text, head.end())
        said = text[head.end() : end.start() if end else len(text)]
        if head["name"].strip().startswith("final"):
            return _Parted(said, thoughts, rest=text[end.start() :] if end else "")
        thoughts.append((said, f"<|channel|>{head['name']}"))
    if before.strip():
        return _Parted(before, thoughts[1:])
    return _Parted("", thoughts, unfinished=True)


# Tags that no table knows -------------------------------------------------------------------------------------

_FIRST_TAG = later(r"\s*<(?P<name>[A-Za-z][\w:.-]{2,40})>")
_HOLDS_AN_ANSWER = later(
    r"ans|final|solution|result|respon|reply|output|conclu|summary|code|python|tool|function|call|json|xml|html|body|text"
    r"|message|content|assistant|user|system|div|span|section|article|main|strong|table|pre|math|sup|sub|center|font"
    r"|h[1-6]$|note|box|value|number",
    re.IGNORECASE,
)
"""In the name of a tag: what it holds is the answer, a part of a page, or said to somebody."""
_FIRST_TAGS = 5


def _without_first_tags(text: str, answered: Callable[[str], bool]) -> tuple[str, list[Removed]]:
    """A text without the tagged blocks that it begins with, if what is behind each holds the answer."""
    removed = []
    for _ in range(_FIRST_TAGS):
        tag = _FIRST_TAG.match(text)
        close = text.find(f"</{tag['name']}>", tag.end()) if tag and not _HOLDS_AN_ANSWER.search(tag["name"]) else -1
        if tag is None or close < 0:
            break
        rest = text[close + len(tag["name"]) + 3 :]
        if not rest.strip() or not answered(rest):
            break
        removed.append(_removed("reasoning", f"<{tag['name']}>", text[tag.end() : close]))
        text = rest
    return text, removed


# Special tokens -----------------------------------------------------------------------------------------------

_TOKEN = later(
    r"<\|[^\s|<>][^|<>\n]{0,40}\|?>|<｜[^｜<>\n]{1,40}｜>|<(?:turn|channel|tool)\|>|</?s>"
    r"|<(?:/?(?:eos|bos|pad|unk|sop|eop|eod|eot|eom|sep|end|stop)|(?:start|end)_of_(?:turn|text|utterance|sequence)"
    r"|im_(?:start|end)|end_of_(?:message|response|document)|fim_\w{1,20}|file_sep|jupyter_\w{1,20}|empty_output"
    r"|repo_name|unused\d{1,5}|extra_id_\d{1,3}|reserved_\d{1,5}|0x[0-9A-Fa-f]{2})>"
    r"|\[(?:EOS|BOS|PAD|SEP|CLS|DONE|END|STOP|/?INST|gMASK|UNUSED_TOKEN_\d{1,5}|unused\d{1,5}"
    r"|END (?:FINAL RESPONSE|OF TEXT|OF TURN)|END_OF_\w{1,20}|\|[^\s|\[\]]{1,30}\|)\]|\[e~\[|\]~b\]",
    re.IGNORECASE,
)
"""Tokens of chat formats that a server let through. What `_INSIDE` says is inside one decides what it does."""
_WRAPS = later(
    r"box|image|video|audio|vision|python|tool|function|pad|unk|response|solution|message|quad|object_ref",
    re.IGNORECASE,
)
"""Tokens that are only taken off where they stand: around a part of the answer, or for nothing."""
_ENDS = later(
    r"end|eo[stmdp]|stop|done|return|call|</?s>|\be\W|im_start|start|user|human|assistant|prompter|system|inst|observation|bos|sop"
    r"|begin|sep|file|\[e~|~b\]|turn|round|extra_id|unused|reserved",
    re.IGNORECASE,
)
"""Tokens that end a turn or begin another one: nothing behind them belongs to the answer."""
_ECHO = later(
    r"(?:\s|<s>|<bos>|<\|begin_of_text\|>)*(?:\[INST\]|<\|im_start\|>(?:user|system)\b|<\|(?:user|system)\|>"
    r"|<\|start_header_id\|>(?:user|system)<|<start_of_turn>user\b|<｜User｜>)",
    re.IGNORECASE,
)
"""The prompt in its chat template, which some servers send back before the answer."""
_REPLY = later(
    r"\[/INST\]|<\|im_start\|>assistant\b|<\|assistant\|>|<\|start_header_id\|>assistant<\|end_header_id\|>"
    r"|<start_of_turn>model\b|<｜Assistant｜>",
    re.IGNORECASE,
)
_BLANK = " \t\r\n\u200b\u2060\ufeff"
_LOOKED_AT = 1000
"""Special tokens of a reply that are looked at."""


def _without_tokens(text: str) -> tuple[str, list[Removed], bool]:
    """A text without the special tokens around it, what came off, and whether something followed the answer."""
    removed = []
    echo = _ECHO.match(text)
    if echo is not None and (reply := _REPLY.search(text, echo.end())) is not None:
        removed.append(_removed("token", "the prompt before the answer", text[: reply.end()]))
        text = text[reply.end() :]
    structure = _Structure(text)
    spans = list(_at_fences(text, structure))
    removed += [_removed("token", "before a fence", text[start:end]) for start, end in spans]
    begin, last = _lead(text, 0), _last_tokens(text, alone=False)
    for token in itertools.islice(_TOKEN.finditer(text), _LOOKED_AT):
        start, end = token.span()
        name = token.group()
        if start < begin or any(first <= start < stop for first, stop in spans[:_LOOKED_AT]):
            continue
        if start == begin:
            begin = _lead(text, end)
            removed.append(_removed("token", "before the answer", name))
        elif start >= last:
            break
        elif structure.content(start, end, alone=False) or (name == "</s>" and "<s>" in text[begin:start]):
            continue
        elif _WRAPS.search(name):
            spans.append((start, end))
            removed.append(_removed("token", "around a part of the answer", name))
        elif _ENDS.search(name):
            turn = _removed("turn", name, text[start:])
            return _cut(text, begin, start, spans), [*removed, turn], True
    if last < len(text) and not ("</s>" in text[last:] and "<s>" in text[:last]):
        removed.append(_removed("token", "behind the answer", text[last:].strip()))
        return _cut(text, begin, last, spans), removed, True
    return (_cut(text, begin if removed else 0, len(text), spans) if removed else text), removed, False


def _at_fences(text: str, structure: _Structure) -> Iterator[tuple[int, int]]:
    """The tokens at the end of blocks that hold no others, and are not all there is in them."""
    for block in structure.blocks:
        inside = text[block.inside : block.end]
        last = _last_tokens(inside, alone=True)
        if block.closed and 0 < last < len(inside.rstrip(_BLANK)):
            yield block.inside + last, block.inside + len(inside.rstrip(_BLANK))


def _last_tokens(text: str, *, alone: bool) -> int:
    """The place at which the special tokens begin that a text ends in. It may be the text's end.

    Args:
        text: the text.
        alone: if there are others further up, these are no end either.
    """
    found = list(_TOKEN.finditer(text))
    end = len(text)
    while found and not text[found[-1].end() : end].strip(_BLANK):
        end = found.pop().start()
    return len(text) if (found and alone) or end == len(text) else len(text[:end].rstrip(_BLANK))


def _cut(text: str, begin: int, stop: int, spans: list[tuple[int, int]]) -> str:
    """A part of a text without some spans in it."""
    kept, at = [], begin
    for start, end in sorted(spans):
        if at <= start < stop:
            kept.append(text[at:start])
            at = end
    return "".join([*kept, text[at:stop]])


# Turns --------------------------------------------------------------------------------------------------------

QUESTIONS = (
    # what an example, or an instruction, is called
    *(
        "question",
        "q",
        "problem",
        "exercise",
        "task",
        "input",
        "instructions?",
        "instruct",
        "prompt",
        "query",
        "puzzle",
        *("follow[- ]?up", "bonus", "extension", "challenge", "practice", "your turn", "now you try", "you"),
    ),
    *("human", "user", "student", "customer", "(?:gpt4 correct )?user", "<human>", "<user>", "context"),
    *("pregunta", "problema", "ejercicio", "usuario"),  # es, it, pt
    *("pergunta", "exerc[ií]cio", "usu[áa]rio", "domanda", "esercizio", "utente"),
    *("problème", "exercice", "utilisateur", "frage", "aufgabe", "benutzer", "nutzer"),  # fr, de
    *("задача", "вопрос", "упражнение", "пользователь", "питання", "завдання"),  # ru, uk
    *("问题?", "問題?", "题目?", "題目?", "例题", "用户", "用戶", "質問", "ユーザー", "次の問題", "下一题"),  # zh, ja
    *("질문", "문제", "사용자"),  # ko
    *("โจทย์", "คำถาม", "ปัญหา", "ผู้ใช้"),  # th
    *("swali", "tatizo", "mtumiaji", "zoezi"),  # sw
    *("প্রশ্ন", "সমস্যা", "ব্যবহারকারী", "ప్రశ్న", "సమస్య", "వినియోగదారు", "प्रश्न", "सवाल", "समस्या"),  # bn, te, hi
    *("سؤال", "السؤال", "مسألة", "پرسش", "سوال", "שאלה"),  # ar, fa, ur, he
    *("vraag", "opgave", "pytanie", "zadanie", "soru", "problem", "câu hỏi", "bài toán", "pertanyaan", "soal"),
    *(
        "fråga",
        "uppgift",
        "spørgsmål",
        "spørsmål",
        "kysymys",
        "otázka",
        "úloha",
        "ερώτηση",
        "întrebare",
        "kérdés",
        "feladat",
    ),
)
"""What a next question is called, at the beginning of a line and before a colon."""
_NAMES = "|".join(dict.fromkeys(QUESTIONS))
_KIND = (
    r"(?:(?:next|another|new|follow-?up|similar|bonus|practice|sample|your|user|math|test|nächste[rs]?|siguiente|próxim[oa]"
    r"|prochaine?|nouvelle|seguente|prossim[oa]|следующ\w{2,3})[ \t]+)?"
)
_AFTER_NAME = r"(?:[ \t]+(?:la (?:pili|tatu|nne|tano|kwanza)|suivante?|siguiente|seguinte|seguente|successiv[oa]))?"
_NUMBER = r"[ \t]*(?:#|no\.?|nr\.?|n[°º]|№|la|ya|ข้อ(?:ที่)?|ที่|第)?[ \t]*\d{1,4}"
_LEFT = r"\n[ \t]{0,3}(?:>[ \t]?){0,3}(?:[*_]{1,3}|[#=]{1,6}[ \t]*[*_]{0,3}|\[\|?|\d{1,3}[.)][ \t]+)?"
_NUMBERED = rf"{_NUMBER}\]?[*_]{{0,3}}[ \t]*(?:[.:：)]|={{2,}}|(?=\n|\Z))"
_NEXT_TURN = later(
    rf"{_LEFT}{_KIND}(?:(?:{_NAMES})"
    rf"(?:{_AFTER_NAME}(?:{_NUMBER})?(?:[ \t]*\([^()\n]{{0,30}}\))?(?:\|?\])?[*_]{{0,3}}[ \t]*[:：﹕]|{_NUMBERED})"
    rf"|(?:example|exemple|ejemplo|beispiel|esempio|例){_NUMBERED})"
    rf"|\n[ \t]*(?:#{{1,6}}[ \t]*[*_]{{0,3}}|\[){_KIND}(?:{_NAMES})[*_]{{0,3}}\]?[ \t]*(?=\n|\Z)"
    r"|\n[ \t]*\[(?:round|turn)[ \t]*\d+\]|\n[ \t]*(?-i:user|human)[ \t]*(?=\n)|\n[ \t]*q\.[ \t]+(?=[^\n]*\?)",
    re.IGNORECASE,
)
_TRIES = 20
"""Markers that are tried: an answer comes before the first few, or before none."""


def _without_turns(text: str, answered: Callable[[str], bool]) -> tuple[str, list[Removed]]:
    """A text up to the first marker of another question that has an answer before it."""
    structure = _Structure(text)
    for turn in itertools.islice(_NEXT_TURN.finditer(text), _TRIES):
        before = text[: turn.start()]
        if before.strip() and not structure.fenced(turn.start() + 1) and answered(before):
            return before, [_removed("turn", turn.group().strip(), text[turn.start() :])]
    return text, []


# All of it ----------------------------------------------------------------------------------------------------


def clean(
    text: str,
    answered: Callable[[str], bool] | None = None,
    more: Mapping[str, str] | None = None,
    *,
    opened: bool = False,
) -> Cleaned:
    """The answer in a reply, and what was wrapped around it.

    Args:
        text: the reply.
        answered: whether a text holds an answer. If a marker of another question stands before one, it ends the reply.
            Without this function such markers are left alone.
        more: delimiters of this model's reasoning, opening to closing, beside the known ones.
        opened: the prompt is known to have opened reasoning.
    """
    parted = _part(text, _own(more), opened=opened, everywhere=True)
    removed = [_removed("reasoning", why, thought) for thought, why in parted.thoughts]
    if parted.unfinished:
        return Cleaned("", tuple(removed), unfinished=True)
    answer, tokens, complete = _without_tokens(parted.answer)
    removed += tokens
    if answered is not None and answer.lstrip()[:1] == "<":
        answer, tagged = _without_first_tags(answer, answered)
        removed += tagged
    if parted.rest:
        complete = True
        removed.append(
            _removed(
                "turn" if _last_tokens(parted.rest, alone=False) else "token", "after the final message", parted.rest
            )
        )
    if answered is not None:
        answer, turns = _without_turns(answer, answered)
        removed += turns
        complete = complete or bool(turns)
    return Cleaned(answer, tuple(removed), complete=complete)


def _removed(what: Literal["reasoning", "token", "turn"], why: str, text: str) -> Removed:
    return Removed(what, why, text[:SHOWN], len(text))
