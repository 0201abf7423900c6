"""Files that are written whole or not at all, and templates that are not written over what the user has."""

from pathlib import Path

from cosim.errors import InputError, Problem


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file in place of one that may exist; a write that is cut short leaves no half of one.

    Raises
    ------
    OSError
        If it cannot be written, with its name.
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        partial.replace(target)
    except OSError as error:  # that of a full disk names no file
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(target)) from error


def write_template(template: Path, file: Path, *, force: bool) -> None:
    """Write a template of ours to a file of the user's.

    Raises
    ------
    InputError
        If the file exists and is not to be replaced, or its name or folder will not do.
    """
    if file.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(Problem("its name must end in .yaml", place=str(file)))
    if file.exists() and not force:
        raise InputError(Problem("exists already", place=str(file), hint="choose another name, or use --force"))
    if not file.parent.is_dir():
        raise InputError(Problem("its folder does not exist", place=str(file)))
    file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
