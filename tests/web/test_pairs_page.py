"""The page of a model of pairs: what lights up between a source and its target, and the states of both texts."""

import numpy as np
import pytest
from pages import data_of_pairs, until_drawn
from pair_models import both
from unpacking import unpack

from charrnn.interpret.pairs import attention_in, record_pair, with_ends
from charrnn.interpret.units import parse_units
from charrnn.pairs.views import BLANK, matrix_of, path_of
from charrnn.render.palette import Palette
from charrnn.web.colors import ramps
from charrnn.web.data import page_data
from charrnn.web.html import page_html
from charrnn.web.pairs import FULL, pairs_data

PAIR = ("abcde", "ed")


# --- the data ---------------------------------------------------------------------------------------------------------


def test_the_page_has_the_attention_and_both_texts():
    _, _, model = both("attention")
    data = data_of_pairs(model)
    read = record_pair(model, *PAIR)
    (pair,) = data["pairs"]
    assert (pair["source"], pair["target"]) == ([*"abcde"], ["e", "d", "↵"])
    np.testing.assert_allclose(np.array(pair["weights"]) / FULL, read.attention, atol=5.1e-4)
    source, target = data["sides"]["source"], data["sides"]["target"]
    assert {unit["what"] for unit in source["units"]} == {"c>", "c<"}
    assert {unit["what"] for unit in target["units"]} == {"c"}
    assert [gate["name"] for gate in source["gates"]] == ["i>", "i<", "f>", "f<", "o>", "o<"]
    assert (source["predicts"], target["predicts"]) == (False, True)
    assert not unpack(source["surprisal"]).any()
    assert source["first"].startswith("L0>.c.")


def test_recorded_attention_is_what_the_model_says():
    _, _, model = both("attention")
    read = record_pair(model, *PAIR)
    found, expected = attention_in(read.source, read.target), matrix_of(model, *PAIR)
    assert (found.source, found.rows, found.target) == (
        expected.source,
        expected.rows,
        expected.target,
    )
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)


@pytest.mark.parametrize("kind", ["each", "ctc"])
def test_each_symbol_of_a_target_is_at_its_places(kind):
    _, _, model = both(kind)
    source = "aabcc" if kind == "ctc" else "abcde"
    path, matrix = path_of(model, source), matrix_of(model, source)
    assert "".join(matrix.rows) == path.target
    for place, symbol in enumerate(path.symbols):
        column = matrix.values[:, place]
        if symbol == BLANK:
            assert not column.any()
        else:
            assert matrix.rows[int(column.argmax())] == symbol
            assert column.sum() == pytest.approx(float(path.probabilities[place]))


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture
def look(visit, tmp_path):
    """A function that opens a page with data."""

    def open_page(data):
        path = tmp_path / "page.html"
        path.write_text(page_html(data), encoding="utf-8")
        page = visit(path.as_uri())
        until_drawn(page)
        return page

    return open_page


def colors(page, selector):
    return page.locator(selector).evaluate_all("heads => heads.map(h => h.style.background)")


def expected_colors(weights):
    chance = ramps(Palette.rdbu)["light"]["chance"]
    steps = [int(w / FULL * (len(chance) - 1) + 0.5) for w in weights]
    return [f"rgb({chance[k].replace(' ', ', ')})" for k in steps]


SOURCE, TARGET = ".pair thead th", ".pair tbody th"


def test_a_target_character_lights_up_its_source_and_the_reverse(look):
    _, _, model = both("attention")
    data = data_of_pairs(model)
    weights = np.array(data["pairs"][0]["weights"])
    page = look(data)
    assert page.locator(SOURCE).all_inner_texts() == [*"abcde"]
    assert page.locator(TARGET).all_inner_texts() == ["e", "d", "↵"]
    assert colors(page, SOURCE) == [""] * 5
    page.locator(TARGET).nth(1).hover()
    assert colors(page, SOURCE) == expected_colors(weights[1])
    best = int(weights[1].argmax())
    note = page.locator("#between-note").inner_text()
    assert note.startswith(f"“d”: “{'abcde'[best]}” {int(weights[1, best] / 10 + 0.5)} %")
    page.locator(SOURCE).nth(3).hover()
    assert colors(page, TARGET) == expected_colors(weights[:, 3])
    assert colors(page, SOURCE) == [""] * 5
    page.locator(".pair td").nth(1 + 2 * 5 + 4).hover()  # a cell of the last row
    assert colors(page, SOURCE) == expected_colors(weights[2])
    page.locator("#title").hover()
    assert colors(page, SOURCE) == [""] * 5
    cells = colors(page, ".pair tbody td")
    assert cells == [color for row in weights for color in expected_colors(row)]


