"""What the page server serves: the entry page, and the routes of whoever runs it."""

import streamlit as st

from simulator.pages import serving

app = st.App("streamlit_app.py", routes=serving.ROUTES, lifespan=serving.life, on_script_error=serving.page_failed)
