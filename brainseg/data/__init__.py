"""Datasets and scans: folders, splits, the download, the demo, and every file format."""
