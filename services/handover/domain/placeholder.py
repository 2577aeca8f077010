"""Telling a placeholder from an answer: `TBD`, `n/a`, `.`, `avklares` and such say nothing."""

import re
import unicodedata

from services.chassis.invisible import FILLERS

# Whole answers that say nothing, by language. Case, marks, spaces and emoji do not matter:
# `n/a` also stands for `N.A.`, `tbd` for `T.B.D.!`. A word belongs here only if nobody who means
# something would write it alone.
PLACEHOLDERS = {
    "any": (
        "x, hm, tbd, tba, tbc, tbs, todo, to do, fixme, wip, n/a, na, nil, null, void, undefined, "
        "nan, placeholder, dummy, blank, empty, abc, blabla, bla bla bla, foo, foobar, "
        "foo bar, test, testing, asdf, asdfg, asdfgh, asdfghjkl, asd, sdf, "
        "dsf, fdsa, jkl, hjkl, jklø, jklæ, jklö, qwe, qwer, qwerty, qwertz, zxc, zxcv, zxcvbn, "
        "qaz, dfg, fgh, lorem, lorem ipsum"
    ),
    "en": (
        "to be decided, to be determined, to be defined, to be done, to be discussed, "
        "to be confirmed, to be announced, to be advised, to be agreed, to be clarified, "
        "to be completed, to be filled in, to be filled out, to be provided, to be specified, "
        "to be added, to be updated, to come, coming, coming soon, coming later, later, "
        "will follow, follows, follows later, will be added, will be added later, "
        "will be clarified, will be decided later, will come later, will update later, "
        "fill in, fill in later, fill out later, fill me in, add later, add text here, "
        "text here, your text here, insert text here, enter text here, some text, text, "
        "none, nothing, none yet, nothing yet, not yet, not applicable, not relevant, "
        "not available, not known, not known yet, not yet known, not decided, not decided yet, "
        "not yet decided, not defined, not defined yet, not determined, not specified, not set, "
        "not sure, not sure yet, not clear, not clear yet, unclear, unknown, unsure, undecided, "
        "unspecified, pending, in progress, work in progress, under clarification, "
        "under discussion, awaiting, awaiting clarification, open, missing, is missing, idk, "
        "dunno, dont know, i dont know, do not know, i do not know, no idea, who knows, see later, "
        "as discussed, as agreed, etc, whatever, something, anything, stuff"
    ),
    "da": (
        "ikke aktuel, ikke aktuelt, ikke relevant, ikke afklaret, ikke afklaret endnu, "
        "ikke besluttet, ikke besluttet endnu, ikke bestemt, ikke bestemt endnu, ikke defineret, "
        "ikke angivet, ikke oplyst, ikke udfyldt, ikke kendt, ikke kendt endnu, ikke klart, "
        "ikke klar endnu, ikke endnu, endnu ikke, endnu ikke afklaret, endnu ikke besluttet, "
        "ukendt, uafklaret, uvist, uklart, ubestemt, afklares, afklares senere, afklares løbende, "
        "afventer, afventer svar, afventer afklaring, under afklaring, skal afklares, "
        "skal afklares senere, skal aftales, skal besluttes, skal defineres, skal udfyldes, "
        "skal undersøges, bliver afklaret, bliver afklaret senere, besluttes senere, "
        "aftales senere, aftales nærmere, defineres senere, udfyldes, udfyldes senere, "
        "opdateres, opdateres senere, tilføjes senere, meddeles, meddeles senere, oplyses senere, "
        "kommer, kommer senere, følger, følger senere, vender tilbage, jeg vender tilbage, "
        "vi vender tilbage, senere, ved ikke, jeg ved ikke, ved det ikke, jeg ved det ikke, "
        "det ved jeg ikke, ved vi ikke, vi ved det ikke, ved ikke endnu, aner det ikke, "
        "ingen idé, ingen anelse, ingen, intet, ingenting, mangler, mangler endnu, som aftalt, "
        "tekst her, tekst, noget, et eller andet"
    ),
    "nb": (
        "ikke aktuell, ikke aktuelt, ikke relevant, ikke avklart, ikke avklart ennå, "
        "ikke avklart enda, ikke besluttet, ikke besluttet ennå, ikke bestemt, "
        "ikke bestemt ennå, ikke bestemt enda, ikke definert, ikke angitt, ikke oppgitt, "
        "ikke utfylt, ikke kjent, ikke kjent ennå, ikke kjent enda, ikke klart, ikke klart ennå, "
        "ikke klart enda, ikke ennå, ikke enda, ennå ikke avklart, ennå ikke bestemt, ukjent, "
        "uavklart, uvisst, uklart, ubestemt, avklares, avklares senere, avklares nærmere, "
        "avklares underveis, avventer, avventer svar, avventer avklaring, under avklaring, "
        "under arbeid, må avklares, skal avklares, skal avklares senere, skal avtales, "
        "skal besluttes, skal defineres, skal fylles ut, må fylles ut, fylles ut, "
        "fylles ut senere, blir avklart, blir avklart senere, besluttes senere, bestemmes senere, "
        "avtales senere, avtales nærmere, defineres senere, oppdateres, oppdateres senere, "
        "legges til senere, meddeles, meddeles senere, opplyses senere, kommer, kommer senere, "
        "følger, følger senere, kommer tilbake, kommer tilbake til, kommer tilbake til dette, "
        "kommer tilbake til det, jeg kommer tilbake, vi kommer tilbake, "
        "vi kommer tilbake til dette, senere, vet ikke, vet ikke ennå, vet ikke enda, "
        "jeg vet ikke, vet det ikke, jeg vet det ikke, det vet jeg ikke, vet vi ikke, "
        "vi vet ikke, aner ikke, ingen anelse, ingen idé, ingen, intet, ingenting, mangler, "
        "mangler foreløpig, som avtalt, tekst her, tekst, noe, et eller annet"
    ),
    "nn": (
        "ikkje aktuell, ikkje aktuelt, ikkje relevant, ikkje avklart, ikkje avklart enno, "
        "ikkje avklara, ikkje avklara enno, ikkje bestemt, ikkje bestemt enno, ikkje avgjort, "
        "ikkje avgjort enno, ikkje definert, ikkje oppgitt, ikkje utfylt, ikkje kjent, "
        "ikkje kjent enno, ikkje klart, ikkje klart enno, ikkje enno, ukjend, ukjent, uavklart, "
        "uavklara, uvisst, vert avklart, vert avklart seinare, vert avklara, "
        "vert avklara seinare, blir avklart seinare, blir avklara seinare, avklarast, "
        "avklarast seinare, må avklarast, skal avklarast, skal avklarast seinare, ventar, "
        "ventar svar, ventar på svar, ventar på avklaring, under avklaring, under arbeid, "
        "skal avtalast, avtalast seinare, skal fyllast ut, fyllast ut, fyllast ut seinare, "
        "kjem, kjem seinare, kjem att, kjem tilbake, kjem tilbake til dette, "
        "vi kjem tilbake til dette, følgjer, følgjer seinare, seinare, veit ikkje, "
        "veit ikkje enno, eg veit ikkje, veit det ikkje, eg veit det ikkje, det veit eg ikkje, "
        "veit vi ikkje, vi veit ikkje, anar ikkje, inga aning, ingen aning, ingen, inga, inkje, "
        "ingenting, manglar, manglar enno, som avtalt, noko, eitkvart"
    ),
    "sv": (
        "ej aktuell, ej aktuellt, inte aktuell, inte aktuellt, ej relevant, inte relevant, "
        "ej tillämpligt, ej tillämplig, inte tillämpligt, ej klart, inte klart, inte klart än, "
        "inte klart ännu, ej klart än, ej klart ännu, ännu ej klart, ännu inte klart, "
        "ej bestämt, inte bestämt, inte bestämt än, inte bestämt ännu, ej beslutat, "
        "inte beslutat, inte beslutat än, ej definierat, inte definierat, ej angivet, ej angett, "
        "inte angivet, ej ifyllt, inte ifyllt, ej känt, inte känt, ej fastställt, inte än, "
        "inte ännu, ännu inte, ännu ej, okänd, okänt, oklar, oklart, obestämt, oviss, ovisst, "
        "klargörs, klargörs senare, klaras ut, ska klargöras, skall klargöras, "
        "ska klargöras senare, ska klaras ut, måste klargöras, behöver klargöras, "
        "under utredning, utreds, ska utredas, under arbete, pågår, avvaktar, avvaktar svar, "
        "inväntar, inväntar svar, väntar på svar, ska avtalas, ska beslutas, ska bestämmas, "
        "beslutas senare, bestäms senare, bestäms, ska definieras, definieras senare, "
        "ska fyllas i, fylls i, fylls i senare, uppdateras, uppdateras senare, läggs till senare, "
        "meddelas, meddelas senare, meddeles senere, kommer, kommer senare, följer, "
        "följer senare, återkommer, jag återkommer, vi återkommer, återkommer om detta, "
        "återkommer senare, senare, vet ej, vet inte, vet ej än, vet inte än, vet ej ännu, "
        "vet inte ännu, jag vet inte, jag vet ej, det vet jag inte, vi vet inte, vet vi inte, "
        "ingen aning, ingen, inget, inga, ingenting, saknas, saknas än, saknas ännu, fattas, "
        "enligt överenskommelse, text här, något, någonting"
    ),
}

