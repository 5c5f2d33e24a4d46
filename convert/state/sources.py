"""Where the faces are from, for a model's card."""

from __future__ import annotations

from pathlib import Path

from convert.state.faces import Faces, archive, held_out

# Archive: where from, licence as stated, what it shows. Those of photos/ say it themselves.
ORIGINS = {
    "lfw": (
        "Labeled Faces in the Wild, deep-funneled (Huang et al. 2007, 2012)",
        "research use",
        "people in the news",
    ),
    "keypoints": (
        "udacity/P1_Facial_Keypoints, frames of YouTube Faces",
        "MIT (repository)",
        "frames of videos around one face",
    ),
    "closed_eyes": (
        "ctufinalthesis/eye_close_project, out of Closed Eyes in the Wild (Song et al. 2014)",
        "CC BY 4.0 (export); research use",
        "faces with shut eyes",
    ),
    "yawn": (
        "aps360/yawn_detection",
        "CC BY 4.0 (export)",
        "faces of films and photographs, most of them yawning",
    ),
}


def sources_of(faces: Faces, folder: Path) -> list[dict[str, str]]:
    """Return where the faces are from: name, origin, licence, what they show, how many."""
    path = folder / "photos" / "positives.npz"
    origins = dict(ORIGINS)
    if path.is_file():
        for row in archive(path, "sources")["sources"]:
            parts = str(row).split(" | ")
            name = "photos_yawn" if parts[0] == "yawn" else parts[0]
            origins[name] = (parts[1], parts[-2], parts[-1])
    held = held_out(faces)
    out = []
    for name in sorted(set(faces.source.tolist())):
        origin, licence, shows = origins.get(name, ("", "", ""))
        rows = faces.source == name
        out.append(
            {
                "name": name,
                "faces": str(int(rows.sum())),
                "trained_on": str(int((rows & ~held).sum())),
                "origin": origin,
                "licence": licence,
                "shows": shows,
            }
        )
    return out
