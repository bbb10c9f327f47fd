"""Chapters that a file has already, and what their names say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.segments.types import Label, Segment

_LONGEST_S = 600.0
"""A chapter that is longer tells by its name where something begins, not that it is all of it."""
_SHORTEST_S = 1.0
_RECAP = (
    # English
    r"(series |episode |season )?recap(itulation)?( of .+)?",
    r"(episode |plot )?summary|synopsis|catch ?up",
    r"previously( on| in)?( .+)?|(last|previous) (time|week|episode|season)( on| in)?( .+)?",
    r"earlier (on|in) .+|(the )?story so far|so far on .+",
    # German, Dutch, the Nordic languages
    r"was (bisher|zuvor) geschah|bisher (bei|in) .+|rückblick|rueckblick|zusammenfassung|zuvor",
    r"samenvatting|wat vooraf ?ging|(de )?vorige keer|eerder in .+",
    r"tidigare( i .+)?|sammanfattning|tidligere( i .+)?|sammendrag|resumé|aiemmin|aikaisemmin",
    # French, Spanish, Portuguese, Italian, Romanian
    r"précédemment( dans .+)?|precedemment( dans .+)?|résumé( des? .+)?|resume( des? .+)?|rappel",
    r"dans l(es)? épisodes? précédents?",
    r"anteriormente( en .+| em .+)?|previamente|resumen|resumo|retrospectiva|recapitulação",
    r"en (el )?episodios? anterior(es)?|no episódio anterior|nos episódios anteriores",
    r"riassunto( .+)?|riepilogo|negli episodi precedenti|nell[ae] puntat[ae] precedent[ei]",
    r"rezumat|anterior în .+",
    # Polish, Czech, Hungarian, Turkish, Greek, Russian, Ukrainian
    r"poprzednio( w .+)?|streszczenie|w poprzednich odcinkach|w poprzednim odcinku",
    r"minule( v .+)?|v minul(ém dílu|ých dílech)|co se stalo minule|shrnutí",
    r"az előző részek(ből)?|összefoglaló|önceki bölümde|özet",
    r"στα προηγούμενα( .+)?|περίληψη",
    r"ранее( в .+)?|в предыдущ(ей|их) сери(и|ях)|краткое содержание|раніше( в .+)?",
    # Japanese, Chinese, Korean
    r"前回(の?(あらすじ|まで|のお話))?|あらすじ|これまでの(あらすじ|お話|物語)?",
    r"前情(提要|回顾|回顧)|上集(回顾|回顧|提要)|지난 ?(이야기|줄거리)|줄거리",
)
_INTRO = (
    r"(the )?(show |series )?intro(duction)?|op|ncop|op ?(theme|song)",
    r"openings?( (theme|credits?|titles?|song|sequence|animation|music))*",
    r"(main|opening|start(ing)?) (titles?|credits?|theme)|titles?|title (sequence|card|song)",
    r"theme( song| music)?|(series|show) (titles?|theme)",
    r"vorspann|titelmelodie|anfangstitel|titelsequenz|begintune|begintitels|openingstitels",
    r"vinjett|förtexter|fortekster|alkutekstit|åbningstekster|åpningstekster|tunnusmusiikki",
    r"générique( d(e |u )?(début|ouverture|debut))?|generique( de debut)?|ouverture",
    r"cabecera|apertura|introducción|introducao|introdução|abertura|vinheta|genérico inicial",
    r"(sigla|titoli)( di)? (testa|apertura|iniziale|inizio)|sigla|introduzione|generic început",
    r"czołówka|znělka|úvod(ní titulky|ní znělka)?|főcím|bevezető|açılış( jeneriği)?|jenerik",
    r"τίτλοι αρχής|εισαγωγή|заставка|опенинг|вступление|начальные титры|вступ",
    r"オープニング(テーマ)?|主題歌|片(头|頭)(曲)?|오프닝",
)
_NUMBERED = re.compile(
    r"^(?:(?:chapter|kapitel|chapitre|capítulo|capitolo|глава|part)\s+)?\d+\s+(?=\D)"
)
_TRAILING = re.compile(r"(?:\s+\d{1,2}|\s+[ab]|(?<=[^\W\d_])\d{1,2})$")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of a file."""

    start_s: float
    end_s: float
    """Seconds from the file's beginning."""
    title: str


def named(title: str) -> Label | None:
    """What a chapter's name calls it, in any of some twenty languages; None for every other name.

    The whole name must say it: 'Opening Night' is a name of content, 'Intro end' is where it
    begins.
    """
    name = _plain(title)
    for text in (name, _TRAILING.sub("", name)):
        if _INTRO_NAMES.fullmatch(text):
            return Label.INTRO
        if _RECAP_NAMES.fullmatch(text):
            return Label.RECAP
    return None


def labelled(chapters: Sequence[Chapter]) -> tuple[Segment, ...]:
    """Segments that chapters name, in order; neighbours of one label are one segment.

    One that lasts more than ten minutes, or more than half of all chapters, is not believed: the
    last chapter goes to the end, and a lecture's introduction is no opening.
    """
    made: list[Segment] = []
    for chapter in sorted(chapters, key=lambda c: c.start_s):
        label = named(chapter.title)
        start_s = max(chapter.start_s, 0.0)
        if label is None or chapter.end_s - start_s < _SHORTEST_S:
            continue
        if made and made[-1].label is label and start_s - made[-1].end_s < 0.5:
            made[-1] = replace(made[-1], end_s=max(made[-1].end_s, chapter.end_s))
        elif not made or start_s >= made[-1].end_s - 1e-3:
            made.append(Segment(label, start_s, chapter.end_s))
    most_s = min(_LONGEST_S, max((c.end_s for c in chapters), default=0.0) / 2)
    return tuple(segment for segment in made if segment.length_s <= most_s)


def _plain(title: str) -> str:
    """Lower case, no punctuation, no numbering in front."""
    text = unicodedata.normalize("NFKC", title).casefold()
    words = "".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in text).split()
    return _NUMBERED.sub("", " ".join(words))


def _compiled(patterns: Sequence[str]) -> re.Pattern[str]:
    plain = (unicodedata.normalize("NFKC", p).casefold() for p in patterns)
    return re.compile("|".join(f"(?:{p})" for p in plain))


_RECAP_NAMES, _INTRO_NAMES = _compiled(_RECAP), _compiled(_INTRO)
