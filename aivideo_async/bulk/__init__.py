"""
Bulk runs: from a sheet to a folder of pictures.

    items        one picture to be made, and what it is known by
    ├── sheet        CSV, TSV and JSON lines, row by row
    ├── columns      which column means what
    ├── orders       what one row asks for; cells.py reads what people write
    ├── naming       file names that are the same on every system
    └── rows         rows, and what is wrong with them
    selection    --where and --sample
    contact      the page that shows all pictures; pages.py is the look of all pages
    └── manifest     one line for each picture
        └── folder       what lies where, and what is fixed when a run begins
            └── whole        files that are there completely or not at all
"""
