"""Every kind of page, in both themes: what validators of HTML and of accessibility look for.

html-validate and axe-core (npm) run in the long tests, where NODE_PATH names a folder that has them.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import make_text
from pages import data_of, data_of_pairs, luminance, make_model, serving, until_drawn
from pair_models import both

from charrnn.exact.model import exact
from charrnn.interpret.names import NamedUnit
from charrnn.interpret.units import Unit
from charrnn.web.cards import page_cards
from charrnn.web.html import page_html, page_policy
from charrnn.web.live import Live
from charrnn.web.offline import model_inside, offline_page

TEXT = make_text(900)
RULES = {
    "root": True,
    "extends": [f"html-validate:{name}" for name in ("recommended", "a11y", "document")],
    "rules": {
        # A <select> cannot hold the bars and the names of units.
        "prefer-native-element": ["error", {"exclude": ["listbox"]}],
        "aria-label-misuse": ["error", {"allowAnyNamable": True}],  # lists may have names
    },
}
WRITTEN_BY_BROWSER = ("no-inline-style", "attribute-empty-style", "attribute-boolean-style")
"""Rules that do not concern what a script has made, and a browser has written."""
STATES = {
    "opened": "0",
    "with a span": "select(0, 2)",
    "by surprisal": "isThere(page.data, SURPRISAL) && pick(SURPRISAL)",
    "with an edited unit": "isLive() && $('live-hold').click()",
    "with a tooltip": "document.querySelector('#units .term').click()",
    "with its help": "$('help').showModal()",
}


NAMES = [NamedUnit(unit="L0.c.3", name="inside brackets", score=0.97)]


@pytest.fixture(scope="module")
def live():
    """A model that answers the page that is served."""
    return Live(make_model(text=TEXT), "a title", names=NAMES)


def pages(live):
    """Each kind of page that charrnn writes, and the one that it serves."""
    model = make_model(text=TEXT)
    cards = page_cards(model, TEXT, [Unit(0, "c", 3)], NAMES)
    data = data_of(model, TEXT, "L*.c.*", names=NAMES, first="L0.c.3") | {"cards": cards}
    pairs, inside = data_of_pairs(both("attention")[2]), exact(model)
    return {
        "text": page_html(data),
        "text in a frame": page_html(data, embed=True),
        "text with a model": page_html(data | model_inside(inside, text=TEXT[:60])),
        "served": live.page(),
        "model": offline_page(inside, "a title", names=NAMES),
        "model in a frame": offline_page(inside, "a title", embed=True),
        "pairs": page_html(pairs),
        "pairs in a frame": page_html(pairs, embed=True),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory, live):
    """The pages as files, by their kinds."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for kind, content in pages(live).items():
        found[kind] = folder / f"{kind.replace(' ', '-')}.html"
        found[kind].write_text(content, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def addresses(files, live):
    """Where each page is opened, by its kind; on that of a text with a model one types."""
    found = {kind: path.as_uri() for kind, path in files.items()}
    found["text with a model"] += "#typing=on"
    with serving(live.actions, live.page().encode(), policy=page_policy(live=True)) as server:
        yield found | {"served": server.address}


def open_page(window, address, theme="light"):
    window.emulate_media(color_scheme=theme)
    window.goto("about:blank")
    window.goto(address)
    window.wait_for_function("() => address.opening")
    window.evaluate("address.following")
    until_drawn(window)
    return window


FAULTS = """() => {
  const all = [...document.querySelectorAll("body, body *")];
  const shown = all.filter((e) => e.checkVisibility({ visibilityProperty: true }));
  const ofId = (id) => document.getElementById(id);
  const labels = (e) => Array.from(e.labels ?? [], ({ textContent }) => textContent).join("");
  const heading = (e) => ofId(e.getAttribute("aria-labelledby"))?.textContent;
  const name = (e) => e.ariaLabel || labels(e) || e.textContent.trim() || heading(e);
  const ids = all.map((e) => e.id).filter(Boolean);
  const faults = ids.filter((id, k) => ids.indexOf(id) !== k).map((id) => `two #${id}`);
  const named = "button, input, select, textarea, [tabindex], [role=img], section";
  const referring = ["aria-labelledby", "aria-describedby", "aria-controls", "aria-activedescendant", "for"];
  let level = 0;
  for (const e of shown) {
    const check = (isWrong, what) => isWrong && faults.push(`${what}: ${e.outerHTML.slice(0, 90)}`);
    check(e.matches("label") && e.querySelectorAll("input, select, textarea, output").length > 1, "two fields");
    check(e.matches(named) && !name(e), "no name");
    for (const id of referring.flatMap((list) => (e.getAttribute(list) ?? "").split(" ")).filter(Boolean))
      check(!ofId(id), `there is no ${id}`);
    if (!/^H[1-6]$/.test(e.tagName)) continue;
    check(!e.textContent.trim(), "empty");
    check(level && Number(e.tagName[1]) > level + 1, `after a heading of level ${level}`);
    level = Number(e.tagName[1]);
  }
  return faults;
}"""
INKS = """() => {
  const found = new Map();
  const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(isText) || !e.checkVisibility({ visibilityProperty: true })) continue;
    if (e.closest("#lines, script, noscript, :disabled, [aria-busy=true]")) continue;
    let [box, opacity] = [e, 1];
    for (let one = e; one; one = one.parentElement) opacity *= getComputedStyle(one).opacity;
    while (box.parentElement && getComputedStyle(box).backgroundColor === "rgba(0, 0, 0, 0)") box = box.parentElement;
    const colors = [getComputedStyle(e).color, getComputedStyle(box).backgroundColor];
    found.set(JSON.stringify([...colors, opacity]), e.outerHTML.slice(0, 80));
  }
  return [...found].map(([key, what]) => [...JSON.parse(key), what]);
}"""


def mixed(ink, ground, opacity):
    """A color over another one, as the page shows it."""
    pairs = zip(*(map(int, c[4:-1].split(",")) for c in (ink, ground)), strict=True)
    return "rgb({}, {}, {})".format(*(round(a * opacity + b * (1 - opacity)) for a, b in pairs))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_has_names_for_its_controls_and_ink_that_can_be_read(window, addresses, theme):
    for kind, address in addresses.items():
        page = open_page(window, address, theme)
        for state, act in STATES.items():
            page.evaluate(act)
            assert page.evaluate(FAULTS) == [], (kind, state)
            inks = page.evaluate(INKS)
            assert len(inks) > 1
            for ink, ground, opacity, what in inks:
                seen = mixed(ink, ground, float(opacity))
                low, high = sorted(map(luminance, (seen, ground)))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (kind, state, seen, ground, what)


WATCH = """() => {
  window.met = new Set();
  window.unseen = [];
  document.addEventListener("focusin", ({ target }) => {
    met.add(target);
    if (getComputedStyle(target).outlineStyle === "none") unseen.push(target.outerHTML.slice(0, 90));
  });
  return $$().length;
}"""
CONTROLS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")].filter(
  (e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true }))"""


@pytest.mark.parametrize("kind", ["text with a model", "served", "pairs", "text in a frame"])
def test_the_keyboard_alone_reaches_every_control_and_shows_where_it_is(window, addresses, kind):
    page = open_page(window, addresses[kind])
    page.evaluate("go(0)")
    for _ in range(page.evaluate(WATCH.replace("$$", f"({CONTROLS})")) + 5):
        page.keyboard.press("Tab")
    missed = f"({CONTROLS})().filter((e) => !met.has(e)).map((e) => e.outerHTML.slice(0, 90))"
    assert [one for one in page.evaluate(missed) if 'class="name' not in one] == []
    assert page.evaluate("unseen") == []


# --- validators -----------------------------------------------------------------------------------


def module(name):
    """A module of Node that is not ours."""
    folders = map(Path, os.environ.get("NODE_PATH", "").split(os.pathsep))
    found = next((folder / name for folder in folders if (folder / name).is_dir()), None)
    if found is None:
        pytest.skip(f"NODE_PATH names no folder with {name}")
    return found


@pytest.mark.long
def test_html_validate_finds_nothing(window, files, addresses, tmp_path):
    program = module("html-validate") / "bin" / "html-validate.mjs"
    node = shutil.which("node")
    assert node
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(RULES))
    shown = []
    whole = "new XMLSerializer().serializeToString(document.doctype) + document.documentElement.outerHTML"
    for kind, path in files.items():  # also as the script makes it
        page = open_page(window, addresses[kind])
        page.evaluate("select(0, 2)")
        shown.append(tmp_path / path.name)
        shown[-1].write_text(page.evaluate(whole))
    written = dict.fromkeys(WRITTEN_BY_BROWSER, "off")
    for some, allowed in (([*files.values()], {}), (shown, written)):
        rules.write_text(json.dumps(RULES | {"rules": RULES["rules"] | allowed}))
        done = subprocess.run(
            [node, program, "-c", rules, "-f", "text", *some],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_axe_finds_no_violation(window, addresses, theme, width):
    script = (module("axe-core") / "axe.min.js").read_text(encoding="utf-8")
    window.set_viewport_size({"width": width, "height": 900})
    for kind, address in addresses.items():
        page = open_page(window, address, theme)
        page.evaluate(script)
        for state, act in STATES.items():
            page.evaluate(act)
            page.wait_for_timeout(150)
            found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
            faults = [
                (one["id"], node["target"], node["failureSummary"])
                for one in found["violations"]
                for node in one["nodes"]
            ]
            assert faults == [], (kind, state)
