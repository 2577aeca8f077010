"""`python -m services.locales`: bring the catalogs up to date with the code, and say what is left to translate."""

import sys

from services.locales.catalogs import FOLDER, LANGUAGES, renew
from services.locales.templates import Unreadable, templates


def main() -> int:
    """Write every catalog anew; 1 while something is untranslated, 2 where a template is not a literal."""
    try:
        used = templates()
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    left = 0
    for language in LANGUAGES:
        changed = renew(FOLDER / f"{language}.po", language, used)
        left += len(changed.untranslated)
        sys.stdout.write(
            f"{language}.po: {len(used)} templates, {len(changed.added)} new, "
            f"{len(changed.dropped)} dropped, {len(changed.untranslated)} to translate\n"
        )
        for template in changed.untranslated:
            sys.stdout.write(f"  {template}\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
