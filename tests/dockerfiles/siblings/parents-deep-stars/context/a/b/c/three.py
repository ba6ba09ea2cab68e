a/b/c/three.py
