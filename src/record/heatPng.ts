import type { Png } from './eventFile.js'

/** The least pixels of the longer side, and the most of a cell. */
const [side, mostCell] = [256, 32]

/** A map of shades as PNG: values above 0 are blue, those below red, white is 0. */
export async function heatPng(values: readonly (readonly number[])[]): Promise<Png> {
  const { PNG } = await import('pngjs')
  const [rows, columns] = [values.length, values[0]?.length ?? 0]
  const cell = Math.min(mostCell, Math.max(1, Math.ceil(side / Math.max(rows, columns))))
  const most = values.reduce((m, row) => row.reduce((n, value) => Math.max(n, Math.abs(value)), m), 0) || 1
  const [width, height] = [columns * cell, rows * cell]
  const picture = new PNG({ width, height, colorType: 2 })
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = values[Math.floor(y / cell)]?.[Math.floor(x / cell)] ?? 0
      const shade = Math.abs(value) / most
      const full = value < 0 ? [178, 58, 0] : [11, 87, 164]
      const colour = full.map((each) => Math.round(255 - (255 - each) * shade))
      picture.data.set([...colour, 255], 4 * (y * width + x))
    }
  }
  return { width, height, bytes: PNG.sync.write(picture, { colorType: 2 }) }
}
