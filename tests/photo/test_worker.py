"""The worker itself: frames, what it may not do, and what it answers. The pool around it: tests/runtime/test_stream.py."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landsight.photo.frames import LENGTHS, FrameError, pack, parse_header, read_exactly, write_all
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation, prepare
from landsight.photo.read import read

PREPARATION = Preparation(12, 10)


class Talk:
    """A worker process, spoken to by hand."""

    def __init__(self, parent: int | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "landsight.photo.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to, self.back = self.process.stdin.fileno(), self.process.stdout.fileno()
        write_all(self.to, pack({"limits": asdict(Limits()), "preparation": PREPARATION.to_dict(), "parent": parent or os.getpid()}))

    def frame(self) -> tuple[dict[str, Any], bytes]:
        lengths = read_exactly(self.back, LENGTHS.size)
        assert lengths is not None
        text, body = (read_exactly(self.back, length) for length in LENGTHS.unpack(lengths))
        assert text is not None
        assert body is not None
        return parse_header(text), body

    def ask(
        self, source: Path | bytes, wants: list[str], thumbnail_px: int | None = None, sidecar: Path | None = None
    ) -> tuple[dict[str, Any], bytes]:
        is_bytes = isinstance(source, bytes)
        job = {"path": None if is_bytes else str(source), "bytes": len(source) if isinstance(source, bytes) else 0, "wants": wants}
        job |= {"thumbnail_px": thumbnail_px, "sidecar": None if sidecar is None else str(sidecar)}
        write_all(self.to, pack({"jobs": [job]}, [source] if isinstance(source, bytes) else []))
        return self.frame()

    def end(self) -> int:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def talk() -> Iterator[Talk]:
    talk = Talk()
    header, body = talk.frame()
    assert header["ready"] is True
    assert body == b""
    yield talk
    assert talk.end() == 0


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("photos") / "drawn.jpg"
    Image.fromarray(pixels).save(path, quality=90)
    return path


def test_prepared_is_what_the_one_road_gives(talk: Talk, photo: Path) -> None:
    expected = prepare(read(photo, limits=Limits(), decode_px=PREPARATION.decode_px).pixels_hwc_u8, PREPARATION)
    for source in (photo, photo.read_bytes()):
        header, body = talk.ask(source, ["facts", "prepared"])
        assert header["error"] is None
        assert header["prepared"] == [10, 12, 3]
        assert header["size"] == [80, 60]
        np.testing.assert_array_equal(np.frombuffer(body, np.uint8).reshape(10, 12, 3), expected)


def test_a_thumbnail_larger_than_the_network_input_is_decoded_for_itself(talk: Talk, photo: Path) -> None:
    plain = talk.ask(photo, ["facts", "prepared"])[1]
    header, body = talk.ask(photo, ["facts", "prepared", "thumbnail"], thumbnail_px=70)
    assert body[: len(plain)] == plain
    with Image.open(io.BytesIO(body[len(plain) :])) as image:
        assert image.format == "JPEG"
        assert max(image.size) == 70
    assert header["thumbnail"] == len(body) - len(plain)
    with Image.open(io.BytesIO(talk.ask(photo, ["thumbnail"], thumbnail_px=500)[1])) as image:
        assert image.size == (80, 60)


def test_what_goes_wrong_is_part_of_the_reply(talk: Talk, photo: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    for source, code in [
        (tmp_path / "missing", "unreadable"),
        (tmp_path, "unreadable"),
        (text, "not_a_photo"),
        (photo.read_bytes()[:200], "damaged"),
    ]:
        for wants in (["facts", "prepared"], ["facts"]):
            header, body = talk.ask(source, wants)
            assert body == b""
            assert header["facts"] is not None
            if wants != ["facts"] or code != "damaged":
                assert header["error"][0] == code
                assert all(header["error"])


def test_a_sidecar_completes_the_facts(talk: Talk, photo: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "drawn.jpg.xmp"
    sidecar.write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="41,53.5N" exif:GPSLongitude="12,30.0E"/></rdf:RDF></x:xmpmeta>'
    )
    header, _ = talk.ask(photo, ["facts"], sidecar=sidecar)
    position = header["facts"]["position"]
    assert (round(position["latitude"], 6), round(position["longitude"], 6), position["source"]) == (41.891667, 12.5, "sidecar")
    header, _ = talk.ask(photo, ["facts"], sidecar=tmp_path / "missing.xmp")
    assert header["facts"]["position"] is None
    assert [code for code, _ in header["warnings"]] == ["sidecar_unreadable"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is read")
def test_rights_are_taken_away(talk: Talk) -> None:
    proc = Path(f"/proc/{talk.process.pid}")
    limits = {line[:25].strip(): line[25:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(Limits().max_memory)] * 2
    assert "NoNewPrivs:\t1" in (proc / "status").read_text()


def test_facts_alone_load_no_decoder() -> None:
    code = "import sys, landsight.photo.worker; print([m for m in ('pi_heif', 'simplejpeg', 'PIL.ImageCms', 'defusedxml', 'onnxruntime', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_worker_whose_program_is_gone_ends() -> None:
    talk = Talk(parent=2**22 + 1)
    assert talk.process.wait(timeout=10) != 0
    talk.end()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    st.lists,
    max_leaves=5,
)


@given(header=st.dictionaries(st.text(max_size=5), JSON, max_size=4), body=st.lists(st.binary(max_size=20), max_size=3))
def test_frames_go_round(header: dict[str, Any], body: list[bytes]) -> None:
    frame = b"".join(pack(header, body))
    json_length, body_length = LENGTHS.unpack_from(frame)
    assert parse_header(frame[LENGTHS.size : LENGTHS.size + json_length]) == header
    assert frame[LENGTHS.size + json_length :] == b"".join(body)
    assert body_length == sum(map(len, body))


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"1", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b"\xff\xfe", b"[" * 200_000])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(FrameError):
        parse_header(text)


def test_pipes_that_end_early_are_noticed() -> None:
    here, there = os.pipe()
    write_all(there, [b"abc"])
    os.close(there)
    assert read_exactly(here, 2) == b"ab"
    assert read_exactly(here, 2) is None
    os.close(here)
