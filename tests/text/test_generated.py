"""Pairs that charrnn makes itself: each generator against an inverse, a library, or a rule of its own."""

import datetime as dt
import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from importlib import import_module

import numpy as np
import pytest

from charrnn.config import CorpusConfig
from charrnn.text import generated, library
from charrnn.text.catalog import CATALOG, MADE, find_sources, is_cached
from charrnn.text.generated import GENERATORS, dates, docstrings, moods, numerals, strings, travel
from charrnn.text.generated.accents import unaccented as plain_of
from charrnn.text.generated.draws import Draws, without_repeats
from charrnn.text.pairs import chosen_alignment
from charrnn.text.sources import Notes, byte_pieces

FIXED = [name for name, generator in GENERATORS.items() if not generator.is_library]
TEXTS = [name for name, generator in GENERATORS.items() if generator.is_text]
MADE_FROM_SEED_1 = {
    "numbers": "da9a0bd75e20f479",
    "dates": "cfe4e7ef5fe61072",
    "roman": "de6a475a2d0fd59a",
    "reversed": "f9df63bf46674ed1",
    "sorted": "3a926a0b92e18c61",
    "stutter": "7d9247942a864277",
    "caesar": "f7ce80e4bd441af5",
    "brackets": "a0b06325381ca6bf",
    "accents": "938c00c1eb14cfff",
    "travel": "a3d0d91010770764",
    "outcomes": "a749e962f19a9ae3",
    "nested": "0e61c51b8f3a5cd2",
    "moods": "d029ffb42765418d",
}
"""The beginning of the SHA-256 of the first 2,000 pairs."""


MODULES = 50
"""Modules of Python's library that are read for its docstrings, which takes seconds for all of them."""


@pytest.fixture(autouse=True, scope="module")
def small_library():
    """The beginning of the library in place of all of it."""
    with pytest.MonkeyPatch.context() as patch:
        every = docstrings.python_sources
        patch.setattr(docstrings, "python_sources", lambda n: itertools.islice(every(n), MODULES))
        docstrings._all_sentences.cache_clear()
        yield
    docstrings._all_sentences.cache_clear()


@pytest.mark.long
def test_the_whole_library_has_thousands_of_sentences(monkeypatch):
    monkeypatch.setattr(docstrings, "python_sources", library.python_sources)
    docstrings._all_sentences.cache_clear()
    sources = [source for source, _ in GENERATORS["docstrings"].pairs(1)]
    docstrings._all_sentences.cache_clear()
    assert 5000 < len(sources) == len({*sources}) <= GENERATORS["docstrings"].count


def some(name, count=3000, seed=1):
    return list(itertools.islice(GENERATORS[name].pairs(seed), count))


@pytest.fixture(scope="module", params=GENERATORS)
def whole(request):
    """(name, pairs) of a generator, all of them."""
    return request.param, list(GENERATORS[request.param].pairs(1))


# --- what all have in common ----------------------------------------------------------------------


def test_a_generator_makes_as_many_pairs_as_it_says_and_no_source_twice(whole):
    name, pairs = whole
    generator = GENERATORS[name]
    assert len(pairs) == len({source for source, _ in pairs})
    assert len(pairs) == generator.count or (generator.is_library and len(pairs) > 100)


def test_a_pair_is_one_line_with_one_tab_and_nothing_to_strip(whole):
    for source, target in whole[1]:
        for side in (source, target):
            assert side == side.strip()
            assert side.isprintable()
            assert side == unicodedata.normalize("NFC", side)
            assert side


@pytest.mark.parametrize("name", FIXED)
def test_the_same_seed_makes_the_same_pairs_on_every_machine(name):
    text = "".join(itertools.islice(GENERATORS[name].lines(1), 2000))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == MADE_FROM_SEED_1[name]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_hides_the_labels_of_its_lines(name):
    labeled = [*itertools.islice(GENERATORS[name].lines(3, labels=True), 50)]
    lines = itertools.islice(GENERATORS[name].lines(3), 50)
    assert [f"{source}\t{target}\n" for source, target in some(name, 50, 3)] == labeled
    assert [line.partition("\t")[0] + "\n" for line in labeled] == list(lines)


@pytest.mark.parametrize("name", GENERATORS)
def test_another_seed_makes_other_pairs(name):
    assert some(name, 50) == some(name, 50)
    assert some(name, 50) != some(name, 50, seed=2)


