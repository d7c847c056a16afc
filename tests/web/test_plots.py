"""What a page draws and finds besides its colors, against NumPy: lines, similar units, what reacts, what mattered."""

import re
from itertools import count

import numpy as np
import pytest
from exact_models import network
from helpers import make_text
from pages import until_drawn
from unpacking import values_of

from charrnn.exact.model import exact
from charrnn.interpret.context import context_curve
from charrnn.interpret.edits import edited, parse_edits
from charrnn.interpret.finding import followers
from charrnn.interpret.halves import Half, means, ranked, score_of, sign_of, spread
from charrnn.interpret.labels import of_regex, of_spans, per_symbol
from charrnn.interpret.ordering import similarity_order
from charrnn.interpret.recording import record, record_parts
from charrnn.interpret.units import parse_units
from charrnn.text.vocabulary import Vocabulary
from charrnn.web.asked import curve_data
from charrnn.web.data import page_data
from charrnn.web.html import page_html
from charrnn.web.offline import offline_page

TEXT = make_text(900)
MOST = 10
SERIES = "page.lines.box.querySelectorAll('.series')"


@pytest.fixture(scope="module")
def window(browser):
    """A window for one page after the other."""
    context = browser.new_context(viewport={"width": 1500, "height": 1000}, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def heard(window):
    """What has gone wrong in the pages so far, or been asked elsewhere."""
    wrong = []
    window.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    window.on("pageerror", lambda error: wrong.append(str(error)))
    window.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:")) else wrong.append(r.url)
    )
    return wrong


@pytest.fixture(scope="module")
def opening(window, heard, tmp_path_factory):
    """A function that opens HTML in the window."""
    folder, numbers = tmp_path_factory.mktemp("pages"), count()

    def open_page(html):
        path = folder / f"{next(numbers)}.html"
        path.write_text(html, encoding="utf-8")
        window.goto(path.as_uri())
        until_drawn(window)
        return window

    yield open_page
    assert heard == []


@pytest.fixture(scope="module")
def data(tiny_model):
    """The data of a page, with a unit that never changes and one that has a name."""
    units = [*parse_units("L*.c.*", tiny_model), *parse_units("L0.h.0-5", tiny_model)]
    made = page_data(record_parts(tiny_model, TEXT, top=3), units, title="a test")
    made["units"][2]["reasons"] = ["inside <brackets>"]
    return made


@pytest.fixture(scope="module")
def first(opening, data):
    """The page of all tests that change nothing but what they set themselves."""
    return opening(page_html(data))


@pytest.fixture
def page(first, window):
    """That page, as it was at first."""
    window.set_viewport_size({"width": 1500, "height": 1000})
    first.evaluate(
        """() => {
          page.lines.kept = [];
          page.search.kept = [];
          $("pattern").value = $("lines-add").value = "";
          page.search.isPattern = $("lines-own").checked = $("map-own").checked = false;
          $("map-order").value = "list";
          page.lines.part = THRESHOLD;
          select(0, 0), pick(0), go(0);
        }"""
    )
    return first


def parts_of(data):
    """The values of a page as parts of their scales, (T, U)."""
    levels = values_of(data).T
    return (levels - np.sign(levels) / 2) / data["levels"]


# --- what reacts --------------------


def reacting(parts, labeling):
    """The units that follow a labeling best as the terminal chooses and scores them: index, sign, score, means."""
    places = labeling.places or spread(len(parts))
    values = parts.astype(np.float32)
    one, two = (Half(values[p], {"it": labeling.values[p]}) for p in places)
    labels, held = one.labels["it"], two.labels["it"]
    r = one.correlations(labels[:, None])[:, 0]
    found = []
    for u in ranked(one, labels, r, MOST, is_number=False):
        score = score_of(sign_of(r[u]) * two.states[:, u], held, is_number=False)
        found.append((u, sign_of(r[u]), score, *means(two.states[:, u], held, is_number=False)))
    return found


def require_same_reactions(found, expected, scales):
    by_unit = {one["unit"]: one for one in found}
    assert len(by_unit) == MOST
    assert by_unit.keys() == {u for u, *_ in expected}
    for u, sign, score, within, without in expected:
        one = by_unit[u]
        assert one["sign"] == sign
        assert one["score"] == pytest.approx(score, abs=1e-6)
        assert (one["within"], one["without"]) == pytest.approx((within, without), abs=1e-6)
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    assert len(scales) == 54


