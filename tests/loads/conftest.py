from pathlib import Path

import pytest

TRACES = Path(__file__).parents[2].parent / "shared/data/traces"


@pytest.fixture
def recorded():
    """Path of a recorded file by its name under the shared traces."""

    def find(name: str) -> Path:
        path = TRACES / name
        if not path.exists():
            pytest.skip(f"recorded trace {name} is not at {TRACES}")
        return path

    return find
