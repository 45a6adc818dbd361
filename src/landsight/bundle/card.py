"""The model card: what a bundle is, in plain words, made from its manifest alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from landsight.bundle.manifest import Manifest, Metric
from landsight.photo.prepare import Preparation

_TASK_WORDS = {
    "classify": "names what a picture shows, out of a fixed list of labels",
    "tag": "names everything that a picture shows, out of a fixed list of labels; each label is asked on its own",
}
_PROBABILITY_WORDS = {
    "classify": "the probability of a label is its share among these",
    "tag": "each label has a probability and a threshold of its own, and several or none may be told",
}
_RESIZE_WORDS = {
    "squash": "squashed to {size}, whatever its shape",
    "crop": "shrunk so that its middle fills {size}",
    "letterbox": "shrunk to fit into {size}, the rest filled",
}


def render_card(manifest: Manifest) -> str:
    """Markdown. Says nothing that the manifest does not: a field that is absent is named as absent."""
    sections = (
        _what(manifest),
        _sees(manifest.input),
        _data(manifest),
        _numbers(manifest.metrics),
        _unknown(manifest),
        _limits(manifest),
        _check(manifest),
    )
    return f"# Model card: {_plain(manifest.name)}\n\n" + "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _what(manifest: Manifest) -> Iterator[str]:
    words = _TASK_WORDS.get(manifest.task, "has the task " + _plain(manifest.task))
    yield f"A network that {words}. Made {_plain(manifest.made)}."
    yield ""
    yield f"* Labels: {len(manifest.labels)}, of which {len(manifest.places)} have a place on the map."
    countries = {place.country for place in manifest.places.values() if place.country}
    if countries:
        yield f"* Countries of these places: {len(countries)}."
    yield f"* Outputs: {', '.join(f'`{name}` {_shape(shape)}' for name, shape in manifest.outputs.items())}."
    yield f"* Model files: {', '.join(f'`{name}` ({precision})' for precision, name in manifest.precisions.items())}."
    if isinstance(trial := manifest.calibration.get("int8"), Mapping):
        yield f"* INT8 was {'kept' if trial.get('kept') else 'left out'}: {_plain(trial.get('why'))}."
    yield from (f"* {_plain(tool)}: {_plain(version)}." for tool, version in manifest.versions.items())


def _sees(preparation: Preparation) -> Iterator[str]:
    size = f"{preparation.width} x {preparation.height} pixels"
    yield "## What the network sees"
    yield ""
    yield f"The picture, turned upright, in sRGB, {_RESIZE_WORDS[preparation.resize].format(size=size)} ({preparation.filter} filter, antialiased)."
    if preparation.hide_px is not None:
        yield f"Before that it is shrunk to at most {preparation.hide_px} pixels a side, so that its original sharpness cannot be told."


def _data(manifest: Manifest) -> Iterator[str]:
    yield "## Data and rights"
    yield ""
    yield from _table_lines(manifest.data) if manifest.data else ["The manifest does not say what data it was made from."]
    yield ""
    yield _plain(manifest.rights) if manifest.rights else "The manifest carries no note on rights."


def _numbers(metrics: Mapping[str, Metric]) -> Iterator[str]:
    yield "## Numbers"
    yield ""
    if not metrics:
        yield "The manifest carries no measured numbers. Do not rely on this model before measuring it."
        return
    yield "| figure | value | 95 % interval | pictures | what was measured |"
    yield "| --- | --- | --- | --- | --- |"
    for name, m in metrics.items():
        yield f"| {_plain(name)} | {m.value:.4f} | {m.low:.4f} to {m.high:.4f} | {m.n} | {_plain(m.what)} |"


def _unknown(manifest: Manifest) -> Iterator[str]:
    yield '## How "I don\'t know" is decided'
    yield ""
    temperature = manifest.calibration.get("temperature")
    if temperature is not None:
        yield f"Probabilities are the softmax of the logits divided by a temperature of {_plain(temperature)}, fitted on validation pictures."
    if not manifest.decision:
        yield "This model carries no decision: it always names its best label, also for pictures that show none of them."
        return
    yield "The answer is `landmark`, `unknown_place` or `not_a_place`. What decides is learnt from logits and features:"
    yield ""
    yield from _table_lines(manifest.decision)


def _limits(manifest: Manifest) -> Iterator[str]:
    yield "## Limits"
    yield ""
    meaning = _PROBABILITY_WORDS.get(manifest.task, "what a probability means, the task says")
    yield f"* It knows {len(manifest.labels)} labels and nothing else; {meaning}."
    yield "* It says what is shown, not where the camera stood: a replica, a painting or a poster of a place looks like the place."
    yield "* The numbers hold for pictures like those they were measured on; each row above says which."


def _check(manifest: Manifest) -> Iterator[str]:
    yield "## How to check this bundle"
    yield ""
    yield "`landsight verify FOLDER` compares the sha256 of every file with `bundle.json`"
    yield "and replays the stored answers from the bytes of the photos that the bundle carries."
    yield f"The bundle lists {len(manifest.files)} files." if manifest.files else "Its files are listed in `bundle.json`."


def _table_lines(values: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Nested lists of Markdown; long arrays are counted, not printed."""
    for key, value in values.items():
        start = "  " * depth + f"* {_plain(key)}: "
        if isinstance(value, Mapping):
            yield start.rstrip()
            yield from _table_lines(value, depth + 1)
        elif isinstance(value, list) and len(value) > 8:
            yield f"{start}{len(value)} values"
        else:
            yield f"{start}{_plain(value)}"


def _shape(shape: list[int | str]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def _plain(value: object) -> str:
    """One line of text that cannot open a table cell, a tag or a heading of its own."""
    text = " ".join(str(value).split())
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