@pytest.mark.parametrize("pattern", [r"\w{6,}", "[aeiou]", r"[^\w\n]+"])
def test_the_units_that_react_to_a_pattern_are_those_of_the_terminal(
    page, data, tiny_model, pattern
):
    labeling = of_regex(pattern, TEXT)
    page.fill("#pattern", pattern)
    found = page.evaluate("page.search.reactions")
    scales = [unit["scale"] for unit in data["units"]]
    require_same_reactions(found, reacting(parts_of(data), labeling), scales)
    inside = page.evaluate("[...marked(page.data.length, page.search.spans)]")
    assert inside == labeling.values.tolist()
    ids = tiny_model.vocabulary.encode(TEXT)
    terminal = {str(f.unit): f for f in followers(tiny_model, ids, labeling, 40)}
    for one in found:
        follower = terminal[data["units"][one["unit"]]["name"]]
        assert follower.sign == one["sign"]
        assert follower.score == pytest.approx(one["score"], abs=0.02)
    bars = page.locator("#react > li")
    assert bars.count() == MOST
    best = data["units"][found[0]["unit"]]
    assert bars.first.locator(".name").text_content() == "+−"[found[0]["sign"] < 0] + best["name"]
    assert bars.first.locator(".figure").text_content() == f"{found[0]['score']:.3f}"
    said = re.findall(r"[+−][\d.]+", bars.first.locator(".more").text_content())
    expected = [found[0][side] * best["scale"] for side in ("within", "without")]
    assert [float(n.replace("−", "-")) for n in said] == pytest.approx(expected, abs=0.0051)
    assert "scored on the second" in page.locator("#react-note").text_content()


@pytest.mark.parametrize(
    "spans", [[(100, 131)], [(40, 52), (300, 310), (500, 525)], [(0, 20), (15, 40)]]
)
def test_the_units_that_react_to_spans_are_those_of_the_terminal(page, data, spans):
    labeling = of_spans([f"{start}:{stop}" for start, stop in spans], TEXT)
    for start, stop in spans[:-1]:
        page.evaluate("span => select(...span)", [start, stop])
        page.get_by_role("button", name="Keep this span").click()
    page.evaluate("span => select(...span)", list(spans[-1]))
    found = page.evaluate("page.search.reactions")
    scales = [unit["scale"] for unit in data["units"]]
    require_same_reactions(found, reacting(parts_of(data), labeling), scales)
    assert page.locator("#kept li").count() == len(spans) - 1
    is_single = len(labeling.places[0]) == len(labeling.places[1])
    assert ("little evidence" in page.locator("#react-note").text_content()) == is_single
    for _ in spans[:-1]:
        page.locator("#kept button").first.click()
    assert page.locator("#kept li").count() == 0
    assert page.evaluate("page.search.spans") == [{"start": spans[-1][0], "stop": spans[-1][1]}]


def test_a_pattern_that_says_too_little_says_so(page, data):
    note = page.locator("#react-note")
    for pattern, words in (
        ("[a-z]+(", "not complete"),
        ("+", "no regular expression"),
        ("no such text", "matches nothing"),
        ("[^]", "all of the text"),
    ):
        page.fill("#pattern", pattern)
        assert words in note.text_content()
        assert page.locator("#react > li").count() == 0
    rare = TEXT[400:412]
    page.fill("#pattern", re.escape(rare).replace(r"\ ", " "))
    assert "Few matches" in note.text_content()
    page.keyboard.press("Enter")
    assert page.evaluate("page.at") == TEXT.index(rare)
    assert page.locator("#match-count").text_content().startswith("1 of ")
    page.keyboard.press("Escape")
    assert "Type a regular expression" in note.text_content()


# --- rows of the heat map --------------------


def test_similar_units_are_neighbours_as_in_the_terminal(page, data):
    parts = parts_of(data)
    expected = similarity_order(parts).tolist()
    found = page.evaluate("similarityOrder(page.data, [...page.data.units.keys()])")
    assert found == {"order": expected, "count": len(TEXT)}
    thinned = page.evaluate("similarityOrder(page.data, [...page.data.units.keys()], 100000)")
    places = np.arange(thinned["count"]) * len(TEXT) // thinned["count"]
    assert len(places) == 2 * 100_000 // 54**2 < len(TEXT)
    assert thinned["order"] == similarity_order(parts[places]).tolist()
    page.get_by_label("Rows").select_option("similar")
    page.wait_for_function("() => page.map.similar")
    assert page.evaluate("page.map.units") == expected
    assert f"at {len(TEXT)} characters" in page.locator("#map-note").text_content()
    page.get_by_label("Rows").select_option("address")
    names = [unit["name"] for unit in data["units"]]
    by_address = sorted(names, key=lambda n: [int(p) if p.isdigit() else p for p in n.split(".")])
    assert [names[u] for u in page.evaluate("page.map.units")] == by_address


