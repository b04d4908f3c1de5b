"""One Streamlit page a file, and the shell around them. The only folder that imports Streamlit."""
