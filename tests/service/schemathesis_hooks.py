"""What Schemathesis cannot know from a document: what a photo is, which model there is, and that a shape counts the data.

Loaded by Schemathesis itself (SCHEMATHESIS_HOOKS), in the process of test_openapi.py's making.
"""

from __future__ import annotations

import base64

import schemathesis
from hypothesis import strategies as st

from photos_drawn import jpeg

PHOTOS = [jpeg(64, 48, seed=seed) for seed in range(3)]

schemathesis.openapi.format("binary", st.sampled_from(PHOTOS).map(schemathesis.Binary) if hasattr(schemathesis, "Binary") else st.sampled_from(PHOTOS))
schemathesis.openapi.format("photo-base64", st.sampled_from([base64.b64encode(photo).decode() for photo in PHOTOS]))