def test_rows_have_names_and_scales_of_their_own_if_wanted(page, data):
    labels = page.evaluate("page.map.units.map((unit) => page.map.label(unit))")
    assert labels[2] == f"{data['units'][2]['name']} inside <brackets>"
    assert labels[3] == data["units"][3]["name"]
    own = page.locator("#map").get_by_label("own scale")
    parts = parts_of(data)
    for is_own in (False, True):
        own.set_checked(is_own)
        for k in (0, 5, 50):
            unit = data["units"][k]
            full = max(-unit["low"], unit["high"]) if is_own else unit["scale"]
            found = page.evaluate(
                "k => Array.from(page.data.columns, (_, t) => page.map.part(k, t))", k
            )
            assert found == pytest.approx(parts[:, k] * unit["scale"] / full, abs=1e-6)
    assert "own largest value" in page.locator("#map-note").text_content()
    box, edge = page.locator("#map-canvas").bounding_box(), page.evaluate("page.map.edge")
    row = page.evaluate("page.map.row")
    page.locator("#map-canvas").click(position={"x": edge / 2, "y": 3.5 * row})
    assert page.evaluate("page.unit") == 3
    assert box["width"] > 3 * edge > 100


# --- lines --------------------


def drawn(page, k):
    """The values of a line, read from its path."""
    path = page.evaluate(f"{SERIES}[{k}].getAttribute('d')")
    points = np.array([[*map(float, p.split())] for p in re.split("[ML]", path)[1:]])
    return page.evaluate("ys => ys.map((y) => page.lines.valueOf(y))", points[:, 1].tolist())


def test_lines_are_the_values_near_the_cursor_on_one_axis(page, data):
    parts, units = parts_of(data), data["units"]
    page.evaluate("go(450)")
    page.fill("#lines-add", f"{units[7]['name']}, {units[9]['name']}")
    page.keyboard.press("Enter")
    page.fill("#lines-add", "<BRACKETS>")
    page.keyboard.press("Enter")
    assert page.evaluate("page.lines.units") == [0, 7, 9, 2]
    start, size = page.evaluate("[page.lines.from, page.lines.size]")
    assert start <= 450 < start + size < len(TEXT)
    high = max(max(u["scale"], -u["low"], u["high"]) for u in (units[k] for k in (0, 7, 9, 2)))
    assert page.evaluate("page.lines.axis") == {"low": -high, "high": high}
    for k, u in enumerate((0, 7, 9, 2)):
        values = parts[start : start + size, u] * units[u]["scale"]
        assert drawn(page, k) == pytest.approx(values, abs=2 * high * 0.051 / 170 + 1e-9)
    page.locator("#curves").get_by_label("own scale").check()
    for k, u in enumerate((0, 7, 9, 2)):
        reach = max(-units[u]["low"], units[u]["high"])
        values = parts[start : start + size, u] * units[u]["scale"] / reach
        assert drawn(page, k) == pytest.approx(np.clip(values, -1, 1), abs=2 * 0.051 / 170)
    names = page.locator("#lines-legend .name").all_text_contents()
    assert names == [units[k]["name"] for k in (0, 7, 9, 2)]
    colors = page.evaluate(f"Array.from({SERIES}, (one) => one.getAttribute('stroke'))")
    assert len(set(colors)) == 4
    page.get_by_role("button", name=f"Let go of {units[7]['name']}").click()
    after = page.evaluate(f"Array.from({SERIES}, (one) => one.getAttribute('stroke'))")
    assert after == [colors[0], colors[2], colors[3]]  # each keeps its own
    page.keyboard.press("k")
    page.evaluate("pick(9)")
    assert page.evaluate("page.lines.units") == [9, 2, 0]
    page.evaluate("page.lines.draw()")
    assert page.locator(".series.picked").count() == 1


