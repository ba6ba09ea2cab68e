"""test_agent.py"""