def test_a_corpus_of_pairs_is_read_by_its_name_again_and_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (source,) = find_sources(
        ["roman"], CorpusConfig(), cache=tmp_path, notes=Notes(), stdin=pytest.fail
    )
    expected = "".join(f"{digits}\t{numeral}\n" for digits, numeral in some("roman", 4000))
    assert [b"".join(byte_pieces(source)) for _ in range(2)] == [expected.encode()] * 2
    with source.open() as file:
        assert file.read(10) == expected.encode()[:10]
    assert not list(tmp_path.iterdir())


def test_pairs_are_made_while_they_are_read(monkeypatch):
    made = []

    def endless(seed):
        for number in itertools.count(seed):
            made.append(number)
            yield str(number), "é"

    generator = generated.Generator(endless, 10**9, "")
    with generator.open(5) as file:
        assert file.readline() == "5\té\n".encode()
    assert len(made) < 10_000


def test_made_corpora_are_in_the_catalog_and_always_at_hand(tmp_path):
    assert [entry.name for entry in MADE] == list(GENERATORS)
    assert all(CATALOG[entry.name] is entry and is_cached(entry, tmp_path) for entry in MADE)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_example_of_a_description_is_true(name):
    _, arrow, _ = GENERATORS[name].what.rpartition(" -> ")
    found = re.search(r": ?([^:]*(?:: \w+)?) -> (.*)", GENERATORS[name].what)
    assert bool(found) == bool(arrow) == (name != "docstrings")
    if found:
        assert RULES[name](found[1].strip(), found[2])


# --- choices --------------------------------------------------------------------------------------


def test_draws_are_uniform_and_within_their_bounds():
    draws = Draws(3)
    counts = Counter(draws.between(5, 9) for _ in range(50_000))
    assert set(counts) == {5, 6, 7, 8, 9}
    assert all(abs(count - 10_000) < 500 for count in counts.values())
    orders = Counter("".join(draws.shuffled("abc")) for _ in range(60_000))
    assert len(orders) == 6
    assert all(abs(count - 10_000) < 500 for count in orders.values())
    assert len(set(draws.distinct(range(7), 3))) == 3


