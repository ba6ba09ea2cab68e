"""main.py"""
