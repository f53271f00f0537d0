#!/usr/bin/env python3
"""Makes fashion_mlp_fc1.txt: the mask of a layer that was really pruned while it learned.

    python3 -m pip install numpy            # nothing else; Fashion-MNIST: Debian's package dataset-fashion-mnist
    python3 tests/data/demo/prune_fashion_mlp.py --data /usr/share/datasets/fashion-mnist

The network: 1024 -> 1024 -> 10, ReLU, trained on Fashion-MNIST (MIT licence, Zalando) padded from 28 x 28 to 32 x 32 as
LeNet-5 did, so that one block row of 32 inputs is one image row. The first layer's 32 x 32 blocks are pruned by magnitude
during training, on the cubic schedule of Zhu and Gupta (2017): every 40 steps the blocks with the smallest Frobenius norms
go, until 15 percent are left; a pruned block stays zero. Weight decay lets blocks that nobody uses shrink.

It ends at 87.9 percent test accuracy with 154 of 1024 blocks (15 percent); --dense, the same without pruning, at 89.3. The
test images were used for these two figures only.

What the mask shows: the two padding rows at the top and the bottom of the image feed nothing (empty block rows), and each
group of 32 hidden units looks at a few image rows of its own.

Same seed, same NumPy, same BLAS: same mask. Another BLAS sums in another order and may move a block at the threshold; that
is why the mask itself is committed.
"""
import argparse
import gzip
import lzma
import pathlib

import numpy as np

BLOCK, HIDDEN, CLASSES = 32, 1024, 10
KEEP, EPOCHS, BATCH, RATE, DECAY, SEED = 0.15, 12, 200, 0.08, 3e-4, 20
PRUNE_FROM_EPOCH, PRUNE_TO_EPOCH, PRUNE_EVERY = 2, 9, 40


def read_idx(folder, name):
    for suffix, opener in ((".gz", gzip.open), (".xz", lzma.open)):
        path = folder / (name + suffix)
        if path.exists():
            data = opener(path).read()
            dims = data[3]
            shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
            return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)
    raise SystemExit(f"{folder}/{name}.gz (or .xz) not found; Debian: apt-get install dataset-fashion-mnist")


def load(folder, part):
    images = read_idx(folder, f"{part}-images-idx3-ubyte").astype(np.float32) / 255.0
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return padded.reshape(len(images), -1), read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64)


def block_norms(w):
    rows, cols = w.shape[0] // BLOCK, w.shape[1] // BLOCK
    return np.sqrt((w.reshape(rows, BLOCK, cols, BLOCK).astype(np.float64) ** 2).sum(axis=(1, 3)))


def blocks_left(step, first, last, total):
    """How many blocks may live at this step: cubic from all of them down to KEEP."""
    progress = min(max((step - first) / (last - first), 0.0), 1.0)
    return int(np.ceil(total * (KEEP + (1 - KEEP) * (1 - progress) ** 3)))


def accuracy(x, labels, w1, b1, w2, b2):
    right = 0
    for i in range(0, len(x), 1000):
        right += int((np.argmax(np.maximum(x[i : i + 1000] @ w1 + b1, 0) @ w2 + b2, 1) == labels[i : i + 1000]).sum())
    return right / len(x)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fashion_mlp_fc1.txt")
    arguments.add_argument("--dense", action="store_true", help="do not prune: the accuracy to compare with")
    options = arguments.parse_args()

    x, labels = load(options.data, "train")
    x_test, labels_test = load(options.data, "t10k")
    rng = np.random.default_rng(SEED)
    w1 = rng.normal(0, np.sqrt(2 / 784), (x.shape[1], HIDDEN)).astype(np.float32)
    w2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, CLASSES)).astype(np.float32)
    b1, b2 = np.zeros(HIDDEN, np.float32), np.zeros(CLASSES, np.float32)
    velocity = [np.zeros_like(p) for p in (w1, b1, w2, b2)]
    mask = np.ones((x.shape[1] // BLOCK, HIDDEN // BLOCK), bool)

    steps = len(x) // BATCH
    step, first, last = 0, PRUNE_FROM_EPOCH * steps, PRUNE_TO_EPOCH * steps
    for epoch in range(EPOCHS):
        rate = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = rng.permutation(len(x))
        for i in range(0, steps * BATCH, BATCH):
            batch = order[i : i + BATCH]
            xb = x[batch]
            hidden = np.maximum(xb @ w1 + b1, 0)
            logits = hidden @ w2 + b2
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(BATCH), labels[batch]] -= 1
            p /= BATCH
            d_hidden = (p @ w2.T) * (hidden > 0)
            gradients = (xb.T @ d_hidden + DECAY * w1, d_hidden.sum(0), hidden.T @ p + DECAY * w2, p.sum(0))
            for parameter, v, g in zip((w1, b1, w2, b2), velocity, gradients):
                v *= 0.9
                v -= rate * g
                parameter += v
            step += 1
            if not options.dense and step >= first and step % PRUNE_EVERY == 0:
                norms = np.where(mask, block_norms(w1), -1.0)
                left = blocks_left(step, first, last, mask.size)
                if left < mask.sum():
                    threshold = np.sort(norms, axis=None)[-left]
                    mask &= norms >= threshold
            if not options.dense:
                w1 *= np.repeat(np.repeat(mask, BLOCK, 0), BLOCK, 1)
        print(f"epoch {epoch + 1:2d}: {mask.mean():6.1%} of the blocks, test accuracy "
              f"{accuracy(x_test, labels_test, w1, b1, w2, b2):.2%}", flush=True)

    if not options.dense:
        options.out.write_text("".join("".join("#" if bit else "." for bit in row) + "\n" for row in mask))
        print(f"wrote {options.out}: {mask.shape[0]} x {mask.shape[1]} blocks of {BLOCK}, {mask.sum()} present, "
              f"{int((~mask.any(1)).sum())} empty rows, {int((~mask.any(0)).sum())} empty columns")


if __name__ == "__main__":
    main()
