"""Devices below a monitor: how requests reach them, and packets travel."""
