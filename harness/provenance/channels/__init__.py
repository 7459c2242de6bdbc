"""One file per channel: `NAME`, `KIND`, `LEXICAL`, `TRACES`, `WINDOW`, `features(tokens)`. The folder is the list."""
