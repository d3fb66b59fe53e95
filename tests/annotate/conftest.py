"""Small projects on disk."""

import pytest
from project_checks import draw, fill

from classmat.annotate.intake import take_in
from classmat.annotate.project import Project


@pytest.fixture
def folder(tmp_path):
    """Three photos with trimaps, not yet a project."""
    fill(tmp_path / "project", 3)
    return tmp_path / "project"


@pytest.fixture
def project(folder):
    """Three photos taken in."""
    with Project.create(folder) as project:
        take_in(project, draft=False)
        yield project


@pytest.fixture
def ready(project):
    """Three photos with candidates, without any solving."""
    for photo in project.photos():
        _, mask = draw(photo.id)
        project.write_matte(photo, "closed-form", 0.9 * mask, parameters={})
        project.write_matte(photo, "knn", 0.8 * mask, parameters={})
    return project
