tests/t.py
