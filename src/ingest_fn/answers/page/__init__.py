"""The page: verdicts as one HTML file that fetches nothing. Pure: facts in, text out."""
