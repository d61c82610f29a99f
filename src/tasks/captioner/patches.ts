import { SeqloomError } from '../../errors.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { defineLayer } from '../../layers/defineLayer.js'
import type { AnyLayer } from '../../layers/layer.js'
import type { SeenShape } from './images.js'

/** How images are cut into square patches, row by row; parts beyond the right and bottom edges are zero. */
export interface PatchGrid {
  /** The side of a patch, in pixels. */
  readonly size: number
  /** The distance between patches. */
  readonly stride: number
  /** The number of rows of patches. */
  readonly rows: number
  /** The number of columns of patches. */
  readonly columns: number
}

/** Throws `ERR_OPTION` unless patches of this size can have this stride. */
export function checkPatches(where: string, patchSize: number, patchStride: number): void {
  if (patchSize % patchStride === 0) return
  const why = `patchSize ${patchSize} must be a multiple of patchStride ${patchStride}`
  throw new SeqloomError('ERR_OPTION', `${where}: ${why}, so that patches are made of whole tiles`)
}

/** The patches of images `[height, width, channels]`. */
export function patchGrid([height, width]: SeenShape, size: number, stride: number): PatchGrid {
  const along = (length: number | undefined) => Math.max(Math.ceil(((length as number) - size) / stride), 0) + 1
  return { size, stride, rows: along(height), columns: along(width) }
}

/** How many tiles of the stride's size there are: along a patch's side, in rows and in columns. */
function tilesOf({ size, stride, rows, columns }: PatchGrid) {
  const side = size / stride
  return { side, down: rows - 1 + side, across: columns - 1 + side }
}

/** The shape of what {@link tile} writes: tiles, and the numbers of each. */
export function tiledShape(grid: PatchGrid, channels: number): [number, number] {
  const { down, across } = tilesOf(grid)
  return [down * across, grid.stride * grid.stride * channels]
}

/** Writes an image's numbers tile by tile. */
export function tile(values: Float32Array, shape: SeenShape, grid: PatchGrid, into: Float32Array): void {
  const [height, width, channels] = shape as [number, number, number]
  const { stride } = grid
  const { across } = tilesOf(grid)
  const length = stride * stride * channels
  let from = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const tileAt = (Math.floor(y / stride) * across + Math.floor(x / stride)) * length
      const to = tileAt + ((y % stride) * stride + (x % stride)) * channels
      for (let channel = 0; channel < channels; channel++) into[to + channel] = values[from++] as number
    }
  }
}

/**
 * The layer that makes patches `[batch, rows · columns, size · size · channels]` from tiles; within a patch, numbers
 * are ordered by tile.
 */
export function patchLayer(grid: PatchGrid, channels: number): AnyLayer {
  const { side, down, across } = tilesOf(grid)
  const [tiles, length] = tiledShape(grid, channels)
  const { rows, columns } = grid
  const layer = defineLayer({
    name: 'patches',
    inputs: { x: [tiles, length] },
    call({ x }) {
      const laid = x.reshape([down, across, length])
      const [first, ...others] = Array.from({ length: side * side }, (_, index) => {
        const [i, j] = [Math.floor(index / side), index % side]
        return laid.slice(i, i + rows, 1).slice(j, j + columns, 2)
      }) as [SymbolicValue, ...SymbolicValue[]]
      return first.concat(...others).reshape([rows * columns, side * side * length])
    },
  })
  return layer({ name: 'patches' })
}
