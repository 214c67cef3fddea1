"""What evaluations say, for people: tables, figures, pictures, one HTML file; no streamlit."""
