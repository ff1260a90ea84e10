"""The settings of fine-tuning, and what is reported after each step."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.errors import SettingsError

__all__ = ["FinetuneSettings", "TrainingStep"]


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """The paper's settings (section 4.1). Raises `SettingsError` for invalid values.

    `batch` is the number of rows of up to `length` tokens per update; a device reads `per_device` of them at once. The
    learning rate grows over the first `warmup` share of all `steps`, then stays constant: the paper does not say what
    follows. Every `evaluate_every` steps the perplexity of `held_out` documents is measured, and a checkpoint written.
    `lora` trains matrices of `rank` beside each linear layer instead of the weights; 1e-4 is usual then.
    """

    learning_rate: float = 1e-5
    batch: int = 128
    per_device: int = 4
    warmup: float = 0.1
    length: int = 1024
    steps: int = 2000
    evaluate_every: int = 500
    held_out: int = 1000
    lora: bool = False
    rank: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch", "per_device", "steps", "evaluate_every", "held_out", "rank"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}", hint=f"{name} must be at least 1")
        if self.length < 8:
            raise SettingsError(f"length is {self.length} tokens", hint="a call alone is longer; the paper uses 1024")
        if not 0 < self.learning_rate < 1:
            raise SettingsError(f"learning_rate is {self.learning_rate}", hint="the paper uses 1e-5")
        if not 0 <= self.warmup < 1:
            raise SettingsError(f"warmup is {self.warmup}", hint="it is a share of all steps; the paper uses 0.1")


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Progress: the loss after every update, and the held-out perplexity after every evaluation.

    `seconds_left` is an estimate, `None` before the first update.
    """

    step: int
    steps: int
    loss: float | None = None
    perplexity: float | None = None
    seconds_left: float | None = None
