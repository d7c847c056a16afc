"""Settings: one declaration, from which the check, the help, the run file, resume and the reference follow."""

import contextlib
import dataclasses
import functools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers import CLEAN, make_text, own_signals, settings_named
from hypothesis import given
from hypothesis import strategies as st
from prepared import Server

import charrnn
from charrnn.config import (
    CONFIGS,
    PANELS,
    ModelConfig,
    SamplingConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.errors import SettingError
from charrnn.settings import Config, expected_value, setting, settings_of, value_types

SETTINGS = [(config, name) for config in CONFIGS for name in settings_of(config)]


def made(config, **values):
    """A config with what it cannot do without."""
    needed = {"vocab_size": 3} if config is ModelConfig else {}
    return config(**(needed | values))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Config):
    """A config for the rule itself."""

    size: int = setting(3, "Size.", low=1, high=9)
    rate: float | None = setting(None, "Rate.", above=True, high=1)
    word: str = setting("one", "Word.", choices=("one", "two"))
    names: tuple[str, ...] = setting((), "Names.")
    only_two: bool = setting(False, "Needs two.", needs=("word", "two"))
    with_rate: bool = setting(False, "Needs a rate.", needs=("rate",))
    alone: bool = setting(False, "Excludes names.", excludes=("names",))
    only_size: bool = setting(False, "Allows size.", allows=("size",))


@pytest.mark.parametrize(
    "values",
    [
        {"size": 0},
        {"size": 10},
        {"size": 3.0},
        {"size": True},
        {"size": None},
        {"rate": 0},
        {"rate": float("nan")},
        {"rate": "{x}"},
        {"word": "three"},
        {"names": "ab"},
        {"only_two": True},
        {"with_rate": True},
        {"only_size": True, "rate": 1},
        {"alone": True, "names": ("a",)},
    ],
)
def test_a_value_out_of_range_or_a_conflict_is_named_with_what_was_expected(values, wording):
    with wording.raises(SettingError) as caught:
        Toy(**values)
    assert settings_named(caught.value)[0] in values


def test_what_is_within_range_is_accepted():
    Toy(size=9, rate=1, word="two", names=("a",), only_two=True, with_rate=True)
    Toy(size=9, only_size=True)


@pytest.mark.parametrize(
    ("name", "value"), [("min_p", 0), ("top_p", 1), ("typical", 1.0), ("repetition_penalty", 1)]
)
def test_a_value_without_an_effect_is_off(name, value):
    assert SamplingConfig(**{name: value}) == SamplingConfig()


def test_an_error_is_spelled_for_python_and_for_the_command_line():
    error = SettingError.naming(
        "{rate} needs {word:two}, not {found!r}", "leave {rate} out", found="{x}"
    )
    assert (error.message, error.hint) == ("rate needs word='two', not '{x}'", "leave rate out")
    typed = error.typed(lambda name, value: f"--{name} {value}".strip())
    assert (typed.message, typed.hint) == ("--rate needs --word two, not '{x}'", "leave --rate out")


@pytest.mark.parametrize(("config", "name"), SETTINGS, ids=lambda v: getattr(v, "__name__", v))
def test_every_setting_says_what_it_is_and_refuses_what_it_cannot_be(config, name):
    rule = settings_of(config)[name]
    assert rule.help.endswith(".")
    assert rule.help[0].isupper() or rule.help.startswith("muon")
    assert rule.panel in PANELS
    with pytest.raises(SettingError) as caught:
        made(config, **{name: object()})
    assert settings_named(caught.value) == [name]
    assert expected_value(config, name) in caught.value.message


@pytest.mark.parametrize(
    ("config", "name"),
    [(c, n) for c, n in SETTINGS if value_types(c)[n][0] in (int, float)],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_every_number_has_bounds_both_ways(config, name):
    for value in (float("nan"), float("inf"), -float("inf"), -1, 10**400):
        with pytest.raises(SettingError) as caught:
            made(config, **{name: value})
        assert settings_named(caught.value)[0] == name


NAMES = st.sampled_from(["hidden_size", "dropout", "clip", "cell", "steps"])


@given(st.dictionaries(NAMES, st.none() | st.integers() | st.text()))
def test_a_request_is_refused_or_makes_definite_configs(given):
    try:
        request = TrainingRequest(given=given)
    except SettingError:
        return
    assert isinstance(request.network(5), ModelConfig)
    assert isinstance(request.training(), TrainingConfig)


# --- adding a setting -----------------------------------------------------------

NEW_FIELD = """    gradient_noise: float = setting(
        0.25,
        "Standard deviation of noise added to gradients.",
        high=3,
        panel=LEARNING,
    )
    seed: int = setting("""


@pytest.fixture(scope="module")
def with_a_new_setting(tmp_path_factory):
    """A copy of the package in which TrainingConfig has one field more, and a folder with a text."""
    folder = tmp_path_factory.mktemp("new")
    package = folder / "lib" / "charrnn"
    shutil.copytree(Path(charrnn.__file__).parent, package)
    source = (package / "config.py").read_text(encoding="utf-8")
    before, training, after = source.partition("class TrainingConfig(Config):")
    changed = before + training + after.replace("    seed: int = setting(", NEW_FIELD, 1)
    assert changed != source
    (package / "config.py").write_text(changed, encoding="utf-8")
    (folder / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    return folder


def run_in(folder, *arguments, server, status=0):
    """The copy's `charrnn ARGUMENTS`."""
    done = subprocess.run(
        [server.program, *map(str, arguments)],
        cwd=folder,
        env=CLEAN | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        preexec_fn=own_signals,
        check=False,
    )
    assert done.returncode == status, done
    return done.stdout + done.stderr


@pytest.mark.long
def test_a_new_setting_is_an_option_and_is_checked_kept_compared_and_written(with_a_new_setting):
    folder = with_a_new_setting
    with contextlib.closing(
        Server((), CLEAN | {"PYTHONPATH": str(folder / "lib")}, folder)
    ) as server:
        run = functools.partial(run_in, folder, server=server)
        said = run("train", "--help")
        assert re.search(r"--gradient-noise .*Standard deviation of noise added to gradients", said)
        assert "[default: 0.25]" in said
        said = run("train", "corpus.txt", "--gradient-noise", 4, status=2)
        assert "--gradient-noise must be a number from 0 to 3, not 4" in said
        small = ("--hidden-size", 4, "--steps", 3, "--precision", "float32", "--threads", 1)
        run("train", "corpus.txt", "--name", "a", "--gradient-noise", 1.5, *small, "-q")
        written = tomllib.loads(run("inspect", "a", "--toml"))
        assert written["gradient-noise"] == 1.5
        (folder / "run.toml").write_text('corpus = "corpus.txt"\ngradient-noise = 2.5\n')
        run("train", "--config", "run.toml", "--name", "b", *small, "-q")
        assert tomllib.loads(run("inspect", "b", "--toml"))["gradient-noise"] == 2.5
        said = run("train", "--resume", "--name", "a", "--gradient-noise", 2, status=2)
        assert "--gradient-noise is 1.5 in this run, not 2" in said


def test_a_new_setting_stands_in_the_reference(with_a_new_setting):
    folder, docs = with_a_new_setting, Path(__file__).parents[1] / "docs" / "_ext"
    script = (
        f"import sys; sys.path.insert(0, {str(docs)!r}); import reference_text as r;"
        "print(r.command_reference())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=CLEAN | {"PYTHONPATH": str(folder / "lib")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--gradient-noise" in done.stdout
    assert "Standard deviation of noise added to gradients" in done.stdout
