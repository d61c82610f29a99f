/** The package's name, from which those of the platforms' packages are made. */
export const name = 'seqloom'

/** The package's version; a constant, so that a bundle needs no file beside it. */
export const version = '0.1.0'