def test_the_keyboard_does_what_the_pointer_does(look):
    _, _, model = both("attention")
    data = data_of_pairs(model)
    weights = np.array(data["pairs"][0]["weights"])
    page = look(data)
    page.locator(TARGET).first.focus()
    assert colors(page, SOURCE) == expected_colors(weights[0])
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "d"
    assert colors(page, SOURCE) == expected_colors(weights[1])
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "c"
    assert colors(page, TARGET) == expected_colors(weights[:, 2])
    assert page.locator(".pair [tabindex='0']").count() == 1
    page.evaluate("document.activeElement.blur()")
    assert colors(page, TARGET) == [""] * 3


def test_the_states_of_either_text_are_shown(look):
    _, _, model = both("attention")
    page = look(data_of_pairs(model))
    assert page.locator("#sides button").all_inner_texts() == ["source", "target"]
    assert page.locator("#lines").inner_text().strip() == "ed↵"
    assert "bits per character" in page.locator("#summary").inner_text()
    page.locator("#sides button").first.click()
    assert page.locator("#lines").inner_text().strip() == "abcde"
    assert "bits" not in page.locator("#summary").inner_text()
    assert page.locator("#unit-name").inner_text().startswith("L0>.c.")
    assert page.locator("#cost").is_hidden()
    names = page.locator("#list .name").all_inner_texts()
    assert {name[:3] for name in names} == {"L0>", "L0<"}
    page.locator("#text").focus()
    page.keyboard.press("s")
    assert page.locator("#unit-name").inner_text() != "surprisal"
    assert "7 of L0>.c" in page.locator("#colophon").inner_text()
    page.evaluate("pick(page.data.units.findIndex((u) => u.name === 'L0<.c.2'))")
    captions = page.locator("#plots figcaption").all_inner_texts()
    assert [text.split(" · ")[0] for text in captions if "L0<, unit 2" in text] == [
        "gate i<, input gate",
        "gate f<, forget gate",
        "gate o<, output gate",
    ]


def test_a_click_in_the_matrix_goes_to_the_text_and_the_reverse(look):
    _, _, model = both("attention")
    data = data_of_pairs(model, (PAIR, ("cab", "b")))
    sources = with_ends([record_pair(model, *pair).source for pair in (PAIR, ("cab", "b"))])
    units = parse_units("L*>.c.*", model)
    data["sides"]["source"] = page_data(sources, units, title="")
    page = look(data)
    where = page.locator("#where")
    page.locator(".pair").nth(1).locator("thead th").nth(2).click()  # the b of "cab"
    assert page.evaluate("pairs.side") == "source"
    assert where.text_content() == "8 of 8"
    page.locator(".pair").nth(1).locator("tbody th").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("pairs.side") == "target"
    assert where.text_content() == "5 of 5"
    page.evaluate("document.activeElement.blur()")
    page.locator("#text").focus()
    page.keyboard.press("Home")
    lit = page.locator(".pair").first
    assert lit.locator("tbody .on").text_content() == "e"
    weights = np.array(data["pairs"][0]["weights"])
    assert colors(page, ".pair >> nth=0 >> thead th") == expected_colors(weights[0])
    ends = page.locator("#between-legend").inner_text().split("\n")
    assert ends == ["0 %", "100 %"]


def test_a_model_that_hands_on_one_vector_has_states_alone(look):
    _, _, model = both("none")
    read = record_pair(model, "uk", "ab", top=2)
    side = page_data([read.target], parse_units("L*.c.*", model), title="")
    page = look(pairs_data([], {"target": side}, title="t", heading="", meaning=""))
    assert page.locator("#between").is_hidden()
    assert page.locator("#sides").is_hidden()
    assert page.locator("#lines").inner_text().strip() == "ab↵"


def test_no_matrix_is_cut_on_paper_which_does_not_say_how_to_click(look):
    _, _, model = both("attention")
    page = look(data_of_pairs(model, [("abcde" * 4, "ed" * 4)] * 6))
    hidden = "$('pairs').scrollHeight - $('pairs').clientHeight"
    hint = page.locator("#between-hint")
    assert page.evaluate(hidden) > 0
    assert "click" in hint.inner_text()
    page.set_viewport_size({"width": 720, "height": 1000})
    page.emulate_media(media="print")
    assert page.evaluate(hidden) == 0
    room, last = (page.locator(part).last.bounding_box() for part in ("#pairs", ".pair"))
    assert room["y"] <= last["y"] < last["y"] + last["height"] <= room["y"] + room["height"]
    assert last["x"] + last["width"] <= 720
    assert "greener" in hint.inner_text()
    assert "click" not in hint.inner_text()
