"""A model as a folder for a model hub: config.json, model.safetensors and README.md, the model card.

The card's example needs torch and safetensors alone, where torch has the cell.
"""

import json
import math
import re
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.errors import UsageError
from charrnn.export.published import published
from charrnn.files import environment_fault, write_atomically
from charrnn.network.shapes import count_parameters, describe
from charrnn.runs import MODEL, reading_of
from charrnn.text.kinds import item_end_of, item_noun
from charrnn.wording import counted, noun_of

CONFIG, CARD = "config.json", "README.md"


def write_folder(checkpoint: Checkpoint, folder: Path, *, title: str, license_name: str) -> None:
    """Write a model, with its counts, as a folder for a hub.

    Args:
        checkpoint: the model.
        folder: the folder, which is made.
        title: the name of the model.
        license_name: the license under which it is published, as the hub names it: "mit", "cc0-1.0".

    Raises:
        EnvironmentFault: a file cannot be written.
        UsageError: the model's units are edited, or it is exact.
    """
    if checkpoint.model.is_exact:
        raise UsageError(
            "a folder for a hub has the weights in float32",
            "export the model that this one was made of",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise environment_fault("make", folder, error) from error
    run = published(checkpoint.run)
    without = Checkpoint(checkpoint.model, checkpoint.metrics, run, counts=checkpoint.counts)
    save_checkpoint(folder / MODEL, without)
    config = json.dumps(_config(checkpoint), indent=2, ensure_ascii=True) + "\n"
    write_atomically(folder / CONFIG, config.encode())
    card = _card(checkpoint, title, license_name, folder.absolute().name)
    write_atomically(folder / CARD, card.encode("utf-8", "replace"))


def _config(checkpoint: Checkpoint) -> dict[str, Any]:
    """What config.json says: the network, and the code points of its symbols."""
    config, vocabulary = checkpoint.model.config, checkpoint.model.vocabulary
    return {
        "model_type": "charrnn",
        "cell": config.cell,
        "activation": config.activation,
        **{
            name: value
            for name in ("depth", "delays", "row_length", "subsample", "word_symbols")
            if (value := getattr(config, name))
        },
        "num_layers": config.num_layers,
        "hidden_size": config.hidden_size,
        "embedding_size": config.embedding_size,
        "vocab_size": config.vocab_size,
        "layer_norm": config.layer_norm,
        "learn_start": config.learn_start,
        "level": vocabulary.level,
        "code_points": vocabulary.symbols.tolist(),
        "has_unknown": vocabulary.has_unknown,
    }


def _card(checkpoint: Checkpoint, title: str, license_name: str, folder: str) -> str:
    """The model card; the folder's name is for the example."""
    model = checkpoint.model
    parts = [
        _front_matter(license_name),
        f"# {_plain(title) or 'A model'}",
        _summary(checkpoint),
        "## Text",
        _text(checkpoint),
        "## Figures",
        _figures(checkpoint),
        "## Use",
        "With charrnn, in the parent folder of this one:",
        f"```sh\ncharrnn sample {_typed(folder)} {_prompting(model)}\n```",
        _example(model),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(license_name: str) -> str:
    tags = "\n".join(f"- {tag}" for tag in ("charrnn", "char-rnn", "character-level"))
    license_line = f"license: {json.dumps(license_name)}"
    return f"---\n{license_line}\npipeline_tag: text-generation\ntags:\n{tags}\n---"


def _summary(checkpoint: Checkpoint) -> str:
    config, noun = checkpoint.model.config, noun_of(checkpoint.model.vocabulary.level)
    return (
        f"A character-level recurrent network: {describe(config)}. It predicts the next {noun} of a text, and was "
        f"trained with charrnn {_version(checkpoint.run)}."
    )


def _version(run: Mapping[str, Any]) -> str:
    return _plain(str(run.get("versions", {}).get("charrnn", version("charrnn"))))


def _text(checkpoint: Checkpoint) -> str:
    corpus = checkpoint.run.get("corpus")
    if not corpus:
        return "The text is not recorded."
    names = ", ".join(_inline(name) for name in corpus["sources"])
    noun = noun_of(checkpoint.model.vocabulary.level)
    return (
        f"{names}: {counted(corpus['characters'], noun)}, SHA-256 of the text {_plain(corpus['fingerprint'])}. "
        f"The license of the text is not known to charrnn."
    )


def _inline(text: str) -> str:
    """Some text as code in Markdown, on one line."""
    shown = _in_a_line(text).replace("`", "'")
    return f"`{shown}`"


def _plain(text: str) -> str:
    """Some text in Markdown as it is, on one line: no character of it marks anything up."""
    return re.sub(r"([!-,/:-@\[-`{-~])", r"\\\1", _in_a_line(text))


def _in_a_line(text: str) -> str:
    """A text on one line, without characters that act on a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _typed(folder: str) -> str:
    """A folder as one types it in a shell, in the folder above it."""
    if not folder.isprintable():
        return "."
    return shlex.quote(f"./{folder}/" if folder.startswith("-") else f"{folder}/")


def _prompting(model: Any) -> str:
    prompt = _known_prompt(model)
    return f"--prompt {shlex.quote(prompt)}" if prompt.isprintable() else "--length 200"


def _figures(checkpoint: Checkpoint) -> str:
    metrics, noun = checkpoint.metrics, noun_of(checkpoint.model.vocabulary.level)
    nats = metrics.get("best_val_nats_per_char")
    if nats is None:
        return "There was no validation text."
    config = checkpoint.run.get("corpus", {}).get("config", {})
    end = item_end_of(reading_of(checkpoint))
    how = f"each {item_noun(end)} by itself" if end else "read in streams that carry the state"
    part = f"a fraction of {config.get('val_fraction', 0):g} of the text, which was not trained on"
    rows = [("network alone", nats, f"{part}; {how}; the best step was chosen on it")]
    counts = checkpoint.counts
    if counts is not None and counts.nats is not None:
        own = (
            f"{counted(counts.characters, noun)} of it; each half with weights fitted on the other"
        )
        rows.append(("with counts", counts.nats, own))
    lines = [f"| | nats per {noun} | bits per {noun} | measured on |", "|---|---|---|---|"]
    lines += [f"| {n} | {x:.4f} | {x / math.log(2):.4f} | {how} |" for n, x, how in rows]
    return "\n".join(lines)


def _example(model: Any) -> str:
    """How to run the network without charrnn."""
    cell = model.cell
    if cell.torch_class is None:
        return f"torch has no such cell ({cell.name}); charrnn computes it in NumPy."
    if model.config.subsample:
        return "torch's layers read every character; charrnn computes this subsampled network in NumPy."
    kind = f"torch.nn.{cell.torch_class}"
    more = ', nonlinearity="relu"' if model.config.activation == "relu" else ""
    reading = (
        'list("ROMEO:".encode())'
        if model.vocabulary.level == "byte"
        else '[config["code_points"].index(ord(letter)) for letter in PROMPT]'
    )
    reading = reading.replace('"ROMEO:"', "PROMPT")
    starts = [
        f'weights["start.{name}"][k].view(1, -1)' if model.config.learn_start else ""
        for name in cell.states
    ]
    start = ""
    if model.config.learn_start:
        start = f", {starts[0]}" if len(starts) == 1 else f", ({', '.join(starts)})"
    norm = (
        '    x = torch.layer_norm(x, x.shape[-1:], weights[f"norm.weight_l{k}"], weights[f"norm.bias_l{k}"])\n'
        if model.config.layer_norm
        else ""
    )
    prompt = _known_prompt(model)
    count = count_parameters(model.config)
    return f"""With torch and safetensors alone, in this folder ({count:,} weights):

```python
import json, pathlib, torch
from safetensors.torch import load_file
PROMPT = {prompt!r}
config = json.loads(pathlib.Path("config.json").read_text())
weights = load_file("model.safetensors")
x = weights["embedding.weight"][{reading}]
for k in range(config["num_layers"]):
    layer = {kind}(x.shape[1], config["hidden_size"]{more})
    layer.load_state_dict({{name: weights[f"rnn.{{name[:-1]}}{{k}}"] for name in layer.state_dict()}})
    x, _ = layer(x{start})
{norm}logits = x @ weights["head.weight"].T + weights["head.bias"]  # after each character of PROMPT
```"""


def _known_prompt(model: Any) -> str:
    """A short text that the model knows."""
    vocabulary = model.vocabulary
    for text in ("The ", "the", "a"):
        if not vocabulary.missing(text):
            return text
    return chr(int(vocabulary.symbols[-1]))
