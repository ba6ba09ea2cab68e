a/one.py
