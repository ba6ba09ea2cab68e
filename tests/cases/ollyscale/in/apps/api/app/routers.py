"""app/routers.py"""
