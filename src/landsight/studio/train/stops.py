"""What ends a run before its last epoch: no better look for long, or time that is up. Asked last of all listeners, so that each hears every event."""

from __future__ import annotations

from landsight.studio.train.loop import Event, StopTraining, Trainer

#: Reasons, as they stand in a checkpoint.
EARLY_STOP, TIME_UP = "early stop", "time"


class Stops:
    """Listener that raises StopTraining, with a reason: the run is then finished, not interrupted."""

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event in (Event.STOPPED, Event.DONE):
            return
        if trainer.ended:
            raise StopTraining(trainer.ended)
        if trainer.step == trainer.plan.steps:
            return
        limit = trainer.recipe.train.early_stop
        if event in (Event.START, Event.EPOCH) and limit and trainer.watch.looks_since_best >= limit:
            raise StopTraining(EARLY_STOP)
        seconds = 60 * trainer.recipe.train.minutes
        # A last look comes after the end, so it must fit in too.
        if seconds and trainer.times.spent + trainer.times.look_s() >= seconds:
            raise StopTraining(TIME_UP)
