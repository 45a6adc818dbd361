"""What k-fold and the learning curve share: the same recipe, trained again on other parts of the same data, each a run folder of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from landsight.errors import UsageError
from landsight.studio import recipe as recipes
from landsight.studio.data.check import Checked, check
from landsight.studio.data.samples import Samples
from landsight.studio.data.split import parts_csv
from landsight.studio.engine import open_run
from landsight.studio.evaluation import Evaluation, evaluate_engine
from landsight.studio.folders import make_folder
from landsight.studio.recipe import Recipe
from landsight.studio.train.checkpoint import FILE, write_atomic
from landsight.studio.train.run import train

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Again:
    """A recipe whose data is checked, to be trained on parts of it. ``cache``: decoded pixels that all runs share."""

    recipe: Recipe
    checked: Checked
    cache: Path
    out: Path
    say: Say

    @property
    def validation_is_carved(self) -> bool:
        """Out of the training part, that is, rather than given."""
        return all(s.key in self.checked.cache.entries for s in self.checked.subsets["validation"].items)

    def run(self, name: str, parts: Mapping[str, Samples]) -> Path | None:
        """Train on ``parts`` ("train" and "validation") into out/name, or go on with what is there. None: it was interrupted.

        Raises: as train does.
        """
        folder, table = self.out / name, self.out / f"{name}.csv"
        make_folder(self.out)
        write_atomic(table, parts_csv(parts))
        data = replace(self.recipe.data, parts=str(table.resolve()), cache=str(self.cache.resolve()))
        run = train(replace(self.recipe, data=data), folder, say=lambda line: self.say(f"{name}: {line}"))
        return folder if run.finished else None


def begin(source: Path, out: Path | None, purpose: str, say: Say) -> Again:
    """From a run folder or a recipe file. ``out`` is RUN/``purpose`` by default. Raises: UsageError for a recipe without ``out``; DataError."""
    is_run = (source / "last" / FILE).is_file()
    if not is_run and source.is_dir():
        raise UsageError("no_recipe", f"{source} is no run folder.", "Give a run folder or a recipe file (TOML).")
    if not is_run and out is None:
        raise UsageError("no_out", "A recipe does not know where its runs are to go.", "Give a folder: -o DIR.")
    recipe = open_run(source, "last").recipe if is_run else recipes.load(source)
    out = out or source / purpose
    own = source / "cache" if is_run else out / "cache"
    cache = Path(os.path.expandvars(recipe.data.cache)).expanduser() if recipe.data.cache else own
    return Again(recipe, check(recipe.data, recipe.train.seed, cache), cache, out, say)


def measured(folder: Path, which: str, samples: Samples) -> Evaluation:
    """A trained run on pictures of its data that it did not learn from."""
    trained = open_run(folder, which)
    return evaluate_engine(trained.engine(), samples, trained.manifest(), {})
