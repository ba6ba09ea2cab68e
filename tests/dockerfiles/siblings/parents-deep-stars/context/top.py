top.py
