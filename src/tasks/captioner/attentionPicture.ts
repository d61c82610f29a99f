import { escaped, round, svg } from '../../pictures/svg.js'
import type { AttentionMap } from './attentionMaps.js'
import type { SeenShape } from './images.js'
import type { PatchGrid } from './patches.js'

const [frame, gap, font, mostInRow] = [144, 12, 14, 5]

/**
 * A picture (SVG) of an image, repeated for each token: the less attention went to a patch, the more it is veiled. The
 * values are the image's, row by row.
 */
export async function attentionPicture(
  values: Float32Array,
  shape: SeenShape,
  grid: PatchGrid,
  maps: readonly AttentionMap[],
): Promise<string> {
  const [height, width] = shape as [number, number]
  const scale = frame / Math.max(height, width)
  const [w, h] = [width * scale, height * scale]
  const [stepX, stepY] = [w + gap, h + gap + 1.5 * font]
  const source = `data:image/png;base64,${(await png(values, shape)).toString('base64')}`
  const image = `<image id="image" width="${round(w)}" height="${round(h)}" preserveAspectRatio="none" style="image-rendering: pixelated" href="${source}"/>`
  const { stride } = grid
  const veil = (weights: AttentionMap['weights']) => {
    const tiles = byTile(weights, grid)
    const most = Math.max(...tiles.flat())
    return tiles.flatMap((row, i) =>
      row.map((seen, j) => {
        const [x, y] = [j * stride, i * stride]
        const [across, down] = [Math.min(stride, width - x), Math.min(stride, height - y)]
        if (across <= 0 || down <= 0) return ''
        const place = `x="${round(x * scale)}" y="${round(y * scale)}"`
        const size = `width="${round(across * scale)}" height="${round(down * scale)}"`
        const opacity = (0.85 * (1 - seen / most)).toFixed(3)
        return `<rect ${place} ${size} fill="#fff" fill-opacity="${opacity}"><title>${seen.toFixed(3)}</title></rect>`
      }),
    )
  }
  const frames = [{ token: '', weights: [] as AttentionMap['weights'] }, ...maps].map(({ token, weights }, index) => {
    const [x, y] = [gap + (index % mostInRow) * stepX, gap + Math.floor(index / mostInRow) * stepY]
    const word = `<text x="${round(w / 2)}" y="${round(h + 1.2 * font)}" text-anchor="middle">${escaped(token)}</text>`
    const border = `<rect width="${round(w)}" height="${round(h)}" fill="none" stroke="#ccc"/>`
    const seen = index === 0 ? [image] : ['<use href="#image"/>', ...veil(weights)]
    const content = [...seen, border, word].join('')
    return `<g transform="translate(${round(x)} ${round(y)})">${content}</g>`
  })
  const across = Math.min(frames.length, mostInRow)
  const down = Math.ceil(frames.length / mostInRow)
  return svg(gap + across * stepX, gap + down * stepY, font, frames)
}

/** For each tile, the sum of the shares of all patches that contain it. */
function byTile(weights: AttentionMap['weights'], { size, stride, rows, columns }: PatchGrid): number[][] {
  const side = size / stride
  const tiles = Array.from({ length: rows - 1 + side }, () => new Array<number>(columns - 1 + side).fill(0))
  for (const [row, shares] of weights.entries()) {
    for (const [column, share] of shares.entries()) {
      for (const line of tiles.slice(row, row + side)) {
        for (let tile = column; tile < column + side; tile++) line[tile] = (line[tile] as number) + share
      }
    }
  }
  return tiles
}

/**
 * An image as PNG: one channel is grey, three are colours, a fourth is opacity; for other numbers of channels the mean
 * is grey. Values are clamped to 0 to 1.
 */
async function png(values: Float32Array, [height, width, channels]: SeenShape): Promise<Buffer> {
  const { PNG } = await import('pngjs')
  const [points, each] = [(height as number) * (width as number), channels as number]
  const [least, most] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 1])
  const picture = new PNG({ width: width as number, height: height as number })
  for (let point = 0; point < points; point++) {
    const own = Array.from(values.subarray(point * each, (point + 1) * each), (value) =>
      Math.round((255 * (value - least)) / (most - least)),
    )
    const grey = own.reduce((sum, value) => sum + value, 0) / each
    const [red, green, blue] = each === 3 || each === 4 ? own : [grey, grey, grey]
    picture.data.set([red as number, green as number, blue as number, each === 4 ? (own[3] as number) : 255], 4 * point)
  }
  return PNG.sync.write(picture)
}
