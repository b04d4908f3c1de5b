"""The entry page: hands over to the pages, and adds the rubric lab where what it needs is installed."""

from importlib.util import find_spec

from simulator.pages import shell

# Of the developers' packages; without them the program is whole, and there is no link to the lab. (A comment:
# Streamlit would draw a bare string of the entry page.)
LAB_NEEDS = ("evals", "scipy", "sklearn", "statsmodels")


def rubric_lab() -> None:
    from evals import lab  # heavy: imported when the page is opened

    lab.page()


lab_pages = [shell.Further("Rubric lab", "lab", ":material/science:", rubric_lab)]
shell.run(lab_pages if all(find_spec(name) for name in LAB_NEEDS) else [])
