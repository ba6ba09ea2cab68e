"""backend.py"""
