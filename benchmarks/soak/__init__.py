"""The real daemon for as many frames as one likes, against a broker that comes and goes.

python -m benchmarks.soak --frames 1000000 --out build/soak
"""