def test_what_cannot_be_a_line_is_refused(page, data):
    trouble = page.locator("#lines-trouble")
    for words, said in (
        ("L7.c.1", "L7.c.1"),
        ("L0.c.1, nothing", "nothing"),
        ("L*.c.*", "At most 8"),
    ):
        page.fill("#lines-add", words)
        page.keyboard.press("Enter")
        assert said in trouble.text_content()
        assert page.evaluate("page.lines.units") == [0]
    page.fill("#lines-add", "L0.c.0-2")
    page.keyboard.press("Enter")
    assert trouble.text_content() == ""
    assert set(page.evaluate("page.lines.kept")) == {"L0.c.0", "L0.c.1", "L0.c.2"}


@pytest.mark.parametrize("threshold", [0.3, -0.2])
def test_places_are_marked_from_the_threshold_on(page, data, threshold):
    values = parts_of(data) * [unit["scale"] for unit in data["units"]]
    every = values >= threshold if threshold > 0 else values <= threshold
    own = np.triu((every.T.astype(int) @ every > 20) & ~np.eye(54, dtype=bool))
    one, two = np.argwhere(own)[0].tolist()  # two that are on together now and then
    page.evaluate(
        "([one, name]) => (pick(one), page.lines.keep(name))", [one, data["units"][two]["name"]]
    )
    page.fill("#lines-threshold", str(threshold))
    on = every[:, [one, two]]
    both = on.all(axis=1)
    starts = np.flatnonzero(np.diff(both, prepend=False) & both).tolist()
    assert starts[-1] > 0
    assert page.evaluate("page.lines.together(page.lines.units).starts") == starts
    assert f"on in {both.sum()} characters" in page.locator("#lines-note").text_content()
    page.get_by_role("button", name="Next place where all are on").click()
    assert page.evaluate("page.at") == next(s for s in starts if s > 0)
    page.evaluate("page.lines.draw()")
    start, size = page.evaluate("[page.lines.from, page.lines.size]")
    for k, bars in enumerate(
        page.evaluate(
            "Array.from(page.lines.box.querySelectorAll('.on'), (one) => one.getAttribute('d'))"
        )
    ):
        found = np.zeros(size, bool)
        for x, stop in re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", bars):
            begin, end = ((float(v) - 44) / page.evaluate("page.lines.cell") for v in (x, stop))
            found[round(begin) : round(end)] = True
        assert found.tolist() == on[start : start + size, k].tolist()


def test_the_threshold_is_dragged_and_a_click_moves_the_cursor(page):
    page.evaluate("go(300), page.lines.draw()")
    page.locator("#lines-box .threshold circle").hover()  # once it stands still
    page.mouse.down()
    assert page.evaluate("page.lines.isDragged")
    x, y = page.evaluate(
        """() => {
          const { left, top } = page.lines.box.firstChild.getBoundingClientRect();
          return [left + 300, top + page.lines.y(-0.5 * page.lines.axis.high)];
        }"""
    )
    page.mouse.move(x, y, steps=3)
    page.mouse.up()
    part = page.evaluate("page.lines.part")
    assert part == pytest.approx(-0.5, abs=0.02)
    high = page.evaluate("page.lines.axis.high")
    assert float(page.input_value("#lines-threshold")) == pytest.approx(part * high, abs=0.006)
    page.mouse.move(x, y - 60)  # the drag is over
    assert page.evaluate("[page.lines.part, page.at]") == [part, 300]
    x = page.evaluate("page.lines.x(320)")
    page.locator("#lines-box svg").click(position={"x": x, "y": 30})
    assert page.evaluate("page.at") == 320


# --- other pages --------------------------------------------------------------------------------


def test_matches_are_of_whole_characters_where_symbols_are_bytes(opening):
    model = network("gru", Vocabulary.of_bytes())
    text = "aé€b\U0001f600é" * 30
    made = page_data([record(model, text)], parse_units("L*.h.*", model), title="bytes")
    page = opening(page_html(made))
    page.fill("#pattern", "é€|\U0001f600")
    inside = page.evaluate("[...marked(page.data.length, page.search.spans)]")
    labeling = per_symbol(of_regex("é€|\U0001f600", text), text, model.vocabulary)
    assert inside == labeling.values.tolist()


# --- a model in the page: what mattered, and context --------------------

EDITS = "clamp L0.h.3=+0.71"
OCCLUSION = """([text, edits, place]) => page.model.alone(edits, text, (read) => occlusion(read, place, () => false))"""
CURVE = """([text, edits]) => page.model.alone(edits, text, (read) => contextCurve(read))"""


