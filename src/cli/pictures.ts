import { readFile, writeFile } from 'node:fs/promises'
import { SeqloomError } from '../errors.js'

/** The width and height of images. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** An image as it was read: red, green and blue of each point. */
export interface FilePicture extends Size {
  readonly data: Uint8Array
}

/** Reads a PNG file, over white where it is transparent, and brings it to a size. Rejects with `ERR_IO` and, for what is no PNG, with `ERR_DATA`. */
export async function readPicture(path: string, size?: Size): Promise<FilePicture> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new SeqloomError('ERR_IO', `cannot read ${path}: ${cause.message}`, { cause })
  })
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

/** Writes a picture; `ERR_IO`. */
export async function writePicture(path: string, content: string): Promise<void> {
  await writeFile(path, content).catch((cause: Error) => {
    throw new SeqloomError('ERR_IO', `cannot write ${path}: ${cause.message}`, { cause })
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

/** Each point is the mean of the points that it stands for. */
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
