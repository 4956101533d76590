"""Runs what clip-soup writes in the libraries it is written for: python scripts/parity.py REFERENCE CLI

REFERENCE holds systems: folders with `openclip/` and `expected.safetensors`, the features that open_clip computes in
float64 from those weights. CLI is `bin/clip-soup.js` of a built tree. Every system is converted to every layout and
back, cut into shards, and averaged with itself across layouts; each output is loaded as its users would and run on the
reference inputs. A line tells the greatest error over the greatest feature, in float32 and in float64.

Exit status 1 if an error exceeds the tolerance, 0 otherwise.

Python 3.11; torch 2.13.0, torchvision 0.28.0, timm 1.0.31, transformers 5.23.0, safetensors 0.8.0, Pillow 13.0.0 from
the package index; open_clip 4.2.0.dev0 from github.com/mlfoundations/open_clip @ 89fb801f, with `src` on PYTHONPATH.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file

try:
    import torchvision
except RuntimeError:
    # A torchvision that was built for another torch cannot load its operators. Its transforms, which are all that is
    # needed, do not use them; the import only asks that they are declared.
    for module in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[module]
    OPERATORS = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
        OPERATORS.define(f"{operator}(Tensor input) -> Tensor")
    import torchvision

import open_clip
import timm
import transformers

transformers.utils.logging.disable_progress_bar()

# Float32 sums in another order differ by some 1e-6; a wrong epsilon, activation or head count by more than 1e-5.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-6}


def picture(k, side):
    """Image k of numerics-v1, uint8 [side, side, 3]."""
    y, x, c = numpy.mgrid[0:side, 0:side, 0:3]
    return ((x * (3 + c) + y * (5 + 2 * c) + 7 * k * (x ^ y)) % 256).astype(numpy.uint8)


def pixels(count, side, mean, std):
    images = numpy.stack([picture(k, side) for k in range(count)]).astype(numpy.float64)
    return torch.from_numpy(((images / 255 - mean) / std).astype(numpy.float32)).permute(0, 3, 1, 2).contiguous()


TEXTS = ["a photo of the digit three", "seven"]


class System:
    """A reference system with its inputs and what they must give."""

    def __init__(self, root):
        self.root = root
        config = json.loads((root / "openclip" / "open_clip_config.json").read_text())
        vision = config["model_cfg"]["vision_cfg"]
        self.is_vit = "timm_model_name" not in vision and not isinstance(vision["layers"], list)
        self.is_resnet = isinstance(vision.get("layers"), list)
        self.side = vision["image_size"]
        self.expected = load_file(root / "expected.safetensors")
        self.ids = self.expected["input_ids"]
        preprocess = config["preprocess_cfg"]
        count = len(self.expected["image_features"])
        self.pixels = pixels(count, self.side, preprocess["mean"], preprocess["std"])
        weights = load_file(root / "openclip" / "open_clip_model.safetensors")
        self.logit_scale = weights["logit_scale"].item()


def normalized(features):
    return features / features.norm(dim=-1, keepdim=True)


class Report:
    def __init__(self):
        self.failures = 0

    def line(self, system, output, library, errors):
        """One line of the report; `errors` holds the greatest relative error by dtype."""
        is_bad = any(not error <= TOLERANCES[dtype] for dtype, error in errors.items())
        self.failures += is_bad
        cells = "  ".join(f"{errors[dtype]:.1e}" for dtype in TOLERANCES)
        print(f"{system:22} {output:34} {library:34} {cells}{'  FAILS' if is_bad else ''}", flush=True)

    def fault(self, system, output, text):
        self.failures += 1
        print(f"{system:22} {output:34} FAILS: {text}", flush=True)


def errors_of(system, model, run):
    """The greatest error of what `run` gives over the greatest expected value, by dtype."""
    errors = {}
    for dtype in TOLERANCES:
        model.to(dtype).eval()
        with torch.no_grad():
            found = run(model, system.pixels.to(dtype), system.ids)
        worst = 0.0
        for name, value in found.items():
            expected = system.expected[name].double()
            worst = max(worst, ((value.double() - expected).abs().max() / expected.abs().max()).item())
        errors[dtype] = worst
    return errors


def loaded(model_class, folder):
    """A transformers model, of whose tensors none may be missing or unknown."""
    model, info = model_class.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[kind]:
            raise RuntimeError(f"{model_class.__name__}: {kind} {sorted(info[kind])[:3]}")
    return model


def both(image, text, scale):
    logits = scale * normalized(image) @ normalized(text).T
    return {"image_features": image, "text_features": text, "logits_per_image": logits}


def run_open_clip(model, images, ids):
    image, text = model.encode_image(images), model.encode_text(ids)
    return both(image, text, model.logit_scale.exp())


def pooled(output):
    """Features of a transformers model, which version 5 hands out in an object."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def run_transformers(model, images, ids):
    out = model(pixel_values=images, input_ids=ids)
    image = pooled(model.get_image_features(pixel_values=images))
    text = pooled(model.get_text_features(input_ids=ids))
    return {"image_features": image, "text_features": text, "logits_per_image": out.logits_per_image}


