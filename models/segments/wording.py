"""Words on the screen and in the voices: titles, names and phrases, split by the words."""

from __future__ import annotations

from functools import cache

import numpy as np


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_FIRST = {
    "train": _split(
        "Silent Broken Northern Crimson Hollow Winter Paper Golden Hidden Distant Iron Salt "
        "Velvet Burning Second Electric Lost Wild Bitter Fallen Glass Midnight"
    ),
    "validation": _split("Amber Restless Southern Wooden Quiet Scarlet"),
    "test": _split("Frozen Last Emerald Borrowed Eastern Copper Stolen Pale Forgotten"),
}
_SECOND = {
    "train": _split(
        "Harbour Street Kingdom River Witness County Horizon Garden Station Empire Bridge "
        "Orchard Doctors Line Island Protocol House Summer Signal Court"
    ),
    "validation": _split("Meadow Tower Letters District Voyage Bay"),
    "test": _split("Valley Crown Detectives Shore Engine Hour Sisters Falls Avenue"),
}
_GIVEN = {
    "train": _split(
        "Anna Peter Maria John Lucia Karl Emma David Nina Oscar Julia Tom Eva Paul Ines "
        "Martin Sara Leo Alice Frank Rosa Hugo"
    ),
    "validation": _split("Clara Edwin Greta Simon Vera Ralph"),
    "test": _split("Beatrice Owen Helga Marcus Tilda Jonas Petra Victor Irene"),
}
_FAMILY = {
    "train": _split(
        "Keller Novak Marsh Olsen Duarte Whitfield Lindgren Bauer Castle Moreau Petrov Hale "
        "Santoro Fisher Brandt Ferreira Young Kowalski Dean Rossi Walker Stein"
    ),
    "validation": _split("Ashby Horvat Lenz Carver Nilsen Pope"),
    "test": _split("Thorne Vries Galloway Ricci Sommer Blake Janssen Crowe Haddad"),
}
ROLES = (
    "Directed by", "Written by", "Produced by", "Executive Producer", "Music by", "Created by",
    "Edited by", "Director of Photography", "Casting by", "Starring", "Also starring", "with",
    "and",
    "Guest starring", "Costume Designer", "Production Designer",
)  # fmt: skip
RECAP_SAID = {
    "en": ("Previously on {title}.", "Last time, on {title}.", "Previously, on {title}..."),
    "de": ("Was bisher geschah.", "Bisher bei {title}."),
    "es": ("Anteriormente, en {title}.", "En capítulos anteriores."),
    "fr": ("Précédemment, dans {title}.", "Dans les épisodes précédents."),
    "it": ("Negli episodi precedenti.", "Nelle puntate precedenti di {title}."),
    "nl": ("Wat voorafging.", "Eerder in {title}."),
    "cs": ("V minulých dílech.",),
    "pl": ("W poprzednich odcinkach.",),
    "pt": ("Anteriormente, em {title}.",),
    "sv": ("Tidigare i {title}.",),
}
NARRATED = {
    "en": (
        "Attention please. The train to the coast is late.",
        "It was the year when all changed.",
        "You have one new message.",
        "This is the evening news.",
        "{title}. Tonight at nine.",
    ),
    "de": (
        "Achtung, bitte zurücktreten.",
        "Damals wusste es noch niemand.",
        "Sie hören die Nachrichten.",
        "{title}, gleich nach der Werbung.",
    ),
    "es": ("Atención, por favor.", "Nadie lo sabía entonces.", "Tiene un mensaje nuevo."),
    "fr": (
        "Votre attention, s'il vous plaît.",
        "Personne ne le savait encore.",
        "Vous avez un nouveau message.",
    ),
    "it": ("Attenzione, prego.", "Nessuno lo sapeva ancora.", "Ecco le notizie della sera."),
    "nl": ("Uw aandacht alstublieft.", "Niemand wist het nog.", "Dit is het nieuws."),
    "cs": ("Pozor, prosím.", "Tehdy to nikdo netušil."),
    "pl": ("Proszę o uwagę.", "Wtedy nikt jeszcze nie wiedział."),
    "pt": ("Atenção, por favor.", "Ninguém sabia ainda."),
    "sv": ("Se upp för dörrarna.", "Ingen visste det då."),
}
"""What synthetic voices say in the content: announcements, narrators, radio."""
RECAP_SHOWN = (
    "Previously on {title}", "Previously on", "Previously", "Last time on {title}", "Last time",
    "Earlier on {title}", "The story so far", "Last week", "Was bisher geschah",
    "Bisher bei {title}", "Anteriormente en {title}", "En capítulos anteriores", "Anteriormente",
    "Précédemment", "Dans les épisodes précédents", "Negli episodi precedenti",
    "Nelle puntate precedenti", "Wat voorafging", "Eerder in {title}", "W poprzednich odcinkach",
    "Tidigare", "V minulých dílech",
)  # fmt: skip
"""What recaps have written over them. Every split draws on them: they are known phrases, as in
television; the titles in them, their fonts, places and grounds are a split's own."""
FAR_RECAP_SHOWN = ("Tidligere i {title}", "Aiemmin tapahtunut", "Az előző részek tartalmából",
                   "Mis seni juhtus", "In der letzten Folge")  # fmt: skip
"""Phrases that only `far` has."""
NEXT_SHOWN = ("Next time on\n{title}", "Next time", "Next week")
CAPTIONS = {
    "train": ("Three days earlier", "London, 1987", "Six months later", "One year ago",
              "Berlin, 2:14 AM", "Later that night", "Monday", "Two weeks earlier", "Lisbon"),
    "validation": ("The next morning", "Vienna, 1953", "Ten years earlier"),
    "test": ("Five hours earlier", "Oslo, 1999", "The day before", "Somewhere in the north",
             "Present day"),
}  # fmt: skip
_SUBTITLES = {
    "train": "where have you been all night|i told you not to come here|we have to leave now|"
    "nobody knows about this|what did she say to you|it was never about the money|"
    "you should have called me|close the door please|i do not remember anything|he is not coming "
    "back|give me five minutes|that is what they want us to think",
    "validation": "they will find us sooner or later|did you see the letter|i had no choice|wait "
    "for me outside|this changes everything",
    "test": "why would anyone do that|tell him i said hello|the train leaves at noon|we are not "
    "alone in here|you never listen|put it down slowly|i think someone followed us",
}
MESSAGES = ("Are you there?", "Call me.", "CITY HERALD: MAYOR RESIGNS", "1 new message", "EXIT",
            "POLICE", "WANTED", "We need to talk", "BREAKING NEWS")  # fmt: skip
SLATES = ("{title}  Episode {n}", "PROD. {n}  REEL 1", "presents", "a {name} production",
          "{name} Pictures", "{name} Television")  # fmt: skip


@cache
def titles(split: str) -> tuple[str, ...]:
    """All titles of series of a split."""
    made = [f"{a} {b}" for a in _FIRST[split] for b in _SECOND[split]]
    made += [f"The {b}" for b in _SECOND[split]]
    order = np.random.default_rng(len(made)).permutation(len(made))
    return tuple(made[i] for i in order)


def name(rng: np.random.Generator, split: str) -> str:
    """A person's name."""
    return f"{rng.choice(_GIVEN[split])} {rng.choice(_FAMILY[split])}"


def subtitle(rng: np.random.Generator, split: str) -> str:
    """A line of dialogue as it is written under the picture."""
    said = str(rng.choice(_SUBTITLES[split].split("|")))
    return said[0].upper() + said[1:] + str(rng.choice([".", "?", "...", "!"]))
