import { Tensor } from './tensor.js'

/** The rows of tensors one after another, padded to the longest time; what is valid stays so. */
export function concatenated(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors
  if (!first || tensors.length === 1) return first as Tensor
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] as number), 0)
  const [, ...rest] = first.shape
  const time = Math.max(...tensors.map(({ shape }) => shape[1] ?? 1))
  const width = rest.slice(1).reduce((product, size) => product * size, 1)
  const timed = rest.length > 0
  const row = timed ? time * width : 1
  const data = new Float32Array(rows * row)
  const padded = timed && tensors.some(({ shape, lengths, mask }) => lengths || mask || shape[1] !== time)
  const mask = tensors.some((tensor) => tensor.mask) ? new Uint8Array(rows * time) : undefined
  const lengths = new Uint32Array(padded ? rows : 0)
  let at = 0
  for (const tensor of tensors) {
    const [count = 0, own = 1] = tensor.shape
    const ownRow = timed ? own * width : 1
    for (let index = 0; index < count; index++) {
      data.set(tensor.data.subarray(index * ownRow, (index + 1) * ownRow), (at + index) * row)
      const valid = tensor.lengths?.[index] ?? own
      if (padded) lengths[at + index] = valid
      for (let step = 0; mask && step < own; step++) {
        mask[(at + index) * time + step] = tensor.mask
          ? (tensor.mask[index * own + step] as number)
          : Number(step < valid)
      }
    }
    at += count
  }
  const steps = mask ? { mask } : padded ? { lengths } : {}
  return new Tensor(data, timed ? [rows, time, ...rest.slice(1)] : [rows], steps)
}
