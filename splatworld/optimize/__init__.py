"""Fitting splats to pictures: the loss, the optimiser, and one step of both."""

from splatworld.optimize.adam import Adam
from splatworld.optimize.loss import Photometric, photometric, photometric_loss, psnr, ssim
from splatworld.optimize.step import stepper

__all__ = ["Adam", "Photometric", "photometric", "photometric_loss", "psnr", "ssim", "stepper"]
