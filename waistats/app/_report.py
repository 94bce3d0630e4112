"""What the step Report offers: downloads, and the coding sheet with its check."""

from collections.abc import Mapping

# what can be written of a study: title, what it is, name of the file
DOWNLOADS: Mapping[str, tuple[str, str]] = {
    "short": ("Short report", "Four to six pages, laid out like a paper"),
    "report": ("Full report", "Every table, figure and note, on one page"),
    "word_short": ("Short report for Word", "The paper, to be edited"),
    "word": ("Full report for Word", "Everything, to be edited"),
    "tables": ("Tables", "CSV files, unrounded"),
    "figures": ("Figures", "One file for each"),
    "everything": (
        "Everything",
        "Reports, tables, figures and references in one folder",
    ),
}
FILES: Mapping[str, str] = {
    "report": "report.html",
    "short": "report-short.html",
    "word": "report.docx",
    "word_short": "report-short.docx",
    "tables": "tables.zip",
    "figures": "figures.zip",
    "everything": "waistats-report.zip",
    "session": "waistats-study.zip",
    "sheet_core": "coding-sheet.xlsx",
    "sheet_full": "coding-sheet.xlsx",
    "sheet_csv": "coding-sheet.csv",
}
SHEETS: Mapping[str, str] = {
    "sheet_core": "Excel, the 20 most important columns",
    "sheet_full": "Excel, all columns with lists, codebook and examples",
    "sheet_csv": "CSV, the names of the columns alone",
}
THEMES: Mapping[str, str] = {
    "colour": "in colour",
    "grey": "in grey",
    "apa": "as APA asks",
}
FORMATS: Mapping[str, str] = {
    "svg": "SVG, sharp at every size",
    "png": "PNG, 300 dots per inch",
    "pdf": "PDF",
}
# columns of a forest plot that are not those of the coefficients
BESIDE: Mapping[str, str] = {
    "n": "Respondents",
    "n_items": "Items",
    "estimate": "Coefficient with its interval",
    "weight": "Weight",
}
MIME: Mapping[str, str] = {
    ".html": "text/html",
    ".zip": "application/zip",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
