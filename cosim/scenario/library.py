"""The scenarios that ship with the package."""

from pathlib import Path

from cosim.errors import InputError, Problem, nearest

SUFFIXES = (".yaml", ".yml")


def library_folder() -> Path:
    """Folder of the library: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "scenarios"
    return installed if installed.is_dir() else package.parent / "scenarios"


def library() -> dict[str, Path]:
    """Scenario files by name."""
    return {path.stem: path for path in sorted(library_folder().glob("*.yaml"))}


def sweep_library() -> dict[str, Path]:
    """Sweep files by name: those in a folder ``sweeps``."""
    return {path.stem: path for path in sorted(library_folder().rglob("sweeps/*.yaml"))}


def find_scenario(name_or_path: str | Path) -> Path:
    """Path of a scenario given by path or by its name in the library; `InputError` if there is none."""
    return _find(name_or_path, "scenario", library())


def find_sweep(name_or_path: str | Path) -> Path:
    """Path of a sweep file given by path or by its name in the library; `InputError` if there is none."""
    return _find(name_or_path, "sweep", sweep_library())


def _find(name_or_path: str | Path, kind: str, known: dict[str, Path]) -> Path:
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() in SUFFIXES:
        if path.is_file():
            return path
        beside = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise InputError(Problem("there is no such file", place=str(path), hint=nearest(path.name, beside)))
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    hint = f"{nearest(name_or_path, known)} (a path ends in .yaml)"
    raise InputError(Problem(f"no {kind} is named '{name_or_path}'", hint=hint))
