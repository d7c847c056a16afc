"""French and Spanish sentences, without their accents and with them.

No text is copied: a small grammar for each language joins words. Some words have an accent or not by their neighbors:
a acheté, achète; yo compro, él compró; ou, où; a, à.
"""

import unicodedata
from collections.abc import Iterator

from charrnn.text.generated.draws import Draws, Pair, without_repeats

NUM_SENTENCES = 20_000
FRENCH = (
    (
        *("mon frère", "le garçon", "la fillette", "l'élève", "un étranger", "une étudiante"),
        *("la maîtresse", "le maître", "mon père", "ma mère", "le médecin", "l'ingénieur"),
        *("le boulanger", "la vendeuse", "notre voisin", "une âme généreuse", "le vieux prêtre"),
    ),
    (
        *("préfère", "achète", "espère trouver", "a oublié", "a acheté", "mange", "a mangé"),
        *("cherche", "a cherché", "prépare", "a préparé", "a vendu", "reçoit", "a reçu", "désire"),
        *("a apporté", "apporte", "achève", "a achevé", "jette", "a jeté", "va goûter"),
    ),
    (
        *("la pêche", "un gâteau", "le thé", "du café", "la clé", "une pièce", "des légumes"),
        *("du pâté", "le dîner", "le fromage", "une pomme", "le livre", "la fenêtre", "un numéro"),
        *("une lumière", "les pêcheurs", "le péché", "un bâton", "une lettre", "la chaîne"),
    ),
    (
        *("à Genève", "à la plage", "à l'école", "près de la forêt", "derrière l'église"),
        *("là où il pleut", "chez sa grand-mère", "au marché", "dès le début", "avant Noël"),
        *("à côté du château", "sur la côte", "cet après-midi", "en février", "en août"),
        *("le jour où il est arrivé", "ou un autre jour", "sans la moindre idée", "là-bas"),
    ),
)
"""Subjects, verbs, objects, and where or when."""
SPANISH_SUBJECTS = (
    *("él", "ella", "mi tío", "mi mamá", "el médico", "la niña", "el señor López", "María"),
    *("José", "Tomás", "la compañera", "tu sobrina", "mi abuela", "el capitán", "usted"),
)
SPANISH_VERBS = ("compr", "prepar", "busc", "llev", "pint", "mir", "olvid", "dibuj", "dej", "us")
"""Stems: yo compro, él compró."""
SPANISH = (
    (
        *("el café", "un árbol", "la canción", "una lámpara", "el lápiz", "un avión", "el pan"),
        *("una manzana", "el balón", "la habitación", "un cinturón", "el número", "los pájaros"),
        *("las montañas", "un cuadro", "el sillón", "la música", "tu libro", "los años"),
    ),
    (
        *("en la estación", "en el jardín", "ayer", "el sábado", "el miércoles", "después"),
        *("también", "todavía", "aquí", "allí", "en el sofá", "sin razón", "cerca de Bogotá"),
        *("en España", "por la mañana", "este año", "para mí", "para mi hermana", "para él"),
    ),
)
"""Objects, and where, when or for whom."""


def accented(seed: int) -> Iterator[Pair]:
    """French and Spanish sentences without accents, and with them."""
    draws = Draws(seed)
    sentences = (_french(draws) if draws.one_in(2) else _spanish(draws) for _ in iter(int, 1))
    return without_repeats(((unaccented(text), text) for text in sentences), NUM_SENTENCES)


def _french(draws: Draws) -> str:
    return " ".join(draws.choice(words) for words in FRENCH)


def _spanish(draws: Draws) -> str:
    stem = draws.choice(SPANISH_VERBS)
    by = f"yo {stem}o" if draws.one_in(2) else f"{draws.choice(SPANISH_SUBJECTS)} {stem}ó"
    return " ".join((draws.choice(("", "", "sí, ", "si ")) + by, *map(draws.choice, SPANISH)))


def unaccented(text: str) -> str:
    """The text without accents, in as many characters: "où" -> "ou"."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(character for character in apart if not unicodedata.combining(character))
