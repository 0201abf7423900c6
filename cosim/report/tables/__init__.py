"""Tables of the report."""

from cosim.report.tables.cells import Cell, Column, Table
from cosim.report.tables.compliance import compliance
from cosim.report.tables.numbers import number_tables
from cosim.report.tables.reaction import reaction_tables

__all__ = ["Cell", "Column", "Table", "compliance", "number_tables", "reaction_tables"]
