"""frontend.py"""
