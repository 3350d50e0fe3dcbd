"""A hook of MkDocs: it adds the pages of the porting guide, which are made and not written."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from measurements.porting_guide import guide


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; MkDocs calls this before it reads any page."""
    root = Path(config.config_file_path).parent
    for name, text in guide(root).items():
        files.append(File.generated(config, name, content=text))
    return files
