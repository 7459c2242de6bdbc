"""Beginnings of sentences, and words that may come next: which one a model finds likeliest.

All written for this project, with several fitting words each, so that the likeliest is a matter of taste. Document i
never moves; new beginnings go to the end.
"""

from __future__ import annotations

from typing import Any

BEGINNINGS: tuple[tuple[str, str], ...] = (
    ("The old man opened the letter and began to", "cry laugh read smile shake sing"),
    ("On the table there was a small", "box knife lamp book cup bird"),
    ("In the morning the streets were full of", "people snow water cars children light"),
    ("She had never seen anything so", "beautiful strange big sad small terrible"),
    ("The best thing about the village was the", "food river people church silence school"),
    ("After the war he went back to", "work school France farming London sea"),
    ("The results of the experiment were", "clear surprising mixed published unexpected good"),
    ("My grandmother always told me to", "wait listen eat work smile pray"),
    ("The main problem with the plan is the", "cost time lack risk number weather"),
    ("When the music stopped, everybody began to", "clap leave talk laugh dance shout"),
    ("The company announced that it would", "close cut invest move open buy"),
    ("Deep in the forest lived a", "wolf witch family fox man bear"),
    ("To make the soup, first cut the", "onions carrots meat potatoes vegetables bread"),
    ("The teacher asked the children to", "read draw sit write listen stop"),
    ("Nobody knew why the river had turned", "red black green cold white brown"),
    ("He put on his coat and went to the", "door station market park office garden"),
    ("The most important part of the machine is the", "engine wheel pump valve motor switch"),
    ("Her favourite season was", "autumn spring summer winter Christmas always"),
    ("The report says that prices have", "risen fallen doubled increased dropped changed"),
    ("At the end of the road stood a", "house church tree man castle gate"),
    ("Every evening the two brothers would", "play talk argue walk read fight"),
    ("The law was changed because of", "pressure protests money public new concerns"),
    ("The moon rose slowly over the", "sea hills city mountains trees lake"),
    ("Scientists have found a new", "species way planet method type drug"),
    ("The train was late because of the", "snow rain weather strike accident fog"),
    ("What he wanted most of all was", "money peace love time freedom revenge"),
    ("The children ran down to the", "beach river water sea lake garden"),
    ("A good friend is somebody who", "listens helps knows cares will can"),
    ("The first computer he owned was", "a an old slow bought very"),
    ("In her pocket she found a", "key coin letter note stone ticket"),
    ("The king ordered his men to", "attack kill bring build march leave"),
    ("It was the coldest", "winter night day morning place year"),
    ("The doctor said that the patient needed", "rest surgery help more a to"),
    ("For dinner they had", "fish chicken bread rice soup pizza"),
    ("The bird in the cage was", "singing dead blue asleep sad silent"),
    ("He learned to play the", "piano guitar violin game drums flute"),
    ("The city is famous for its", "architecture food bridges history beaches museums"),
    ("Behind the house there was a large", "garden tree field barn pond tower"),
    ("The film was long and", "boring sad slow complicated beautiful very"),
    ("She wrote a book about", "her the love women war how"),
)
"""A beginning, and words that may follow it."""


def documents() -> list[dict[str, Any]]:
    """Beginnings with their words, each with the blank that comes before it."""
    return [{"prompt": text, "words": [f" {word}" for word in words.split()]} for text, words in BEGINNINGS]


def dataset(**_: Any) -> dict[str, Any]:
    """What lm-eval's `custom_dataset` wants: the beginnings as a `test` split."""
    from harness.taskdata import splits

    return splits(documents())
