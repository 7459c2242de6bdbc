"""One file per channel: `NAME`, `KIND`, `LEXICAL`, `WINDOW` and `features(tokens)`. The folder is the registry."""
