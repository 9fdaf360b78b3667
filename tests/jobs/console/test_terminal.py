from cluster.errors import RayChangedWarning
from jobs.console.terminal import format_warning


def test_our_warning_is_one_line_with_flags_and_a_librarys_names_its_place() -> None:
    ours = format_warning(RayChangedWarning("Ray 9 does not say. Use `wait_for_nodes`."), RayChangedWarning, "x.py", 3)
    assert ours == "warning: Ray 9 does not say. Use --wait-for-nodes.\n"
    theirs = format_warning(FutureWarning("`wait_for_nodes` goes"), FutureWarning, "x.py", 3)
    assert theirs == "x.py:3: FutureWarning: `wait_for_nodes` goes\n"
