"""One thread for torch: tests run side by side, and several threads each wait for one another."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
