"""The way out: kept items in the native forms that other programs read. Pure; names.py, vcard.py and transcript.py
need nothing but the standard library, as the offline reader uses them too."""
