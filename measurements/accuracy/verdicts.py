"""The verdicts on the hypotheses of `results/PLAN.md`, in its words.

Nobody looks at a study before it is complete. Until then its runs are counted, and nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from cnn_experiment import UserError
from measurements.accuracy.equivalence import ALPHA, Equivalence, equivalence, paired_differences
from measurements.accuracy.plan import Study, studies_of
from measurements.accuracy.runs import AccuracyRun, Contestant, finished

Outcome = Literal["val_accuracy", "val_loss"]
Pairs = Mapping[int, Mapping[Contestant, AccuracyRun]]


class Hypothesis(NamedTuple):
    """What the plan wants to know of a study, of its first contestant minus its second."""

    number: int
    name: str
    """The letter of its study, with a figure where one study answers two hypotheses."""
    claim: str
    ours: Contestant
    theirs: Contestant
    outcome: Outcome = "val_accuracy"
    """What is compared after the last epoch: accuracies for equivalence, losses for a direction."""

    @property
    def study(self) -> Study:
        """The study that decides it."""
        (study,) = studies_of(self.name[0])
        return study


HYPOTHESES = (
    Hypothesis(1, "A", "PyTorch and Keras reach the same accuracy", "torch", "keras"),
    Hypothesis(2, "C1", "PyTorch and Keras reach the same accuracy", "torch", "keras"),
    Hypothesis(3, "C2", "PyTorch's loss is lower than Keras'", "torch", "keras", "val_loss"),
    Hypothesis(4, "I", "bfloat16 and float32 reach the same accuracy", "torch-bfloat16", "torch"),
)
LETTERS = "".join(dict.fromkeys(each.name[0] for each in HYPOTHESES))
"""The studies that nobody looks at before they are complete."""


def verdicts(runs: Iterable[AccuracyRun], close: str = "") -> list[dict[str, Any]]:
    """Return what is found of each hypothesis; of an incomplete study only its number of pairs.

    `close` has the letters of studies that were given up: they are analysed with the complete pairs
    that there are. Raises `UserError` for other letters.
    """
    given = list(runs)
    _must_be_letters(close)
    return [_answer(each, _pairs(each.study, given), close) for each in HYPOTHESES]


def shown(runs: Iterable[AccuracyRun], close: str = "") -> list[AccuracyRun]:
    """Return the runs that may be looked at.

    Left out are all runs of an incomplete study and, in a study that was given up, those without a
    partner. Runs that belong to no hypothesis stay.
    """
    given = list(runs)
    _must_be_letters(close)
    hidden: set[tuple[Any, ...]] = set()
    for letter in LETTERS:
        (study,) = studies_of(letter)
        pairs = _pairs(study, given)
        open_seeds = pairs if _may_be_analysed(study, pairs, close) else ()
        hidden |= {run.identity for run in study.runs(given) if run.seed not in open_seeds}
    return [run for run in given if run.identity not in hidden]


def _must_be_letters(close: str) -> None:
    if not set(close) <= set(LETTERS):
        raise UserError(f"close = {close!r}: accepted: letters of {LETTERS}")


def _pairs(study: Study, runs: Iterable[AccuracyRun]) -> Pairs:
    """Return the runs of each seed that all contestants of the study have."""
    by_seed: dict[int, dict[Contestant, AccuracyRun]] = {}
    for run in study.runs(runs):
        by_seed.setdefault(run.seed, {})[run.contestant] = run
    return {seed: by for seed, by in by_seed.items() if len(by) == len(study.contestants)}


def _may_be_analysed(study: Study, pairs: Pairs, close: str) -> bool:
    """Return whether the study is complete, or given up with enough pairs for a test."""
    return len(pairs) == len(study.seeds) or (study.letter in close and len(pairs) > 1)


def _answer(hypothesis: Hypothesis, pairs: Pairs, close: str) -> dict[str, Any]:
    study = hypothesis.study
    answer = {
        **hypothesis._asdict(),
        "preset": study.recipe.name,
        "epochs": study.recipe.experiment.epochs,
        "device": study.device,
        "pairs": len(pairs),
        "planned": len(study.seeds),
        "verdict": None,
    }
    if not _may_be_analysed(study, pairs, close):
        return answer
    unfinished = [seed for seed, by in pairs.items() if len(finished(by.values())) < len(by)]
    pairs = {seed: by for seed, by in pairs.items() if seed not in unfinished}
    answer["diverged"] = unfinished
    ours, theirs = (
        {seed: getattr(by[name], hypothesis.outcome)[-1] for seed, by in pairs.items()}
        for name in (hypothesis.ours, hypothesis.theirs)
    )
    judged = equivalence(paired_differences(ours, theirs))
    answer |= {"difference": judged.difference._asdict(), "differs_p": judged.differs_p}
    if hypothesis.outcome == "val_loss":
        return answer | {"verdict": _direction(judged)}
    return answer | {
        "verdict": _sameness(judged),
        "low": judged.low,
        "high": judged.high,
        "p": judged.p,
    }


def _sameness(judged: Equivalence) -> str:
    differ = judged.differs_p < ALPHA
    if judged.is_equivalent:
        return "both" if differ else "equivalent"
    return "differ" if differ else "undecided"


def _direction(judged: Equivalence) -> str:
    if judged.differs_p >= ALPHA:
        return "not confirmed"
    return "confirmed" if judged.difference.mean < 0 else "confirmed the other way round"
