"""Handwriting and print: which fonts draw training pages, and which only measure.

Each handwriting font is a package of npm, @fontsource/NAME, from which one file is taken. They are
kept in the user's cache folder and must have the SHA-256 below; no font is part of this package.
Matplotlib brings the printed ones.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont

from digits.data import fetch
from digits.errors import DataError
from digits.files import write_bytes
from digits.terminal import print_stderr, progress_bar

# Name, version of the package, and SHA-256 of its file.
HANDS = {
    "annie-use-your-telescope": (
        "5.3.0",
        "555a3ba045673dfa29aa1b2ed52f17772212380d2da9a79dc813ef51e26b0147",
    ),
    "architects-daughter": (
        "5.3.0",
        "0249dd5f81431dbf8a8406996c43f8018bf707221cf261d75145f083bb7091cf",
    ),
    "bad-script": ("5.3.0", "07202e03862cf10af6c0a9f5cfce39ef10e1923b64b965c3185b5ddef61b91f1"),
    "caveat": ("5.3.0", "38b98dbeb922a14a74dfb41f83fc24e0e645e2eed9ce72145fefbdae8828cbfb"),
    "cedarville-cursive": (
        "5.3.0",
        "8d8360a98492b42d02c17e94c38bcd2a3cce6db6b9b430f3a110e71f81d7149c",
    ),
    "covered-by-your-grace": (
        "5.3.0",
        "876d8371eedf1f9add237910aea034ca42cd5bdc8f7d722c7a04819ab3f711b8",
    ),
    "delicious-handrawn": (
        "5.3.0",
        "35ce71897055be38672facf77da13ec0bde5d918ea90ae11e78b838b3a0aa01c",
    ),
    "gaegu": ("5.3.0", "6d4c9dac093fce05bcf214b7b1e9d60de7ecae8a22aa940d63e586bcf32cab29"),
    "gloria-hallelujah": (
        "5.3.0",
        "31e7def8cf155d4dcc98216517ad509923a8a197bc9c8937668d04767c52040e",
    ),
    "gochi-hand": ("5.3.0", "82a4149218f2edccef96d2b0ed5bf92adc6ea290222bac4dcfa3de91afb6b3a3"),
    "handlee": ("5.3.0", "9a8af5254df769bbdc196fd998231daec67c81dc3d6fd6f294ed80c2c4343551"),
    "homemade-apple": ("5.3.0", "998f34b48e0bcb8974dc6e8d94961a87689ca40e3258554d2f6fc3778b1968a3"),
    "indie-flower": ("5.3.0", "2cf7154e899ad16246196238d6d13f0135c5feba2d8ccde5d97a22664d012660"),
    "just-me-again-down-here": (
        "5.3.0",
        "154f149b85fa4145d2545b270db1a149c1815fca861b2ef90700cccf20e76050",
    ),
    "kalam": ("5.3.0", "70ab8c1d2c10a28f213c6f1c359888624d5e650ffcd64f93a8194c3e14403746"),
    "klee-one": ("5.3.0", "4c039b95126f61e0eb408e604751ac097fbf768043011d0156b407315776c720"),
    "kristi": ("5.3.0", "baf2b649c525e4b3d6516c77c88c1533b4c0e7a8376e88f63c13ed4dd5e4be6a"),
    "la-belle-aurore": (
        "5.3.0",
        "d5ec94f05c2cb9ab9dd5bba03faede9a6d767803e36b6b5df36f64ada8546ce0",
    ),
    "mansalva": ("5.3.0", "956720ae5632b40a4f79e92b27b936e174a038aa41b8638d30965c61ab465aff"),
    "marck-script": ("5.3.0", "c26db9210c0b2823550e11baaeb2b6d234e5e5a14e8e6497029f29844859610d"),
    "nanum-pen-script": (
        "5.3.0",
        "08cdd640e142c977071b4c3d5c33fd9ec322990e540f5511ca2fccff4568d0ec",
    ),
    "neucha": ("5.3.0", "b0c09e2ecd7d760fb997f926f2d15e53c57561802fb071a317832942536ca82a"),
    "nothing-you-could-do": (
        "5.3.0",
        "454bff123de1c8224aff670f12797ca91cf54becf6f8359391bd37a6dd68a60e",
    ),
    "over-the-rainbow": (
        "5.3.0",
        "e721f12763490802b576b3c1511cf4a0c6a33221772bf846885a295e5b758e3e",
    ),
    "patrick-hand": ("5.3.0", "0f7031f6665437e04d6f354c5f64d6ae6777b498afbe804638c45b957a7ce8aa"),
    "playwrite-br": ("5.3.0", "c31d44bef2634d8ab7d484efda842dba90c9ee8cb186c42521061de56ee41b32"),
    "playwrite-ca": ("5.3.0", "897c5dd4516de32bb3c325079df41c30bf1935fc40c7905e0976001233d0ab67"),
    "playwrite-cz": ("5.3.0", "97eb5b8985600339c77a0b8a0ae0af4a3c858fd7b6dd052fae985c98db15c713"),
    "playwrite-de-grund": (
        "5.3.0",
        "2ef35798b3ea53e8ff8501c4a1d4608096b0b74c3a165b5ea53b1b694484de94",
    ),
    "playwrite-dk-loopet": (
        "5.3.0",
        "aa717d678634ad17d8cf213b890c9224d3811e5a9feacd77387a860219b40b20",
    ),
    "playwrite-es": ("5.3.0", "f3d732134209dac1707259cc8654e9e5b644eb4845f38745475ee3a89958f8f4"),
    "playwrite-fr-moderne": (
        "5.3.0",
        "2de15bb16c4f045edfeece7d75654ee87fd91012e939ff4dc43959cb0602509e",
    ),
    "playwrite-hu": ("5.3.0", "8185ca1b317afb4ef1c36731f8e8ce1a563e9d8a7ee8ca9a7ee112902282004f"),
    "playwrite-in": ("5.3.0", "8b326d955596c54a7c19d65fa9dcf6b7729adaca7027695933a42cc2c128ef55"),
    "playwrite-it-moderna": (
        "5.3.0",
        "46bbbe6618e1807652073bb16a8af99178a105591768711cf84286650bca6511",
    ),
    "playwrite-nl": ("5.3.0", "8a4510dab5571fed635e852bc776a6f3e8b9398b0bfabb2903600e95733bc580"),
    "playwrite-pl": ("5.3.0", "4f68a8bba4692b522e66771b9a3c5d67a4f5eb296da06ff717b50bfbd0c56d73"),
    "playwrite-us-trad": (
        "5.3.0",
        "198bc82b022ab9844fdb6645aecc87041ed99b1373d1c89a0f291f35a056223d",
    ),
    "playwrite-za": ("5.3.0", "ae0bc00424b40462a2d3deaad94220a025682b78eba86bb511f19aa10a76e9f7"),
    "reenie-beanie": ("5.3.0", "1b86681155e125625f01839b2e6688dde2b2a7766a8eb49645b3a8707c2bee9f"),
    "rock-salt": ("5.3.0", "358d065405a805204d48cc51cc48a8447f8d86369aa05d44c70e0111d7ee7e29"),
    "schoolbell": ("5.3.0", "a448b8f4209a8ca16adc48753170f40a57e17f70675963e092501ed48842e4c8"),
    "shadows-into-light": (
        "5.3.0",
        "93cff8110a18bb3e1fb0179c95f706ed1e8037e2e527c4cb425b46deaddbd975",
    ),
    "sue-ellen-francisco": (
        "5.3.0",
        "e2c988155c07d4a26b81216397fa1841af0916c9737a61e05ea38bd1bd5361b1",
    ),
    "waiting-for-the-sunrise": (
        "5.3.0",
        "8a2cf921d4129a7d447370c559d0687579e842196c9e80a774fb428b1755911b",
    ),
    "yomogi": ("5.3.0", "889ffc6f4e2587b8bd94d0b2c7ddd2f7bb3d89b25be1b6f3290775620a204210"),
    "zeyada": ("5.3.0", "91d3613bd2d6ca6d14bfba2a7c3918ee4ced380d570d1b29a6ebfbcf56e7a6ff"),
}
HELD_BACK = tuple(HANDS)[::5]  # ten hands that only measure: every fifth by name
TRAINING = tuple(name for name in HANDS if name not in HELD_BACK)

_PRINTED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_TRAINING_FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif"),
    *("DejaVuSerif-Bold", "DejaVuSerif-Italic", "cmr10", "cmb10", "cmti10"),
)
# A serif, a sans and a typewriter face, and their families.
_HELD_BACK_FACES = (
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmss10", "cmtt10"),
)
_MISSING = "\uffff"  # no character: every font draws what it draws for those that it hasn't


def training_hands() -> list[Path]:
    """The files of the handwriting fonts that draw training pages. Raises DataError."""
    return hands(TRAINING)


def held_back_hands() -> list[Path]:
    """The files of ten handwriting fonts that training never shows. Raises DataError."""
    return hands(HELD_BACK)


def printed(held_back: bool) -> list[Path]:
    """The files of the printed fonts that draw training pages, or of those that only measure."""
    faces = _HELD_BACK_FACES if held_back else _TRAINING_FACES
    return [_PRINTED / f"{face}.ttf" for face in faces]


def hands(names: Sequence[str], folder: Path | None = None) -> list[Path]:
    """The files of these HANDS, downloaded where they are missing or damaged.

    folder: by default fonts/ in the user's cache folder. Raises DataError if a font is neither
    there nor to be had, or isn't the one of which the SHA-256 is known.
    """
    if folder is None:
        cache_folder = fetch.cache_folder()
        if cache_folder is None:
            raise DataError("no folder for the handwriting fonts: there is no home folder")
        folder = cache_folder / "fonts"
    paths = {name: folder / _file_name(name) for name in names}
    missing = [name for name, path in paths.items() if not _is_intact(name, path)]
    if missing:
        print_stderr(f"downloading {len(missing)} handwriting fonts with npm pack (1 MB each)")
    with progress_bar() as bar:
        task = bar.add_task("downloading handwriting fonts", total=len(missing))
        for name in missing:
            write_bytes(paths[name], _downloaded(name, folder))
            bar.advance(task)
    return list(paths.values())


def _file_name(name: str) -> str:
    return f"{name}-latin-400-normal.woff"


def _is_intact(name: str, path: Path) -> bool:
    try:
        return _is_verified(name, path.read_bytes())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from error


def _is_verified(name: str, raw: bytes) -> bool:
    return hashlib.sha256(raw).hexdigest() == HANDS[name][1]


def _downloaded(name: str, folder: Path) -> bytes:
    package = f"@fontsource/{name}@{HANDS[name][0]}"
    try:
        [raw] = fetch.npm_files(package, [f"package/files/{_file_name(name)}"])
    except DataError as error:
        raise DataError(
            f"the handwriting font {name} was not found. Tried: {folder}; {error}. Put the file"
            f" {_file_name(name)} of the npm package {package} into that folder"
        ) from error
    if not _is_verified(name, raw):
        raise DataError(f"npm pack {package}: its font is not the known one (wrong SHA-256)")
    return raw


def has(file: Path, text: str) -> bool:
    """Whether a font can draw each character of a text but blanks."""
    return all(character.isspace() or _has(file, character) for character in text)


@cache
def _has(file: Path, character: str) -> bool:
    face = _face(file)
    drawn, missing = face.getmask(character), face.getmask(_MISSING)
    return drawn.getbbox() is not None and (drawn.size, bytes(drawn)) != (
        missing.size,
        bytes(missing),
    )


@cache
def _face(file: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(file), 40)
