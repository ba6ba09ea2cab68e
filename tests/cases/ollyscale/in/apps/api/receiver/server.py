"""receiver/server.py"""
