"""agent.py"""
