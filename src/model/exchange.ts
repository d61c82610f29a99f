import { Tensor } from '../data/tensor.js'
import { exchangedBy } from '../distributed.js'
import { describe, SeqloomError } from '../errors.js'
import { native } from '../native/index.js'
import { cancellable } from './cancel.js'

/**
 * What each rank gives, by rank; all must make the same call. `ERR_STATE` if another rank has failed or makes another
 * call, `ERR_MEMORY`, an AbortError.
 */
export async function exchanged<T>(where: string, value: T, signal?: AbortSignal): Promise<T[]> {
  return await exchangedBy((bytes) => gathered(bytes, signal), where, value)
}

/** Tensors of each rank, by rank. Errors as of {@link exchanged}. */
export async function exchangedTensors(
  where: string,
  own: readonly Tensor[],
  signal?: AbortSignal,
): Promise<Tensor[][]> {
  const described = own.map(({ shape, lengths, mask }) => ({
    ...{ shape, steps: { ...(lengths && { lengths }), ...(mask && { mask }) } },
  }))
  const all = await exchanged(where, described, signal)
  const tensors: Tensor[][] = all.map(() => [])
  const most = Math.max(...all.map(({ length }) => length))
  for (let at = 0; at < most; at++) {
    const { buffer, byteOffset, byteLength } = own[at]?.data ?? new Float32Array()
    const given = await gathered(new Uint8Array(buffer, byteOffset, byteLength), signal)
    for (const [rank, bytes] of given.entries()) {
      const about = all[rank]?.[at]
      if (!about) continue
      const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / Float32Array.BYTES_PER_ELEMENT)
      tensors[rank]?.push(new Tensor(data, about.shape, about.steps))
    }
  }
  return tensors
}

/** `ERR_DATA`, on all ranks, unless all make a call with the same data, options and weights. */
export async function checkAlike(
  where: string,
  own: Readonly<Record<string, unknown>>,
  signal?: AbortSignal,
): Promise<void> {
  const [first = own, ...others] = await exchanged(where, own, signal)
  for (const [at, other] of others.entries()) {
    const name = Object.keys(first).find((each) => other[each] !== first[each])
    if (name === undefined) continue
    const what =
      name === 'data' || name === 'weights'
        ? `other ${name}`
        : `another ${name} (${describe(other[name])}, not ${describe(first[name])})`
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: rank ${at + 1} has ${what} than rank 0; all ranks must make the call with the same data, options and weights, of which each takes its share`,
    )
  }
}

const gathered = (bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array[]> =>
  cancellable(signal, (cancel) => native.gatherBytes(bytes, cancel))
