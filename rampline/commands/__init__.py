"""The commands, a module for each subject; `rampline.cli` puts them together."""
