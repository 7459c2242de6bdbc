"""Questions with nothing to choose by: a number, a colour, a name. What a model picks, and how often, is its own habit.

All written for this project. Document i never moves; new questions go to the end.
"""

from __future__ import annotations

from typing import Any

CHOICES: tuple[tuple[str, str], ...] = (
    ("number", "Pick a number from 1 to 100."),
    ("colour", "Name a colour."),
    ("animal", "Name an animal."),
    ("girl", "Choose a first name for a girl in a story."),
    ("city", "Name a city."),
    ("digit", "Pick a number from 1 to 10."),
    ("fruit", "Name a fruit."),
    ("boy", "Choose a first name for a boy in a story."),
    ("letter", "Pick a letter of the alphabet."),
    ("coin", "Flip a coin in your head: heads or tails?"),
    ("day", "Pick a day of the week."),
    ("surname", "Choose a surname for a detective in a novel."),
    ("instrument", "Name a musical instrument."),
    ("country", "Name a country."),
    ("flower", "Name a flower."),
    ("month", "Pick a month."),
    ("card", "Pick a playing card and say its rank."),
    ("tree", "Name a tree."),
    ("planet", "Name a planet."),
    ("dog", "Choose a name for a dog."),
    ("vegetable", "Name a vegetable."),
    ("robot", "Choose a name for a friendly robot."),
    ("word", "Say any word."),
    ("dice", "Roll a die in your head and say what it shows."),
)
"""What is chosen, and the question."""
ONLY = "Answer with that alone, in one word."


def questions() -> list[dict[str, Any]]:
    """The questions."""
    return [{"prompt": f"{question} {ONLY}", "choice": choice} for choice, question in CHOICES]


def dataset(**_: Any) -> dict[str, Any]:
    """What lm-eval's `custom_dataset` wants: the questions as a `test` split."""
    from harness.taskdata import splits

    return splits(questions())
