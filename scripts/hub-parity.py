"""Lets the official clients and clip-soup read what the other published: python scripts/hub-parity.py

Run in the root of a built tree. The Hub is the tests' double, on the loopback interface; nothing leaves the machine.
huggingface_hub, open_clip and timm publish to it and download from it as they would at huggingface.co, and clip-soup
inspects, averages and verifies what they published. So the double is held to what the official clients expect, and
clip-soup to what they write. A line tells what was compared; exit status 1 if something differs.

Python 3.11; huggingface_hub 2.4.0, torch 2.13.0, timm 1.0.31, transformers 5.23.0 from the package index; open_clip
4.2.0.dev0 from github.com/mlfoundations/open_clip @ 89fb801f, with `src` on PYTHONPATH. Without torch, timm or
open_clip, their part is left out. Node 20 with the development dependencies, for the double.
"""

import contextlib
import filecmp
import json
import os
import pathlib
import subprocess
import sys
import tempfile

FIXTURES = pathlib.Path("fixtures/digits-clip")
WEIGHTS = "open_clip_model.safetensors"
failures = []
# Libraries of operators live as long as something refers to them.
declared = []


def report(what, is_right, found=""):
    print(f"{'ok  ' if is_right else 'FAIL'}  {what}{f': {found}' if found != '' else ''}", flush=True)
    if not is_right:
        failures.append(what)


@contextlib.contextmanager
def hub_double(*repositories):
    """Runs scripts/hub-double.ts with these repositories, `id=folder`; gives its endpoint and tokens."""
    command = ["node", "--import", "tsx", "scripts/hub-double.ts", *repositories]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())
        process.stdin.close()
        process.wait()
    report("no token reached storage", process.returncode == 0)


def clip_soup(*arguments, **environment):
    """Runs clip-soup and gives the `result` of its JSON document; exit status 1 counts as an answer too."""
    command = ["node", "bin/clip-soup.js", *map(str, arguments), "--json", "--quiet"]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if run.returncode not in (0, 1):
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout)["result"]


def same_files(a, b):
    names = sorted(path.name for path in pathlib.Path(b).iterdir())
    return names != [] and filecmp.cmpfiles(a, b, names, shallow=False)[0] == names


def digest(path, **environment):
    return clip_soup("inspect", path, "--data", **environment)["data"]["modelDigest"]


def statuses(verification):
    return {check["check"]: check["status"] for check in verification["checks"]}


def check_huggingface_hub(folder):
    import huggingface_hub
    from huggingface_hub import HfApi, snapshot_download

    print(f"\nhuggingface_hub {huggingface_hub.__version__}")
    api = HfApi()
    snapshot = snapshot_download("org/augreg")
    report("snapshot_download brings the files of the double", same_files(snapshot, FIXTURES / "augreg"))
    offline = digest("hf:org/augreg", HF_HUB_OFFLINE="1")
    report("clip-soup reads that cache offline", offline == digest(FIXTURES / "augreg"), offline)

    api.create_repo("org/rewind", private=True)
    commit = api.upload_folder(repo_id="org/rewind", folder_path=FIXTURES / "rewind").oid
    published = digest("hf:org/rewind")
    report("clip-soup reads what upload_folder published, privately", published == digest(FIXTURES / "rewind"))
    clip_soup("avg", "hf:org/augreg", "hf:org/rewind", "-o", folder / "soup")
    report("their average is that of the files", clip_soup("diff", folder / "soup", FIXTURES / "soup")["equal"])
    recipe = json.loads((folder / "soup" / "soup.json").read_text())
    report("its recipe has the commit of upload_folder", recipe["inputs"][1].get("revision") == commit, commit)
    report("which model_info has too", api.model_info("org/rewind").sha == commit)

    api.create_repo("org/soup")
    pull = api.upload_folder(repo_id="org/soup", folder_path=folder / "soup", create_pr=True)
    reference = f"hf:org/soup@refs/pr/{pull.pr_num}"
    found = statuses(clip_soup("verify", reference, "--soup-of", "hf:org/augreg", "hf:org/rewind"))
    wanted = {"CS008": "passed", "CS009": "passed", "CS011": "skipped"}
    report("verify proves the soup in a pull request", wanted.items() <= found.items(), reference)
    api.upload_folder(repo_id="org/soup", folder_path=folder / "soup")
    verified = api.verify_repo_checksums("org/augreg")
    is_right = not verified.mismatches
    report("verify_repo_checksums finds the cache as the double lists it", is_right, verified.checked_count)


