"""The lens as one file: the page's own parts and the numbers of one photo written into it. It asks nothing of anybody, and needs no service."""

from __future__ import annotations

import base64
import gzip
import json
import re
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.explain.inside import Inside
from landsight.explain.overview import glances
from landsight.photo.prepare import normalise

#: In an order in which each needs only those before it.
_MODULES: Final = ("dom", "arithmetic", "maps", "kernels", "views", "network", "source", "playground", "app")
_STYLES: Final = ("style.css", "lens/lens.css")
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_IMPORT: Final = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ((?:async )?(?:const|let|function|class) ([\w$]+))", re.MULTILINE)


def lens_data(inside: Inside, picture_hwc_u8: NDArray[np.uint8], answer: dict[str, Any], *, limit_bytes: int) -> dict[str, Any]:
    """All that the page needs. Shape: picture_hwc_u8 (h, w, c), prepared. ``answer``: a line of predict or locate.

    ``limit_bytes``: of all float32 numbers together, unpacked. Small layers go first; what does not fit is left out, and the page says so.
    """
    image = normalise(picture_hwc_u8[None], inside.preparation)[0]
    made = inside.trace.tensors(image, range(len(inside.trace.layers)))
    stored = {layer.number: inside.trace.weights(layer.number) for layer in inside.trace.layers if layer.sum.weights}
    parts = [("tensors", number, [array]) for number, array in made.items()]
    parts += [("weights", number, list(arrays.values())) for number, arrays in stored.items()]
    packed: dict[str, dict[str, str]] = {"tensors": {}, "weights": {}}
    room = limit_bytes
    for table, number, arrays in sorted(parts, key=lambda part: sum(array.nbytes for array in part[2])):
        room -= sum(array.nbytes for array in arrays)
        if room < 0:
            break
        packed[table][str(number)] = _packed(arrays)
    return {
        "network": inside.to_dict(), "prepared": base64.b64encode(picture_hwc_u8.tobytes()).decode(), "answer": answer,
        "layers": [glance.to_dict() for glance in glances(made)], **packed,
    }  # fmt: skip


def lens_page(data: dict[str, Any]) -> str:
    """The HTML of ``lens_data``."""
    web = resources.files("landsight.service") / "web"
    html = (web / "lens.html").read_text(encoding="utf-8")
    styles = "\n".join((web / name).read_text(encoding="utf-8") for name in _STYLES)
    # In JSON "<" may be written as a number, so that nothing in it ends the script.
    numbers = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    html = re.sub(r"<link [^>]*>\n|<script [^>]*></script>\n", "", html)
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<style>\n{styles}</style>\n'
    body = f'<script type="application/json" id="lens-data">{numbers}</script>\n<script type="module">\n{_script(web)}</script>\n'
    return html.replace("</head>", f"{head}</head>").replace("</body>", f"{body}</body>")


def _script(web: Any) -> str:
    """All modules in one script, each in a function of its own, so that their names do not meet."""
    written = []
    for name in _MODULES:
        text = (web / "lens" / f"{name}.js").read_text(encoding="utf-8")
        exported = [found[1] for found in _EXPORT.findall(text)]
        body = _EXPORT.sub(r"\1", _IMPORT.sub(r"const \1 = \2Module;", text))
        written.append(f"const {name}Module = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();\n")
    return "".join(written)


def _packed(arrays: list[NDArray[np.float32]]) -> str:
    content = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays)
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
