"""Renders a README as PyPI does; what is wrong with it goes to standard output."""

import io
import sys

sys.path.insert(0, sys.argv[1])

from readme_renderer import rst

said = io.StringIO()
with open(sys.argv[2], encoding="utf-8", newline="") as file:
    rendered = rst.render(file.read(), stream=said)
if rendered is None:
    sys.stdout.write(said.getvalue())
    sys.exit(1)
