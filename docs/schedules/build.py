"""MkDocs hook: puts the computed pages and pictures of the schedules into the site."""

import importlib.util
from pathlib import Path
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HERE = Path(__file__).parent
FOLDER = "schedules"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Run the pages about schedules and add a page for each family."""
    pages = _pages()
    for path in sorted(HERE.glob("*.md")):
        uri = f"{FOLDER}/{path.name}"
        written = files.get_file_from_path(uri)
        if written is not None:
            files.remove(written)
        _add(files, config, uri, pages.run(path.read_text(encoding="utf-8"), path.stem))
    for name, family in pages.FAMILIES.items():
        _add(files, config, f"{FOLDER}/families/{name}.md", pages.family_page(family))
    return files


def _add(files: Files, config: MkDocsConfig, uri: str, page: tuple[str, dict[str, bytes]]) -> None:
    markdown, pictures = page
    files.append(File.generated(config, uri, content=markdown))
    for name, content in pictures.items():
        files.append(File.generated(config, f"{Path(uri).parent.as_posix()}/{name}", content=content))


def _pages() -> ModuleType:
    """Return pages.py, which lies beside this file; a hook is no package that could import it."""
    spec = importlib.util.spec_from_file_location("schedule_pages", HERE / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
