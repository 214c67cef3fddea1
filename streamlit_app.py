"""The table of screens. Run with ``streamlit run streamlit_app.py``."""

import streamlit as st

# Every url_path differs from the name Streamlit would infer from the file: with a folder named
# pages/, a cold deep link to an inferred name would run that page alone, without this file.
SCREENS = {
    "Look": [
        ("home", "Home", "start", "home"),
        ("dataset", "Dataset", "browse-the-data", "photo_library"),
    ],
    "Segment": [
        ("segment", "Segment", "segment-a-scan", "ink_highlighter"),
        ("compare", "Compare", "compare-networks", "compare"),
        ("evaluate", "Evaluate", "evaluate-networks", "leaderboard"),
        ("saliency", "Saliency", "why-it-looked-there", "visibility"),
    ],
    "Train": [("train", "Train", "train-a-network", "model_training")],
    "Learn": [("learn", "Learn", "how-it-works", "school")],
}


def page(name: str, title: str, path: str, icon: str) -> st.Page:
    """Return the screen of ``pages/<name>.py``."""
    symbol = f":material/{icon}:"
    default = name == "home"
    return st.Page(f"pages/{name}.py", title=title, icon=symbol, url_path=path, default=default)


st.set_page_config(page_icon="ui/icon.svg", layout="wide")  # a file: a symbol would be downloaded
st.logo("ui/icon.svg", size="large")
pages = {section: [page(*screen) for screen in screens] for section, screens in SCREENS.items()}
st.navigation(pages).run()
