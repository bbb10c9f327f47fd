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
_OF_OPENING = r"(theme|credits?|titles?|song|sequence|animation|music|movie|video|card)"
_INTRO = (
    r"(the )?(show |series )?intro(duction)?|(nc ?)?op( \d{1,2})?( (theme|song))?|op(theme|song)",
    r"intro (theme|song|music|sequence|animation|credits?|titles?|card)s?",
    rf"((creditless|textless|clean) )?(op|openings?)( \d{{1,2}})?( {_OF_OPENING})*",
    rf"(main|start(ing)?|series|show) (titles?|credits?|theme)( {_OF_OPENING})?",
    r"titles?|title (sequence|card|song|theme)|theme( song| music| tune)?|signature tune",
    r"vorspann|titelmelodie|anfangstitel|titelsequenz|begintune|begintitels|openingstitels",
    r"vinjett|förtexter|fortekster|alkutekstit|åbningstekster|åpningstekster|tunnusmusiikki",
    r"générique( d(e |u )?(début|ouverture|debut))?|generique( de debut)?|ouverture",
    r"cabecera|apertura|introducción|introducao|introdução|abertura|vinheta|genérico inicial",
    r"(sigla|titoli)( di)? (testa|apertura|iniziale|inizio)|sigla|introduzione|generic început",
    r"czołówka|znělka|úvod(ní titulky|ní znělka)?|főcím|bevezető|açılış( jeneriği)?|jenerik",
    r"τίτλοι αρχής|εισαγωγή|заставка|опенинг|вступление|начальные титры|вступ",
    r"オープニング(テーマ)?|主題歌|片(头|頭)(曲)?|오프닝",
)
_HEADS = {
    Label.INTRO: (
        r"(the )?(show |series )?intro( (theme|song|music|sequence|credits?|titles?))?",
        r"(nc ?)?op( ?(theme|song|sequence|animation))?|theme (song|music|tune)",
        rf"openings?( {_OF_OPENING})*",
        r"(main|opening) (titles?|credits?|theme)( (sequence|theme|song))?|title (sequence|song)",
        r"vorspann|titelmelodie|générique( de début)?|sigla( (di )?(testa|apertura|iniziale))?",
        r"cabecera|abertura|czołówka|znělka|заставка|опенинг",
        r"オープニング(テーマ)?|主題歌|片(头|頭)曲?|오프닝",
    ),
    Label.RECAP: (
        r"(series |episode |season )?recap|previously( on)?|last (time|week|episode)( on)?",
        r"(the )?story so far|was bisher geschah|précédemment|anteriormente|riassunto",
        r"poprzednio|ранее|前回(の?あらすじ)?|あらすじ|前情提要|지난 ?(이야기|줄거리)",
    ),
}
"""Names behind which that of the song or of the series may stand: `OP: Gurenge`."""
_COUNTED = (
    r"(chapter|scene|part|track|episode|ep|ch|kapitel|szene|folge|chapitre|scène|épisode|capítulo|"
    r"escena|episodio|capitolo|scena|глава|сцена|серия)"
)
_NUMBERED = re.compile(rf"^(?:{_COUNTED}\s*)?\d+\s+(?=\D)")
_NUMBER = re.compile(rf"(?:{_COUNTED}\s*)?\d+|s\d+\s?e\d+|第\d+[章話话]")
_BREAK = re.compile(r"[:|・•\"“”„«»「」『』《》〈〉【】\[\]()~〜]|\s-+(?=\s)|\s*[–—]\s*")
_EITHER = re.compile(r"[/&+]")
_OPUS = re.compile(r"\bop\.\s*\d")
"""A composer counts works so."""
_CONTENT = re.compile(
    r"scenes?|szene|scène|nights?|acts?|days?|shots?|ceremony|statements?|remarks|arguments?|"
    r"logos?|of|to|with"
)
"""What stands behind `Opening` where it begins the story."""
_END = re.compile(r"end(s|ed|ing|e)?|fine?|fini|over|outro|конец|koniec|終(わり|了)?")
_TRAILING = re.compile(r"(?:\s+\d{1,2}[ab]?|\s+[ab]|(?<=[^\W\d_])\d{1,2})$")


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
    text = unicodedata.normalize("NFKC", title).casefold()
    if _OPUS.search(text):
        return None
    label = _of_whole(_plain(text))
    either = {_of_whole(_plain(part)) for part in _EITHER.split(text)}
    if len(_EITHER.split(text)) > 1 and either != {None}:
        if len(either) == 1:  # `Main Titles / Opening Credits`
            return either.pop()
        return label if label is Label.RECAP else None  # `Previously on A & B`, `Intro & Credits`
    if label is not None:
        return label
    parts = [p for p in map(_words, _BREAK.split(text)) if p]
    while parts and _NUMBER.fullmatch(parts[0]):
        del parts[0]
    return _of_whole(" ".join(parts)) or _of_head(parts)


def _of_whole(name: str) -> Label | None:
    for text in (name, _TRAILING.sub("", name)):
        if _INTRO_NAMES.fullmatch(text):
            return Label.INTRO
        if _RECAP_NAMES.fullmatch(text):
            return Label.RECAP
    return None


def _of_head(parts: Sequence[str]) -> Label | None:
    """What the first part says, if the second may be the name of a song or of a series."""
    if len(parts) < 2:
        return None
    behind = " ".join(parts[1:]).split()
    if _CONTENT.fullmatch(behind[0]) or _END.fullmatch(behind[0]) or _END.fullmatch(behind[-1]):
        return None
    head = _TRAILING.sub("", parts[0])
    return next((label for label, names in _HEAD_NAMES.items() if names.fullmatch(head)), None)


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


def _plain(text: str) -> str:
    """Its words, without a number in front."""
    return _NUMBERED.sub("", _words(text))


def _words(text: str) -> str:
    """No punctuation, one space between words."""
    kept = (c if c.isalnum() or unicodedata.combining(c) else " " for c in text)
    return " ".join("".join(kept).split())


def _compiled(patterns: Sequence[str]) -> re.Pattern[str]:
    plain = (unicodedata.normalize("NFKC", p).casefold() for p in patterns)
    return re.compile("|".join(f"(?:{p})" for p in plain))


_RECAP_NAMES, _INTRO_NAMES = _compiled(_RECAP), _compiled(_INTRO)
_HEAD_NAMES = {label: _compiled(names) for label, names in _HEADS.items()}
