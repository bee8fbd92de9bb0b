"""The local functions host: runs function_app.py by its own bindings, with host.json's semantics, as Azure would."""
