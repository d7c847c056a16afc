"""`charrnn gradients --experiment`: what is shown of the textbook's experiments."""

import json

import pytest
from helpers import call_charrnn

from charrnn.cli.gradients.command import EXPERIMENTS


@pytest.fixture
def ask(capsys, monkeypatch, tmp_path):
    """`charrnn gradients --experiment ARGUMENTS` in an empty folder."""
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, status=0: call_charrnn(
        capsys, "gradients", "--experiment", *arguments, status=status
    )


def test_the_outputs_of_linear_units_are_those_of_the_textbook(ask):
    out = ask("linear").out
    last = [line for line in out.splitlines() if line.strip().startswith("output")]
    assert " ".join(last).split() == ["output", "0.00", "0.00", "1.00", "20,959.16"]


def test_weights_and_steps_of_linear_units_can_be_given(ask):
    made = json.loads(ask("linear", "--w", "0.5,2", "--distance", 3, "--json").out)
    assert made["units"] == [
        {"weight": 0.5, "outputs": [1, 0.5, 0.25, 0.125]},
        {"weight": 2, "outputs": [1, 2, 4, 8]},
    ]


def test_the_cliff_is_drawn_with_three_paths_and_its_gradient_twice(ask, tmp_path):
    out = ask("cliff").out
    assert out.count("the norm of its gradient") == 2
    loss = out.partition("the norm of its gradient")[0]
    assert all(letter * 2 in loss for letter in "pcd")
    ask("cliff", "--svg", "cliff.svg")
    assert "clipped at 15" in (tmp_path / "cliff.svg").read_text()
    descents = json.loads(ask("cliff", "--clip", 5, "--json").out)["descents"]
    assert [one["name"] for one in descents] == ["plain", "clipped at 5", "weight decay 1"]
    assert len(descents[0]["norms"]) == 401


@pytest.mark.parametrize("name", ["activation", "forget-bias"])
def test_networks_are_compared_on_the_same_symbols(ask, monkeypatch, name):
    monkeypatch.setattr("charrnn.interpret.experiments.untrained.LENGTH", 200)
    made = json.loads(ask(name, "--distance", 10, "--json").out)
    assert made["experiment"] == name
    assert all(len(one["norms"]) == 11 for one in made["networks"])
    assert len({one["per_step"] for one in made["networks"]}) == len(made["networks"])
    assert ask(name, "--distance", 10).out.count("per step") >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("line",),
        ("linear", "--w", "0.5,x"),
        ("linear", "--w", "3"),
        ("linear", "--clip", "3"),
        ("cliff", "--distance", "3"),
        ("cliff", "--seed", "3"),
        ("activation", "--fresh", "lstm"),
        ("forget-bias", "book.txt"),
    ],
)
def test_what_does_not_go_together_is_refused(ask, wording, arguments):
    wording(ask(*arguments, status=2))


def test_every_experiment_is_in_the_help(capsys):
    shown = " ".join(call_charrnn(capsys, "gradients", "--help").out.split())
    assert all(f"{name}:" in shown for name in EXPERIMENTS)
