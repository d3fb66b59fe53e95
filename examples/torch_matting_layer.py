"""A network whose last layer is the matting Laplacian: a tiny U-Net in PyTorch, trained through the solve.

The U-Net says for every pixel whether it is foreground, background or unknown; the matting layer turns that and the
colours into a matte. First the U-Net learns trimaps alone; then it is trained end to end, by the error of the mattes,
and learns what the layer can make use of (Shen et al., Deep automatic portrait matting, ECCV 2016). The portraits are
generated, so true mattes are at hand, and the scenes that are scored were never seen.

pip install "classmat[torch]"
python examples/torch_matting_layer.py --steps 120 --output matting_layer.png
"""

import argparse
import time

import numpy as np
import torch
from torch import nn

import classmat as cm
from classmat.adapters import torch as cmt


class UNet(nn.Module):
    """(N, 3, H, W) in [0, 1] -> (N, 3, H, W) scores of foreground, background, unknown; H and W divisible by 8."""

    def __init__(self, width=16, levels=4):
        super().__init__()
        widths = [width * 2**level for level in range(levels)]
        self.down = nn.ModuleList(block(m, n) for m, n in zip([5, *widths], widths, strict=False))
        self.up = nn.ModuleList(block(3 * n, n) for n in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, 3, 1)

    def forward(self, image):
        """Return scores."""
        x, skipped = torch.cat([image - 0.5, positions(image)], dim=1), []
        for index, stage in enumerate(self.down):
            x = stage(x if index == 0 else nn.functional.max_pool2d(x, 2))
            skipped.append(x)
        skipped.pop()
        for stage in self.up:
            wide = nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = stage(torch.cat([wide, skipped.pop()], dim=1))
        return self.head(x)


class MattingNet(nn.Module):
    """U-Net and matting layer: image -> (alpha, scores)."""

    def __init__(self, width):
        super().__init__()
        self.unet = UNet(width)
        self.layer = cmt.MattingLayer(lam=100.0, eps=1e-5)

    def forward(self, image):
        """Return the matte, not clipped, and the scores it comes from."""
        scores = self.unet(image)
        F, B, _ = cmt.softmax(scores).split(1, dim=1)
        return self.layer(image, F, B), scores


def block(m, n):
    def convolution(m):
        return [nn.Conv2d(m, n, 3, padding=1, bias=False), nn.GroupNorm(4, n), nn.ReLU()]

    return nn.Sequential(*convolution(m), *convolution(n))


def positions(image):
    """Return two channels that tell a pixel where it is: a portrait's head is above its shoulders."""
    n, _, h, w = image.shape
    rows, columns = torch.linspace(-1, 1, h), torch.linspace(-1, 1, w)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(n, -1, -1, -1)


def load(seeds, height):
    """Return portraits as tensors: image, alpha, foreground, background, and labels 0 F, 1 B, 2 unknown."""
    scenes = [cm.gallery.portrait(height, height * 3 // 4, seed=seed) for seed in seeds]
    pictures = {
        name: torch.from_numpy(np.stack([getattr(s, name) for s in scenes]).astype(np.float32)).permute(0, 3, 1, 2)
        for name in ("image", "foreground", "background")
    }
    alpha = torch.from_numpy(np.stack([s.alpha for s in scenes]).astype(np.float32))[:, None]
    trimap = torch.from_numpy(np.stack([s.trimap for s in scenes]))
    return {**pictures, "alpha": alpha, "labels": (trimap == 0) * 1 + (trimap == 128) * 2}


def trimap_loss(net, data):
    return cmt.cross_entropy(net.unet(data["image"]), labels=data["labels"])


def matte_loss(net, data):
    """Return the alpha loss and the compositional loss, in equal parts."""
    alpha, _ = net(data["image"])
    return 0.5 * cmt.alpha_loss(alpha, data["alpha"]) + 0.5 * cmt.compositional_loss(
        alpha, data["alpha"], data["foreground"], data["background"]
    )


def train(net, data, loss_of, *, steps, batch, rate, title):
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    losses, start = [], time.perf_counter()
    for step in range(1, steps + 1):
        chosen = torch.randperm(len(data["image"]))[:batch]
        loss = loss_of(net, {name: values[chosen] for name, values in data.items()})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % max(1, steps // 6) == 0 or step == steps:
            seconds = (time.perf_counter() - start) / step
            recent = np.mean(losses[-max(1, steps // 6) :])
            print(
                f"{title} {step:5d}/{steps}: loss {recent:.4f}, lam {net.layer.lam.item():.1f}, {seconds:.2f} s a step"
            )
    return losses


@torch.no_grad()
def predict(net, data):
    """Return mattes in [0, 1] and the probabilities of foreground, background, unknown."""
    net.eval()
    alpha, scores = net(data["image"])
    net.train()
    return alpha.clamp(0, 1), scores.softmax(1)


def report(title, alpha, data):
    pairs = [(a[0].numpy(), t[0].numpy()) for a, t in zip(alpha, data["alpha"], strict=True)]
    sad = np.mean([cm.metrics.sad(a, t) for a, t in pairs])
    mse = np.mean([cm.metrics.mse(a, t) for a, t in pairs])
    print(f"{title:>26}: SAD {sad:7.1f} pixels, MSE {mse:.5f}")
    return mse


def sheet(data, before, after, count=6, scale=3):
    """Return a row a scene: photo, true matte; classes and matte after the trimaps; the same end to end."""

    def rgb(planes):
        return planes.expand(-1, 3, -1, -1)

    def classes(probabilities):
        foreground, _, unknown = probabilities.split(1, dim=1)
        return torch.cat([foreground + unknown, foreground, foreground], dim=1)  # white, black, red

    columns = [data["image"], rgb(data["alpha"])]
    for alpha, probabilities in (before, after):
        columns += [classes(probabilities), rgb(alpha)]
    picture = torch.cat([torch.cat(list(column[:count]), dim=1) for column in columns], dim=2)
    return picture.permute(1, 2, 0).numpy().repeat(scale, 0).repeat(scale, 1).clip(0, 1)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=64, help="of the portraits, divisible by 32")
    parser.add_argument("--scenes", type=int, default=96, help="for training")
    parser.add_argument("--held-out", type=int, default=16, help="scenes that are scored")
    parser.add_argument("--steps", type=int, default=150, help="end to end; twice as many on trimaps before")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=16, help="channels of the first level")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="matting_layer.png")
    options = parser.parse_args(arguments)

    torch.manual_seed(options.seed)
    data = load(range(1000, 1000 + options.scenes), options.height)
    held_out = load(range(options.held_out), options.height)
    net = MattingNet(options.width)
    shared = {"batch": options.batch, "steps": options.steps}

    train(net, data, trimap_loss, **{**shared, "steps": 2 * options.steps}, rate=3e-3, title="trimaps   ")
    before = predict(net, held_out)
    train(net, data, matte_loss, **shared, rate=1e-3, title="end to end")
    after = predict(net, held_out)

    print(f"{options.held_out} scenes held out:")
    scores = [report(*row, held_out) for row in (("trained on trimaps", before[0]), ("end to end", after[0]))]
    cm.write_image(options.output, sheet(held_out, before, after))
    print(f"wrote {options.output}: photo, truth; classes and matte on trimaps; classes and matte end to end")
    return scores


if __name__ == "__main__":
    main()
