"""Brain tumour segmentation on 2-D contrast-enhanced T1 slices, with UNet and ResUNet."""

__version__ = "0.1.0"
