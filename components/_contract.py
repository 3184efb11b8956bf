"""The facts shared with the functions, wherever the package lies."""

try:
    from .functions.orders import contract  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # in the repository; with pip the functions are installed inside this package
    from functions.orders import contract  # type: ignore[no-redef, unused-ignore]

__all__ = ["contract"]
