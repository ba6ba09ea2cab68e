"""`python3 -m unittest discover tests` from the folder above."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from fleet_api import register  # noqa: E402


class Register(unittest.TestCase):
    def read(self, *names):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"name": name} for name in names], file)
            file.flush()
            return list(register.read(file.name))

    def test_keeps_the_order(self):
        self.assertEqual(self.read("Kestrel", "Merlin"), ["Kestrel", "Merlin"])

    def test_refuses_two_of_one_name(self):
        with self.assertRaisesRegex(ValueError, "two ships"):
            self.read("Kestrel", "Kestrel")
