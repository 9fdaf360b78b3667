"""What users say of a table's columns and of a file of labels."""

from jobs.console.arguments import Place, place
from scoring.sources.table_columns import LabelsFile, TableColumns


def columns_and_labels(
    path_column: str | None,
    bytes_column: str | None,
    id_column: str | None,
    labels_file: Place | None,
    label_column: str | None,
) -> tuple[TableColumns, LabelsFile | None]:
    """The columns of a table of images, and the file of labels if there is one: then ids and labels are its columns."""
    if labels_file is None:
        return TableColumns(path_column, bytes_column, id_column, label_column), None
    return TableColumns(path_column, bytes_column), LabelsFile(
        place(labels_file, "labels_file"), id_column, label_column
    )
