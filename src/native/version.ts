/** The package's name, from which those of the platforms' packages are made. */
export const name = 'seqloom'

/** The package's version; a constant, so that a bundle needs no other file. */
export const version = '0.1.0'
