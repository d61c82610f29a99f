import { createHash } from 'node:crypto'
import { type Staged, sampleOf } from './stage.js'

/** What tells data from others of the same shapes: a hash of the shapes and of a sample of the values, which takes a moment at any size. */
export function fingerprint(tensors: readonly Staged[]): string {
  const hash = createHash('sha256')
  for (const { data, shape, lengths, mask, sample = sampleOf(data as Float32Array) } of tensors) {
    hash.update(JSON.stringify(shape))
    for (const each of [sample, lengths, mask]) if (each) hash.update(sampleOf(each))
  }
  return hash.digest('hex')
}
