import { stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, checkReplaceable, readNamed } from '../files.js'
import { pathOf } from '../path.js'
import { mark } from '../pictures/svg.js'
import { isFirst } from '../rank.js'

/** The most pixels of an image: half a gigabyte once it is read. */
const mostPoints = 2 ** 27

/** The width and height of images. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** An image as it was read: red, green and blue of each pixel. */
export interface FilePicture extends Size {
  readonly data: Uint8Array
}

/**
 * Reads a PNG file, with white behind transparent pixels, and resizes it. Rejects with `ERR_IO` and, for anything but a
 * PNG, with `ERR_DATA`.
 */
export async function readPicture(given: string, size?: Size): Promise<FilePicture> {
  const path = pathOf('an image', given)
  const bytes = await readNamed(path)
  checkPoints(path, bytes)
  const { PNG } = await import('pngjs')
  let read: FilePicture
  try {
    const { width, height, data } = PNG.sync.read(bytes)
    read = { width, height, data: overWhite(data) }
  } catch (cause) {
    throw new SeqloomError('ERR_DATA', `${path} is no PNG file: ${(cause as Error).message}`, { cause })
  }
  return size === undefined ? read : resized(read, size)
}

/**
 * Throws `ERR_DATA` for a PNG file that claims to be larger than any to learn from, before memory for its pixels is
 * allocated.
 */
function checkPoints(path: string, bytes: Buffer): void {
  if (bytes.length < 24) return
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
  if (bytes.toString('latin1', 12, 16) !== 'IHDR' || width * height <= mostPoints) return
  throw new SeqloomError('ERR_DATA', `${path} has ${width} by ${height} points; at most ${mostPoints} in all are read`)
}

/**
 * Throws `ERR_OPTION` for the name of another kind of picture, and `ERR_IO` for an existing file that is not one of our pictures, unless it may be replaced, and where no file
 * can be made.
 */
export async function checkPicture(path: string, force: boolean): Promise<void> {
  const other = /\.(png|jpe?g|gif|webp|pdf|html?)$/i.exec(path)?.[0]
  if (other !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${path}: pictures are drawn as SVG, in a file that ends in .svg, not ${other}`,
    )
  }
  try {
    if (!(await stat(dirname(resolve(path)))).isDirectory()) throw new Error(`${dirname(path)} is not a folder`)
  } catch (cause) {
    throw cannot('write', path, cause)
  }
  const begins = (bytes: Uint8Array) => Buffer.from(bytes).includes(mark)
  await checkReplaceable(path, force, { what: 'drawing of ours', begins })
}

/** Writes a picture, of several ranks on rank 0; `ERR_IO`. */
export async function writePicture(path: string, content: string): Promise<void> {
  if (!isFirst()) return
  await writeFile(path, content).catch((cause: unknown) => {
    throw cannot('write', path, cause)
  })
}

function overWhite(rgba: Uint8Array): Uint8Array {
  const data = new Uint8Array((rgba.length / 4) * 3)
  for (let point = 0; point < rgba.length / 4; point++) {
    const opacity = (rgba[4 * point + 3] as number) / 255
    for (let channel = 0; channel < 3; channel++) {
      data[3 * point + channel] = Math.round(255 + ((rgba[4 * point + channel] as number) - 255) * opacity)
    }
  }
  return data
}

/** Each pixel is the mean of the pixels that it replaces. */
function resized({ width, height, data }: FilePicture, size: Size): FilePicture {
  if (size.width === width && size.height === height) return { width, height, data }
  const into = new Uint8Array(size.width * size.height * 3)
  const range = (index: number, to: number, from: number) => {
    const first = Math.floor((index * from) / to)
    return [first, Math.max(Math.ceil(((index + 1) * from) / to), first + 1)] as const
  }
  for (let y = 0; y < size.height; y++) {
    const [top, bottom] = range(y, size.height, height)
    for (let x = 0; x < size.width; x++) {
      const [left, right] = range(x, size.width, width)
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0
        for (let line = top; line < bottom; line++) {
          for (let column = left; column < right; column++) sum += data[3 * (line * width + column) + channel] as number
        }
        into[3 * (y * size.width + x) + channel] = Math.round(sum / ((bottom - top) * (right - left)))
      }
    }
  }
  return { ...size, data: into }
}
