"""The table of screens. Run with ``streamlit run streamlit_app.py``."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

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
    symbol, default = f":material/{icon}:", name == "home"
    return st.Page(f"pages/{name}.py", title=title, icon=symbol, url_path=path, default=default)


if __name__ == "__main__":  # a visitor's run of this script
    from ui import training_news  # not at the server's start: its caches need one that runs

    st.set_page_config(page_icon="ui/icon.svg", layout="wide")  # a symbol would be downloaded
    st.logo("ui/icon.svg", size="large")
    chosen = st.navigation({name: [page(*one) for one in some] for name, some in SCREENS.items()})
    st.set_page_config(f"{chosen.title} · Brain tumours in MRI")
    training_news.pass_by(chosen.title)
    chosen.run()
else:  # the server's start. A folder named pages/ is taken for the whole app until navigation ran
    # once, so the first visitor's deep link would be "not found": say at once that it is not.
    PagesManager.uses_pages_directory = False
    app = st.App(__file__)
