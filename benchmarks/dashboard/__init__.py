"""How smoothly the dashboard's page runs in a real Chromium while hundreds of devices speak.

python -m benchmarks.dashboard --devices 500
"""