@pytest.fixture(scope="module")
def inside():
    return exact(network("lstm"))


def bits(model, ids, place, *, left_out=None):
    kept = [int(s) for k, s in enumerate(ids[:place]) if k != left_out]
    state = model.initial_state(1)
    for symbol in kept:
        state, _ = model.advance(np.array([symbol]), state)
    logits = model.logits(state)[0].astype(np.float64)
    return float(
        (np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[ids[place]])
        / np.log(2)
    )


def test_the_saliency_of_a_page_is_what_leaving_a_character_out_costs(opening, inside):
    page = opening(offline_page(inside, "a title"))
    text = "def a(b):\n\treturn é€ + 'x'\n" * 5
    ids = inside.vocabulary.encode(text)
    for edits, place in (("", 5), ("", len(text) - 3), (EDITS, 20)):
        found = page.evaluate(OCCLUSION, [text, edits, place])
        model = edited(inside, parse_edits(edits, "edits")) if edits else inside
        before = bits(model, ids, place)
        start = max(0, place - 100)
        assert (found["place"], found["start"]) == (place, start)
        expected = [bits(model, ids, place, left_out=t) - before for t in range(start, place)]
        assert found["values"] == pytest.approx(expected, abs=1e-9)
        assert found["probability"] == pytest.approx(2**-before, abs=1e-9)


def test_a_click_shows_what_mattered_for_a_character(opening, inside):
    page = opening(offline_page(inside, "a title"))
    page.fill("#live-text", "def a(b):\n\treturn b\n" * 3)
    page.wait_for_function(
        "() => page.live.shown === $('live-text').value && !page.live.reading.isRunning"
    )
    page.get_by_role("button", name="What mattered for it?").click()
    x, y = page.evaluate("[page.view.rect(25)].map((r) => [r.left + r.width / 2, r.top + 5])[0]")
    page.mouse.click(x, y)
    page.wait_for_function("() => page.why.found?.place === 25")
    levels, (values, full) = page.evaluate(
        "[[...page.view.levels], [page.why.found.values, page.why.full]]"
    )
    expected = np.sign(values) * np.ceil(np.abs(values) / full * 16 - 1e-9)
    assert levels == [*expected.tolist(), *[0] * (len(levels) - 25)]
    assert min(values) < 0 < max(values)
    assert page.locator("#unit-name").text_content() == "saliency"
    assert "left out" in page.locator("#why-note").text_content()
    most = int(np.abs(values).argmax())
    first = page.locator("#why-list li").first
    assert first.locator(".name").text_content().endswith(f"{25 - most} back")
    assert first.locator(".figure").text_content().replace("−", "-") == f"{values[most]:+.2f}"
    page.locator("#text").press("ArrowRight")
    page.wait_for_function("() => page.why.found?.place === 26")
    page.keyboard.press("Home")
    assert "not predicted" in page.locator("#why-note").text_content()
    page.keyboard.press("m")
    assert page.locator("#why").is_hidden()
    assert page.locator("#unit-name").text_content() != "saliency"


@pytest.mark.parametrize("item_end", [None, "\n"])
def test_the_context_curve_of_a_page_is_the_terminals(opening, inside, item_end):
    page = opening(offline_page(inside, "a title", item_end=item_end))
    text = "def a(b):\n\treturn é€ + 'x'\n\n" * 6 + "abc"
    ids = inside.vocabulary.encode(text)
    for edits in ("", EDITS):
        model = edited(inside, parse_edits(edits, "edits")) if edits else inside
        expected = curve_data(context_curve(model, ids, windows=64, item_end=item_end))
        found = page.evaluate(CURVE, [text, edits])
        assert found.keys() == expected.keys()
        for key in ("lengths", "windows", "effective"):
            assert found[key] == expected[key]
        for key in ("mean", "excess", "error"):
            assert found[key] == pytest.approx(expected[key], abs=6e-5)
    page.get_by_role("button", name="Measure it").click()
    page.locator("#reach-box svg").wait_for()
    assert "Each point is the mean of 64 predictions" in page.locator("#reach-note").text_content()
    assert page.locator("#reach-box .effective").count() == 1
    assert page.locator("#reach-box .point").count() == len(
        page.evaluate("page.reach.curve.lengths")
    )