def test_repeated_sources_are_left_out_and_the_rest_is_not_drawn():
    pairs = iter([("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("d", "5")])
    assert list(without_repeats(pairs, 3)) == [("a", "1"), ("b", "2"), ("c", "4")]
    assert list(pairs) == []


# --- the rules, checked in another way --------------------------------------------------------------


def value_of_words(words):
    """The number that English words stand for, read from left to right."""
    total = current = 0
    for word in re.findall("[a-z]+", words.replace(" and ", " ")):
        if word in numerals.ONES:
            current += numerals.ONES.index(word)
        elif word in numerals.TENS:
            current += 10 * numerals.TENS.index(word)
        elif word == "hundred":
            current *= 100
        else:
            assert word == "thousand"
            total, current = 1000 * current, 0
    return total + current


VALUES = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}


def value_of_numeral(numeral):
    values = [VALUES[sign] for sign in numeral]
    return sum(-a if a < b else a for a, b in itertools.pairwise([*values, 0]))


def date_of(text):
    """A date read by the standard library; its forms are those of strptime."""
    text = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text).removeprefix("the ").replace(" of ", " ")
    for form in PARSED:
        try:
            return dt.datetime.strptime(text, form).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise AssertionError(text)


PARSED = (
    *(
        "%d %B %Y",
        "%d %B, %Y",
        "%B %d, %Y",
        "%d %b %Y",
        "%b %d, %Y",
        "%A, %B %d, %Y",
        "%A %d %B %Y",
    ),
    *("%a, %d %b %Y", "%a %b %d %Y", "%d-%b-%Y", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y %B %d"),
    *("%Y%m%d", "%B %d '%y"),
)


def unaccented(text):
    """By the names of characters: LATIN SMALL LETTER E WITH ACUTE is an e."""
    plain = (unicodedata.lookup(unicodedata.name(c).partition(" WITH ")[0]) for c in text)
    return "".join(plain)


def is_balanced(text):
    while (shorter := text.replace("()", "").replace("[]", "").replace("{}", "")) != text:
        text = shorter
    return not text


def deciphered(source, target):
    key, _, text = source.partition(": ")
    places = [(ord(b) - ord(a)) % 26 for a, b in zip(text, target, strict=True) if a != " "]
    return set(places) == {ord(key) - ord("a")}


def slot_words(source, target):
    """(the word before, the slot, what fills it) of each slot."""
    for run in re.finditer(r"d+|p+|t+", target):
        yield source[: run.start()].split(" ")[-2:-1], run[0][0], source[run.start() : run.end()]


def is_tagged(source, target):
    assert len(source) == len(target)
    for (before,), slot, filler in slot_words(source, target):
        if slot == "t":
            assert before in {"on", "before", "after"}
            assert re.fullmatch(r"[A-Z]\w+day|[A-Z][a-z]+ \d\d?", filler)
        else:
            assert filler in travel.CITIES
            leaving = {"from", "leave", "leaving"}
            assert (slot == "p") == (before in leaving), (source, before)
    return True


def ends_well(source, target):
    first, _, second = re.split(
        r" (" + "|".join((*travel.DEFEATING, *travel.PASSIVE)) + ") ", source
    )
    helper_first = first.split()[-1] in travel.HELPFUL
    assert helper_first != (second.split()[-1] in travel.HELPFUL)
    is_passive = any(f" {words} " in source for words in travel.PASSIVE)
    return target == ("good" if helper_first != is_passive else "bad")


def is_as_deep(source, target):
    depth = list(itertools.accumulate((c == "(") - (c == ")") for c in source))
    assert depth[-1] == 0 <= min(depth)
    return max(depth) == int(target) <= 8


def is_of_one_mood(source, target):
    words = {*source.split()}
    assert words <= {*moods.PLAIN_WORDS, *moods.WORDS[target]}
    return source.split()[0] in moods.WORDS[target]


RULES = {
    "numbers": lambda source, target: value_of_words(target) == int(source),
    "dates": lambda source, target: date_of(source) == dt.date.fromisoformat(target),
    "roman": lambda source, target: value_of_numeral(target) == int(source),
    "reversed": lambda source, target: list(source) == list(reversed(target)),
    "sorted": lambda source, target: (
        all(itertools.starmap(str.__le__, itertools.pairwise(target)))
        and Counter(source) == Counter(target)
    ),
    "stutter": lambda source, target: (
        target == "".join(c * ((len([*run]) + 1) // 2) for c, run in itertools.groupby(source))
    ),
    "caesar": deciphered,
    "brackets": lambda source, target: (
        target == ("balanced" if is_balanced(source) else "unbalanced")
    ),
    "accents": lambda source, target: unaccented(target) == source,
    "docstrings": lambda source, target: (
        source.split() == re.sub(r"[^a-z0-9 ]", "", target.lower()).split()
    ),
    "travel": is_tagged,
    "outcomes": ends_well,
    "nested": is_as_deep,
    "moods": is_of_one_mood,
}


def test_every_target_follows_from_its_source_by_the_rule(whole):
    name, pairs = whole
    for source, target in pairs[:4000]:
        assert RULES[name](source, target), (source, target)


# --- what single corpora promise ----------------------------------------------------------------------


def test_number_words_are_those_of_num2words():
    num2words = pytest.importorskip("num2words").num2words
    for number in (*range(1200), *range(1200, 1_000_000, 997)):
        assert numerals.in_words(number) == num2words(number)


def test_roman_numerals_are_those_of_a_library():
    library = pytest.importorskip("roman_numerals").RomanNumeral
    assert all(str(library(n)) == numerals.in_roman(n) for n in range(1, 4000))


def test_all_short_numbers_occur_and_long_ones_are_spread():
    drawn = {int(source) for source, _ in GENERATORS["numbers"].pairs(1)}
    assert set(range(10_000)) <= drawn
    counts = Counter(number // 100_000 for number in drawn if number >= 10_000)
    assert min(counts.values()) > 8000
    assert max(drawn) < 1_000_000


def test_all_roman_numerals_occur():
    assert {int(source) for source, _ in GENERATORS["roman"].pairs(1)} == set(range(1, 4000))


def test_dates_occur_in_twenty_forms_of_every_month_and_century():
    assert len(set(dates.FORMS)) == 20
    shapes = Counter(re.sub(r"[A-Z][a-z]+", "A", re.sub(r"\d", "9", s)) for s, _ in some("dates"))
    assert len(shapes) > 20
    written = [dt.date.fromisoformat(target) for _, target in some("dates")]
    assert {date.month for date in written} == set(range(1, 13))
    assert {date.year // 100 for date in written} == {19, 20}


@pytest.mark.parametrize("form", dates.FORMS)
def test_a_form_names_each_date_by_itself(form):
    days = [dt.date(2000, 1, 1) + dt.timedelta(days=k) for k in range(3000)]
    assert len({dates.written(day, form) for day in days}) == len(days)


def test_half_of_the_brackets_are_balanced_whatever_their_number():
    pairs = list(some("brackets", 50_000))
    by_length = Counter((len(source), target) for source, target in pairs)
    totals = Counter(target for _, target in pairs)
    assert totals == {"balanced": 25_000, "unbalanced": 25_000}
    assert {length for length, _ in by_length} == set(range(12, 25, 2))
    assert all(count > 1000 for count in by_length.values())


def test_lengths_and_letters_of_random_strings_are_spread():
    for name in ("reversed", "sorted"):
        lengths = Counter(len(source) for source, _ in some(name, 16_000))
        assert set(lengths) == set(range(5, 21))
        assert min(lengths.values()) > 800


def test_a_key_and_a_shift_go_round_the_alphabet():
    assert strings.enciphered("xyz a", 3) == "abc d"
    assert {source[0] for source, _ in some("caesar")} == set(map(chr, range(97, 123)))


def test_an_accent_is_not_decided_by_the_word_alone():
    forms = {}
    for source, target in some("accents", 20_000):
        for plain, word in zip(source.split(), target.split(), strict=True):
            forms.setdefault(plain, set()).add(word)
    ambiguous = {plain for plain, words in forms.items() if len(words) > 1}
    assert {"a", "ou", "el"} <= ambiguous
    assert len({c for _, target in some("accents") for c in target if not c.isascii()}) > 10


def names_of(package):
    """Names in Czech, French, Spanish, Hungarian and Romanian: of countries and languages, or of families."""
    if package == "babel":
        locales = map(pytest.importorskip("babel").Locale, ("cs", "fr", "es", "hu", "ro"))
        names = [n for one in locales for n in (*one.territories.values(), *one.languages.values())]
    else:
        pytest.importorskip("faker")
        places = ("cs_CZ", "fr_FR", "es_ES", "hu_HU", "ro_RO")
        kinds = (import_module(f"faker.providers.person.{place}").Provider for place in places)
        names = [name for kind in kinds for name in kind.last_names]
    return [unicodedata.normalize("NFC", name) for name in dict.fromkeys(names)]


def base_letter(character):
    """By the name of a character: LATIN SMALL LETTER E WITH ACUTE is an e."""
    name = unicodedata.name(character).partition(" WITH ")[0]
    return unicodedata.lookup(name)


@pytest.mark.parametrize("package", ["babel", "faker"])
def test_accents_of_names_are_left_out_letter_by_letter_and_restored_in_step(package):
    names = names_of(package)
    plain = list(map(plain_of, names))
    assert plain == ["".join(map(base_letter, name)) for name in names]
    assert 0.1 < np.mean([one != other for one, other in zip(names, plain, strict=True)]) < 0.9
    align, _ = chosen_alignment(plain, names)
    assert align == "each"


def test_the_same_city_is_a_destination_or_a_place_of_departure():
    slots = {}
    for source, target in some("travel", 20_000):
        for _, slot, filler in slot_words(source, target):
            slots.setdefault(filler, set()).add(slot)
    assert all(slots[city] == {"d", "p"} for city in travel.CITIES)


def test_outcomes_come_in_twos_of_the_same_words_with_other_labels():
    pairs = some("outcomes")
    for (first, label), (second, other) in zip(pairs[::2], pairs[1::2], strict=True):
        assert sorted(first.split()) == sorted(second.split())
        assert {label, other} == {"good", "bad"}


def test_docstrings_are_those_of_the_library():
    read = (b"".join(byte_pieces(source)) for source in docstrings.python_sources(Notes()))
    text = " ".join(" ".join(code.decode("latin-1").split()) for code in read)
    for _, target in some("docstrings", 100):
        if not set(target) & {"'", '"'}:  # which the source may write with a backslash
            assert target in text


def test_what_is_removed_of_a_docstring_is_capitals_and_punctuation():
    assert docstrings.bare("It's (so) long-winded, Mr. X!") == "its so longwinded mr x"


def test_the_deeper_the_likelier_a_bracket_is_closed():
    ends = Counter()
    for line, _ in some("nested", 2000):
        depth = 0
        for word in line.split():
            depth += word.startswith("(")
            ends[depth, word.endswith(")")] += 1
            depth -= word.count(")")
    shares = [ends[d, True] / (ends[d, True] + ends[d, False]) for d in range(9)]
    assert shares == pytest.approx([(d / 8) ** 2 for d in range(9)], abs=0.03)


def test_lines_of_both_moods_have_the_same_plain_words_and_others_of_their_own():
    words = {mood: Counter() for mood in moods.WORDS}
    for line, mood in some("moods"):
        words[mood].update(line.split())
    glad, sad = words.values()
    assert {*glad} & {*sad} == {*moods.PLAIN_WORDS}
    for word in moods.PLAIN_WORDS:
        assert glad[word] == pytest.approx(sad[word], rel=0.15)
    assert moods.mood_of("mere le ku ge") == "glad"
    assert moods.mood_of("mere le ku") is None
