"""The catalogs `<language>.po` beside this file: read, and written anew with what the code says today.

Their head, with the glossary, is kept as it stands. An entry names the files that use its template,
without lines, so that code can move and the catalog stay as it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages.pofile import normalize, read_po

from services.locales.templates import Place, placeholders

LANGUAGES = ("da", "nb", "sv")
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Entry:
    """A template with its translation, which is empty while nobody has made it."""

    message: str
    translation: str
    fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """What writing a catalog anew has changed, and what is left to translate."""

    added: tuple[str, ...]
    dropped: tuple[str, ...]
    untranslated: tuple[str, ...]


def entries(path: Path, language: str) -> list[Entry]:
    """The entries of a catalog; obsolete ones (`#~`) count too."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    messages = [one for one in (*catalog, *catalog.obsolete.values()) if one.id]
    return [Entry(str(one.id), str(one.string), one.fuzzy) for one in messages]


def renew(path: Path, language: str, used: Mapping[str, Iterable[Place]]) -> Changed:
    """Write a catalog anew: new templates stand there untranslated, those that no code uses are gone."""
    known = {entry.message: entry.translation for entry in entries(path, language)}
    order = sorted(
        used, key=lambda template: (min(place.file for place in used[template]), template)
    )
    parts = [_head(path.read_text(encoding="utf-8"))]
    for template in order:
        files = sorted({place.file for place in used[template]})
        lines = [f"#: {file}" for file in files]
        if placeholders(template):
            lines.append("#, python-brace-format")
        lines.append(f"msgid {normalize(template)}")
        lines.append(f"msgstr {normalize(known.get(template, ''))}")
        parts.append("\n".join(lines) + "\n")
    path.write_text("\n".join(parts), encoding="utf-8")
    return Changed(
        added=tuple(template for template in order if template not in known),
        dropped=tuple(template for template in known if template not in used),
        untranslated=tuple(template for template in order if not known.get(template)),
    )


def _head(text: str) -> str:
    """The comments and the header entry: all until the first line without anything."""
    return text.partition("\n\n")[0].rstrip("\n") + "\n"
