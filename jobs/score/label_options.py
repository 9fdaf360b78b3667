"""What users say of a table's columns and of a file of labels."""

from dataclasses import replace

from jobs.console.arguments import Place, place
from scoring.sources.inputs import has_column
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.storage.locations import Location


def columns_and_labels(
    images: Location,
    path_column: str | None,
    bytes_column: str | None,
    id_column: str | None,
    labels_file: Place | None,
    label_column: str | None,
) -> tuple[TableColumns, LabelsFile | None]:
    """The columns of a table of images, and the file of labels if there is one.

    Then ids and labels are its columns; a column of ids that a table of images has too is both.

    Raises:
        ImagesError: If what lies at `images` cannot be read.
    """
    if labels_file is None:
        return TableColumns(path_column, bytes_column, id_column, label_column), None
    columns = TableColumns(path_column, bytes_column)
    if id_column and has_column(images, columns, id_column):
        columns = replace(columns, image_id=id_column)
    return columns, LabelsFile(place(labels_file, "labels_file"), id_column, label_column)
