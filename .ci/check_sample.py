"""Do the lines of the drawn sample show every outcome? Argument: the file of lines."""

import json
import sys
from pathlib import Path

lines = [json.loads(text) for text in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
outcomes = {line["outcome"] for line in lines}
wanted = {"gps", "landmark", "unknown_place", "not_a_place", "error"}
for line in lines:
    print(line["outcome"], line["path"])
if missing := wanted - outcomes:
    sys.exit(f"the sample does not show: {', '.join(sorted(missing))}")
