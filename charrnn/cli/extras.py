"""Optional dependencies: a checkout installs them as extras (`pip install '.[plot]'`)."""

from importlib import import_module

from charrnn.errors import EnvironmentFault


def require_extra(module: str, packages: str, what: str) -> None:
    """Import an optional module, or say what to install.

    Args:
        module: its name.
        packages: what pip installs it by. Not an extra of this package: where this is read, `.` may be no checkout,
            and a package index may hold another project by the name of this one.
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
            f"pip install {packages}",
        ) from error
    except (ImportError, ValueError) as error:  # matplotlib's for a backend that it does not have
        why = str(error).partition("; ")[0]
        raise EnvironmentFault(f"{what} needs {module}, which does not work: {why}") from error
