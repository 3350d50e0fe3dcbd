"""Train the CNN, on any device, from its initial weights or from a checkpoint."""

import math
import time
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cnn_experiment import (
    Checkpoint,
    Digits,
    Diverged,
    EpochRecord,
    Experiment,
    Keeper,
    Stopped,
    Tally,
    UserError,
    Watcher,
    epoch_batches,
)
from torch_cnn.evaluation import evaluate_by, images_on_device
from torch_cnn.model import CNN, build_model
from torch_cnn.ranks import are_several, ended_ranks_as_errors, must_agree, ranks_of
from torch_cnn.schedule import keras_schedule
from torch_cnn.step import build_optimizer, train_step
from torch_cnn.weights import (
    load_neutral_optimizer_state,
    load_neutral_weights,
    neutral_optimizer_state,
    neutral_weights,
)

_REPORTS_PER_EPOCH = 50
_FAILED = 1000
"""Larger than the number of any signal."""


def pick_device(name: str = "auto") -> torch.device:
    """Return the device; `auto` is CUDA if it is available, otherwise the CPU.

    Raises `UserError` for a device that is not available.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device = {name!r}: accepted: auto, cpu, cuda")
    with warnings.catch_warnings():
        if name != "cuda":  # then it is no news that there is a CUDA build but no driver
            warnings.filterwarnings("ignore", "CUDA initialization", UserWarning)
        has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise UserError("device = 'cuda': PyTorch finds no CUDA device here; accepted: auto, cpu")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def train(
    experiment: Experiment,
    digits: Digits,
    *,
    device: str = "auto",
    watchers: Sequence[Watcher] = (),
    keeper: Keeper | None = None,
    start: Checkpoint | None = None,
    compiled: bool = False,
) -> tuple[CNN, list[EpochRecord]]:
    """Run the experiment; return the trained model and a record for each epoch.

    Training starts with the initial weights or at `start`, a checkpoint of either backend. A run
    that is resumed from its own checkpoint with as many threads (`set_threads`) gives the same
    results, bit for bit, as if it had never been stopped. `keeper` gets a checkpoint after every
    epoch and whenever its `is_due` asks for one.

    In a program in which `torch.distributed` is initialised, each process trains on its part of
    every batch (`torch_cnn.ranks`), and all make the same updates as one process would, but for the
    rounding of sums. All must call this function with the same experiment, digits and start, on a
    CPU or CUDA each; gloo must be there for the CPU as well (`cpu:gloo,cuda:nccl`). After an error
    in one of them the processes are out of step, and the group is of no more use.

    `device` is auto, cpu or cuda. `compiled` passes the network through `torch.compile`; use it on
    CUDA only, because it is slower on the CPU. Raises `UserError` for a device that is not
    available and for digits or a checkpoint that do not fit the experiment, `Diverged` for a loss
    that is not finite, and `RankLost` if another process has ended.

    This function changes no setting of the process. Call `torch_cnn.prepare_process()` once before
    it to make training on a CPU up to twice as fast; see there what else that changes.
    """
    digits.must_fit(experiment)
    if start is not None:
        start.must_belong_to(experiment)
    target = pick_device(device)
    with ended_ranks_as_errors():
        run = _Run(experiment, digits, target, watchers, keeper, start)
        if compiled:
            run.model.logits = torch.compile(run.model.logits)  # type: ignore[method-assign]
        while run.epoch < experiment.epochs:
            run.finish_epoch()
    if compiled:
        del run.model.logits  # the class's own again, so that the model can be copied and saved
    return run.model, run.history


class _Run:
    """The state of a training run between two updates, and the training of its next epoch."""

    def __init__(
        self,
        experiment: Experiment,
        digits: Digits,
        device: torch.device,
        watchers: Sequence[Watcher],
        keeper: Keeper | None,
        start: Checkpoint | None,
    ) -> None:
        self.experiment, self.digits = experiment, digits
        self.watchers, self.keeper = watchers, keeper
        self.model = build_model(experiment).to(device)
        self.optimizer = build_optimizer(self.model)
        self.epoch, self.batch, self.tally = 0, 0, Tally()
        self.history: list[EpochRecord] = []
        if start is not None:
            self.epoch, self.batch, self.tally = start.epoch, start.batch, start.tally
            self.history = list(start.history)
            load_neutral_weights(self.model, start.weights)
            load_neutral_optimizer_state(
                self.model, self.optimizer, start.optimizer_state, start.iteration
            )
        iteration = 0 if start is None else start.iteration
        self.schedule = keras_schedule(
            self.optimizer, experiment.schedule, experiment.dtype, iteration
        )
        self.images_nchw = images_on_device(digits.train_images_nhwc, self.model)
        self.labels = torch.from_numpy(digits.train_labels).to(device)
        if are_several():
            at = np.array([self.epoch, self.batch, experiment.seed, experiment.batch_size])
            must_agree("start", {"at": at, **neutral_weights(self.model)})
            must_agree("start", neutral_optimizer_state(self.model, self.optimizer))
            must_agree("digits", {"labels": digits.train_labels})
        self.ranks = ranks_of(self.model)

    def finish_epoch(self) -> None:
        """Train on the remaining batches of the epoch, evaluate, report and save."""
        begin = time.perf_counter()
        experiment, images = self.experiment, len(self.labels)
        whole = epoch_batches(experiment.seed, self.epoch, images, experiment.batch_size)
        batches = [
            torch.from_numpy(batch[self.ranks.part(len(batch))]).to(
                self.labels.device, non_blocking=True
            )
            for batch in whole
        ]
        report_every = max(1, len(batches) // _REPORTS_PER_EPOCH)

        # Reading a number from the device would make it wait, so the losses of several batches are
        # collected and read together. `results` are those that are not yet in the tally.
        results: list[tuple[Tensor, Tensor, int]] = []
        while self.batch < len(batches):
            batch = batches[self.batch]
            size = len(whole[self.batch])
            loss, hits = train_step(
                self.model,
                self.optimizer,
                self.images_nchw[batch],
                self.labels[batch],
                ranks=self.ranks,
                batch_size=size,
            )
            self.schedule.step()
            self.batch += 1
            results.append((loss, hits, size))

            is_due = self.keeper is not None and self.keeper.is_due(self.schedule.last_epoch)
            is_due = self.ranks.largest(is_due) > 0
            if is_due or self.batch % report_every == 0 or self.batch == len(batches):
                self._count(results, time.perf_counter() - begin)
                begin = time.perf_counter()
                results.clear()
                for watcher in self.watchers:
                    watcher.batches_done(self.batch, *self.tally.averages())
            if is_due and self.batch < len(batches):
                self._keep()
        self._close_epoch(begin)

    def _count(self, results: Sequence[tuple[Tensor, Tensor, int]], seconds: float) -> None:
        """Read the results from the device and add them to the tally, batch by batch.

        Raises `Diverged` for a loss that is not finite.
        """
        tally = self.tally
        images, total, hits = tally.images, tally.loss, tally.hits
        losses = torch.stack([loss for loss, _, _ in results]).tolist()
        counts = torch.stack([count for _, count, _ in results]).tolist()
        for index, (loss, count, (_, _, size)) in enumerate(
            zip(losses, counts, results, strict=True)
        ):
            if not math.isfinite(loss):
                batch = self.batch - len(results) + index + 1
                raise Diverged(f"the loss is {loss}", self.experiment, self.epoch, batch)
            images, total, hits = images + size, total + loss * size, hits + count
        self.tally = Tally(images=images, loss=total, hits=hits, seconds=tally.seconds + seconds)

    def _close_epoch(self, begin: float) -> None:
        """Evaluate, add the epoch's record, inform the watchers and save the state."""
        digits = self.digits
        test = evaluate_by(self.ranks, self.model, digits.test_images_nhwc, digits.test_labels)
        loss, accuracy = self.tally.averages()
        if not math.isfinite(test.loss):
            what = f"the validation loss is {test.loss}"
            raise Diverged(what, self.experiment, self.epoch, self.batch)
        record = EpochRecord(
            epoch=self.epoch + 1,
            step=self.schedule.last_epoch,
            learning_rate=float(self.schedule.get_last_lr()[0]),
            loss=loss,
            accuracy=accuracy,
            val_loss=test.loss,
            val_accuracy=test.accuracy,
            seconds=self.tally.seconds + time.perf_counter() - begin,
            precision=self.experiment.precision,
        )
        self.history.append(record)
        self.epoch, self.batch, self.tally = self.epoch + 1, 0, Tally()
        for watcher in self.watchers:
            watcher.epoch_done(record)
        self._keep()

    def _keep(self) -> None:
        """Save the state; all ranks fail if one does, and stop if a signal has reached one."""
        error: Exception | None = None
        if self.keeper is not None:
            try:
                self.keeper.keep(self._state())
            except Exception as raised:  # raised again below
                error = raised
        own = _FAILED if error else 0
        number = self.ranks.largest(error.number if isinstance(error, Stopped) else own)
        if error is not None:
            raise error
        if number == _FAILED:
            raise UserError("another process of this run could not save its state")
        if number:
            raise Stopped(number, self._state())

    def _state(self) -> Checkpoint:
        return Checkpoint(
            self.experiment,
            neutral_weights(self.model),
            neutral_optimizer_state(self.model, self.optimizer),
            self.epoch,
            self.batch,
            self.tally,
            tuple(self.history),
            "torch",
            self.ranks.count,
        )
