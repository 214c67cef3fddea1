"""The only shared code that imports streamlit: frame, caches, widgets, charts, viewer."""
