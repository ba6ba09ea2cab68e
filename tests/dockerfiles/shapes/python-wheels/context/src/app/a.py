src/app/a.py