_MARKS = frozenset("PSZC")
_LONG_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)
_NUMBERED = re.compile(r"(test|testing|asdf|foo|dummy|text|tekst)\d+")
_LOREM_IPSUM = "loremipsumdolorsitametconsecteturadipiscingelitseddoeiusmodtemporincididuntut"


def is_placeholder(text: str) -> bool:
    """Whether the whole text is a placeholder, or has no letter or digit at all.

    Also several times over (`tbd tbd`) and with a letter held down (`xxxx`, `tbddd`), but never
    for a placeholder within an answer: `The TBD-200 pump is delivered` is one.
    """
    said = _letters(text)
    if not said or (_LONG_RUN.fullmatch(said) and said[0].isalpha()):
        return True
    if said.startswith(_LOREM_IPSUM) or (len(said) > 10 and _LOREM_IPSUM.startswith(said)):
        return True
    held = _LONG_RUN.sub(r"\1", said)
    return any(_is_known(form) for form in (said, held))


def _is_known(said: str) -> bool:
    return _NUMBERED.fullmatch(said) is not None or any(
        said[:length] in _KNOWN and said == said[:length] * (len(said) // length)
        for length in _LENGTHS
    )


def _letters(text: str) -> str:
    """Letters and digits alone, in one form and case."""
    # NFKC turns some symbols into letters (™ into TM), so they go first.
    plain = "".join(
        char for char in text if unicodedata.category(char)[0] not in _MARKS and char not in FILLERS
    )
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", plain).casefold()))


_KNOWN = frozenset(
    _letters(entry) for entries in PLACEHOLDERS.values() for entry in entries.split(",")
)
_LENGTHS = sorted({len(entry) for entry in _KNOWN})
