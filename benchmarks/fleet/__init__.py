"""A fleet without cameras: many devices' real publishing code against a real Mosquitto.

python -m benchmarks.fleet --devices 1000 --seconds 60 --out build/fleet
"""
