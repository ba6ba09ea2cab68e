src/app/__init__.py