def check_pictures(system, found, what):
    """Pictures of the right size must come out of preprocessing as the reference inputs."""
    error = (found - system.pixels[: len(found)]).abs().max().item()
    if error > 1e-5:
        raise RuntimeError(f"{what} prepares pictures with an error of {error}")


def pictures(system):
    return [Image.fromarray(picture(k, system.side)) for k in range(len(system.pixels))]


def check_open_clip(system, folder):
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    check_pictures(system, torch.stack([transform(image) for image in pictures(system)]), "open_clip")
    # A model with a tokenizer of its own is of no use with open_clip's.
    if (folder / "tokenizer.json").exists():
        tokens = [open_clip.get_tokenizer(f"local-dir:{one}")(TEXTS) for one in (folder, system.root / "openclip")]
        if not torch.equal(*tokens):
            raise RuntimeError(f"open_clip: tokens {tokens[0][0, :5].tolist()}, expected {tokens[1][0, :5].tolist()}")
    yield "open_clip", errors_of(system, model, run_open_clip)


def check_timm(system, folder):
    yield from check_timm_alone(system, folder)
    yield from check_wrapper(system, folder)


def check_timm_alone(system, folder):
    model = timm.create_model(f"local-dir:{folder}", pretrained=True)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    check_pictures(system, torch.stack([transform(image) for image in pictures(system)]), "timm")
    yield "timm", errors_of(system, model, lambda model, images, _: {"image_features": model(images)})


def check_wrapper(system, folder):
    wrapped = loaded(transformers.TimmWrapperForImageClassification, folder)
    run = lambda model, images, _: {"image_features": model(pixel_values=images).logits}
    yield "TimmWrapperForImageClassification", errors_of(system, wrapped, run)


def check_processor(system, folder):
    processor = transformers.CLIPImageProcessor.from_pretrained(folder)
    found = processor(images=pictures(system), return_tensors="pt")["pixel_values"]
    check_pictures(system, found, "transformers")


def check_clip(system, folder):
    check_processor(system, folder)
    yield "CLIPModel", errors_of(system, loaded(transformers.CLIPModel, folder), run_transformers)


def check_text(system, folder):
    run = lambda model, _, ids: {"text_features": model(input_ids=ids).text_embeds}
    yield "CLIPTextModelWithProjection", errors_of(system, loaded(transformers.CLIPTextModelWithProjection, folder), run)


def check_dual(system, folder):
    check_processor(system, folder)
    model = loaded(transformers.VisionTextDualEncoderModel, folder)
    yield "VisionTextDualEncoderModel", errors_of(system, model, run_transformers)


def check_pair(system, folder):
    check_processor(system, folder / "vision")
    yield from check_timm(system, folder / "vision")
    yield from check_text(system, folder / "text")


def check_shards(system, folder):
    """As `check_hf`, but for timm, which reads no shards."""
    if system.is_vit:
        yield from check_clip(system, folder)
        return
    yield from check_wrapper(system, folder / "vision")
    yield from check_text(system, folder / "text")


def check_hf(system, folder):
    return check_clip(system, folder) if system.is_vit else check_pair(system, folder)


