"""The front door: it serves the API that a program registered as API Gateway would.

`application` is the whole of it; each of the other modules does one of its jobs.
"""

from local.edge.application import Edge
from local.edge.payload import Invocation

__all__ = ["Edge", "Invocation"]
