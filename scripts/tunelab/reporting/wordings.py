"""Translate the words of page and figures, which are written in English.

The catalog of another language is a gettext file beside the templates (`reports/zh.po`). Its words go into the page
unescaped, like those of the templates; the values within them are escaped. In both a per cent sign is written twice.
"""

from collections.abc import Callable
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import NoReturn

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from jinja2 import Environment

from tunelab.errors import UserError

SOURCE = "en"  # the language that the templates are written in


def install_wordings(environment: Environment, texts: dict[str, str], language: str) -> None:
    """Make `_("…")` and `ngettext("…", "…", n)` speak `language` in the environment's templates."""
    environment.add_extension("jinja2.ext.i18n")
    if language == SOURCE:
        environment.install_null_translations(newstyle=True)
    else:
        environment.install_gettext_translations(load_catalog(texts, language), newstyle=True)


def load_words(catalogs: list[Path]) -> NullTranslations:
    """Load the words of the catalog `<language>.po` for figures; without a catalog they stay English."""
    if not catalogs:
        return NullTranslations()
    (path,) = catalogs
    return load_catalog({path.name: path.read_text(encoding="utf-8")}, path.stem)


def build_translator(texts: dict[str, str], language: str) -> Callable[[str], str]:
    """Build the function that translates words into `language`."""
    return str if language == SOURCE else load_catalog(texts, language).gettext


def load_catalog(texts: dict[str, str], language: str) -> GNUTranslations:
    """Load the catalog `<language>.po` from the page's files; it refuses words without a translation.

    Raises:
        UserError: if it is missing or no catalog.
    """
    name = f"{language}.po"
    if name not in texts:
        raise UserError(
            f"reports/{name} is missing; restore it from the repository, or set study.language to {SOURCE}."
        )
    compiled = BytesIO()
    try:
        write_mo(compiled, read_po(BytesIO(texts[name].encode()), locale=language, abort_invalid=True))
    except PoFileError as error:
        raise UserError(f"reports/{name} cannot be read as a gettext catalog: {error}.") from error
    compiled.seek(0)
    catalog = GNUTranslations(compiled)
    catalog.add_fallback(_Refusal(name))
    return catalog


class _Refusal(NullTranslations):
    """Refuse words that a catalog does not have, or has as a guess only."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def gettext(self, words: str) -> NoReturn:
        raise UserError(f"reports/{self.name} has no finished translation of {words!r}; add it to the catalog.")

    def ngettext(self, one: str, many: str, number: int) -> NoReturn:
        self.gettext(one)
