"""What all tests share."""

from hypothesis import settings

# The same examples each time, so that a red run can be repeated; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