def load_torchvision():
    """A torchvision that was built for another torch loads if its operators are declared; nothing here calls them."""
    try:
        import torchvision
    except RuntimeError:
        import torch

        for module in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
            library.define(f"{operator}(Tensor input) -> Tensor")
        declared.append(library)
        import torchvision


def holds(model, path):
    """Whether a model of PyTorch has exactly the tensors of a file, and how many these are."""
    import torch
    from safetensors.torch import load_file

    expected, state = load_file(path), model.state_dict()
    is_same = set(state) == set(expected) and all(torch.equal(state[name], expected[name]) for name in expected)
    return is_same, f"{len(expected)} tensors"


def check_open_clip(folder):
    try:
        load_torchvision()
        import open_clip
        from huggingface_hub import HfApi
        from open_clip.push_to_hf_hub import save_for_hf
    except ImportError as error:
        print(f"\nopen_clip: left out, {error}")
        return
    print(f"\nopen_clip {open_clip.__version__}")
    config = json.loads((FIXTURES / "augreg" / "open_clip_config.json").read_text())
    model, _ = open_clip.create_model_from_pretrained("hf-hub:org/augreg", precision="fp32")
    report("hf-hub: loads what the double holds", *holds(model, FIXTURES / "augreg" / WEIGHTS))
    tokenizer = open_clip.tokenizer.HFTokenizer(str(FIXTURES / "augreg"))
    # Its push_to_hf_hub does this and uploads the folder, but imports a function that huggingface_hub 2 has no more.
    save_for_hf(model, tokenizer, config["model_cfg"], folder / "saved", safe_serialization=True)
    HfApi().create_repo("org/pushed")
    HfApi().upload_folder(repo_id="org/pushed", folder_path=folder / "saved")
    pushed = digest("hf:org/pushed")
    report("clip-soup reads what save_for_hf wrote as the same tensors", pushed == digest("hf:org/augreg"), pushed)
    again, _ = open_clip.create_model_from_pretrained("hf-hub:org/soup", precision="fp32")
    clip_soup("avg", "hf:org/pushed", "hf:org/rewind", "-o", folder / "of-pushed")
    report("avg takes it", clip_soup("diff", folder / "of-pushed", FIXTURES / "soup")["equal"])
    report("hf-hub: loads clip-soup's soup", *holds(again, FIXTURES / "soup" / WEIGHTS))


def check_timm(folder):
    try:
        load_torchvision()
        import timm
    except ImportError as error:
        print(f"\ntimm: left out, {error}")
        return
    print(f"\ntimm {timm.__version__}")
    from huggingface_hub import HfApi

    arch = ("--arch-config", "hf:org/augreg:open_clip_config.json")
    clip_soup("convert", f"hf:org/soup:{WEIGHTS}", *arch, "--to", "timm", "-o", folder / "timm")
    api = HfApi()
    api.create_repo("org/timm")
    api.upload_folder(repo_id="org/timm", folder_path=folder / "timm")
    model = timm.create_model("hf-hub:org/timm", pretrained=True)
    report("hf-hub: loads what convert wrote", *holds(model, folder / "timm" / "model.safetensors"))
    args = json.loads((folder / "timm" / "config.json").read_text())
    config = {"model_args": args.get("model_args")}
    timm.models.push_to_hf_hub(model, "org/timm-pushed", model_config=config, safe_serialization=True)
    pushed = digest("hf:org/timm-pushed")
    report("push_to_hf_hub publishes what clip-soup reads as the same tensors", pushed == digest(folder / "timm"))


def main():
    with tempfile.TemporaryDirectory() as scratch, hub_double(f"org/augreg={FIXTURES / 'augreg'}") as double:
        folder = pathlib.Path(scratch)
        os.environ.update(
            HF_ENDPOINT=double["endpoint"],
            HF_TOKEN=double["writer"],
            HF_HOME=str(folder / "hf-home"),
            HF_HUB_DISABLE_XET="1",
            HF_HUB_DISABLE_PROGRESS_BARS="1",
            TRANSFORMERS_VERBOSITY="error",
        )
        for check in (check_huggingface_hub, check_open_clip, check_timm):
            check(folder)
        print()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
