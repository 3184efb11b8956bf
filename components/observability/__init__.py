"""Alarms and dashboards, by the kind of resource that is watched.

`function`, `api`, `table`, `queue` and `orders` each hold what can be watched of their kind: its
metrics, and rows of graphs with their alarms. An alarm belongs to the graph that shows what it
watches, so none is without its line there.
"""

from .component import DashboardName, Observability, ObservabilityArgs

__all__ = ["DashboardName", "Observability", "ObservabilityArgs"]
