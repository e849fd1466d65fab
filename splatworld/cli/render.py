"""`splatworld render`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from splatworld import limits
from splatworld.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from splatworld.camera import Camera
    from splatworld.progress import Progress
    from splatworld.splats import Splats


@dataclass(frozen=True)
class Render:
    """Draw a world as a picture (.png) or a film (.mp4)."""

    file: Positional[Path]
    """World to read."""
    out: Annotated[Path, arg(aliases=("-o",))]
    """Picture or film to write: .png or .mp4."""
    width: int = 960
    """Pixels."""
    height: int = 540
    """Pixels."""
    camera: Literal["start", "orbit", "walk"] | None = None
    """Where to look from. Default: the start view for a picture, an orbit for a film."""
    seconds: float = 6.0
    """Length of a film."""
    fps: int = 24
    """Pictures in a second of film."""
    force: bool = False
    """Replace the file if it exists."""

    def run(self) -> None:
        """Load, draw frame by frame, write."""
        film = self._check()
        from splatworld import files, formats
        from splatworld.cli import shots
        from splatworld.cli.bars import shown

        files.check_output(self.out, force=self.force)
        frames = round(self.seconds * self.fps) if film else 1
        with shown() as progress:
            world = formats.load(self.file, progress=progress)
            shot = shots.SHOTS[self.camera or ("orbit" if film else "start")]
            cameras = shot(world, frames, self.width, self.height)
            with files.replacing(self.out, force=self.force) as temporary:
                if film:
                    _write_mp4(temporary, world.splats(), cameras, self.fps, progress)
                else:
                    _write_png(temporary, _frame(world.splats(), cameras[0]))
        print(self.out)

    def _check(self) -> bool:
        """True if a film is wanted. Raises `UsageError`."""
        suffix = self.out.suffix.lower()
        if suffix not in (".png", ".mp4"):
            raise UsageError(f"'{self.out.suffix}' is neither .png nor .mp4, so it is not clear what to draw")
        sides, pixels = (self.width, self.height), self.width * self.height
        if not all(1 <= s <= limits.IMAGE_SIDE_MAX_PX for s in sides) or pixels > limits.IMAGE_PIXELS_MAX:
            raise UsageError(
                f"{self.width} x {self.height} is no size for a picture; sides are 1 to {limits.IMAGE_SIDE_MAX_PX:,} "
                f"and at most {limits.IMAGE_PIXELS_MAX:,} pixels in all"
            )
        if suffix == ".png":
            return False
        if not 1 <= self.fps <= 120 or not 1 <= self.seconds * self.fps <= limits.VIDEO_FRAMES_MAX:
            raise UsageError(f"a film has 1 to 120 fps and 1 to {limits.VIDEO_FRAMES_MAX:,} pictures")
        if any(s % 2 for s in sides):
            raise UsageError("width and height of a film must be even, as its colours are stored at half the size")
        return True


def _frame(splats: "Splats", camera: "Camera") -> "NDArray[np.uint8]":
    """One picture, [h, w, 3]."""
    from splatworld.render import render

    rgb = render(splats, camera).rgb[0]
    return (rgb.clamp(0, 1) * 255 + 0.5).byte().numpy()


def _write_png(path: Path, picture: "NDArray[np.uint8]") -> None:
    from PIL import Image

    Image.fromarray(picture).save(path, format="PNG")


def _write_mp4(path: Path, splats: "Splats", cameras: "Camera", fps: int, progress: "Progress") -> None:
    """H.264 at constant quality, one frame in memory at a time."""
    import av

    from splatworld.progress import Step

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = cameras.width, cameras.height, "yuv420p"
        for i in range(len(cameras)):
            picture = av.VideoFrame.from_ndarray(_frame(splats, cameras[i]), format="rgb24")
            container.mux(stream.encode(picture))
            progress(Step(i + 1, len(cameras)))
        container.mux(stream.encode())
