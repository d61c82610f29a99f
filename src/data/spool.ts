import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { SeqloomError } from '../errors.js'
import { cannot } from '../files.js'
import type { Blocks } from './blocks.js'
import { Dataset } from './dataset.js'

/** What can be gone through again, until it is closed. */
export interface Spool<T> {
  readonly dataset: Dataset<T>
  close(): Promise<void>
}

/**
 * Writes elements that can be gone through only once into a file for the time being, so that they can be gone through
 * again. The file has no name once it is open, so that it is gone with the process, however that ends. `ERR_IO`;
 * `ERR_DATA` for elements that cannot be written, such as functions.
 */
export async function spooled<T>(name: string, blocks: Blocks<T>): Promise<Spool<T>> {
  const path = join(tmpdir(), `seqloom-${randomUUID()}.rows`)
  const file = await open(path, 'wx+', 0o600).catch((cause: unknown) => {
    throw cannot('write', path, cause)
  })
  try {
    await rm(path, { force: true })
    for await (const block of blocks) await append(path, file, name, block)
  } catch (error) {
    await file.close()
    throw error
  }
  const dataset = new Dataset<T>({ name, all: () => blocksIn<T>(path, file) })
  return { dataset, close: () => file.close() }
}

/** The size of the number that precedes a block. */
const prefix = 4

async function append(path: string, file: FileHandle, name: string, block: readonly unknown[]): Promise<void> {
  let bytes: Buffer
  try {
    bytes = serialize(block)
  } catch (cause) {
    throw new SeqloomError('ERR_DATA', `${name}: the rows cannot be stored to go through them again: ${cause}`, {
      cause,
    })
  }
  const size = Buffer.alloc(prefix)
  size.writeUInt32LE(bytes.length)
  try {
    await file.write(size)
    await file.writeFile(bytes)
  } catch (cause) {
    throw cannot('write', path, cause)
  }
}

async function* blocksIn<T>(path: string, file: FileHandle): Blocks<T> {
  try {
    for (let at = 0; ; ) {
      const size = Buffer.alloc(prefix)
      const { bytesRead } = await file.read(size, 0, prefix, at)
      if (bytesRead === 0) return
      const bytes = Buffer.alloc(size.readUInt32LE(0))
      await file.read(bytes, 0, bytes.length, at + prefix)
      at += prefix + bytes.length
      yield deserialize(bytes) as T[]
    }
  } catch (cause) {
    throw cannot('read', path, cause)
  }
}
