"""common/storage.py"""
