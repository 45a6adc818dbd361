"""Pictures that this project draws by itself, so that it can show every outcome without carrying anybody's photo."""
