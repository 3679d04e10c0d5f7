/** Caps on what comes from outside, in one place so that they can be reviewed together. */
export const limits = {
  manifestBytesMax: 4 * 1024 * 1024 + 256 * 1024,
  configBytesMax: 16 * 1024 * 1024,
  catalogBytesMax: 64 * 1024 * 1024,
  recipeBytesMax: 1024 * 1024,
  lockfileBytesMax: 64 * 1024 * 1024,
  errorBodyBytesMax: 64 * 1024,
  layerEntriesMax: 1_000_000,
  layerPathBytesMax: 4096,
  layerUnpackedBytesMax: 64 * 1024 ** 3,
  layerTocBytesMax: 512 * 1024 * 1024,
  /** Unpacked bytes per compressed byte; zstd of real trees stays below 60. */
  layerRatioMax: 2000,
} as const
