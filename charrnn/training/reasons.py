"""A plan in words: three sentences that say what a run is and why."""

from charrnn.config import TrainingConfig, TrainingRequest
from charrnn.training.allowed import AllowedRun
from charrnn.training.item_order import BatchShape
from charrnn.wording import counted, duration, plain, rounded_count


def plan_sentences(
    run: AllowedRun,
    config: TrainingConfig,
    wanted: BatchShape,
    request: TrainingRequest,
    seconds: float,
) -> tuple[str, ...]:
    """A run and its reasons: what the limits allow; what works against overfitting; its steps and how long they take.

    Args:
        run: the run.
        config: its settings.
        wanted: the shape of its batches, but for a text that is too short for it.
        request: the user's request.
        seconds: the time that it will take.
    """
    return (
        _why_size(run, request),
        _against_overfitting(run, config),
        _steps(run, config, wanted, seconds),
    )


def _why_size(run: AllowedRun, request: TrainingRequest) -> str:
    """What the limit allows, and for which network: "2 minutes allow about 7.5 M characters at 67,000/s"."""
    speed = f"{rounded_count(run.epoch.characters / run.per_step)}/s"
    if run.limit == "minutes":
        allows = f"{counted(request.minutes or 0, 'minute')} {_verb(request.minutes, 'allow')}"
    elif run.limit == "enough":
        allows = f"{run.epochs:,.0f} epochs, the limit for so short a text, are"
    else:
        allows = f"{counted(run.steps, 'step')} {_verb(run.steps, 'read')}"
    sentence = f"{allows} about {rounded_count(run.chars)} {run.size.noun}s at {speed}"
    network = f"{run.model_config.num_layers} x {run.model_config.hidden_size} units"
    if not request.leaves_open("hidden_size"):
        return f"{sentence}, {plain(run.chars / run.parameters)} per parameter of {network}"
    if not run.reads_enough:
        return f"{sentence}: too few for good results, even with the smallest network, {network}"
    return f"{sentence}: enough for {network}"


def _verb(number: float | None, verb: str) -> str:
    return f"{verb}s" if number == 1 else verb


def _against_overfitting(run: AllowedRun, config: TrainingConfig) -> str:
    """How often the text is read, and what keeps the network from memorizing it."""
    per_char = run.parameters / run.size.train_chars
    rates = [("dropout", config.dropout), ("weight drop", config.weight_drop)]
    means = [f"{name} {rate:g}" for name, rate in rates if rate] or ["no dropout"]
    if run.model_config.layer_norm:
        means.append("layer normalization")
    epochs = counted(float(f"{run.epochs:.3g}"), "epoch")
    parameters = counted(float(f"{per_char:.2g}"), "parameter")
    return f"{epochs}, {parameters} per training {run.size.noun}: {', '.join(means)}"


def _steps(run: AllowedRun, config: TrainingConfig, wanted: BatchShape, seconds: float) -> str:
    """The steps, what each reads, the learning rates and the time."""
    shape = f"{config.batch_size} x {config.sequence_length}"
    usual = f"{wanted.batch_size} x {wanted.sequence_length}"
    each = f"{shape} {run.size.noun}s"
    if run.epoch.lines is not None:
        each = f"about {counted(run.epoch.lines, run.size.item_noun)}"
    if shape != usual:
        chars = counted(run.size.train_chars, f"training {run.size.noun}")
        each += f" ({chars} are too few for {usual})"
    rate = f"learning rate {config.learning_rate:g}"
    if config.optimizer == "muon":
        rate += f" (Muon {config.muon_learning_rate:g})"
    return f"{counted(config.steps, 'step')} of {each}, {rate}: about {duration(seconds)}"
