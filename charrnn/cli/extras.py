"""Optional dependencies, installed as extras: `pip install 'charrnn[plot]'`."""

from importlib import import_module

from charrnn.errors import EnvironmentFault


def require_extra(module: str, extra: str, what: str) -> None:
    """Import an optional module, or say which extra of this package installs it.

    Args:
        module: its name.
        extra: the extra, as pyproject.toml calls it.
        what: the feature that needs it, for the error message.

    Raises:
        EnvironmentFault: the module is not installed, or cannot be imported.
    """
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise EnvironmentFault(f"{what} needs {module}, which lacks {error.name}") from error
        raise EnvironmentFault(
            f"{what} needs {module}, which is not installed",
            f"pip install 'charrnn[{extra}]'",  # pip knows the extras of an installed checkout too
        ) from error
    except (ImportError, ValueError) as error:  # matplotlib's for a backend that it does not have
        why = str(error).partition("; ")[0]
        raise EnvironmentFault(f"{what} needs {module}, which does not work: {why}") from error
