"""models.py"""
