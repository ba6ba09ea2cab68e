a/b/two.py
