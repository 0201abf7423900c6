"""Requests to a language model: when they arrive, how long their prompts are and how much is generated.

Arrivals are random (Poisson, bursty) or those of clients that wait for their answer (closed loop); recorded ones are in
`loads.workloads.recorded_arrivals`.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from loads.errors import LoadDataError
from loads.segments import Floats
from loads.trace import Provenance
from loads.workloads.phases import stream
from loads.workloads.plain import CLOSED, Number, Whole

Ints = NDArray[np.int64]

CHUNK = 1024
"""Gaps drawn at a time; part of what a seed means."""

PEAK_WINDOW_S = 10.0
"""The peak rate is the largest over windows of this length, one after another from time 0."""


@dataclasses.dataclass(frozen=True, eq=False)
class Requests:
    """Requests in the order of arrival.

    Parameters
    ----------
    arrival_s
        Shape (n,), not decreasing, from 0.
    prompt_tokens, generated_tokens
        Shape (n,), at least 1.
    provenance
        Where they come from.

    Raises
    ------
    LoadDataError
        If the shapes do not fit or a number is out of range.
    """

    arrival_s: Floats
    prompt_tokens: Ints
    generated_tokens: Ints
    provenance: Provenance

    def __post_init__(self) -> None:
        for name, kind in (("arrival_s", np.float64), ("prompt_tokens", np.int64), ("generated_tokens", np.int64)):
            values = np.array(getattr(self, name), dtype=kind)
            if values.shape != (np.size(self.arrival_s),):
                raise LoadDataError(f"{name} must have the shape ({np.size(self.arrival_s)},), got {values.shape}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if not np.isfinite(self.arrival_s).all() or (np.diff(self.arrival_s, prepend=0.0) < 0.0).any():
            raise LoadDataError("arrival_s must be finite, from 0, and not decrease")
        for name in ("prompt_tokens", "generated_tokens"):
            if (getattr(self, name) < 1).any():
                raise LoadDataError(f"{name} must be at least 1, got {getattr(self, name).min()}")

    def statistics(self) -> dict[str, float]:
        """Return what sums the requests up, NaN where there are too few.

        ``duration_s`` and rates are from time 0 to the last arrival; ``interarrival_cv`` is the standard deviation of
        the times between arrivals over their mean, 1 for a Poisson process.
        """
        count = self.arrival_s.size
        duration_s = float(self.arrival_s[-1]) if count else 0.0
        gaps_s = np.diff(self.arrival_s)
        windows = np.bincount((self.arrival_s // PEAK_WINDOW_S).astype(np.int64), minlength=1)
        return {
            "requests": count,
            "duration_s": duration_s,
            "mean_rate_per_s": count / duration_s if duration_s > 0.0 else np.nan,
            "peak_rate_10s_per_s": float(windows.max()) / PEAK_WINDOW_S,
            "interarrival_cv": float(gaps_s.std() / gaps_s.mean()) if gaps_s.any() else np.nan,
            "prompt_tokens": int(self.prompt_tokens.sum()),
            "generated_tokens": int(self.generated_tokens.sum()),
            "mean_prompt_tokens": float(self.prompt_tokens.mean()) if count else np.nan,
            "mean_generated_tokens": float(self.generated_tokens.mean()) if count else np.nan,
        }


@dataclass(frozen=True, config=CLOSED)
class TokenCounts:
    """Lognormal numbers of tokens, rounded, at least 1.

    Parameters
    ----------
    mean, median
        One of the two; the other follows.
    cv
        Standard deviation over mean; 0 makes all alike.

    Raises
    ------
    ValueError
        If not exactly one of mean and median is given, it is below 1, or cv is below 0.
    """

    mean: Number | None = None
    median: Number | None = None
    cv: Number = 0.0

    def __post_init__(self) -> None:
        if (self.mean is None) == (self.median is None):
            raise ValueError(f"give either mean or median, got mean {self.mean} and median {self.median}")
        name = "median" if self.mean is None else "mean"
        if not 1.0 <= getattr(self, name) < np.inf:
            raise ValueError(f"{name} must be at least 1 token, got {getattr(self, name)}")
        if not 0.0 <= self.cv < np.inf:
            raise ValueError(f"cv must be 0 or more, got {self.cv}")

    @property
    def expected(self) -> float:
        """Mean before rounding: median sqrt(1 + cv^2)."""
        if self.mean is not None:
            return self.mean
        assert self.median is not None
        return self.median * float(np.sqrt(1.0 + self.cv**2))

    def draw(self, count: int, generator: np.random.Generator) -> Ints:
        """Draw numbers of tokens, shape (count,)."""
        log_sd = np.sqrt(np.log1p(self.cv**2))
        tokens = self.expected * np.exp(log_sd * generator.standard_normal(count) - 0.5 * log_sd**2)
        return np.maximum(np.rint(tokens), 1.0).astype(np.int64)


def _tokens(value: Any) -> Any:
    return {"mean": value} if isinstance(value, int | float) else value


Tokens = Annotated[TokenCounts, BeforeValidator(_tokens)]
"""Numbers of tokens; a plain number stands for requests that all have it."""


@dataclass(frozen=True, config=CLOSED)
class PoissonArrivals:
    """Requests of many users who know nothing of one another.

    Parameters
    ----------
    rate_per_s
        Mean requests a second.
    prompt_tokens, generated_tokens
        Of each request, drawn independently.
    """

    rate_per_s: Number
    prompt_tokens: Tokens
    generated_tokens: Tokens
    type: Literal["poisson"] = "poisson"

    def __post_init__(self) -> None:
        _check_rate(self.rate_per_s)

    @property
    def mean_tokens(self) -> tuple[float, float]:
        """Mean prompt and generated tokens of a request."""
        return self.prompt_tokens.expected, self.generated_tokens.expected

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> Requests:
        """Draw the requests that arrive before `duration_s`; a longer draw begins with the shorter one."""
        return _renewal(self, 1.0, f"Poisson arrivals, {self.rate_per_s:g} requests a second", duration_s, seed)


@dataclass(frozen=True, config=CLOSED)
class BurstyArrivals:
    """Requests that come in bursts: a renewal process whose times between arrivals follow a Gamma distribution.

    Parameters
    ----------
    rate_per_s
        Mean requests a second.
    cv
        Coefficient of variation of the times between arrivals: 1 is a Poisson process, more is burstier, less is more
        even.
    prompt_tokens, generated_tokens
        Of each request, drawn independently.
    """

    rate_per_s: Number
    cv: Number
    prompt_tokens: Tokens
    generated_tokens: Tokens
    type: Literal["bursty"] = "bursty"

    def __post_init__(self) -> None:
        _check_rate(self.rate_per_s)
        if not 0.0 < self.cv < np.inf:
            raise ValueError(f"cv must be above 0, got {self.cv}")

    @property
    def mean_tokens(self) -> tuple[float, float]:
        """Mean prompt and generated tokens of a request."""
        return self.prompt_tokens.expected, self.generated_tokens.expected

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> Requests:
        """Draw the requests that arrive before `duration_s`; a longer draw begins with the shorter one."""
        source = f"Gamma renewal arrivals, {self.rate_per_s:g} requests a second, CV {self.cv:g}"
        return _renewal(self, 1.0 / self.cv**2, source, duration_s, seed)


@dataclass(frozen=True, config=CLOSED)
class ClosedLoop:
    """Clients that each ask anew as soon as they are served, such as a batch job or a benchmark at its limit.

    Parameters
    ----------
    concurrency
        Number of clients, over all replicas.
    prompt_tokens, generated_tokens
        Of each request, drawn independently. With fixed numbers, the clients of a replica stay in step: fixed batches.
    """

    concurrency: Whole
    prompt_tokens: Tokens
    generated_tokens: Tokens
    type: Literal["closed_loop"] = "closed_loop"

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.concurrency != int(self.concurrency):
            raise ValueError(f"concurrency must be a whole number from 1, got {self.concurrency}")

    @property
    def mean_tokens(self) -> tuple[float, float]:
        """Mean prompt and generated tokens of a request."""
        return self.prompt_tokens.expected, self.generated_tokens.expected

    def draw_tokens(self, count: int, seed: np.random.SeedSequence) -> tuple[Ints, Ints]:
        """Draw the prompt and generated tokens of requests, each of shape (count,); more begin with the same ones."""
        return self.prompt_tokens.draw(count, stream(seed, 1)), self.generated_tokens.draw(count, stream(seed, 2))


def _check_rate(rate_per_s: float) -> None:
    if not 0.0 < rate_per_s < np.inf:
        raise ValueError(f"rate_per_s must be above 0, got {rate_per_s}")


def _renewal(
    model: PoissonArrivals | BurstyArrivals,
    shape: float,
    source: str,
    duration_s: float,
    seed: np.random.SeedSequence,
) -> Requests:
    """Draw a renewal process with Gamma gaps of a shape, and the tokens."""
    generator = stream(seed, 0)
    blocks = [np.zeros(1)]
    while blocks[-1][-1] < duration_s:
        gaps_s = generator.gamma(shape, 1.0 / (shape * model.rate_per_s), CHUNK)
        blocks.append(blocks[-1][-1] + np.cumsum(gaps_s))
    arrival_s = np.concatenate(blocks[1:] or [np.empty(0)])
    arrival_s = arrival_s[arrival_s < duration_s]
    return Requests(
        arrival_s,
        model.prompt_tokens.draw(arrival_s.size, stream(seed, 1)),
        model.generated_tokens.draw(arrival_s.size, stream(seed, 2)),
        Provenance("synthetic", source),
    )