def cases(system, out):
    """What to run: title, arguments of clip-soup, how to check the output. Later ones read outputs of earlier ones."""
    source = system.root / "openclip"
    text = ["--text", source]
    # What the reference folders do not tell.
    scale = [] if system.is_vit else [f"--logit-scale={system.logit_scale!r}"]
    given = {"timm": text, "hf": scale, "hf-dual": []}
    yield "openclip to openclip", ["convert", source, "--to", "openclip", "-o", out / "same"], check_open_clip, out / "same"
    targets = ["hf"] if system.is_resnet and not timm_has(system) else ["timm", "hf"]
    if "timm" not in targets:
        names = ["convert", source, "--to", "timm,hf", "--weights-only", "-o", out / "bare"]
        yield "openclip to tensors alone", names, None, None
        arch = ["--arch-config", source / "open_clip_config.json"]
        run = ["convert", out / "bare" / "hf", "--to", "openclip", *arch, "-o", out / "from-bare"]
        yield "tensors alone to openclip", run, check_open_clip, out / "from-bare"
        return
    several = ["convert", source, "--to", "timm,hf", "-o", out / "several"]
    yield "openclip to timm,hf: timm", several, check_timm, out / "several" / "timm"
    yield "openclip to timm,hf: hf", None, check_hf, out / "several" / "hf"
    shards = ["convert", source, "--to", "hf", "--max-shard-size", "100KB", "-o", out / "shards"]
    yield "openclip to hf in shards", shards, check_shards, out / "shards"
    yield from back(out / "several" / "hf", "hf", out)
    yield from back(out / "shards", "hf in shards", out)
    yield from back(out / "several" / "timm", "timm and text", out, ["--text", out / "several" / "hf" / ("" if system.is_vit else "text")])
    yield "timm to timm", ["convert", out / "several" / "timm", "--to", "timm", "-o", out / "image"], check_timm, out / "image"
    if not system.is_vit:
        alone = ["convert", out / "several" / "hf" / "text", "--to", "hf", "-o", out / "text"]
        yield "text to hf", alone, check_text, out / "text"
    average = ["avg", source, out / "several" / "hf", "-o", out / "average"]
    yield "average of openclip and hf", average, check_open_clip, out / "average"
    to_hf = ["avg", out / "several" / "hf", source, "-o", out / "average-hf"]
    yield "average of hf and openclip", to_hf, check_hf, out / "average-hf"
    to_timm = ["avg", source, out / "several" / "hf", "--to", "timm", "-o", out / "average-timm"]
    yield "average to timm", to_timm, check_timm, out / "average-timm"
    if not system.is_vit and not system.is_resnet:
        dual = ["convert", source, "--to", "hf", "--hf-dual", "-o", out / "dual"]
        yield "openclip to hf --hf-dual", dual, check_dual, out / "dual"
        dual_shards = ["convert", source, "--to", "hf", "--hf-dual", "--max-shard-size", "100KB", "-o", out / "dual-shards"]
        yield "openclip to hf --hf-dual in shards", dual_shards, check_dual, out / "dual-shards"
        yield from back(out / "dual", "hf-dual", out)
        mixed = ["avg", out / "several" / "hf", out / "dual", "--to", "hf", "--hf-dual", "-o", out / "average-dual"]
        yield "average of pair and dual", mixed, check_dual, out / "average-dual"
    for folder in ("timm", "hf", "hf-dual"):
        if (system.root / folder).exists():
            yield from back(system.root / folder, f"reference {folder}", out, given[folder])


def timm_has(system):
    """Whether timm has a name for a ResNet: of those in the reference data it has none, of full-size ones all."""
    config = json.loads((system.root / "openclip" / "open_clip_config.json").read_text())
    return config["model_cfg"]["vision_cfg"]["width"] >= 64


def back(folder, title, out, more=()):
    target = out / f"back-{title.replace(' ', '-')}"
    run = ["convert", folder, "--to", "openclip", *more, "-o", target]
    yield f"{title} to openclip", run, check_open_clip, target


def check_system(system, name, cli, report):
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary)
        for title, arguments, check, folder in cases(system, out):
            if arguments is not None:
                run = subprocess.run(["node", cli, *map(str, arguments), "--quiet"], capture_output=True, text=True)
                if run.returncode != 0:
                    report.fault(name, title, run.stderr.strip())
                    continue
            if check is None:
                continue
            try:
                for library, errors in check(system, folder):
                    report.line(name, title, library, errors)
            except Exception as error:
                report.fault(name, title, f"{type(error).__name__}: {error}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    reference, cli = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for module in (torch, open_clip, timm, transformers):
        print(f"{module.__name__} {module.__version__}")
    print(f"\n{'system':22} {'output':34} {'loaded by':34} float32  float64")
    report = Report()
    for expected in sorted(reference.glob("**/expected.safetensors")):
        if (expected.parent / "openclip").exists():
            check_system(System(expected.parent), str(expected.parent.relative_to(reference)), cli, report)
    print(f"\n{report.failures} failures")
    sys.exit(1 if report.failures else 0)


main()
